//! Owns the names of clients, groups and accounts: opaque, non-empty, bounded, ready to be stamped.
//! What they mean is not known here.

use super::json;
use std::fmt;
use std::sync::Arc;

/// The client id of the server itself: nobody may connect with it.
pub const SERVER: &str = "server";

/// Why a text is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing there.
    #[error("must not be empty")]
    Empty,
    /// More than the limit.
    #[error("is longer than allowed")]
    TooLong,
    /// A control character, which no log or key should carry.
    #[error("must not hold control characters")]
    Control,
    /// The server's own id.
    #[error("`server` is reserved")]
    Reserved,
}

impl IdError {
    /// The same word in metrics, logs and answers.
    pub fn label(self) -> &'static str {
        match self {
            IdError::Empty => "id_empty",
            IdError::TooLong => "id_too_long",
            IdError::Control => "id_control",
            IdError::Reserved => "id_reserved",
        }
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks a decoded text.
            ///
            /// # Errors
            /// Empty, longer than `max` bytes, or with a control character.
            pub fn new(text: &str, max: usize) -> Result<Self, IdError> {
                match text {
                    "" => Err(IdError::Empty),
                    t if t.len() > max => Err(IdError::TooLong),
                    t if t.chars().any(char::is_control) => Err(IdError::Control),
                    t => Ok(Self(t.into())),
                }
            }

            /// The decoded text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Appends the text as a JSON string.
            pub fn write_json(&self, out: &mut String) {
                json::write_str(out, &self.0);
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

id! {
    /// Names one client; several connections may share it (guide section 2 A).
    ClientId
}
id! {
    /// Names a channel that clients share (guide section 2 A).
    GroupId
}
id! {
    /// Names the tenant a client belongs to (guide section 2 B).
    AccountId
}

impl ClientId {
    /// The server's own id, stamped on what it says itself.
    pub fn server() -> Self {
        Self(SERVER.into())
    }

    /// As `new`, for a client that asks for this id: the server's own is refused.
    ///
    /// # Errors
    /// As `new`, or `Reserved`.
    pub fn claimed(text: &str, max: usize) -> Result<Self, IdError> {
        if text == SERVER { Err(IdError::Reserved) } else { Self::new(text, max) }
    }
}

/// Looks like a database integer, which the guide warns of (section 8, step 3): 1 to 10 digits.
pub fn looks_like_integer(id: &str) -> bool {
    (1..=10).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_opaque_but_never_empty_long_or_invisible() {
        assert_eq!(ClientId::new("", 9), Err(IdError::Empty));
        assert_eq!(ClientId::new("0123456789", 9), Err(IdError::TooLong));
        assert_eq!(ClientId::new("a\nb", 9), Err(IdError::Control));
        assert_eq!(ClientId::claimed("server", 9), Err(IdError::Reserved));
        for good in ["7", "a/b", "ä 😀", "\"quoted\"", "{x}"] {
            assert_eq!(ClientId::claimed(good, 99).map(|id| id.as_str() == good), Ok(true));
        }
    }

    #[test]
    fn database_integers_are_recognised() {
        assert!(looks_like_integer("42") && looks_like_integer("1234567890"));
        assert!(!looks_like_integer("1773266158823") && !looks_like_integer("4a") && !looks_like_integer(""));
    }
}
