//! Owns who takes part in a conversation, and that they are there when it begins: V3 clients, the worker of Vectra, the
//! client itself; and those who come later.

use super::{Director, ME, Played, login};
use crate::compat::suite::{Act, Cast, Expect, Name, Pattern, Speaks, Step, Written};
use crate::compat::{Capability, Mount};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The V3 client that speaks when a case does not say who.
const SPEAKER: &str = "c9";
/// A V3 client that only hears.
const OBSERVER: &str = "observer";
/// The same, but for who comes and goes.
const WATCH: &str = "watch";
/// Who comes and goes when a case does not say who.
const NEWCOMER: &str = "newcomer";
/// The id of the worker of Vectra.
pub const WORKER: &str = "worker";
/// Another client of the dialect.
const OTHER: &str = "other";
/// Who was in a group for longer than this after its connection was gone, is gone.
const GRACE: Duration = Duration::from_secs(3);

impl<'c> Director<'c> {
    /// All who are there when the conversation begins.
    pub fn assemble(&mut self, watched: bool) -> Played {
        let mut me = Cast::new(self.speaks);
        me.id.clone_from(&self.mount.client);
        me.settings.clone_from(&self.mount.settings);
        self.cast.insert(ME.to_owned(), me);
        for role in self.steps.iter().filter(|step| step.legacy.is_some()).map(|step| step.role.as_deref()) {
            let mount = self.profile.mount(self.speaks, &self.settings_of(role));
            self.groups.extend(mount.map(|mount| mount.group.as_str()));
        }
        self.bring_watch();
        // Before the others, who would hear that it comes.
        self.bring_worker()?;
        if watched {
            self.bring_hearers();
        }
        self.acts.push(Act::Connect(ME.to_owned()));
        if !self.steps.first().is_some_and(|step| step.login) {
            let acts = login::acts(ME, self.speaks, self.mount)?;
            self.acts.extend(acts);
        }
        self.somebody_joins();
        Ok(())
    }

    /// Who is told of all that come and go, from the first on: so it is sure that what is told is told of this one.
    fn bring_watch(&mut self) {
        let told = |step: &Step| {
            let again = step.presence.as_deref() == Some("join") && self.is_there(newcomer(step));
            step.presence.is_some() && !again
        };
        if !self.steps.iter().any(told) {
            return;
        }
        self.needs.insert(Capability::PresenceEvents);
        if self.is_shared() {
            // So that it is not told of those who were in the group before.
            self.acts.push(Act::Wait(GRACE));
            self.lasts += GRACE;
        }
        self.v3(WATCH, None, true);
    }

    /// V3 clients that speak, are addressed, or at least hear what is published.
    fn bring_hearers(&mut self) {
        let asked = self.steps.iter().filter_map(|step| step.to.as_deref());
        let asked: Vec<_> = asked.filter(|name| *name != OBSERVER).collect();
        let speak = self.steps.iter().filter(|step| step.hub.is_some()).map(speaker);
        let mut names: Vec<_> = speak.filter(|name| !["server", WORKER].contains(name)).collect();
        names.extend(&asked);
        if names.is_empty() || !asked.is_empty() {
            names.push(OBSERVER);
        }
        for name in names {
            if !self.cast.contains_key(name) {
                // The texts name whoever is addressed.
                let id = asked.contains(&name).then(|| name.to_owned());
                self.v3(name, id, false);
            }
        }
    }

    /// A V3 client comes, and hears the group from now on.
    pub fn v3(&mut self, name: &str, id: Option<String>, presence: bool) {
        // Of a second connection of somebody nobody is told.
        let is_same = |cast: &Cast| cast.id.is_some() && cast.id == id;
        let again = id.as_deref().is_some_and(|id| self.is_there(id)) || self.cast.values().any(is_same);
        self.needs.insert(Capability::V3);
        self.cast.insert(name.to_owned(), Cast { id, presence, ..Cast::new(Speaks::V3) });
        self.acts.push(Act::Connect(name.to_owned()));
        self.hearers.push(name.to_owned());
        if !again {
            self.told("join", name);
        }
    }

    /// Is the worker there, and what has it said of itself? As the first question for it is answered.
    fn bring_worker(&mut self) -> Played {
        let Some(Some(members)) = self.steps.iter().find_map(|step| step.members.as_ref()) else { return Ok(()) };
        if self.speaks != Speaks::Vectra || self.role() == Some(WORKER) {
            return Ok(());
        }
        let Some(metadata) = worker_in(members) else { return Ok(()) };
        // One that speaks V3 can be seen to come and go, and announces nothing beside.
        let goes = self.steps.iter().any(|step| step.presence.is_some());
        let works = metadata.is_some() || self.steps.iter().any(|step| step.legacy.is_some());
        let mount = self.profile.mount(self.speaks, &self.settings_of(Some(WORKER)));
        match mount.filter(|_| works || !goes) {
            None if works => return Err("no way in for a worker"),
            None => {
                self.v3(WORKER, Some(WORKER.to_owned()), false);
            }
            Some(mount) => {
                self.join(WORKER, mount)?;
                self.status_comes();
                if let Some(metadata) = &metadata {
                    let frame = json!({"type": "REGISTER_WORKER", "metadata": metadata}).to_string();
                    self.send(WORKER, Written::text_of(frame));
                    self.status_comes();
                }
            }
        }
        self.worker = Some(metadata);
        Ok(())
    }

    /// The worker hears how it is announced: whoever comes later does not.
    fn status_comes(&mut self) {
        self.expect(WORKER, object(json!({"type": "WORKER_STATUS"})));
        for name in self.hearers.clone() {
            self.expect(&name, object(json!({"cmd": "WORKER_STATUS"})));
        }
    }

    /// A client of the dialect, whose id is perhaps the server's affair, has come.
    fn somebody_joins(&mut self) {
        if self.cast.contains_key(WATCH) {
            self.expect(WATCH, object(json!({"msg_type": "presence", "payload": {"event": "join"}})));
        }
    }

    /// Another client of the dialect comes; what it gets is not looked at.
    fn join(&mut self, name: &str, mount: &Mount) -> Played {
        let id = mount.client.clone();
        let settings = mount.settings.clone();
        let cast = Cast { id, settings, deaf: true, ..Cast::new(self.speaks) };
        self.cast.insert(name.to_owned(), cast);
        self.acts.push(Act::Connect(name.to_owned()));
        let acts = login::acts(name, self.speaks, mount)?;
        self.acts.extend(acts);
        self.somebody_joins();
        Ok(())
    }

    /// Who says what another client of the dialect says.
    pub fn other(&mut self, role: Option<&str>) -> Played<&'static str> {
        let same = role.is_some() && role == self.role();
        match self.speaks {
            // There is one worker: nobody else says what it says.
            Speaks::Vectra if same && role == Some(WORKER) => return Ok(ME),
            Speaks::Vectra if role == Some(WORKER) && !self.cast.contains_key(WORKER) => {
                return Err("the worker would have to say something without being there");
            }
            Speaks::Vectra if role == Some(WORKER) => return Ok(WORKER),
            Speaks::ServerMonitor if same && role == Some("agent") => return Err("of each server there is one agent"),
            _ => {}
        }
        if !self.cast.contains_key(OTHER) {
            let mount =
                self.profile.mount(self.speaks, &self.settings_of(role)).ok_or("no way in for the other one")?;
            self.join(OTHER, mount)?;
        }
        Ok(OTHER)
    }

    /// The settings of a client that is as this one, but for its role.
    fn settings_of(&self, role: Option<&str>) -> Map<String, Value> {
        let mut settings = self.settings.clone();
        if let Some(role) = role {
            settings.insert("role".to_owned(), role.into());
        }
        settings
    }

    /// Who says this on the hub.
    pub fn speaker(&mut self, step: &Step) -> Played<Name> {
        match speaker(step) {
            WORKER if !self.hearers.iter().any(|name| self.is_worker(name)) => {
                let name = if self.cast.contains_key(WORKER) { "worker in v3" } else { WORKER };
                self.v3(name, Some(WORKER.to_owned()), false);
                Ok(name.to_owned())
            }
            WORKER => self.hearers.iter().find(|name| self.is_worker(name)).cloned().ok_or("no worker"),
            name => Ok(name.to_owned()),
        }
    }

    fn is_worker(&self, name: &str) -> bool {
        self.cast.get(name).is_some_and(|cast| cast.speaks == Speaks::V3 && cast.id.as_deref() == Some(WORKER))
    }

    /// Somebody comes or goes.
    pub fn presence(&mut self, event: &str, step: &Step) -> Played {
        let (name, id) = (newcomer(step), step.from.clone());
        match (event, self.hearers.iter().position(|one| one == name)) {
            ("join", None) if !self.is_there(name) => self.v3(name, id, false),
            ("join", _) => self.v3(&format!("{name} again"), id, false),
            ("leave", Some(at)) => {
                self.hearers.remove(at);
                self.acts.push(Act::Close { client: name.to_owned(), code: 1000 });
                self.told("leave", name);
            }
            _ => return Err("whoever leaves was never there"),
        }
        Ok(())
    }

    /// Is the client this one, or one that was there from the beginning?
    fn is_there(&self, id: &str) -> bool {
        id == WORKER && (self.worker.is_some() || self.role() == Some(WORKER))
    }

    /// The watch is told, if there is one.
    fn told(&mut self, event: &str, name: &str) {
        if !self.cast.contains_key(WATCH) {
            return;
        }
        self.expect(WATCH, Pattern::Presence { event: event.to_owned(), of: name.to_owned() });
    }

    /// The question who is present is answered by the truth, if that is what the case says.
    pub fn is_true(&self, members: Option<&Value>) -> Played {
        let members = members.ok_or("the server's hub is not taken away from outside")?;
        let worker = if self.role() == Some(WORKER) { Some(None) } else { self.worker.clone() };
        if worker_in(members) == worker { Ok(()) } else { Err("who is present changes unseen") }
    }

    /// Leaves a group that others will join so that they find nobody in it.
    pub fn leave_the_stage(&mut self) {
        if self.speaks != Speaks::Vectra || !self.is_shared() {
            return;
        }
        let all: Vec<_> = self.cast.keys().filter(|name| self.hearers.contains(name) || *name == ME).cloned().collect();
        self.acts.push(Act::Nothing(all.clone()));
        let others = self.cast.iter().filter(|(_, cast)| cast.deaf).map(|(name, _)| name.clone());
        let others: Vec<_> = others.collect();
        self.acts.extend(all.into_iter().chain(others).map(|client| Act::Close { client, code: 1000 }));
        self.acts.push(Act::Wait(GRACE));
    }

    pub fn expect(&mut self, client: &str, what: Pattern) {
        let within = if client == ME { self.within.take() } else { None };
        self.acts.push(Act::Expect(Expect { client: client.to_owned(), what, times: 1, within }));
    }

    pub fn send(&mut self, client: &str, frame: Written) {
        self.acts.push(Act::Send { client: client.to_owned(), frame, times: 1 });
    }
}

fn newcomer(step: &Step) -> &str {
    step.from.as_deref().unwrap_or(NEWCOMER)
}

fn object(members: Value) -> Pattern {
    match members {
        Value::Object(members) => Pattern::Json(members),
        _ => Pattern::Json(Map::new()),
    }
}

fn speaker(step: &Step) -> &str {
    step.from.as_deref().unwrap_or(SPEAKER)
}

/// What the worker has said of itself, if it is one of them.
fn worker_in(members: &Value) -> Option<Option<Value>> {
    let worker = members.as_array()?.iter().find(|one| one.get("client_id").and_then(Value::as_str) == Some(WORKER))?;
    Some(worker.get("metadata").filter(|metadata| !metadata.is_null()).cloned())
}
