//! Owns closed sets of words: an enum whose variants have one word each, the same in metrics, logs and on
//! the wire. Metrics take their labels from nothing else, so their number is known before the first scrape.

/// One of a closed set of words.
pub trait Label: Copy + Eq + 'static {
    /// The whole set, in order of declaration.
    const ALL: &'static [Self];

    /// The word.
    fn label(self) -> &'static str;

    /// The place in `ALL`.
    fn index(self) -> usize;
}

/// Declares an enum and its words.
macro_rules! labels {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        $vis enum $name { $($(#[$vmeta])* $variant),+ }

        impl $name {
            /// The word, in metrics, in logs and on the wire.
            $vis fn label(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl $crate::label::Label for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn label(self) -> &'static str {
                Self::label(self)
            }

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}

pub(crate) use labels;
