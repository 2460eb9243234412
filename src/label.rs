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

/// Such enums are written and read as their words.
macro_rules! written_as_words {
    ($($name:ident),+ $(,)?) => { $(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(Self::label(*self))
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let word = <String as serde::Deserialize>::deserialize(from)?;
                let found = <Self as $crate::label::Label>::ALL.iter().copied().find(|one| Self::label(*one) == word);
                found.ok_or_else(|| serde::de::Error::custom(format!("{word:?} is none of its words")))
            }
        }
    )+ };
}

pub(crate) use labels;
pub(crate) use written_as_words;
