//! Owns how a conversation is played over sockets: the client it is about, V3 clients in its group who hear what is
//! published there and say what the hub is to say, and others of its dialect. What the conversation takes for given, such
//! as who is present, is brought about; what cannot be brought about from outside is said. Pure.

mod acts;
mod login;
mod people;
mod said;
#[cfg(test)]
mod tests;

use super::headed;
use crate::compat::suite::{Act, Case, Cast, Conversation, File, Name, Speaks, Step};
use crate::compat::{Capability, Check, Lane, Mount, Profile};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The client it is about.
const ME: &str = "me";
/// The group of all who take part, as `Cast` names it.
const GROUP: &str = "g1";
/// Stands for a sender whose id nobody but the server knows.
const ANYBODY: &str = "<any>";

/// Why something cannot be played.
type Played<T = ()> = Result<T, &'static str>;

/// A conversation as a check.
pub(super) fn check(file: &File, case: &Case, conversation: &Conversation, profile: &Profile) -> Check {
    let directed = Director::new(file, conversation, profile).and_then(Director::direct);
    // Its settings are the mount's: whether the target has such a one is known already.
    let mut check = headed(file, case);
    match directed {
        Err(why) => check.unplayable = Some(why),
        Ok(directed) => {
            check.lane = directed.lane(&file.dialect);
            check.lasts = directed.lasts;
            check.needs.extend(directed.needs);
            check.script.clients = directed.cast;
            check.script.acts = directed.acts;
        }
    }
    check
}

/// What is known while a conversation is turned into acts.
struct Director<'c> {
    profile: &'c Profile,
    speaks: Speaks,
    settings: &'c Map<String, Value>,
    mount: &'c Mount,
    steps: &'c [Step],
    cast: BTreeMap<Name, Cast>,
    acts: Vec<Act>,
    needs: BTreeSet<Capability>,
    /// V3 clients that are in the group, and so hear all that is said there.
    hearers: Vec<Name>,
    /// Where the clients of the case come in; each way in has a group of its own.
    groups: Vec<&'c str>,
    /// The last frame of the client.
    said: Option<crate::compat::suite::Written>,
    /// The worker of Vectra that is present: what it has said of itself.
    worker: Option<Option<Value>>,
    /// Something was said that must not reach the client, and it is not yet sure that it did not.
    pending: bool,
    /// How long the next frame may take.
    within: Option<Duration>,
    /// More than the group hears it.
    alone: bool,
    lasts: Duration,
}

impl<'c> Director<'c> {
    fn new(file: &File, conversation: &'c Conversation, profile: &'c Profile) -> Played<Self> {
        let speaks = match file.dialect.as_str() {
            "valtronics" => Speaks::Valtronics,
            "server-monitor" => Speaks::ServerMonitor,
            "vectra" => Speaks::Vectra,
            _ => return Err("no way in speaks this dialect"),
        };
        let Conversation { settings, steps } = conversation;
        let mount = match login::turned_down(steps)? {
            None => profile.mount(speaks, settings).ok_or("no way in with these settings")?,
            Some(why) => {
                let mut settings = settings.clone();
                settings.insert("denies".to_owned(), why.into());
                profile.mount(speaks, &settings).ok_or("no way in where everybody is turned down for this")?
            }
        };
        let mut director = Self {
            profile,
            speaks,
            settings,
            mount,
            steps,
            cast: BTreeMap::new(),
            acts: Vec::new(),
            needs: BTreeSet::new(),
            hearers: Vec::new(),
            groups: vec![mount.group.as_str()],
            said: None,
            worker: None,
            pending: false,
            within: None,
            alone: false,
            lasts: Duration::ZERO,
        };
        director.assemble(file.needs.contains(&Capability::V3))?;
        Ok(director)
    }

    fn direct(mut self) -> Played<Self> {
        for at in 0..self.steps.len() {
            self.step(at)?;
        }
        self.leave_the_stage();
        Ok(self)
    }

    /// The role of the client, where its dialect has several.
    fn role(&self) -> Option<&'c str> {
        self.settings.get("role").and_then(Value::as_str)
    }

    /// Its group is one that others are in as well.
    fn is_shared(&self) -> bool {
        self.groups.iter().any(|group| !group.contains("{group}"))
    }

    fn lane(&self, dialect: &str) -> Lane {
        let shared = self.groups.iter().find(|group| !group.contains("{group}"));
        match shared {
            _ if self.alone => Lane::Alone,
            Some(group) => Lane::Serial(format!("{dialect} {group}")),
            // Of Vectra there is one worker, whatever its group.
            None if self.speaks == Speaks::Vectra => Lane::Serial(dialect.to_owned()),
            None => Lane::Free,
        }
    }
}
