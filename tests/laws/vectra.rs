//! Owns the laws of Vectra: a worker's object comes to every client byte for byte, whatever wire it took; what is no
//! object goes nowhere; V3 clients and Vectra's see the same tokens; and what a page hears is always JSON.

use super::lens::{How, SENT_AT};
use aether_proxy::clock::Timestamp;
use aether_proxy::dialect::vectra::{Role, Rules, Vectra};
use aether_proxy::dialect::{
    Adapter, Frame, Halves, HubMessage, Intent, Kind, Now, Outbound, OwnedFrame, Reading, Receipt, wire,
};
use aether_proxy::envelope::{ClientId, Draft, Origin, json, seal};
use serde_json::value::RawValue;
use std::time::Instant;

/// The worker's id in the samples.
pub const WORKER: &str = "c1";

fn now() -> Now {
    Now { instant: Instant::now(), at: Timestamp(0) }
}

/// A connection.
pub fn open(role: Role, origin: &Origin) -> Halves {
    Vectra::new(Rules { role, worker: ClientId::new(WORKER, 9).expect("an id") }).open(origin)
}

fn is_object(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok_and(|raw| raw.get().starts_with('{'))
}

/// What is the matter when the worker says this; Ok: nothing.
pub fn said(how: &How, frame: Frame<'_>) -> Result<(), String> {
    let (worker, client) = (open(Role::Worker, &how.origin()), open(Role::Client, &how.origin()));
    let (mut speaks, mut ignores) = (worker.inbound, client.inbound);
    let (intents, _) = speaks.on_frame(frame, now());
    match (frame, &intents[..]) {
        (Frame::Text("ping"), [Intent::Answer(OwnedFrame::Text(pong))]) if pong == "pong" => {}
        (Frame::Text("get_worker_status"), [Intent::WhoIs(who)]) if who.as_str() == WORKER => {}
        (Frame::Text(text), [Intent::Publish { draft, receipt: Some(receipt) }]) if is_object(text) => {
            for hears in [&worker.outbound, &client.outbound] {
                let visible = |message: &HubMessage<'_>| json_of(message) == Some(text.trim().to_owned());
                let heard = heard(how, &how.origin(), draft, Some(receipt), &**hears, visible)?;
                if heard.as_deref() != Some(text) {
                    return Err(format!("heard {heard:?}"));
                }
            }
        }
        (Frame::Text(text), [Intent::Describe(metadata), Intent::Announce { draft }]) if is_object(text) => {
            let token = metadata.as_deref().unwrap_or("null");
            let server = Origin { client: ClientId::server(), ..how.origin() };
            let heard = heard(how, &server, draft, None, &*client.outbound, |_| true)?.unwrap_or_default();
            if !(text.contains("REGISTER") || text.contains('\\')) || !is_object(&heard) || !heard.contains(token) {
                return Err(format!("it registers: {heard:?}"));
            }
        }
        (Frame::Text(text), [Intent::Refused(None)]) if !is_object(text) || text.contains("metadata") => {}
        (Frame::Binary(_), [Intent::Refused(None)]) => {}
        other => return Err(format!("{other:?}")),
    }
    match &ignores.on_frame(frame, now()).0[..] {
        [Intent::Refused(None) | Intent::Answer(_) | Intent::WhoIs(_)] => Ok(()),
        other => Err(format!("a client is not ignored: {other:?}")),
    }
}

/// What is the matter when a V3 client, or another proxy's, says this.
pub fn told(how: &How, draft: &Draft<'_>, receipt: Option<&Receipt<'_>>) -> Result<(), String> {
    for role in [Role::Client, Role::Worker] {
        let heard = heard(how, &how.origin(), draft, receipt, &*open(role, &how.origin()).outbound, |_| true)?;
        let is_status = |text: &str| text.starts_with("{\"type\":\"WORKER_STATUS\",\"status\":\"o");
        match (heard, &draft.payload) {
            (None, _) => {}
            (Some(heard), Some(payload)) if heard == *payload || is_status(&heard) => {}
            (heard, payload) => return Err(format!("{payload:?} is heard as {heard:?}")),
        }
    }
    Ok(())
}

/// What is the matter when this text stands on the hub: whatever is shown is a JSON object that V3 clients see as well.
pub fn shown(text: &str) -> Result<(), String> {
    let Ok(message) = HubMessage::read(text) else { return Ok(()) };
    for role in [Role::Client, Role::Worker] {
        let Some(heard) = shown_by(&message, &*open(role, &Origin::server()).outbound)? else { continue };
        let same = json_of(&message).is_some_and(|payload| payload == heard.trim());
        if !is_object(&heard) || !(same || heard.contains("WORKER_STATUS")) {
            return Err(format!("{heard:?} is shown"));
        }
    }
    Ok(())
}

/// The payload as V3 clients see it.
fn json_of(message: &HubMessage<'_>) -> Option<String> {
    let visible = message.visible();
    let members = json::tokens(&visible).ok()?;
    members.iter().rev().find(|member| member.key == "payload").map(|member| member.value.to_owned())
}

fn heard(
    how: &How,
    origin: &Origin,
    draft: &Draft<'_>,
    receipt: Option<&Receipt<'_>>,
    outbound: &dyn Outbound,
    is_right: impl Fn(&HubMessage<'_>) -> bool,
) -> Result<Option<String>, String> {
    let text = how.text(&wire::write(&seal(draft, origin, SENT_AT, how.nulls), receipt, how.wire));
    let message = HubMessage::read(&text).map_err(|why| format!("{text}: {why}"))?;
    if !is_right(&message) {
        return Err(format!("V3 sees {}", message.visible()));
    }
    shown_by(&message, outbound)
}

fn shown_by(message: &HubMessage<'_>, outbound: &dyn Outbound) -> Result<Option<String>, String> {
    let reading = Reading::new(message);
    let Ok(choice) = outbound.choose(&reading, Instant::now()) else { return Ok(None) };
    match outbound.render(&reading, &choice.shape) {
        Ok(OwnedFrame::Text(text)) => Ok(Some(text)),
        other => Err(format!("chosen, and then {other:?}")),
    }
}

/// A receipt of another legacy dialect: no word of the worker's.
pub fn foreign() -> Receipt<'static> {
    Receipt::new(Kind::Json, None)
}
