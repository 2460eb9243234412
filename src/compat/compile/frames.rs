//! Owns what becomes of a case of one frame: a check for each side that looks at it. `#v2`: legacy clients get their
//! own frame back; `#v3`: V3 clients get the envelope; `#flat`: legacy clients get what a V3 client says.

use super::headed;
use super::scenario::SHARED_IDS;
use super::settings::{V2_HEARS, V2_PRESENCE, V2_SAYS, V3_SAYS, needed};
use crate::compat::check::{Check, Lane, Script};
use crate::compat::judge::is_presence_noise;
use crate::compat::suite::{
    Act, Case, Cast, Channel, Direction, Expect, File, FrameCase, Legacy, Name, Pattern, Source, Speaks, Written,
};
use crate::compat::{Capability, Profile};
use crate::envelope::json;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const SENDER: &str = "sender";
const PEER: &str = "peer";
const ADDRESSEE: &str = "addressee";
const STRANGER: &str = "stranger";
const OBSERVER: &str = "observer";

const MAY_BROADCAST: &str = "it needs a client that may not broadcast";
const SERVER: &str = "nobody can be called server";
const FLAT: &str = "no guide says how legacy clients see what V3 clients say";
const ACCOUNT: &str = "it is of an account, and who is shown it depends on the server's accounts";
const JOURNAL: &str = "it names a place in a journal that the server itself has to write";

/// All that looks at this case.
pub fn checks(file: &File, case: &Case, frame: &FrameCase, profile: &Profile) -> Vec<Check> {
    let play = Play { file, case, frame, profile };
    match (file.direction, file.dialect.as_str()) {
        (Direction::FromHub, _) => play.of_hub(),
        (_, "aether-v3") => play.of_v3(),
        _ => play.of_v2(),
    }
}

struct Play<'a> {
    file: &'a File,
    case: &'a Case,
    frame: &'a FrameCase,
    profile: &'a Profile,
}

/// Where a frame goes.
enum Target {
    Group,
    Direct(String),
    Broadcast,
    Echo,
}

/// Who takes part, and who of them hears what the sender says.
struct Stage {
    clients: BTreeMap<Name, Cast>,
    hear: Vec<&'static str>,
    sender_hears: bool,
    /// The others.
    deaf: Vec<&'static str>,
    lane: Lane,
    unplayable: Option<&'static str>,
}

impl Play<'_> {
    fn of_v2(&self) -> Vec<Check> {
        let expect = &self.frame.expect;
        let input = &self.frame.input;
        let target = expect.v3.as_ref().map_or(Target::Echo, target_of);
        let is_echo = matches!(target, Target::Echo);
        let mut all = Vec::new();
        let any = (!is_object(input)).then_some(Capability::V2AnyFrame);
        let barred = (!self.frame.may_broadcast).then_some(MAY_BROADCAST);
        // Its own frame comes back to the sender as to its peers, or it alone is answered.
        let own = Pattern::Frame(expect.answer.as_ref().unwrap_or(input).clone());
        let stage = Stage::of(Speaks::V2, Speaks::V2, &target);
        let mut check = self.check("v2", &[Capability::V2], &[V2_SAYS, V2_PRESENCE]);
        let private = matches!(target, Target::Direct(_) | Target::Echo) && expect.answer.is_none();
        check.needs.extend(any);
        check.needs.extend(private.then_some(Capability::V2Groups));
        all.push(stage.play(check, input, &own, Some(&own)).barred(barred));
        let Some(v3) = &expect.v3 else { return all };
        let stage = Stage::of(Speaks::V2, Speaks::V3, &target);
        let mut check = self.check("v3", BRIDGE, &[V2_SAYS, V2_PRESENCE]);
        check.needs.extend(any);
        let sealed = Pattern::Envelope { content: v3.clone(), from: SENDER.to_owned() };
        all.push(stage.play(check, input, &sealed, None).barred(barred));
        if let (Some(flat), false) = (&expect.flat, is_echo) {
            all.push(self.flat(v3, flat, &target));
        }
        all
    }

    fn of_v3(&self) -> Vec<Check> {
        let (expect, input) = (&self.frame.expect, &self.frame.input);
        let check = self.check("v3", &[Capability::V3], &[V3_SAYS]);
        let alone = Stage::of(Speaks::V3, Speaks::V3, &Target::Echo);
        if let Some(errors) = &expect.errors {
            let told = Pattern::Errors(errors.clone());
            return vec![alone.play(check.needing(Capability::ErrorEnvelope), input, &told, Some(&told))];
        }
        let Some(v3) = &expect.v3 else {
            let mut stage = alone;
            stage.leave(PEER);
            let members = Pattern::Json(members_of_one());
            return vec![stage.play(check.needing(Capability::PresenceQuery), input, &members, Some(&members))];
        };
        // A heartbeat is for its sender, whatever its target.
        let private = matches!(expect.intent.as_deref(), Some("echo" | "heartbeat"));
        let target = if private { Target::Echo } else { target_of(v3) };
        let sealed = Pattern::Envelope { content: v3.clone(), from: SENDER.to_owned() };
        let mut all = vec![Stage::of(Speaks::V3, Speaks::V3, &target).play(check, input, &sealed, Some(&sealed))];
        if let (Some(flat), false) = (&expect.flat, private) {
            all.push(self.flat(input, flat, &target));
        }
        all
    }

    /// A V3 client says it, and legacy clients hear it.
    fn flat(&self, said: &Written, flat: &Written, target: &Target) -> Check {
        let flat = Pattern::Flat { content: flat.clone(), from: SENDER.to_owned() };
        let mut check = self.check("flat", BRIDGE, &[V3_SAYS, V2_HEARS]);
        if check.source.is_promise() {
            check.source = Source::Proxy { why: FLAT.to_owned() };
        }
        Stage::of(Speaks::V3, Speaks::V2, target).play(check, said, &flat, None)
    }

    fn of_hub(&self) -> Vec<Check> {
        let expect = &self.frame.expect;
        let legacy = match &expect.v2 {
            Some(Legacy::Frame(frame)) => Some(frame),
            Some(Legacy::Word(_)) | None => None,
        };
        let barred = match (&expect.stamp, &expect.account) {
            (Some(_), _) => Some(JOURNAL),
            (None, Some(_)) => Some(ACCOUNT),
            (None, None) => None,
        };
        let v3 = self.check("v3", &[Capability::Hub, Capability::V3], &[]);
        let v2 = self.check("v2", &[Capability::Hub, Capability::V2, Capability::Bridge], &[V2_HEARS]);
        vec![
            self.told(v3, Speaks::V3, expect.v3.as_ref()).barred(barred),
            self.told(v2, Speaks::V2, legacy).barred(barred),
        ]
    }

    /// A client of the group gets this of the hub's text, or nothing.
    fn told(&self, mut check: Check, speaks: Speaks, gets: Option<&Written>) -> Check {
        let mut acts = vec![Act::Connect(OBSERVER.to_owned())];
        let tells_presence = speaks == Speaks::V3 && gets.is_some_and(|frame| is_presence_noise(frame.frame()));
        let presence_shown = check.settings.get("v2.presence") == Some(&Value::Bool(true));
        if tells_presence {
            // Whoever wants to see such a message sees that it came itself, before.
            check.needs.insert(Capability::PresenceEvents);
            let came = Pattern::Presence { event: "join".to_owned(), of: OBSERVER.to_owned() };
            acts.push(expect(OBSERVER, &came));
        } else if presence_shown {
            check.needs.insert(Capability::PresenceEvents);
            let came = serde_json::json!({"event": "join", "_v3": {"msg_type": "presence"}});
            acts.push(expect(OBSERVER, &Pattern::Json(came.as_object().cloned().unwrap_or_default())));
        }
        acts.push(Act::Publish { on: Channel::Group("g1".to_owned()), frame: self.frame.input.clone() });
        acts.push(match gets {
            Some(frame) => expect(OBSERVER, &Pattern::Frame(frame.clone())),
            None => Act::Nothing(vec![OBSERVER.to_owned()]),
        });
        let observer = Cast { presence: tells_presence || speaks == Speaks::V2, ..cast(speaks, "g1") };
        check.script = Script { clients: [(OBSERVER.to_owned(), observer)].into(), acts, placeholders: false };
        check
    }

    fn check(&self, side: &str, needs: &[Capability], depends_on: &[&[&str]]) -> Check {
        let mut check = headed(self.file, self.case);
        check.id = format!("{}#{side}", check.id);
        check.needs.extend(needs);
        check.settings = needed(&self.frame.settings, self.profile, depends_on);
        check
    }
}

/// What a check needs in which both generations take part.
const BRIDGE: &[Capability] = &[Capability::V2, Capability::V3, Capability::Bridge];

impl Check {
    fn barred(mut self, why: Option<&'static str>) -> Self {
        self.unplayable = self.unplayable.or(why);
        self
    }

    fn needing(mut self, capability: Capability) -> Self {
        self.needs.insert(capability);
        self
    }
}

impl Stage {
    /// One sender, and others that speak this.
    fn of(sender: Speaks, others: Speaks, target: &Target) -> Self {
        let clients = [(SENDER.to_owned(), cast(sender, "g1")), (PEER.to_owned(), cast(others, "g1"))];
        let mut stage = Self {
            clients: clients.into(),
            hear: Vec::new(),
            sender_hears: true,
            deaf: Vec::new(),
            lane: Lane::Free,
            unplayable: None,
        };
        match target {
            Target::Group => stage.hear = vec![PEER],
            Target::Echo => stage.deaf = vec![PEER],
            Target::Broadcast => {
                stage.clients.insert(STRANGER.to_owned(), cast(others, "g2"));
                stage.hear = vec![PEER, STRANGER];
                stage.lane = Lane::Alone;
            }
            Target::Direct(to) => {
                let addressee = Cast { id: Some(to.clone()), ..cast(others, "g2") };
                stage.clients.insert(ADDRESSEE.to_owned(), addressee);
                (stage.hear, stage.deaf) = (vec![ADDRESSEE], vec![PEER, SENDER]);
                stage.sender_hears = false;
                stage.lane = Lane::Serial(SHARED_IDS.to_owned());
                stage.unplayable = (to == "server").then_some(SERVER);
            }
        }
        stage
    }

    fn leave(&mut self, name: &str) {
        self.clients.remove(name);
        self.deaf.retain(|deaf| *deaf != name);
    }

    /// The sender says this; all that hear it get `heard`, and the sender itself, where it hears it too, gets `own`.
    /// Without `own` another check looks at that.
    fn play(mut self, mut check: Check, said: &Written, heard: &Pattern, own: Option<&Pattern>) -> Check {
        if let (None, true, Some(sender)) = (own, self.sender_hears, self.clients.get_mut(SENDER)) {
            sender.deaf = true;
        }
        // Whoever is to hear it comes first.
        let others = self.clients.keys().filter(|name| *name != SENDER);
        let mut acts: Vec<_> = others.chain([&SENDER.to_owned()]).map(|name| Act::Connect(name.clone())).collect();
        acts.push(Act::Send { client: SENDER.to_owned(), frame: said.clone(), times: 1 });
        acts.extend(own.filter(|_| self.sender_hears).map(|own| expect(SENDER, own)));
        acts.extend(self.hear.iter().map(|name| expect(name, heard)));
        if !self.deaf.is_empty() {
            acts.push(Act::Nothing(self.deaf.iter().map(|name| (*name).to_owned()).collect()));
        }
        (check.lane, check.unplayable) = (self.lane, self.unplayable);
        check.script = Script { clients: self.clients, acts, placeholders: false };
        check
    }
}

fn cast(speaks: Speaks, group: &str) -> Cast {
    // What looks like such a message to a legacy client is somebody's frame.
    Cast { group: group.to_owned(), presence: speaks == Speaks::V2, ..Cast::new(speaks) }
}

fn expect(client: &str, what: &Pattern) -> Act {
    Act::Expect(Expect { client: client.to_owned(), what: what.clone(), times: 1, within: None })
}

fn is_object(frame: &Written) -> bool {
    frame.text().is_some_and(|text| json::tokens(text).is_ok())
}

/// Where an envelope goes.
fn target_of(content: &Written) -> Target {
    let members = content.text().and_then(|text| json::tokens(text).ok()).unwrap_or_default();
    let text = |key: &str| {
        let member = members.iter().rev().find(|member| member.key == key);
        member.and_then(|member| json::decode_str(member.value))
    };
    match text("target").as_deref() {
        Some("direct") => Target::Direct(text("to_id").unwrap_or_default().into_owned()),
        Some("broadcast") => Target::Broadcast,
        Some("echo") => Target::Echo,
        _ => Target::Group,
    }
}

/// The answer to the question who is there, in a group of one.
fn members_of_one() -> Map<String, Value> {
    let answer = serde_json::json!({
        "version": "3", "msg_type": "presence", "target": "echo", "from_id": "server", "to_id": "<string>",
        "payload": {"members": [{"client_id": "<string>", "protocol": "v3"}], "count": 1}, "sent_at": "<time>",
    });
    answer.as_object().cloned().unwrap_or_default()
}
