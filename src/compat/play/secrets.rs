//! Owns what must never be seen on a certificate: credentials of the profile, in every form in which a server could repeat
//! them. They are taken out of what comes before anything else looks at it.

use crate::compat::Profile;
use crate::dialect::OwnedFrame;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::collections::BTreeSet;
use std::fmt;

/// What stands in place of a secret.
const HIDDEN: &str = "[redacted]";
/// Bytes of a credential in a frame from which on it is none of a case.
const LONG: usize = 16;
/// Parts of the names of what is a credential in a query.
const TELLING: [&str; 5] = ["token", "key", "secret", "jwt", "password"];

/// See the module.
#[derive(Default)]
pub struct Secrets {
    /// Longest first: one may stand in another.
    forms: Vec<String>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

impl Secrets {
    /// Those of a target.
    pub fn of(profile: &Profile) -> Self {
        let credentials = &profile.credentials;
        let own = [&credentials.api_key, &credentials.jwt].into_iter().flatten();
        let headers = profile.mounts.iter().flat_map(|mount| mount.headers.values());
        let mut plain: Vec<String> = own.chain(headers).map(|secret| secret.expose().to_owned()).collect();
        // `Bearer x`: the word may be left out.
        let bare: Vec<_> =
            plain.iter().filter_map(|one| one.split_once(' ')).map(|(_, bare)| bare.to_owned()).collect();
        plain.extend(bare);
        plain.extend(profile.mounts.iter().flat_map(|mount| in_query(&mount.path)));
        // Those of the cases are words; whoever lets in something longer may mean it.
        let accepted = profile.mounts.iter().flat_map(|mount| &mount.accepts);
        plain.extend(accepted.filter(|accepted| accepted.len() >= LONG).cloned());
        Self::new(plain)
    }

    fn new(plain: impl IntoIterator<Item = String>) -> Self {
        let mut forms = BTreeSet::new();
        for secret in plain.into_iter().filter(|secret| !secret.is_empty()) {
            let quoted = serde_json::Value::from(secret.as_str()).to_string();
            forms.insert(quoted[1..quoted.len() - 1].to_owned());
            forms.insert(utf8_percent_encode(&secret, NON_ALPHANUMERIC).to_string());
            forms.insert(utf8_percent_encode(&secret, super::entry::PLAIN).to_string());
            forms.insert(secret);
        }
        let mut forms: Vec<_> = forms.into_iter().collect();
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        Self { forms }
    }

    /// A text without them.
    pub fn hide(&self, text: &str) -> String {
        let hide = |text: String, form: &String| if text.contains(form) { text.replace(form, HIDDEN) } else { text };
        self.forms.iter().fold(text.to_owned(), hide)
    }

    /// A frame without them.
    pub fn hide_in(&self, frame: OwnedFrame) -> OwnedFrame {
        match frame {
            frame if self.forms.is_empty() => frame,
            OwnedFrame::Text(text) => OwnedFrame::Text(self.hide(&text)),
            OwnedFrame::Binary(bytes) => {
                let hide = |bytes: Vec<u8>, form: &String| replaced(bytes, form.as_bytes(), HIDDEN.as_bytes());
                OwnedFrame::Binary(self.forms.iter().fold(bytes, hide))
            }
        }
    }
}

/// Values of a path's query whose names tell that they are credentials.
fn in_query(path: &str) -> Vec<String> {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let telling = pairs.filter(|(name, _)| TELLING.iter().any(|part| name.to_ascii_lowercase().contains(part)));
    let values = telling.map(|(_, value)| percent_decode_str(value).decode_utf8_lossy().into_owned());
    values.filter(|value| !value.contains(['{', '}'])).collect()
}

fn replaced(bytes: Vec<u8>, what: &[u8], with: &[u8]) -> Vec<u8> {
    let Some(at) = bytes.windows(what.len()).position(|window| window == what) else { return bytes };
    let (before, behind) = (&bytes[..at], &bytes[at + what.len()..]);
    [before, with, &replaced(behind.to_vec(), what, with)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    #[test]
    fn whatever_form_they_come_in_they_are_not_seen() {
        let mut profile = Profile::default();
        profile.credentials.api_key = Some(Secret::new("hunter2/\"ä"));
        profile.mounts = vec![
            serde_json::from_value(
                serde_json::json!({"dialect": "vectra", "path": "/ws?client_type=worker&token=p%20w",
                "headers": {"authorization": "Bearer swordfish"},
                "accepts": ["good", "much-longer-than-a-word"]}),
            )
            .unwrap(),
        ];
        let secrets = Secrets::of(&profile);
        for text in [
            "/ws?api_key=hunter2%2F%22%C3%A4&x=1",
            r#"{"key":"hunter2/\"ä"}"#,
            "hunter2/\"ä",
            "swordfish, Bearer swordfish",
            "token=p%20w or p w",
            r#"{"token":"much-longer-than-a-word"}"#,
        ] {
            let hidden = secrets.hide(text);
            assert!(hidden.contains(HIDDEN), "{hidden}");
            for secret in ["hunter2", "swordfish", "p%20w", "p w", "longer"] {
                assert!(!hidden.contains(secret), "{hidden}");
            }
            let binary = secrets.hide_in(OwnedFrame::Binary(text.as_bytes().to_vec()));
            assert_eq!(binary, OwnedFrame::Binary(hidden.into_bytes()));
        }
        assert_eq!(secrets.hide("client_type=worker, good"), "client_type=worker, good");
        assert!(!format!("{secrets:?}").contains("hunter2"));
    }
}
