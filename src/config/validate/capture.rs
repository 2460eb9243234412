//! Checks of the capture: a share is a share, and what is to be blacked out is named as it must be.

use super::Findings;
use crate::config::Config;

/// A pointer that is misspelt would let a secret through in silence.
pub fn check(config: &Config, findings: &mut Findings) {
    if config.capture.percent > 100 {
        findings.add("capture.percent", "must be at most 100");
    }
    for pointer in &config.capture.redact {
        let escapes_well = !pointer.replace("~0", "").replace("~1", "").contains('~');
        if !(pointer.is_empty() || pointer.starts_with('/')) || !escapes_well {
            let text = format!("`{pointer}` is no JSON pointer: it begins with `/`, and `~` is followed by 0 or 1");
            findings.add("capture.redact", text);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::validate::{assert_accepted, assert_refused};

    #[test]
    fn what_is_no_share_and_no_pointer_is_refused() {
        assert_refused("at most 100", |c| c.capture.percent = 101);
        for pointer in ["password", "/a~", "$.password"] {
            assert_refused("no JSON pointer", |c| c.capture.redact = vec![pointer.into()]);
        }
        assert_accepted(|c| c.capture.redact = ["", "/", "/*/token", "/a~1b/~0"].map(str::to_owned).to_vec());
    }
}
