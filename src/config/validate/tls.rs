//! Contradictions of `[listen.tls]` and `[listen.admin_tls]`: half of what TLS needs. The files are read at start.

use super::Findings;
use crate::config::Config;

/// Certificate and key, both or neither; who checks clients' certificates has one itself.
pub(super) fn files(config: &Config, findings: &mut Findings) {
    for (section, files) in [("listen.tls", &config.listen.tls), ("listen.admin_tls", &config.listen.admin_tls)] {
        let (set, missing) = match (&files.certificate, &files.key, &files.client_ca) {
            (Some(_), None, _) => ("certificate", "key"),
            (None, Some(_), _) => ("key", "certificate"),
            (None, None, Some(_)) => ("client_ca", "certificate"),
            _ => continue,
        };
        let text = format!("`{section}.{set}` is set but `{section}.{missing}` is not: TLS needs certificate and key");
        findings.add(format!("{section}.{set}"), text);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{assert_accepted, assert_refused};
    use std::path::PathBuf;

    fn file() -> Option<PathBuf> {
        Some(PathBuf::from("x.pem"))
    }

    #[test]
    fn certificate_and_key_come_together() {
        assert_refused("`listen.tls.key` is not", |c| c.listen.tls.certificate = file());
        assert_refused("`listen.tls.certificate` is not", |c| c.listen.tls.key = file());
        assert_refused("`listen.admin_tls.certificate` is not", |c| c.listen.admin_tls.client_ca = file());
        assert_accepted(|c| {
            c.listen.tls.certificate = file();
            c.listen.tls.key = file();
            c.listen.admin_tls = c.listen.tls.clone();
            c.listen.admin_tls.client_ca = file();
        });
    }
}
