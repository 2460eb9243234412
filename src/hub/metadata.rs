//! Owns what a connection says of itself, on its own node: whoever keeps presence writes it down from here, also after
//! it was forgotten. Most connections say nothing, so it takes one word of each.

use arc_swap::ArcSwapOption;

/// What one connection may say of itself, in bytes.
pub const MOST_METADATA: usize = 64 * 1024;

/// A connection says more of itself than `MOST_METADATA`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("metadata is longer than 64 KiB")]
pub struct MetadataTooLong;

/// See the module. Nothing at first.
#[derive(Debug, Default)]
pub struct Metadata(ArcSwapOption<Option<String>>);

impl Metadata {
    /// From now on it is this; no text is nothing.
    ///
    /// # Errors
    /// It is too long; what was said before stands.
    pub fn set(&self, text: Option<String>) -> Result<(), MetadataTooLong> {
        let text = text.filter(|text| !text.is_empty());
        if text.as_ref().is_some_and(|text| text.len() > MOST_METADATA) {
            return Err(MetadataTooLong);
        }
        self.0.store(Some(text.into()));
        Ok(())
    }

    /// What it is.
    pub fn get(&self) -> Option<String> {
        self.0.load().as_deref().cloned().flatten()
    }

    /// How long it is.
    pub fn bytes(&self) -> usize {
        self.0.load().as_deref().and_then(Option::as_deref).map_or(0, str::len)
    }

    /// Was it ever said, be it that there is nothing any more?
    pub fn was_said(&self) -> bool {
        self.0.load().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts_and_one_that_is_too_long_does_not() {
        let metadata = Metadata::default();
        assert_eq!((metadata.get(), metadata.bytes(), metadata.was_said()), (None, 0, false));
        let longest = "x".repeat(MOST_METADATA);
        assert_eq!(metadata.set(Some(longest.clone() + "x")), Err(MetadataTooLong));
        assert!(!metadata.was_said());
        for said in ["{}", &longest] {
            assert_eq!(metadata.set(Some(said.to_owned())), Ok(()));
            assert_eq!((metadata.get().as_deref(), metadata.bytes()), (Some(said), said.len()));
        }
        assert_eq!(metadata.set(Some(longest + "x")), Err(MetadataTooLong));
        assert_eq!(metadata.bytes(), MOST_METADATA);
        for nothing in [None, Some(String::new())] {
            assert_eq!(metadata.set(nothing), Ok(()));
            assert_eq!((metadata.get(), metadata.bytes(), metadata.was_said()), (None, 0, true));
        }
    }

    #[test]
    fn whoever_says_nothing_pays_one_word() {
        assert_eq!(size_of::<Metadata>(), size_of::<usize>());
    }
}
