//! Owns what each step of a conversation is in acts: who sends, and who must get what.
//!
//! Frames of a connection come in order, and everybody's inbox is looked at in the end. So what must not come is waited
//! for only where it could still come rightly afterwards: before the client says something that changes what it hears.

use super::people::WORKER;
use super::said::Message;
use super::{ANYBODY, Director, GROUP, ME, Played};
use crate::compat::Capability;
use crate::compat::suite::{Act, Channel, Name, Pattern, Speaks, Step, Written};
use serde_json::Map;
use std::time::Duration;

/// Who announces.
const SERVER: &str = "server";
/// When it was said, as far as the hub knows.
const SENT_AT: &str = "2026-03-11T12:34:56.789Z";

impl Director<'_> {
    /// One step, with those behind it.
    pub fn step(&mut self, at: usize) -> Played {
        let steps = self.steps;
        let Some((step, behind)) = steps.get(at..).and_then(<[Step]>::split_first) else { return Ok(()) };
        if let Some(frame) = &step.client {
            self.settle();
            let frame = self.presented(frame, behind)?;
            self.said = Some(frame.clone());
            self.send(ME, frame);
        } else if let Some(frame) = &step.answer {
            self.expect(ME, Pattern::Now(frame.clone()));
        } else if let Some(frame) = &step.heard {
            self.pending = false;
            self.expect(ME, Pattern::Now(frame.clone()));
        } else if let Some(content) = &step.published {
            self.published(content, step);
        } else if let Some(content) = &step.announced {
            self.group_hears(content, SERVER);
            self.comes_back(Message::of(content).and_then(|said| said.token("payload")));
        } else if let Some(content) = &step.hub {
            self.hub(content, step)?;
        } else if let Some(frame) = &step.legacy {
            self.legacy(frame, step.role.as_deref())?;
        } else if let Some(event) = &step.presence {
            self.presence(event, step)?;
        } else if let Some(time) = &step.wait {
            self.settle();
            let time = crate::config::parse_duration(time).map_err(|_| "its time is no duration")?;
            self.wait(time);
        } else if let Some(members) = &step.members {
            self.is_true(members.as_ref())?;
        } else if let Some(code) = step.closed {
            self.acts.push(Act::Ended { client: ME.to_owned(), codes: vec![code] });
        } else if step.login {
            self.unasked(behind)?;
        } else if step.hidden {
            self.pending = true;
        } else if step.nothing && !behind.is_empty() {
            let all = self.hearers.iter().cloned().chain([ME.to_owned()]).collect();
            self.acts.push(Act::Nothing(all));
            self.pending = false;
        }
        // What is left says what was presented, or is seen only from inside.
        Ok(())
    }

    /// Makes sure that what must not reach the client has not reached it.
    fn settle(&mut self) {
        if std::mem::take(&mut self.pending) {
            self.acts.push(Act::Nothing(vec![ME.to_owned()]));
        }
    }

    fn wait(&mut self, time: Duration) {
        self.lasts += time;
        self.acts.push(Act::Wait(time));
    }

    fn published(&mut self, content: &Written, step: &Step) {
        let from = if self.mount.client.is_some() { ME } else { ANYBODY };
        match &step.to {
            Some(to) => self.expect(to, envelope(content, from)),
            None => self.group_hears(content, from),
        }
        if self.role() == Some(WORKER) {
            let said = self.said.clone().filter(|_| step.exact);
            let said = said.as_ref().and_then(Written::text);
            self.comes_back(said.or_else(|| Message::of(content).and_then(|message| message.token("payload"))));
        }
    }

    /// Clients of Vectra hear what everybody hears, who said it too.
    fn comes_back(&mut self, text: Option<&str>) {
        if let Some(text) = text.filter(|_| self.speaks == Speaks::Vectra) {
            self.expect(ME, Pattern::Frame(Written::text_of(text)));
        }
    }

    /// Every V3 client in the group gets this.
    fn group_hears(&mut self, content: &Written, from: &str) {
        for name in self.hearers.clone() {
            self.expect(&name, envelope(content, from));
        }
    }

    /// A V3 client says something.
    fn hub(&mut self, content: &Written, step: &Step) -> Played {
        let message = Message::of(content).ok_or("what it says is no message")?;
        if step.from.as_deref() == Some(SERVER) {
            return self.on_the_hub(content, &message);
        }
        let speaker = self.speaker(step)?;
        let target = message.text("target");
        let mut hear: Vec<Name> = self.hearers.clone();
        match (message.text("msg_type").as_deref(), target.as_deref()) {
            (Some("heartbeat"), _) | (_, Some("echo")) => hear = vec![speaker.clone()],
            (_, Some("direct")) => {
                self.alone = true;
                let to = message.text("to_id");
                let has = |name: &Name| self.cast.get(name).is_some_and(|cast| cast.id.is_some() && cast.id == to);
                hear.retain(has);
                if hear.is_empty() && !has(&ME.to_owned()) {
                    return Err("nobody knows the id of its clients, so nobody can address them");
                }
            }
            (_, Some("broadcast")) => self.alone = true,
            _ => {}
        }
        self.send(&speaker, content.clone());
        for name in hear {
            self.expect(&name, envelope(content, &speaker));
        }
        Ok(())
    }

    /// What no client can say is written on the hub, as another node of the server would. It names no group: which one
    /// it is, the channel says.
    fn on_the_hub(&mut self, content: &Written, message: &Message<'_>) -> Played {
        let mut text = String::from("{");
        for (key, value) in message.tokens() {
            text.push_str(&format!("{key}:{value},"));
            if key == "\"target\"" {
                text.push_str(&format!("\"from_id\":\"{SERVER}\","));
            }
        }
        text.push_str(&format!("\"sent_at\":\"{SENT_AT}\"}}"));
        self.needs.insert(Capability::Hub);
        self.acts.push(Act::Publish { on: Channel::Group(GROUP.to_owned()), frame: Written::text_of(text) });
        self.group_hears(content, SERVER);
        Ok(())
    }

    /// Another client of the dialect says something. What V3 clients get of it is told by other cases.
    fn legacy(&mut self, frame: &Written, role: Option<&str>) -> Played {
        let name = self.other(role)?;
        self.send(name, frame.clone());
        for name in self.hearers.clone() {
            self.expect(&name, Pattern::Json(Map::new()));
        }
        Ok(())
    }
}

fn envelope(content: &Written, from: &str) -> Pattern {
    Pattern::Envelope { content: content.clone(), from: from.to_owned() }
}
