//! Who is present in a group, told by events and on request. Where members are kept is the bus's business;
//! what an event says and when a leave is due is decided here.

mod announce;
mod leaving;
mod sought;

pub use announce::{Announcer, Event};
pub use leaving::Leaving;
pub use sought::Sought;

use crate::dialect::Protocol;
use crate::envelope::{AccountId, ClientId, Draft, MsgType, Problem, json};

/// A client that is present: one entry, however many connections it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its account.
    pub account: Option<AccountId>,
    /// Its id.
    pub client: ClientId,
    /// The generation of its newest connection.
    pub protocol: Protocol,
    /// What that connection says of itself, a JSON text. Not for everybody: `answer` leaves it out.
    pub metadata: Option<String>,
}

impl Member {
    /// The answer to a presence query: payload `{"members":[…],"count":n}`.
    ///
    /// # Errors
    /// None: the answer has an addressee.
    pub fn answer(members: &[Member], to: &ClientId) -> Result<Draft<'static>, Problem> {
        let mut payload = String::with_capacity(32 + members.len() * 48);
        payload.push_str("{\"members\":[");
        for (i, member) in members.iter().enumerate() {
            payload.push_str(if i == 0 { "{\"client_id\":" } else { ",{\"client_id\":" });
            member.client.write_json(&mut payload);
            payload.push_str(",\"protocol\":");
            json::write_str(&mut payload, member.protocol.label());
            payload.push('}');
        }
        payload.push_str("],\"count\":");
        payload.push_str(&members.len().to_string());
        payload.push('}');
        let mut draft = Draft::new(MsgType::Presence, crate::envelope::Target::Echo, Some(to.clone()))?;
        draft.payload = Some(payload.into());
        Ok(draft)
    }
}
