//! Owns the facts of a handshake: on these policies decide, and under these a client is known.

use crate::dialect::{Protocol, Spoken};
use crate::envelope::ids::looks_like_integer;
use crate::envelope::{ClientId, GroupId};
use std::sync::Arc;

/// Bytes of a user agent that are kept.
const MOST_AGENT: usize = 256;

/// Who comes, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newcomer {
    /// Account, else API key's name, else host of the page, else `_none`.
    pub tenant: Arc<str>,
    /// What it speaks.
    pub spoken: Spoken,
    /// The name of its dialect where settings make it.
    pub made: Option<Arc<str>>,
    /// Its group.
    pub group: Option<GroupId>,
    /// Its id.
    pub client: ClientId,
    /// `User-Agent`, shortened, without control characters; empty when there is none, and for V3.
    pub user_agent: Arc<str>,
    /// The host of the page's `Origin`; empty when there is none, and for V3.
    pub origin: Arc<str>,
    /// It asked to hear V3 (`recv=v3`, or the sub-protocol).
    pub hears_v3: bool,
}

impl Newcomer {
    /// The name of its dialect, as settings and people call it.
    pub fn dialect(&self) -> &str {
        self.made.as_deref().unwrap_or(self.spoken.label())
    }

    /// Its generation.
    pub fn protocol(&self) -> Protocol {
        self.spoken.protocol()
    }

    /// Does one of its ids look like a database integer (guide section 8, step 3)?
    pub fn has_integer_id(&self) -> bool {
        looks_like_integer(self.client.as_str()) || self.group.as_ref().is_some_and(|g| looks_like_integer(g.as_str()))
    }
}

/// A header's text as it may be kept: bounded, printable.
pub fn kept(header: &str) -> Arc<str> {
    let mut text = String::new();
    for c in header.chars().filter(|c| !c.is_control()) {
        if text.len() + c.len_utf8() > MOST_AGENT {
            break;
        }
        text.push(c);
    }
    text.trim().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_header_is_bounded_and_printable() {
        assert_eq!(&*kept(" Old\u{1b}[31mApp/1.0\n "), "Old[31mApp/1.0");
        assert_eq!(kept(&"ä".repeat(500)).len(), MOST_AGENT);
    }
}
