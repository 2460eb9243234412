//! Names of environment variables: which of them are settings, and of which key.

/// Variables of ours that are no settings: the file's name, what tests pass to themselves, and what `report` and `who` show
/// to a proxy that may be another one.
const NOT_SETTINGS: [&str; 3] = ["AETHER_CONFIG", "AETHER_TEST_", "AETHER_ADMIN_TOKEN"];

/// The key of a variable: `AETHER_HUB__URL` is `hub.url`. `None`: not one of our settings.
pub(super) fn key(name: &str, value: &str) -> Option<String> {
    let key = name.strip_prefix("AETHER_")?;
    let ours = name != NOT_SETTINGS[0]
        && name != NOT_SETTINGS[2]
        && !name.starts_with(NOT_SETTINGS[1])
        && !is_service_link(key, value);
    ours.then(|| key.to_lowercase().replace("__", "."))
}

/// The file named by `AETHER_CONFIG`.
pub(super) fn config_file(env: &[(String, String)]) -> Option<&str> {
    let (_, file) = env.iter().find(|(name, _)| name == NOT_SETTINGS[0])?;
    (!file.is_empty()).then_some(file)
}

/// Kubernetes and Docker put `AETHER_PROXY_SERVICE_HOST`, `AETHER_PROXY_PORT=tcp://…`,
/// `AETHER_PROXY_PORT_8080_TCP_ADDR` … into every container beside a service called `aether-proxy`.
/// Refusing them would keep the proxy from starting.
fn is_service_link(key: &str, value: &str) -> bool {
    let port_of = |protocol: &str| {
        key.split_once("PORT_").and_then(|(_, rest)| rest.split_once(protocol)).is_some_and(|(port, rest)| {
            !port.is_empty()
                && port.bytes().all(|b| b.is_ascii_digit())
                && matches!(rest, "" | "_ADDR" | "_PORT" | "_PROTO")
        })
    };
    key.ends_with("SERVICE_HOST")
        || key.ends_with("SERVICE_PORT")
        || key.contains("SERVICE_PORT_")
        || port_of("_TCP")
        || port_of("_UDP")
        || (key.ends_with("PORT") && (value.starts_with("tcp://") || value.starts_with("udp://")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_underscores_nest_and_one_does_not() {
        assert_eq!(key("AETHER_HUB__MAX_MESSAGE", "1").as_deref(), Some("hub.max_message"));
        assert_eq!(key("AETHER_HUB_URL", "").as_deref(), Some("hub_url"));
        assert_eq!(key("PATH", "/bin"), None);
    }

    #[test]
    fn variables_that_are_no_settings_are_passed_over() {
        for (name, value) in [
            ("AETHER_CONFIG", "/x"),
            ("AETHER_TEST_REDIS", "redis://x"),
            ("AETHER_ADMIN_TOKEN", "x"),
            ("AETHER_PROXY_SERVICE_HOST", "10.0.0.1"),
            ("AETHER_PROXY_SERVICE_PORT_WS", "8080"),
            ("AETHER_PROXY_PORT", "tcp://10.0.0.1:8080"),
            ("AETHER_PROXY_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
            ("AETHER_PROXY_PORT_8080_TCP_PROTO", "tcp"),
            ("AETHER_SERVICE_HOST", "10.0.0.1"),
        ] {
            assert_eq!(key(name, value), None, "{name}");
        }
        for name in ["AETHER_PORT", "AETHER_LISTEN__PORT_X_TCP", "AETHER_CONFIGURATION"] {
            assert!(key(name, "8080").is_some(), "{name}");
        }
    }

    #[test]
    fn an_empty_file_name_is_no_file() {
        let env = |value: &str| vec![("AETHER_CONFIG".to_owned(), value.to_owned())];
        assert_eq!(config_file(&env("/x.toml")), Some("/x.toml"));
        assert_eq!(config_file(&env("")), None);
    }
}
