//! Owns every way a connection ends: close code, text, metric label, and whether to come back.
//! Nothing else in the house writes a close code.

use crate::label::Label;
use std::borrow::Cow;

/// Why the proxy ends a connection, or why it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The client said goodbye, with or without a close frame of its own.
    ClientClosed,
    /// The transport failed: reset, broken pipe, TLS alert.
    TransportError,
    /// The client broke RFC 6455 (bad frame, bad UTF-8, reserved bits).
    ProtocolError,
    /// Text that is not UTF-8 (RFC 6455 section 8.1).
    InvalidUtf8,
    /// The proxy goes away for good.
    GoingAway,
    /// Not permitted by policy of the server.
    Policy,
    /// A message above `limits.message`.
    TooBig,
    /// What an agent said cannot be read, and its server ends the connection for that (`compat = "server"`).
    BadFormat,
    /// Restart or drain: come back, another node is there.
    Restart,
    /// Overload or hub away: come back later.
    TryLater,
    /// More than `limits.errors_per_minute` invalid messages.
    TooManyErrors,
    /// Authentication failed, or none came in time.
    Unauthorized,
    /// Authenticated but not allowed here.
    Forbidden,
    /// No message for `limits.idle_timeout`.
    Idle,
    /// A newer connection took the client id.
    Replaced,
    /// A newer connection took over what only one may do.
    Superseded,
    /// V2 is switched off for this client.
    V2Retired,
    /// V2 is switched off for a while.
    V2Brownout,
    /// Faster than `limits.messages_per_second` or `limits.bytes_per_second`.
    RateLimit,
    /// Did not read its messages in time.
    SlowConsumer,
    /// Two pings without an answer.
    PeerDead,
}

/// One row of the table.
struct Row(CloseReason, Option<u16>, &'static str, &'static str, bool);

/// Reason, code on the wire (none where nothing can be sent any more), text (at most 123 bytes),
/// metric label, should the client come back?
const TABLE: [Row; 21] = {
    use CloseReason::*;
    [
        Row(ClientClosed, Some(1000), "", "client_closed", true),
        Row(TransportError, None, "", "transport_error", true),
        Row(ProtocolError, Some(1002), "protocol error", "protocol_error", false),
        Row(InvalidUtf8, Some(1007), "text is not UTF-8", "invalid_utf8", false),
        Row(GoingAway, Some(1001), "going away", "going_away", true),
        Row(Policy, Some(1008), "policy violation", "policy", false),
        Row(TooBig, Some(1009), "message too big", "too_big", false),
        Row(BadFormat, Some(1011), "invalid message format", "bad_format", true),
        Row(Restart, Some(1012), "service restart, please reconnect", "restart", true),
        Row(TryLater, Some(1013), "try again later", "try_later", true),
        Row(TooManyErrors, Some(4400), "too many invalid messages", "too_many_errors", false),
        Row(Unauthorized, Some(4401), "authentication failed", "unauthorized", false),
        Row(Forbidden, Some(4403), "not allowed", "forbidden", false),
        Row(Idle, Some(4408), "idle for too long", "idle", true),
        Row(Replaced, Some(4409), "replaced by a newer connection with the same client id", "replaced", false),
        Row(Superseded, Some(1000), "replaced by a newer connection", "superseded", false),
        Row(V2Retired, Some(4412), "the V2 protocol is retired here, use /v3/ws/", "v2_retired", false),
        Row(V2Brownout, Some(4413), "V2 is paused, retry later or move to /v3/ws/", "v2_brownout", true),
        Row(RateLimit, Some(4429), "too many messages or bytes", "rate_limit", true),
        Row(SlowConsumer, Some(4508), "messages were not read in time", "slow_consumer", true),
        Row(PeerDead, Some(1001), "no answer to pings", "peer_dead", true),
    ]
};

impl CloseReason {
    /// All reasons, in the order of the table.
    pub const ALL: [CloseReason; TABLE.len()] = {
        let mut all = [CloseReason::Policy; TABLE.len()];
        let mut i = 0;
        while i < all.len() {
            all[i] = TABLE[i].0;
            i += 1;
        }
        all
    };

    fn row(self) -> &'static Row {
        // The table is in the order of the enum; a test holds it to that.
        &TABLE[self as usize]
    }

    /// The close code (RFC 6455 section 7.4, IANA registry, 4000–4999 for ourselves).
    /// None: nothing can be sent any more.
    pub fn code(self) -> Option<u16> {
        self.row().1
    }

    /// What the close frame says, at most 123 bytes.
    pub fn text(self) -> &'static str {
        self.row().2
    }

    /// The same, with when to come back where that is known.
    pub fn text_with(self, retry_after: Option<u64>) -> Cow<'static, str> {
        match (self, retry_after) {
            (CloseReason::V2Brownout, Some(seconds)) => {
                format!("V2 is paused, retry after {seconds} s or move to /v3/ws/").into()
            }
            _ => self.text().into(),
        }
    }

    /// The same word in metrics and logs.
    pub fn label(self) -> &'static str {
        self.row().3
    }

    /// Should a client come back?
    pub fn reconnect(self) -> bool {
        self.row().4
    }
}

impl Label for CloseReason {
    const ALL: &'static [Self] = &CloseReason::ALL;

    fn label(self) -> &'static str {
        CloseReason::label(self)
    }

    fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_table_is_whole_and_fits_a_close_frame() {
        let reasons: HashSet<_> = CloseReason::ALL.into_iter().collect();
        let labels: HashSet<_> = CloseReason::ALL.into_iter().map(CloseReason::label).collect();
        assert_eq!((reasons.len(), labels.len()), (TABLE.len(), TABLE.len()));
        for (place, reason) in CloseReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
            assert!(reason.text().len() <= 123, "{reason:?}");
            assert!(reason.text_with(Some(u64::MAX)).len() <= 123, "{reason:?}");
            assert_eq!(reason.text_with(None), reason.text());
            assert!(reason.code().is_none_or(|c| (1000..=1014).contains(&c) || (4000..5000).contains(&c)));
        }
    }
}
