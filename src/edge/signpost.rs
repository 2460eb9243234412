//! Owns what every V2 handshake is told about the way to V3, whatever becomes of it: the headers `Deprecation`
//! (RFC 9745), `Sunset` (RFC 8594) and `Link` (RFC 5829), and the client's own V3 address.

use crate::config::{Config, Date, DialectName, Mount};
use crate::envelope::{ClientId, GroupId};
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue, LINK};
use jiff::fmt::rfc2822::DateTimePrinter;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");
/// What RFC 3986 section 2.3 leaves as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// See the module; made once from the settings.
#[derive(Debug)]
pub struct Signpost {
    deprecation: Option<HeaderValue>,
    sunset: Option<HeaderValue>,
    docs: Option<(String, HeaderValue)>,
    /// The path of the first V3 mount that can be reached by its path alone and names group and client.
    v3: Option<String>,
}

impl Signpost {
    /// From the settings.
    pub fn new(config: &Config) -> Self {
        let policy = &config.policy;
        let docs = policy.docs.as_ref().and_then(|docs| {
            let link = format!("<{docs}>; rel=\"deprecation\"; type=\"text/html\"");
            Some((docs.clone(), HeaderValue::from_str(&link).ok()?))
        });
        let leads_to_v3 = |mount: &&Mount| {
            let names_both = ["/{group_id}", "/{client_id}"].iter().all(|id| mount.path.contains(id));
            let by_path_alone = mount.host.is_none() && mount.query.is_empty() && mount.header.is_empty();
            mount.dialect == DialectName::AetherV3 && names_both && by_path_alone
        };
        Self {
            deprecation: policy.deprecation.and_then(|at| HeaderValue::from_str(&format!("@{}", at.secs())).ok()),
            sunset: policy.sunset.and_then(http_date),
            docs,
            v3: config.mounts.iter().find(leads_to_v3).map(|mount| mount.path.clone()),
        }
    }

    /// Where the client will be found with V3. It holds no credential: those are the client's to add.
    pub fn successor(&self, group: &GroupId, client: &ClientId) -> Option<String> {
        let (group, client) = (group.as_str(), client.as_str());
        // As a segment of a path they would lead somewhere else, encoded or not.
        if [group, client].iter().any(|id| matches!(*id, "." | "..")) {
            return None;
        }
        let segment = |segment| match segment {
            "{group_id}" => utf8_percent_encode(group, SEGMENT),
            "{client_id}" => utf8_percent_encode(client, SEGMENT),
            literal => utf8_percent_encode(literal, SEGMENT),
        };
        let segments = self.v3.as_ref()?.split('/').map(|text| segment(text).to_string());
        Some(segments.collect::<Vec<_>>().join("/"))
    }

    /// The page that tells how to move.
    pub fn docs(&self) -> Option<&str> {
        self.docs.as_ref().map(|(docs, _)| docs.as_str())
    }

    /// Puts the headers on an answer. True when one of them says a date.
    pub fn mark(&self, headers: &mut HeaderMap, successor: Option<&str>) -> bool {
        for (name, value) in [(DEPRECATION, &self.deprecation), (SUNSET, &self.sunset)] {
            if let Some(value) = value {
                headers.insert(name, value.clone());
            }
        }
        let successor = successor.map(|path| format!("<{path}>; rel=\"successor-version\""));
        let successor = successor.and_then(|link| HeaderValue::from_str(&link).ok());
        for link in successor.into_iter().chain(self.docs.as_ref().map(|(_, link)| link.clone())) {
            headers.append(LINK, link);
        }
        self.deprecation.is_some() || self.sunset.is_some()
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7).
fn http_date(at: Date) -> Option<HeaderValue> {
    let at = jiff::Timestamp::from_second(at.secs()).ok()?;
    HeaderValue::from_str(&DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signpost(change: impl FnOnce(&mut Config)) -> Signpost {
        let mut config = Config::default();
        change(&mut config);
        Signpost::new(&config)
    }

    fn successor(signpost: &Signpost, group: &str, client: &str) -> Option<String> {
        signpost.successor(&GroupId::new(group, 99).expect("an id"), &ClientId::new(client, 99).expect("an id"))
    }

    #[test]
    fn dates_are_written_as_the_rfcs_want_them() {
        let signpost = signpost(|c| {
            c.policy.deprecation = Some(Date::from_secs(784_111_777));
            c.policy.sunset = Some(Date::from_secs(784_111_777));
            c.policy.docs = Some("https://docs.example.com/v3".into());
        });
        let mut headers = HeaderMap::new();
        assert!(signpost.mark(&mut headers, Some("/v3/x")));
        assert_eq!(headers["deprecation"], "@784111777");
        assert_eq!(headers["sunset"], "Sun, 06 Nov 1994 08:49:37 GMT");
        let links: Vec<_> = headers.get_all(LINK).iter().collect();
        let docs = "<https://docs.example.com/v3>; rel=\"deprecation\"; type=\"text/html\"";
        assert_eq!(links, ["</v3/x>; rel=\"successor-version\"", docs]);
    }

    #[test]
    fn without_dates_none_is_told() {
        let mut headers = HeaderMap::new();
        assert!(!signpost(|_| {}).mark(&mut headers, None));
        assert!(headers.is_empty());
    }

    #[test]
    fn the_successor_is_the_clients_own_address() {
        let plain = signpost(|_| {});
        assert_eq!(successor(&plain, "g", "c").as_deref(), Some("/v3/ws/group/g/client/c"));
        let coded = "/v3/ws/group/a%2Fb%3F/client/%C3%A4%3E%22%25";
        assert_eq!(successor(&plain, "a/b?", "ä>\"%").as_deref(), Some(coded));
        assert_eq!(successor(&plain, "..", "c"), None);
        let mount = |path: &str, host: Option<&str>| Mount {
            host: host.map(str::to_owned),
            ..Mount::new(path, DialectName::AetherV3)
        };
        let second = signpost(|c| {
            let header = [("x-client".to_owned(), "*".to_owned())].into();
            c.mounts = vec![mount("/x/{client_id}", None), mount("/{group_id}/{client_id}", Some("h"))];
            c.mounts.push(Mount { header, ..mount("/by/{group_id}/{client_id}", None) });
            c.mounts.push(mount("/neu und gut/{client_id}/{group_id}", None));
        });
        assert_eq!(successor(&second, "g", "c").as_deref(), Some("/neu%20und%20gut/c/g"));
        assert_eq!(successor(&signpost(|c| c.mounts.clear()), "g", "c"), None);
    }
}
