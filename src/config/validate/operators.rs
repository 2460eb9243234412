//! Contradictions of the operators' token. Its file is read at start.

use super::Findings;
use crate::config::Config;

/// In one place, and not empty: an empty one would be known to everybody.
pub(super) fn token(config: &Config, findings: &mut Findings) {
    let listen = &config.listen;
    if listen.admin_token.as_ref().is_some_and(|token| token.expose().trim().is_empty()) {
        findings.add("listen.admin_token", "`listen.admin_token` is empty; leave it out where there is none");
    }
    if listen.admin_token.is_some() && listen.admin_token_file.is_some() {
        let text = "`listen.admin_token` and `listen.admin_token_file` are both set: which one is it?";
        findings.add("listen.admin_token_file", text);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{assert_accepted, assert_refused};
    use crate::config::Secret;

    #[test]
    fn a_token_stands_in_one_place_and_says_something() {
        assert_refused("is empty", |c| c.listen.admin_token = Some(Secret::new(" ")));
        assert_refused("are both set", |c| {
            c.listen.admin_token = Some(Secret::new("x"));
            c.listen.admin_token_file = Some("x".into());
        });
        assert_accepted(|c| c.listen.admin_token = Some(Secret::new("x")));
        assert_accepted(|c| c.listen.admin_token_file = Some("x".into()));
    }
}
