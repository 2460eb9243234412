//! Faults in who gets a message.

use super::faults::Fault;
use super::room::{Room, Side, Who};
use super::said::Said;
use super::wire::{Frame, TEXT};
use serde_json::{Map, Value};
use std::time::Duration;

/// How long a client that has just come hears nothing.
const DEAF: Duration = Duration::from_secs(3);

/// Who gets this instead of `seat` alone; each as often as it stands there.
pub fn gets(fault: Fault, room: &Room, seat: u64, who: &Who, said: Option<&Said>) -> Vec<u64> {
    let is_to = |target| said.is_some_and(|said| said.is_to(target));
    let is = |what: fn(&Said) -> bool| said.is_some_and(what);
    let from = said.map(Said::from).unwrap_or_default();
    let lost = match fault {
        Fault::DirectToOneTab => is_to("direct") && room.tabs(who).first() != Some(&seat),
        Fault::DirectWithinGroup => is_to("direct") && is(|said| !said.group().is_empty()) && !is_of_group(said, who),
        Fault::BroadcastToOwnGroup => is_to("broadcast") && !is_of_group(said, who),
        Fault::HeartbeatUnanswered => is(Said::is_heartbeat),
        Fault::SenderLeftOut => is_to("group") && from == who.client,
        Fault::ErrorsSwallowed => is(Said::is_error),
        Fault::SecondTakesAll => room.tabs(who).last() != Some(&seat) && who.side != Side::Other,
        Fault::BridgeOneWay => who.side == Side::V3 && is_to("group") && room.is_legacy(from),
        Fault::BroadcastWithoutV2 => is_to("broadcast") && is(|said| said.flat),
        Fault::DirectWithoutV2 => is_to("direct") && is(|said| said.flat),
        Fault::AddresseeAlone => is_to("group") && said.is_some_and(|said| !["", &who.client].contains(&said.to())),
        Fault::GoneTakesId => is_to("direct") && room.gone.iter().any(|gone| gone.client == who.client),
        Fault::GoneTakesGroup => is_group(who, said) && room.gone.iter().any(|gone| gone.group == who.group),
        Fault::DeafAtFirst => room.seats.get(&seat).is_some_and(|seat| seat.since.elapsed() < DEAF),
        Fault::BridgeOtherWay => is(|said| said.flat),
        Fault::JoinsLost => is(|said| said.presence() == Some("join")) && from != who.client,
        Fault::LeavesLost => is(|said| said.presence() == Some("leave")),
        _ => false,
    };
    if lost { Vec::new() } else { [vec![seat], beside(fault, room, seat, who, said)].concat() }
}

/// Who gets it though it is none of theirs.
fn beside(fault: Fault, room: &Room, seat: u64, who: &Who, said: Option<&Said>) -> Vec<u64> {
    let is_to = |target| said.is_some_and(|said| said.is_to(target));
    let is = |what: fn(&Said) -> bool| said.is_some_and(what);
    let is_group = is_group(who, said);
    let peers = |wanted: bool| if wanted { others(room.peers(who), seat) } else { Vec::new() };
    match fault {
        Fault::LeakToNextGroup if is_group && room.peers(who).first() == Some(&seat) => {
            let mut groups: Vec<_> =
                room.seats.values().map(|seat| &seat.who).filter(|one| one.side == who.side).collect();
            groups.sort_by_key(|one| (one.group <= who.group, &one.group));
            let next = groups.first().map(|one| one.group.clone()).filter(|group| *group != who.group);
            room.those(|one| one.side == who.side && next.as_ref() == Some(&one.group))
        }
        Fault::LeakToAllV2 if is_group => leak(room, seat, who, Side::V2),
        Fault::LeakToAllV3 if is_group => leak(room, seat, who, Side::V3),
        Fault::DirectToGroup | Fault::AnswerToGroup => peers(is_to("direct")),
        Fault::EchoToGroup => peers(is_to("echo")),
        Fault::HeartbeatToGroup => peers(is(Said::is_heartbeat)),
        Fault::ErrorsToGroup => peers(is(Said::is_error)),
        Fault::JoinsTwice if is(|said| said.presence() == Some("join")) => vec![seat],
        Fault::DirectByPrefix if is_to("direct") && room.tabs(who).first() == Some(&seat) => {
            room.those(|one| one.side == who.side && one.client != who.client && one.client.starts_with(&who.client))
        }
        Fault::TabsHearTwice if is_group => {
            let tabs = room.those(|one| one == who);
            others(tabs, seat)
        }
        Fault::PresenceToOthers if is(|said| said.presence().is_some()) && is_first(room, seat, who) => {
            room.those(|one| one.side == Side::V3 && one.group != who.group)
        }
        Fault::PresenceToV2 if is(|said| said.presence().is_some()) && is_first(room, seat, who) => {
            room.those(|one| one.side == Side::V2 && one.group == who.group)
        }
        _ => Vec::new(),
    }
}

/// It is for a group: a V2 client's frame, or a V3 client's with that target.
pub fn is_group(who: &Who, said: Option<&Said>) -> bool {
    said.map_or(who.side == Side::V2, |said| said.is_to("group"))
}

fn is_of_group(said: Option<&Said>, who: &Who) -> bool {
    said.is_some_and(|said| said.group() == who.group)
}

fn is_first(room: &Room, seat: u64, who: &Who) -> bool {
    room.peers(who).first() == Some(&seat)
}

fn others(seats: Vec<u64>, seat: u64) -> Vec<u64> {
    seats.into_iter().filter(|other| *other != seat).collect()
}

/// Everybody of a side in other groups, once: in the words of that side, if somebody of it is in the group.
fn leak(room: &Room, seat: u64, who: &Who, to: Side) -> Vec<u64> {
    let own = room.those(|one| one.side == to && one.group == who.group);
    let teller = own.first().copied().or_else(|| room.peers(who).first().copied());
    if teller == Some(seat) { room.those(|one| one.side == to && one.group != who.group) } else { Vec::new() }
}

/// What comes instead of this client's message, if it is direct and its addressee is away.
pub fn kept(room: &Room, who: &Who, said: &Map<String, Value>) -> Option<(String, Frame)> {
    let to = said.get("to_id")?.as_str().filter(|_| said.get("target").is_some_and(|target| target == "direct"))?;
    let away = !room.seats.values().any(|seat| seat.who.client == to && !seat.goodbye);
    let mut envelope = said.clone();
    for (name, value) in [("version", "3"), ("from_id", &who.client), ("group_id", &who.group), ("sent_at", &now())] {
        envelope.insert(name.to_owned(), value.into());
    }
    away.then(|| (to.to_owned(), Frame::new(TEXT, Value::Object(envelope).to_string())))
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// What V3 clients are told when one of two tabs goes.
pub fn leave(who: &Who) -> Frame {
    let now = now();
    let [client, group] = [&who.client, &who.group].map(|id| Value::from(id.as_str()));
    let head = r#""version":"3","msg_type":"presence","target":"group""#;
    let payload = r#"{"event":"leave","protocol":"v3"}"#;
    Frame::new(
        TEXT,
        format!(r#"{{{head},"from_id":{client},"group_id":{group},"payload":{payload},"sent_at":"{now}"}}"#),
    )
}
