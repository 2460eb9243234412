//! Owns what a conversation's own V3 messages tell of their way: for whom they are, and what legacy clients get of them.

use crate::compat::suite::Written;
use crate::envelope::json::{self, Member};

/// A V3 message of a case.
pub struct Message<'a>(Vec<Member<'a>>);

impl<'a> Message<'a> {
    /// None: it is no object.
    pub fn of(written: &'a Written) -> Option<Self> {
        json::tokens(written.text()?).ok().map(Self)
    }

    /// A member's value as it was written.
    pub fn token(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|member| member.key == name).map(|member| member.value)
    }

    /// Keys and values as they were written, in order.
    pub fn tokens(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().map(|member| (member.key_token, member.value))
    }

    /// A member that is a text.
    pub fn text(&self, name: &str) -> Option<String> {
        json::decode_str(self.token(name)?).map(std::borrow::Cow::into_owned)
    }
}
