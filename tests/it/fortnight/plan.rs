//! Who moves when: twenty tenants with ten frontends each, in the order in which real teams do it. Nothing is random, so
//! that every run tells the same story.

use std::fmt;

/// The first moment: a Monday.
pub const BEGIN: &str = "2026-11-02T00:00:00Z";
/// Hours of the day at which something happens.
pub const HOURS: [i64; 9] = [1, 4, 7, 9, 10, 13, 16, 19, 22];
/// Frontends of one tenant.
pub const FRONTENDS: usize = 10;
/// The day of the brownout, from 10 to 11 o'clock.
pub const BROWNOUT: i64 = 11;
/// The day on which the last five are moved by hand.
pub const LAST_CALL: i64 = 14;
/// The day on which one that had moved is rolled back to V2 for a day.
pub const ROLLBACK: i64 = 10;

/// Twenty tenants.
pub const TENANTS: [&str; 20] = [
    "acme", "borealis", "cobalt", "delphi", "ember", "fathom", "garnet", "harbor", "indigo", "juniper", "kestrel",
    "lumen", "meridian", "nimbus", "orchid", "pinecone", "quartz", "raven", "sable", "tundra",
];

/// How far a frontend is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Loose JSON on a V2 address.
    Loose,
    /// Wrapped messages on a V2 address.
    Wrapped,
    /// The same, and it listens for V3.
    Listening,
    /// On a V3 address.
    Moved,
}

/// One frontend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Who {
    pub tenant: usize,
    pub n: usize,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", TENANTS[self.tenant], self.client())
    }
}

impl Who {
    /// All of them.
    pub fn everyone() -> impl Iterator<Item = Who> {
        (0..TENANTS.len()).flat_map(|tenant| (0..FRONTENDS).map(move |n| Who { tenant, n }))
    }

    /// Its client id. Two tenants use their database's keys.
    pub fn client(self) -> String {
        match self.tenant {
            4 | 9 => format!("{}", 1000 + self.tenant * 10 + self.n),
            _ => format!("screen-{:02}", self.n),
        }
    }

    /// What its browser, or its firmware, calls itself.
    pub fn user_agent(self) -> &'static str {
        match (self.tenant % 4, self.n) {
            (_, 9) => "KioskOS/4.2 (armv7l) WebKit/537",
            (0, _) => "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/142.0",
            (1, _) => "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_6) Version/18.1 Safari/605",
            (2, _) => "okhttp/4.12.0",
            _ => "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
        }
    }

    /// One of the five that nobody thought of.
    pub fn is_forgotten(self) -> bool {
        matches!((self.tenant, self.n), (3, 9) | (7, 9) | (11, 8) | (11, 9) | (15, 9))
    }

    /// How far it is on a day. A tenant's pages are wrapped one day, listen the next and move on the third; two of its
    /// ten stay open in somebody's browser for two days more.
    pub fn phase(self, day: i64) -> Phase {
        let begins = 1 + (self.tenant as i64) / 3;
        let late = if self.n >= 8 { 2 } else { 0 };
        if self.is_forgotten() {
            return if day >= LAST_CALL { Phase::Moved } else { Phase::Loose };
        }
        if self.tenant == 2 && self.n == 0 && day == ROLLBACK {
            return Phase::Loose;
        }
        match day - begins - late {
            ..0 => Phase::Loose,
            0 => Phase::Wrapped,
            1 => Phase::Listening,
            _ => Phase::Moved,
        }
    }

    /// What it says.
    pub fn frame(self, phase: Phase, turn: i64) -> String {
        if phase != Phase::Loose {
            return format!(
                r#"{{"msg_type":"msg","target":"group","msg":"turn {turn}","payload":{{"value":{turn}.50}}}}"#
            );
        }
        match self.tenant % 7 {
            // Each old frontend has a habit of its own.
            1 => format!(r#"{{"msg":"turn {turn}","target":"everyone","value":1,"value":{turn}}}"#),
            2 => format!(r#"{{"event":"tick","id":90071992547409931,"n":{turn}}}"#),
            3 => format!("[{turn},\"tick\"]"),
            4 => format!("tick {turn}"),
            5 => format!(r#"{{"cmd":"REFRESH","from_id":"me","turn":{turn}}}"#),
            _ => format!(r#"{{"msg":"turn {turn}","value":{turn}.50}}"#),
        }
    }
}
