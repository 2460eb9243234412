//! Owns the first frame of a connection: it must be `auth` (guide, "Connection" and "Authentication Failed"). Whether
//! what it presents is good is not known here.

use super::Role;
use super::frame::{Parts, Word, error, plain, quoted};
use crate::close::CloseReason;
use crate::dialect::{Denied, Frame, Goodbye, Login, Now, OwnedFrame, Presented};
use crate::envelope::Origin;

/// How clients of one role come in.
#[derive(Debug)]
pub struct FirstFrame {
    /// An agent presents an API key, a page a token.
    pub role: Role,
}

impl Login for FirstFrame {
    fn on_frame<'a>(&self, frame: Frame<'a>, _now: Now) -> Presented<'a> {
        let Frame::Text(text) = frame else { return Presented::Denied(Denied::Missing) };
        let auth = Parts::read(text).filter(|parts| parts.word() == Some(Word::Auth));
        let said = |key| auth.as_ref().and_then(|parts| parts.text(key)).filter(|said| !said.is_empty());
        match self.role {
            Role::Agent => said("api_key").map(Presented::ApiKey),
            Role::Metrics | Role::Logs => said("token").map(Presented::Token),
        }
        .unwrap_or(Presented::Denied(Denied::Missing))
    }

    fn welcome(&self, origin: &Origin, _now: Now) -> OwnedFrame {
        match self.role {
            Role::Agent => welcome_agent(origin.client.as_str()),
            Role::Metrics | Role::Logs => plain(r#"{"type":"auth_success","message":"Authenticated successfully"}"#),
        }
    }

    fn refuse(&self, why: Denied) -> Goodbye {
        let is_agent = self.role == Role::Agent;
        let (text, reason) = match why {
            Denied::Credential if is_agent => ("Invalid or inactive API key", CloseReason::Policy),
            Denied::Credential => ("Invalid token", CloseReason::Policy),
            Denied::Group => ("Server not found or access denied", CloseReason::Policy),
            Denied::BadGroup => ("Invalid server ID", CloseReason::Policy),
            Denied::Missing if is_agent => ("Authentication required: send an API key first", CloseReason::Policy),
            Denied::Missing => ("Authentication required: send a token first", CloseReason::Policy),
            Denied::Late => ("Authentication required: nothing came in time", CloseReason::Policy),
            Denied::Policy => ("This protocol is retired or paused here", CloseReason::Policy),
            Denied::Limit => ("Too many connections, try again later", CloseReason::TryLater),
            Denied::Unavailable => ("Service unavailable, try again later", CloseReason::TryLater),
        };
        Goodbye { frame: Some(error(text)), reason, text: Some(text) }
    }
}

/// What an agent is told that is in: the server is its key's, whatever it calls itself.
pub fn welcome_agent(server: &str) -> OwnedFrame {
    let server = quoted(server);
    OwnedFrame::Text(format!(
        "{{\"type\":\"auth_success\",\"server_id\":{server},\"message\":\"Connected successfully\"}}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::envelope::ClientId;
    use std::time::Instant;

    const AGENT: FirstFrame = FirstFrame { role: Role::Agent };
    const PAGE: FirstFrame = FirstFrame { role: Role::Logs };

    fn now() -> Now {
        Now { instant: Instant::now(), at: Timestamp(0) }
    }

    #[test]
    fn the_first_frame_presents_what_its_role_has() {
        let said = |login: &FirstFrame, text: &'static str| login.on_frame(Frame::Text(text), now());
        assert_eq!(said(&AGENT, r#"{"type":"auth","api_key":"k\u0031"}"#), Presented::ApiKey("k1".into()));
        assert_eq!(said(&PAGE, r#" {"token":"t","type":"auth"} "#), Presented::Token("t".into()));
        let missing = [
            (&AGENT, r#"{"type":"auth","token":"t"}"#),
            (&PAGE, r#"{"type":"auth","api_key":"k"}"#),
            (&AGENT, r#"{"type":"auth","api_key":""}"#),
            (&AGENT, r#"{"type":"auth","api_key":7}"#),
            (&AGENT, r#"{"api_key":"k"}"#),
            (&AGENT, r#"{"type":"ping"}"#),
            (&PAGE, "token"),
            (&PAGE, "[]"),
        ];
        for (login, text) in missing {
            assert_eq!(said(login, text), Presented::Denied(Denied::Missing), "{text}");
        }
        let bytes = Frame::Binary(br#"{"type":"auth","api_key":"k"}"#);
        assert_eq!(AGENT.on_frame(bytes, now()), Presented::Denied(Denied::Missing));
    }

    #[test]
    fn the_server_is_the_one_of_the_key() {
        let client = ClientId::new("srv \"1\"", 99).expect("an id");
        let origin = Origin { client, group: None, account: None };
        let want = r#"{"type":"auth_success","server_id":"srv \"1\"","message":"Connected successfully"}"#;
        assert_eq!(AGENT.welcome(&origin, now()), plain(want));
    }

    #[test]
    fn every_refusal_is_told_twice_and_fits_a_close_frame() {
        use Denied::*;
        for why in [Credential, Group, BadGroup, Missing, Late, Limit, Policy, Unavailable] {
            for login in [&AGENT, &PAGE] {
                let goodbye = login.refuse(why);
                let text = goodbye.text.expect("a text");
                assert!(text.len() <= 123 && goodbye.frame == Some(error(text)), "{why:?}");
                let comes_again = matches!(why, Limit | Unavailable);
                assert_eq!(goodbye.reason.code(), Some(if comes_again { 1013 } else { 1008 }), "{why:?}");
            }
        }
    }
}
