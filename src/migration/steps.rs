//! Owns which of the guide's four steps (section 8) a V2 client has done. Each is proven by what it did, never by
//! what it says; the last one only by `recv=v3`, since nobody can see from outside what a page listens for.

use super::record::ClientRecord;
use crate::telemetry::labels::GuideStep;
use serde::{Deserialize, Serialize};

/// The four answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steps {
    /// It came to a V3 address, and not to a V2 one since.
    pub url: bool,
    /// Everything it sent in its last connection was wrapped.
    pub wrap: bool,
    /// Its ids do not look like database integers.
    pub ids: bool,
    /// It hears V3.
    pub listen: bool,
}

impl Steps {
    /// Of a client in the inventory.
    pub fn of(client: &ClientRecord) -> Self {
        let url = client.has_moved();
        Self {
            url,
            wrap: url
                || (client.wrapped_at >= client.last_opened
                    && client.unwrapped_at < client.last_opened
                    && client.wrapped_at > 0),
            ids: !client.integer_id,
            listen: url || client.hears_v3,
        }
    }

    /// One of them.
    pub fn done(self, step: GuideStep) -> bool {
        match step {
            GuideStep::Url => self.url,
            GuideStep::Wrap => self.wrap,
            GuideStep::Ids => self.ids,
            GuideStep::Listen => self.listen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::record::Findings;

    fn client() -> ClientRecord {
        ClientRecord {
            tenant: "acme".into(),
            client: "c".into(),
            dialect: "aether-v2".into(),
            group: "g".into(),
            user_agent: String::new(),
            origin: String::new(),
            first_seen: 100,
            last_seen: 200,
            last_opened: 150,
            opened: 1,
            refused: 0,
            frames: 2,
            hears_v3: false,
            integer_id: false,
            wrapped_at: 0,
            unwrapped_at: 0,
            v3_seen: 0,
            findings: Findings::default(),
        }
    }

    #[test]
    fn each_step_needs_its_own_proof() {
        let silent = Steps::of(&client());
        assert_eq!(silent, Steps { url: false, wrap: false, ids: true, listen: false });
        let wrapped = Steps::of(&ClientRecord { wrapped_at: 160, unwrapped_at: 140, ..client() });
        assert!(wrapped.wrap, "what it sent in an earlier connection does not count");
        assert!(!Steps::of(&ClientRecord { wrapped_at: 160, unwrapped_at: 155, ..client() }).wrap);
        assert!(Steps::of(&ClientRecord { hears_v3: true, ..client() }).listen);
        assert!(!Steps::of(&ClientRecord { integer_id: true, ..client() }).ids);
    }

    #[test]
    fn who_has_moved_has_done_all_but_what_its_ids_show() {
        let moved = Steps::of(&ClientRecord { v3_seen: 300, integer_id: true, ..client() });
        assert_eq!(moved, Steps { url: true, wrap: true, ids: false, listen: true });
        assert!(!Steps::of(&ClientRecord { v3_seen: 190, ..client() }).url, "it came back to V2");
    }
}
