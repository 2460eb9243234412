//! Owns the guide's login: `auth` with a token, answered by `auth_response`. Pings are answered before it, and
//! whatever else comes is told to wait. No limit on the size of a frame holds here, since a token may be longer than a
//! message; the house's own limits do.

use super::frame::Said;
use super::words::{self, Wrong};
use crate::close::CloseReason;
use crate::dialect::{Denied, Frame, Goodbye, Now, OwnedFrame, Presented};
use crate::envelope::{Origin, json};

/// How clients come in.
#[derive(Debug, Clone, Copy)]
pub struct Login;

impl crate::dialect::Login for Login {
    fn on_frame<'a>(&self, frame: Frame<'a>, now: Now) -> Presented<'a> {
        let said = match frame {
            Frame::Text(text) => Said::read(text),
            Frame::Binary(_) => Err(Wrong::Binary),
        };
        let said = match said {
            Ok(said) => said,
            Err(wrong) => return Presented::Answer(words::error(&wrong)),
        };
        match &*said.word {
            "auth" => match said.member("token").and_then(json::decode_str).filter(|token| !token.is_empty()) {
                Some(token) => Presented::Token(token),
                None => Presented::Denied(Denied::Missing),
            },
            "ping" => Presented::Answer(words::pong(said.member("timestamp"), now.at)),
            _ => Presented::Answer(words::error(&Wrong::NotIn)),
        }
    }

    fn welcome(&self, _origin: &Origin, _now: Now) -> OwnedFrame {
        words::welcome()
    }

    fn refuse(&self, why: Denied) -> Goodbye {
        // The guide's client gets itself a new token on `invalid_token`, and on nothing else.
        let (word, sentence, reason) = match why {
            Denied::Credential => ("invalid_token", "Invalid or expired token", CloseReason::Policy),
            Denied::Missing => ("invalid_token", "Authentication token is missing", CloseReason::Policy),
            Denied::Late => ("auth_timeout", "Authentication timed out", CloseReason::Policy),
            Denied::Group | Denied::BadGroup => ("access_denied", "Access denied", CloseReason::Policy),
            Denied::Limit => ("connection_limit", "Connection limit exceeded", CloseReason::Policy),
            Denied::Policy => ("protocol_retired", "This protocol is not available", CloseReason::Policy),
            Denied::Unavailable => {
                ("service_unavailable", "Service unavailable, try again later", CloseReason::TryLater)
            }
        };
        Goodbye { frame: Some(words::refusal(word, sentence)), reason, text: None }
    }
}
