//! Owns what one connection has subscribed to: a filter for each channel and device, or for whatever device. Both its
//! halves share it: the session subscribes, and the fan-out asks who hears a frame.

use super::Channel;
use super::facts::Facts;
use super::filter::{Filter, Values};
use super::sampler::{Numbers, Sampler};
use super::words::Wrong;
use crate::dialect::{Choice, Hidden, Later, Shape, Spoken};
use crate::label::Label;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// Channels and devices that one connection may subscribe to.
pub const SUBSCRIPTIONS: usize = 512;

/// Everything one connection has subscribed to.
#[derive(Debug, Default)]
pub struct Subscriptions {
    channels: [Subscribed; Channel::ALL.len()],
    numbers: Numbers,
}

/// To one channel.
#[derive(Debug, Default)]
struct Subscribed {
    /// Whatever device a frame is of, and where it is of none.
    all: Option<Arc<Filter>>,
    /// `all` came with the endpoint; the client has not asked for anything yet.
    preset: bool,
    devices: HashMap<Box<str>, Arc<Filter>>,
    sampler: Sampler,
}

impl Subscriptions {
    /// To nothing but the channel of the endpoint, if it has one.
    pub fn new(preset: Option<Channel>) -> Self {
        let mut own = Self::default();
        if let Some(channel) = preset {
            let subscribed = &mut own.channels[channel.index()];
            (subscribed.all, subscribed.preset) = (Some(Arc::default()), true);
        }
        own
    }

    /// Subscribes. What was subscribed to before in the same place is replaced; other devices add up. The first wish
    /// takes the place of what came with the endpoint.
    ///
    /// # Errors
    /// That would be too many; nothing has changed then.
    pub fn subscribe(&mut self, channel: Channel, devices: Option<&Values>, filter: Filter) -> Result<(), Wrong> {
        let subscribed = &self.channels[channel.index()];
        let new = match devices {
            Some(devices) => devices.iter().filter(|device| !subscribed.devices.contains_key(*device)).count(),
            None => usize::from(subscribed.all.is_none()),
        };
        if self.channels.iter().map(Subscribed::count).sum::<usize>() + new > SUBSCRIPTIONS {
            return Err(Wrong::TooMany);
        }
        let subscribed = &mut self.channels[channel.index()];
        if std::mem::take(&mut subscribed.preset) {
            subscribed.all = None;
        }
        let filter = Arc::new(filter);
        match devices {
            Some(devices) => {
                subscribed.devices.extend(devices.iter().map(|device| (Box::from(device), filter.clone())));
            }
            None => subscribed.all = Some(filter),
        }
        Ok(())
    }

    /// Ends subscriptions to these devices, or all of the channel.
    pub fn unsubscribe(&mut self, channel: Channel, devices: Option<&Values>) {
        let subscribed = &mut self.channels[channel.index()];
        match devices {
            None => {
                subscribed.sampler.forget_all(&mut self.numbers);
                *subscribed = Subscribed::default();
            }
            Some(devices) => {
                for device in devices.iter() {
                    subscribed.devices.remove(device);
                    if subscribed.all.is_none() {
                        subscribed.sampler.forget(device, &mut self.numbers);
                    }
                }
            }
        }
    }

    /// Who hears a frame, what of it, and when.
    ///
    /// # Errors
    /// It is not for this client.
    pub fn choose(&mut self, facts: &Facts<'_>, now: Instant) -> Result<Choice, Hidden> {
        let channel = facts.channel().ok_or(Hidden::DialectRule)?;
        let subscribed = &mut self.channels[channel.index()];
        let (shape, later) = {
            let device = facts.device().and_then(|device| subscribed.devices.get(device));
            let let_through = subscribed.all.iter().chain(device).filter(|filter| filter.lets(facts));
            let heard: SmallVec<[&Filter; 2]> = let_through.map(|filter| &**filter).collect();
            if heard.is_empty() {
                return Err(Hidden::DialectRule);
            }
            // Each in its own period: the shortest is right for all, and real time is the shortest.
            let period = heard.iter().map(|filter| filter.period).min().flatten();
            (shape(&heard, facts)?, Self::later(&mut subscribed.sampler, facts, period, now, &mut self.numbers))
        };
        Ok(Choice { shape, later })
    }

    fn later(
        sampler: &mut Sampler,
        facts: &Facts<'_>,
        period: Option<std::time::Duration>,
        now: Instant,
        numbers: &mut Numbers,
    ) -> Option<Later> {
        if facts.is_value() { sampler.later(facts.device(), period, now, numbers) } else { None }
    }

    /// Is what waits in this slot still wanted?
    pub fn wants(&self, slot: u64) -> bool {
        self.numbers.has(slot)
    }
}

impl Subscribed {
    fn count(&self) -> usize {
        usize::from(self.all.is_some()) + self.devices.len()
    }
}

/// The metrics that any of these filters wants; whole where all are wanted.
fn shape(heard: &[&Filter], facts: &Facts<'_>) -> Result<Shape, Hidden> {
    let mut shape = Shape::whole(Spoken::Valtronics, 0);
    let Some(metrics) = facts.metrics().filter(|_| heard.iter().all(|filter| filter.metrics.is_some())) else {
        return Ok(shape);
    };
    let is_wanted = |name: &str| heard.iter().filter_map(|filter| filter.metrics.as_ref()).any(|all| all.has(name));
    // Behind more metrics than places have names none is found: such a frame is half a mebibyte of names.
    let wanted = (0..=u16::MAX).zip(metrics).filter(|(_, metric)| is_wanted(&metric.key)).map(|(at, _)| at);
    shape.cut.extend(wanted);
    match shape.cut.len() {
        0 => return Err(Hidden::DialectRule),
        all if all == metrics.len() => shape.cut.clear(),
        _ => {}
    }
    Ok(shape)
}
