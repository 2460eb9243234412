//! Contradictions of `listen.echo`, which is for tests alone.

use super::Findings;
use crate::config::Config;

/// A literal path, and only on loopback.
pub(super) fn path(config: &Config, findings: &mut Findings) {
    let Some(path) = &config.listen.echo else { return };
    let mut add = |text: &str| findings.add("listen.echo", format!("`listen.echo` = \"{path}\" {text}"));
    if !path.starts_with('/') {
        add("must begin with `/`");
    }
    if path.contains(['{', '}', '?', '#', '%']) {
        add("must be a path alone, as it is written in a URL: its clients have no ids");
    }
    if !config.listen.clients.ip().is_loopback() {
        add("is for tests of the WebSocket layer only, so `listen.clients` must be a loopback address");
    }
}

#[cfg(test)]
mod tests {
    use super::super::{assert_accepted, assert_refused};
    use crate::config::Config;

    fn at(path: &str) -> impl FnOnce(&mut Config) {
        |c| c.listen.echo = Some(path.into())
    }

    #[test]
    fn an_echo_is_a_path_on_loopback() {
        assert_accepted(at("/echo"));
        assert_accepted(at("/"));
        assert_refused("must begin with `/`", at("echo"));
        for path in ["/{client_id}", "/echo?a=b", "/echo#a", "/%65cho"] {
            assert_refused("must be a path alone", at(path));
        }
        assert_refused("must be a loopback address", |c| {
            at("/echo")(c);
            c.auth.guests = crate::config::Guests::Allow;
            c.listen.clients = ([0, 0, 0, 0], 8080).into();
        });
    }
}
