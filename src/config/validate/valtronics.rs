//! Contradictions of `[mounts.valtronics]`.

use super::Findings;
use crate::config::{Compat, Config};

/// Bounds that would never be met, and channels where there are none.
pub(super) fn check(config: &Config, findings: &mut Findings) {
    let mounts = config.mounts.iter().enumerate();
    for (at, valtronics) in mounts.filter_map(|(at, mount)| Some((at, mount.valtronics.as_ref()?))) {
        let mut add = |name: &str, text: &str| {
            let key = format!("mounts[{at}].valtronics.{name}");
            findings.add(&key, format!("`{key}` {text}"));
        };
        if valtronics.message > config.limits.message {
            add("message", "must not be larger than `limits.message`, which ends the connection first");
        }
        if valtronics.compat == Compat::Server && valtronics.channel.is_some() {
            add("channel", "is for `compat = \"guide\"`: the real server knows no channels");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{assert_accepted, assert_refused};
    use super::*;
    use crate::config::{Channel, DialectName, Mount, Valtronics};

    fn with(change: impl FnOnce(&mut Valtronics)) -> impl FnOnce(&mut Config) {
        let mut valtronics = Valtronics::default();
        change(&mut valtronics);
        |c| c.mounts = vec![Mount { valtronics: Some(valtronics), ..Mount::new("/ws", DialectName::Valtronics) }]
    }

    #[test]
    fn bounds_can_be_met() {
        let most = Config::default().limits.message;
        assert_accepted(with(|v| v.message = most));
        assert_accepted(with(|v| (v.message, v.batch, v.connections) = (0, 0, 0)));
        assert_refused("`mounts[0].valtronics.message` must not be larger", with(|v| v.message = most + 1));
    }

    #[test]
    fn channels_are_the_guides() {
        assert_accepted(with(|v| v.channel = Some(Channel::Alerts)));
        assert_accepted(with(|v| v.compat = Compat::Server));
        assert_refused("knows no channels", with(|v| (v.channel, v.compat) = (Some(Channel::Alerts), Compat::Server)));
    }
}
