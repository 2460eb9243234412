//! Owns what proxies tell each other on the control channel, and what is done about it. Nobody misses a word, and a word
//! that a proxy does not know means nothing to it: versions meet here.

use crate::dialect::Spoken;
use crate::envelope::{AccountId, ClientId};
use crate::hub::fanout::Fanout;
use crate::hub::registry::Registry;
use crate::hub::rivals::Rivals;
use crate::hub::seat::{Seat, SeatId};
use crate::label::Label;
use serde::{Deserialize, Serialize};
use std::sync::atomic::Ordering;

/// What is said.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
enum Word {
    /// A connection took a client id: older ones end.
    Replace(Newcomer),
    /// The same, of exclusive ones of its dialect. Proxies that do not know the word have none.
    Supersede {
        spoken: String,
        #[serde(flatten)]
        newcomer: Newcomer,
    },
}

/// Who came.
#[derive(Debug, Serialize, Deserialize)]
struct Newcomer {
    node: String,
    seat: u64,
    client: String,
    account: Option<String>,
}

/// Says that a connection of this node came, and who must go.
pub fn replace(seat: &Seat, node: &str, rivals: Rivals) -> Option<String> {
    let newcomer = Newcomer {
        node: node.to_owned(),
        seat: seat.id.0,
        client: seat.origin.client.as_str().to_owned(),
        account: seat.account().map(|account| account.as_str().to_owned()),
    };
    let word = match rivals {
        Rivals::All => Word::Replace(newcomer),
        Rivals::Exclusive(spoken) => Word::Supersede { spoken: spoken.label().to_owned(), newcomer },
    };
    serde_json::to_string(&word).ok()
}

/// Hears what other proxies say, and oneself.
pub fn on_control(fanout: &Fanout, here: &str, text: &str) {
    let (newcomer, rivals) = match serde_json::from_str(text) {
        Ok(Word::Replace(newcomer)) => (newcomer, Rivals::All),
        Ok(Word::Supersede { spoken, newcomer }) => {
            // Who speaks what this proxy does not know is not here.
            let Some(spoken) = Spoken::ALL.iter().copied().find(|own| own.label() == spoken) else { return };
            (newcomer, Rivals::Exclusive(spoken))
        }
        Err(_) => return tracing::debug!("what another proxy says is not understood"),
    };
    make_room(fanout.registry(), here, &newcomer, rivals);
}

fn make_room(registry: &Registry, here: &str, newcomer: &Newcomer, rivals: Rivals) {
    let Ok(client) = ClientId::new(&newcomer.client, usize::MAX) else { return };
    let account = newcomer.account.as_ref().and_then(|account| AccountId::new(account, usize::MAX).ok());
    if newcomer.node == here {
        registry.said(&client, SeatId(newcomer.seat));
    }
    let stays = |own: &Seat| match newcomer.node == here {
        true => own.id.0 >= newcomer.seat,
        false => !own.said.load(Ordering::Relaxed),
    };
    registry.replace(&client, account.as_ref(), rivals, stays);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As they were said before there were exclusive connections.
    #[derive(Debug, Deserialize)]
    #[serde(tag = "say", rename_all = "snake_case")]
    enum Former {
        Replace { node: String, seat: u64, client: String, account: Option<String> },
    }

    fn newcomer() -> Newcomer {
        Newcomer { node: "n1".into(), seat: 7, client: "c".into(), account: Some("acme".into()) }
    }

    #[test]
    fn what_is_said_to_older_proxies_they_understand_or_let_be() {
        let text = serde_json::to_string(&Word::Replace(newcomer())).expect("a word");
        assert_eq!(text, r#"{"say":"replace","node":"n1","seat":7,"client":"c","account":"acme"}"#);
        let Ok(Former::Replace { node, seat, client, account }) = serde_json::from_str(&text) else { panic!("{text}") };
        assert_eq!((node.as_str(), seat, client.as_str(), account.as_deref()), ("n1", 7, "c", Some("acme")));
        let word = Word::Supersede { spoken: "aether-v2".into(), newcomer: newcomer() };
        let text = serde_json::to_string(&word).expect("a word");
        assert!(serde_json::from_str::<Former>(&text).is_err(), "{text}");
        let Ok(Word::Supersede { spoken, newcomer }) = serde_json::from_str(&text) else { panic!("{text}") };
        assert_eq!((spoken.as_str(), newcomer.seat, newcomer.client.as_str()), ("aether-v2", 7, "c"));
    }

    #[test]
    fn what_older_proxies_say_is_understood() {
        let text = r#"{"say":"replace","node":"n1","seat":7,"client":"c","account":null}"#;
        assert!(matches!(serde_json::from_str(text), Ok(Word::Replace(n)) if n.seat == 7 && n.account.is_none()));
    }
}
