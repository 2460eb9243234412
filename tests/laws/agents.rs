//! Holds the laws of the server monitor's dialect as plain functions over a frame, or over what happens to one agent:
//! what pages are shown of it, and who gets its answers. They know the guide, not the code.

use aether_proxy::clock::Timestamp;
use aether_proxy::dialect::server_monitor::{Compat, MOST_ASKERS, MOST_WAITING, Role, Rules, ServerMonitor};
use aether_proxy::dialect::{Adapter, Frame, Halves, HubMessage, Inbound, Intent, Intents, Notes, Now, Outbound};
use aether_proxy::dialect::{OwnedFrame, Reading, Receipt, Wire, wire};
use aether_proxy::envelope::json::{self, Member};
use aether_proxy::envelope::{ClientId, Draft, GroupId, MsgType, Nulls, Origin, Target, seal};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// For so long an agent's answers go to whoever asked.
pub const WITHIN: Duration = Duration::from_secs(30);
const GROUP: &str = "monitor-1";

fn origin(client: &str) -> Origin {
    let client = ClientId::new(client, 999).expect("an id");
    Origin { client, group: GroupId::new(GROUP, 99).ok(), account: None }
}

fn open(role: Role, client: &str) -> Halves {
    let rules = Rules { role, compat: Compat::Guide, answers_within: WITHIN };
    ServerMonitor::new(rules).open(&origin(client))
}

fn heard(outbound: &dyn Outbound, text: &str, now: Instant) -> Option<String> {
    let message = HubMessage::read(text).expect("a message");
    let reading = Reading::new(&message);
    let choice = outbound.choose(&reading, now).ok()?;
    let OwnedFrame::Text(frame) = outbound.render(&reading, &choice.shape).expect("a frame") else {
        panic!("a binary frame")
    };
    Some(frame)
}

fn on_hub(draft: &Draft<'_>, from: &str, receipt: Option<&Receipt<'_>>, wire: Wire) -> String {
    let envelope = seal(draft, &origin(from), "2026-03-11T12:34:56.789Z", Nulls::Omit);
    wire::write(&envelope, receipt, wire).unstamped()
}

/// What an agent's frame is on the hub; None: it is for nobody.
fn told<'a>(frame: &'a str, server: &str) -> Result<Option<(Draft<'a>, Receipt<'a>, Notes)>, String> {
    let now = Now { instant: Instant::now(), at: Timestamp(0) };
    let (intents, notes) = open(Role::Agent, server).inbound.on_frame(Frame::Text(frame), now);
    let mut told = None;
    for intent in intents {
        match intent {
            Intent::Publish { draft, receipt: Some(receipt) } if told.is_none() => told = Some((draft, receipt, notes)),
            Intent::Answer(_) | Intent::Refused(Some(_)) => {}
            other => return Err(format!("{other:?}")),
        }
    }
    Ok(told)
}

/// Whatever an agent says: V3 gets it as it is, pages get figures and log entries below `data`, once, token for token,
/// and never another server's name.
pub fn pages_are_shown_what_was_said(frame: &str, server: &str) -> Result<bool, String> {
    let Some((draft, receipt, notes)) = told(frame, server)? else { return Ok(false) };
    let said = frame.trim_matches([' ', '\t', '\n', '\r']);
    if draft.payload.as_deref() != Some(said) || draft.target() != Target::Group || receipt.raw.is_some() {
        return Err(format!("published as {draft:?}, {receipt:?}"));
    }
    let members = json::tokens(said).map_err(|why| why.to_string())?;
    let kind = last(&members, "type").and_then(json::decode_str).ok_or("published without a type")?;
    let named = [last(&members, "server_id"), data(&members).and_then(|below| last(&below, "server_id"))];
    let lies = named.into_iter().flatten().filter(|named| !is(named, server)).count();
    if notes.overridden as usize != lies {
        return Err(format!("{} overridden, {lies} to be", notes.overridden));
    }
    let mut any = false;
    for (role, wire) in [(Role::Metrics, Wire::Extended), (Role::Logs, Wire::Plain)] {
        let page = open(role, "page").outbound;
        let shown = heard(&*page, &on_hub(&draft, server, Some(&receipt), wire), Instant::now());
        let wanted =
            matches!((&*kind, role), ("alert", _) | ("metrics" | "error", Role::Metrics) | ("log", Role::Logs));
        if shown.is_some() != wanted {
            return Err(format!("{kind} on a page of {}: {shown:?}", role.label()));
        }
        let Some(shown) = shown else { continue };
        any = true;
        shown_right(&members, &kind, &shown, Some(server))?;
        let again = told(&shown, server)?.ok_or("what is shown is no frame")?;
        if again.2.overridden != 0 {
            return Err(format!("{shown}: it lies still"));
        }
        match heard(&*page, &on_hub(&again.0, server, Some(&again.1), wire), Instant::now()) {
            Some(twice) if twice == shown => {}
            twice => return Err(format!("{shown}\nonce more: {twice:?}")),
        }
        // The same from a V3 client is shown alike, in its own words.
        let v3 = heard(&*page, &on_hub(&draft, "c9", None, wire), Instant::now()).ok_or("hidden from V3")?;
        shown_right(&members, &kind, &v3, None)?;
    }
    Ok(any)
}

/// Is this what a page gets of these members?
fn shown_right(said: &[Member<'_>], kind: &str, shown: &str, server: Option<&str>) -> Result<(), String> {
    let wrong = |what: &str| Err(format!("{what}: {shown}"));
    let got = json::tokens(shown).map_err(|why| format!("{why}: {shown}"))?;
    let is_wrapped = matches!(kind, "metrics" | "log") && data(said).is_none();
    let got = if is_wrapped {
        let [word, data] = &got[..] else { return wrong("more than type and data") };
        if word.key != "type" || !is(word.value, kind) || data.key != "data" || !json::is_object(data.value) {
            return wrong("not wrapped");
        }
        json::tokens(data.value).map_err(|why| why.to_string())?
    } else {
        got
    };
    let said: Vec<_> = said.iter().filter(|member| !is_wrapped || member.key != "type").cloned().collect();
    same(&said, &got, server).or_else(|what| wrong(&what))
}

/// Token for token the same, but for the server's name where readers take it: the last of equal keys.
fn same(said: &[Member<'_>], got: &[Member<'_>], server: Option<&str>) -> Result<(), String> {
    if said.len() != got.len() {
        return Err(format!("{} members of {}", got.len(), said.len()));
    }
    let taken = |key: &str| said.iter().rposition(|member| member.key == key);
    let (taken_server, taken_data) = (taken("server_id"), taken("data"));
    for (at, (old, new)) in said.iter().zip(got).enumerate() {
        if old.key_token != new.key_token {
            return Err(format!("{} instead of {}", new.key_token, old.key_token));
        }
        let is_data = taken_data == Some(at) && json::is_object(old.value);
        let right = match server {
            Some(server) if taken_server == Some(at) => is(new.value, server),
            Some(_) if is_data => {
                let inner = |token| json::tokens(token).map_err(|why| format!("{why}: {token}"));
                let (mut old, mut new) = (inner(old.value)?, inner(new.value)?);
                // Deeper than this nothing is looked at.
                old.iter_mut().chain(&mut new).filter(|m| m.key == "data").for_each(|m| m.key = "".into());
                same(&old, &new, server)?;
                true
            }
            _ => old.value == new.value,
        };
        if !right {
            return Err(format!("{} instead of {}", new.value, old.value));
        }
    }
    Ok(())
}

fn is(token: &str, text: &str) -> bool {
    json::decode_str(token).is_some_and(|said| said == text)
}

fn last<'a>(members: &[Member<'a>], key: &str) -> Option<&'a str> {
    members.iter().rev().find(|member| member.key == key).map(|member| member.value)
}

/// The members below `data`, where it is an object.
fn data<'a>(members: &[Member<'a>]) -> Option<Vec<Member<'a>>> {
    last(members, "data").filter(|data| json::is_object(data)).and_then(|data| json::tokens(data).ok())
}

/// What happens to an agent. Numbers name clients and commands.
#[derive(Debug, Clone)]
pub enum Event {
    /// A client gives a command, named by `command_id`, by `request_id`, or both.
    Asked(u8, [Option<u8>; 2]),
    /// The agent answers so.
    Answered([Option<u8>; 2]),
    /// Time passes.
    Later(Duration),
    /// One client gives so many commands of its own.
    Flood(u16),
}

/// A frame of this type with these names; how they are spelled differs from frame to frame.
fn frame(kind: &str, ids: [Option<u8>; 2], spelled: usize) -> String {
    let id = |id: u8| match (id % 3, spelled % 2) {
        (0, _) => format!("{id}"),
        (_, 0) => format!("\"id{id}\""),
        _ => format!("\"\\u0069d{id}\""),
    };
    let named = ["command_id", "request_id"].iter().zip(ids).filter_map(|(name, n)| Some((name, id(n?))));
    let named: String = named.map(|(name, id)| format!(",\"{name}\":{id}")).collect();
    format!("{{\"type\":\"{kind}\"{named},\"n\":{spelled}}}")
}

/// What names a command, and who gave it when.
type Asked = ((usize, u32), String, Instant);

/// An answer goes to those who asked, as long and as far as they are remembered, and to nobody else. Returns how many
/// answers went to somebody, and how many to the group.
pub fn answers_go_to_who_asked(events: &[Event]) -> Result<(usize, usize), String> {
    let Halves { mut inbound, outbound } = open(Role::Agent, "srv-1");
    let (mut log, mut now, mut counts): (Vec<Asked>, _, _) = (Vec::new(), Instant::now(), (0, 0));
    for (at, event) in events.iter().enumerate() {
        match event {
            Event::Later(by) => now += *by,
            Event::Asked(by, ids) => ask(&outbound, &format!("c{by}"), &frame("command", *ids, at), now).map(|()| {
                let named = ids.iter().enumerate().filter_map(|(name, id)| Some((name, u32::from((*id)?))));
                log.extend(named.map(|id| (id, format!("c{by}"), now)));
            })?,
            Event::Flood(n) => {
                for i in 0..u32::from(*n) {
                    let text = format!("{{\"type\":\"command\",\"request_id\":\"flood-{at}-{i}\"}}");
                    ask(&outbound, "flooder", &text, now)?;
                    log.push(((1, 1_000_000 + 100_000 * at as u32 + i), "flooder".into(), now));
                }
            }
            Event::Answered(ids) => {
                let text = frame(["command_response", "container_logs", "error"][at % 3], *ids, at / 2);
                let wanted = wanted(&log, *ids, now);
                let got = answered(&mut *inbound, &text, now)?;
                if got != wanted {
                    return Err(format!("event {at}: {text} went to {got:?} instead of {wanted:?}"));
                }
                counts = if got.is_empty() { (counts.0, counts.1 + 1) } else { (counts.0 + 1, counts.1) };
            }
        }
    }
    Ok(counts)
}

/// A command reaches the agent, as it is.
fn ask(outbound: &Arc<dyn Outbound>, by: &str, text: &str, now: Instant) -> Result<(), String> {
    let mut draft = Draft::to_group(MsgType::Cmd);
    draft.payload = Some(text.into());
    let got = heard(&**outbound, &on_hub(&draft, by, None, Wire::Extended), now);
    (got.as_deref() == Some(text)).then_some(()).ok_or_else(|| format!("{text}: the agent hears {got:?}"))
}

/// Who gets it; nobody: the group.
fn answered(inbound: &mut dyn Inbound, text: &str, instant: Instant) -> Result<Vec<String>, String> {
    let (intents, _): (Intents<'_>, _) = inbound.on_frame(Frame::Text(text), Now { instant, at: Timestamp(0) });
    let (all, mut to) = (intents.len(), Vec::new());
    for intent in intents {
        let Intent::Publish { draft, receipt: Some(_) } = intent else { return Err(format!("{text}: {intent:?}")) };
        if draft.payload.as_deref() != Some(text) || draft.msg_type() != MsgType::Msg {
            return Err(format!("{text}: {draft:?}"));
        }
        to.extend(draft.to_id().map(|id| id.as_str().to_owned()));
    }
    // Either it goes to the group once, or to clients only.
    if to.len() == all || (to.is_empty() && all == 1) { Ok(to) } else { Err(format!("{text}: {all} copies, {to:?}")) }
}

/// Of everything that ever was asked: the latest, each once, as far as that is remembered, and not too old.
fn wanted(log: &[Asked], ids: [Option<u8>; 2], now: Instant) -> Vec<String> {
    let mut remembered: Vec<&Asked> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for asked in log.iter().rev() {
        if remembered.len() < MOST_WAITING && seen.insert((asked.0, &asked.1)) {
            remembered.push(asked);
        }
    }
    for (name, id) in ids.iter().enumerate().filter_map(|(name, id)| Some((name, u32::from((*id)?)))) {
        let by_id = remembered.iter().rev().filter(|asked| asked.0 == (name, id) && asked.2 + WITHIN > now);
        let askers: Vec<_> = by_id.map(|asked| asked.1.clone()).take(MOST_ASKERS).collect();
        if !askers.is_empty() {
            return askers;
        }
    }
    Vec::new()
}
