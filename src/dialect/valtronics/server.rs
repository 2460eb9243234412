//! Owns the server that is deployed and differs from its guide (`compat = "server"`): no login, no channels; clients
//! subscribe to devices, everybody hears alerts and notifications, and a heartbeat comes every 30 s. Clients have
//! nothing to say to each other: an unknown type is an error, so nothing is ever published.

use super::facts::Kind;
use super::filter::Values;
use super::frame::Said;
use super::gate::Gate;
use super::outbound::render;
use super::subscriptions::SUBSCRIPTIONS;
use super::words::{self, Confirmed, Wrong};
use crate::dialect::{Choice, Frame, Hidden, Intent, Intents, Notes, Now, OwnedFrame, Reading, Shape, Spoken};
use parking_lot::Mutex;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(30);

type Devices = Arc<Mutex<HashSet<Box<str>>>>;

/// The two halves of a connection.
pub fn open(gate: Gate) -> (Inbound, Outbound) {
    let devices = Devices::default();
    (Inbound { gate, devices: devices.clone(), beat: None }, Outbound { devices })
}

/// The session's half.
#[derive(Debug)]
pub struct Inbound {
    gate: Gate,
    devices: Devices,
    beat: Option<Instant>,
}

impl Inbound {
    fn message(&self, text: &str, now: Now) -> Result<OwnedFrame, Wrong> {
        let said = Said::read(text).map_err(|wrong| match wrong {
            // What its `message.get("type")` finds.
            Wrong::NoType => Wrong::UnknownType("None".to_owned()),
            other => other,
        })?;
        let device = || {
            let token = said.member("device_id").ok_or(Wrong::NoDevice)?;
            Ok((token, Values::read("device_id", token)?.ok_or(Wrong::NoDevice)?))
        };
        match &*said.word {
            "ping" => Ok(words::pong(said.member("timestamp"), now.at)),
            "subscribe_device" => {
                let (token, asked) = device()?;
                let mut devices = self.devices.lock();
                let new = asked.iter().filter(|device| !devices.contains(*device)).count();
                if devices.len() + new > SUBSCRIPTIONS {
                    return Err(Wrong::TooMany);
                }
                devices.extend(asked.iter().map(Box::from));
                Ok(words::confirmed(Confirmed::On, None, Some(token)))
            }
            "unsubscribe_device" => {
                let (token, asked) = device()?;
                let mut devices = self.devices.lock();
                for device in asked.iter() {
                    devices.remove(device);
                }
                Ok(words::confirmed(Confirmed::Off, None, Some(token)))
            }
            other => Err(Wrong::UnknownType(words::quoted(other))),
        }
    }
}

impl crate::dialect::Inbound for Inbound {
    fn on_open(&mut self, now: Now) -> Intents<'static> {
        self.beat = Some(now.instant + HEARTBEAT);
        Intents::new()
    }

    fn on_frame<'a>(&mut self, frame: Frame<'a>, now: Now) -> (Intents<'a>, Notes) {
        let done = self.gate.admit(frame, now.instant).and_then(|text| self.message(text, now));
        let notes = Notes { kind: super::inbound::kind(done.as_ref().err()), ..Notes::default() };
        let intent = match done {
            Ok(answer) => Intent::Answer(answer),
            // It has one word for all of them.
            Err(Wrong::NotObject | Wrong::Binary) => Intent::Refused(Some(words::bare_error(&Wrong::NotJson))),
            Err(wrong) => Intent::Refused(Some(words::bare_error(&wrong))),
        };
        (Intents::from_buf([intent]), notes)
    }

    fn deadline(&self) -> Option<Instant> {
        self.beat
    }

    fn on_tick(&mut self, now: Now) -> Intents<'static> {
        let Some(due) = self.beat.filter(|due| *due <= now.instant) else { return Intents::new() };
        // One for each period, unless the machine slept through it.
        self.beat = Some((due + HEARTBEAT).max(now.instant + HEARTBEAT / 2));
        Intents::from_buf([Intent::Answer(words::heartbeat(now.at))])
    }
}

/// The fan-out's half.
#[derive(Debug)]
pub struct Outbound {
    devices: Devices,
}

impl crate::dialect::Outbound for Outbound {
    fn choose(&self, reading: &Reading<'_>, _now: Instant) -> Result<Choice, Hidden> {
        let facts = reading.valtronics().ok_or(Hidden::DialectRule)?;
        let hears = match facts.kind() {
            Kind::Alert | Kind::SystemNotification => true,
            Kind::TelemetryUpdate | Kind::DeviceUpdate => {
                facts.device().is_some_and(|device| self.devices.lock().contains(device))
            }
            Kind::DeviceStatusUpdate | Kind::SystemStatusUpdate | Kind::Other => false,
        };
        if hears { Ok(Shape::whole(Spoken::Valtronics, 0).into()) } else { Err(Hidden::DialectRule) }
    }

    fn render(&self, reading: &Reading<'_>, shape: &Shape) -> Result<OwnedFrame, Hidden> {
        render(reading.valtronics(), shape)
    }
}
