//! Owns the way down: a draft becomes a legacy object again, members in the order of the steps, then the rest in the
//! order of the payload. What no legacy member stands for is left over, and only the view decides what becomes of it.

use super::explain::{Fate, Watch, below};
use super::plan::{Dest, NOTE, Plan};
use super::tree::Child;
use super::up::{Made, Rest, Slot, closed, folded, put};
use crate::dialect::lens::Sink;
use crate::envelope::json;
use crate::envelope::{Draft, MsgType, Target};
use smallvec::{SmallVec, smallvec};
use std::borrow::Cow;

/// What of a draft has no legacy member.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Left<'m> {
    /// `msg_type` is not what it would be taken for.
    pub msg_type: bool,
    /// `target` or `to_id` is not what it would be taken for.
    pub routing: bool,
    /// `msg`
    pub msg: Option<&'m str>,
    /// `cmd`
    pub cmd: Option<&'m str>,
    /// Members of the payload: the object, key token, value.
    payload: Vec<(usize, &'m str, &'m str)>,
}

impl Left<'_> {
    /// Is there content, which somebody said to be read?
    pub fn has_content(&self) -> bool {
        self.msg_type || self.msg.is_some() || self.cmd.is_some() || !self.payload.is_empty()
    }

    /// Nothing at all?
    pub fn is_nothing(&self) -> bool {
        !self.routing && !self.has_content()
    }

    /// The members of the payload, as an object.
    pub fn payload(&self, plan: &Plan) -> Option<Cow<'static, str>> {
        if self.payload.is_empty() {
            return None;
        }
        let mut buffers = vec![String::new(); plan.payload.nodes.len()];
        for (node, key, value) in &self.payload {
            put(&mut buffers[*node], key, value);
        }
        closed(folded(plan, &mut buffers))
    }
}

/// A draft, sorted into the legacy frame.
pub struct Sorted<'m> {
    plan: &'m Plan,
    /// What claimed members hold.
    slots: SmallVec<[Option<Cow<'m, str>>; 16]>,
    /// By legacy object: key token, value; in the order of the payload.
    rest: Rest<'m>,
    /// Legacy objects with something in them.
    filled: SmallVec<[bool; 8]>,
    /// What has no place.
    pub left: Left<'m>,
}

impl<'m> Sorted<'m> {
    /// Sorts it.
    pub fn new(plan: &'m Plan, draft: &'m Draft<'_>, watch: &mut impl Watch) -> Self {
        let mut sorted = Self::nothing(plan);
        let mut own = SmallVec::new();
        if let Some(payload) = draft.payload.as_deref() {
            sorted.object(0, payload, &mut own, watch);
        }
        sorted.envelope(draft, watch);
        // What did not fit on its way up stands under its own name, and goes back there if nothing else does.
        for (number, (node, key, value)) in own {
            if sorted.slots[number].is_none() {
                sorted.slots[number] = Some(Cow::Borrowed(value));
            } else {
                sorted.leave(node, key, value, watch);
            }
        }
        sorted.finish(watch);
        sorted
    }

    /// As `new` would sort it: what was just made of a legacy frame, without reading the payload again. None where the
    /// two might differ.
    pub fn again<'a: 'm>(plan: &'m Plan, draft: &'m Draft<'_>, made: Made<'a>) -> Option<Self> {
        let mut sorted = Self::nothing(plan);
        sorted.envelope(draft, &mut ());
        for (number, value) in made.own {
            if sorted.slots[number].replace(Cow::Borrowed(value)).is_some() {
                return None;
            }
        }
        for (number, slot) in made.slots.iter().enumerate() {
            if let (Slot::Token(token), Dest::Payload { .. }) = (slot, &plan.claims[number].dest) {
                sorted.slots[number] = Some(Cow::Borrowed(token));
            }
        }
        for (node, key, value) in made.rest {
            sorted.rest.push((node, key, value));
        }
        sorted.finish(&mut ());
        Some(sorted)
    }

    fn nothing(plan: &'m Plan) -> Self {
        Self {
            plan,
            slots: smallvec![None; plan.claims.len()],
            rest: SmallVec::new(),
            filled: smallvec![false; plan.legacy.nodes.len()],
            left: Left::default(),
        }
    }

    /// Once everything is in its place.
    fn finish(&mut self, watch: &mut impl Watch) {
        self.defaults(watch);
        for number in 0..self.slots.len() {
            if self.slots[number].is_some() {
                self.fill(self.plan.claims[number].node);
            }
        }
        for at in 0..self.rest.len() {
            self.fill(self.rest[at].0);
        }
        // Stable: within an object the order of the payload.
        if self.rest.iter().any(|(node, ..)| *node != self.rest[0].0) {
            self.rest.sort_by_key(|(node, ..)| *node);
        }
    }

    fn object(&mut self, node: usize, token: &'m str, own: &mut Own<'m>, watch: &mut impl Watch) {
        let plan = self.plan;
        let members = json::last_wins(json::tokens(token).unwrap_or_default());
        for member in &members {
            let (key, value) = (member.key_token, member.value);
            match plan.payload.nodes[node].child(&member.key) {
                Some(Child::Claim(number)) => {
                    watch.told(|| Fate::Moved { claim: &plan.claims[number], token: value });
                    self.slots[number] = Some(Cow::Borrowed(value));
                }
                Some(Child::Node(below)) if is_filled_object(value) => self.object(below, value, own, watch),
                // It would be looked into, or something would stand beside it.
                Some(Child::Node(_)) => self.leave(node, key, value, watch),
                None => self.rest(node, member, own, watch),
            }
        }
    }

    /// A member of the payload that no step leads to goes back under its own name.
    fn rest(&mut self, node: usize, member: &json::Member<'m>, own: &mut Own<'m>, watch: &mut impl Watch) {
        let (key, value) = (member.key_token, member.value);
        let Some(home) = self.plan.payload.nodes[node].peer else { return self.leave(node, key, value, watch) };
        match self.plan.legacy.nodes[home].child(&member.key) {
            // No legacy text can hold it.
            None if member.key.starts_with('"') && json::decode_str(key).is_none() => {
                self.leave(node, key, value, watch);
            }
            None => {
                watch.told(|| Fate::Stayed { legacy: home, node, key, token: value });
                self.rest.push((home, key, value));
            }
            // On the way up a text would be taken for what the step means; anything else stays where it is.
            Some(Child::Claim(number))
                if !json::is_string(value) && !matches!(self.plan.claims[number].dest, Dest::Payload { .. }) =>
            {
                own.push((number, (node, key, value)));
            }
            Some(_) => self.leave(node, key, value, watch),
        }
    }

    fn leave(&mut self, node: usize, key: &'m str, value: &'m str, watch: &mut impl Watch) {
        let path = || ["payload".to_owned()].into_iter().chain(self.plan.payload.path(node)).collect();
        watch.told(|| Fate::Left { place: below(path(), key), token: value });
        self.left.payload.push((node, key, value));
    }

    /// Type, routing, `cmd` and `msg`.
    fn envelope(&mut self, draft: &'m Draft<'_>, watch: &mut impl Watch) {
        let plan = self.plan;
        let (kind, target, to_id) = (draft.msg_type(), draft.target(), draft.to_id());
        let (msg, cmd) = (draft.msg.as_deref(), draft.cmd.as_deref());
        let implied = if cmd.is_some() && plan.has_cmd { MsgType::Cmd } else { MsgType::Msg };
        let tells_kind = plan.has_msg_type && matches!(kind, MsgType::Msg | MsgType::Cmd);
        // A target with nobody behind it would not be taken for one.
        let tells_target = plan.has_target && (target != Target::Direct || plan.has_to_id);
        let tells_to = plan.has_to_id && to_id.is_some() && (tells_target || target == Target::Direct);
        let implied_target = if tells_to { Target::Direct } else { Target::Group };
        // Where there is none, a default would be taken for what was said.
        let would_command = cmd.is_none() && plan.defaults_cmd;
        let would_address = !tells_to && plan.defaults_to_id;
        self.left.msg_type = !tells_kind && (kind != implied || would_command);
        self.left.routing =
            (!tells_target && target != implied_target) || (!tells_to && to_id.is_some()) || would_address;
        self.left.msg = msg.filter(|_| !plan.has_msg);
        self.left.cmd = cmd.filter(|_| !plan.has_cmd);
        for (place, token) in [("msg", self.left.msg), ("cmd", self.left.cmd)] {
            if let Some(token) = token {
                watch.told(|| Fate::Left { place: place.into(), token });
            }
        }
        for (number, claim) in plan.claims.iter().enumerate() {
            let token = match &claim.dest {
                Dest::Msg => msg.map(Cow::Borrowed),
                Dest::Cmd => cmd.map(Cow::Borrowed),
                Dest::MsgType => tells_kind.then(|| quoted(kind.as_str())),
                Dest::Target => tells_target.then(|| quoted(target.as_str())),
                Dest::ToId => to_id.filter(|_| tells_to).map(|id| {
                    let mut token = String::new();
                    id.write_json(&mut token);
                    Cow::Owned(token)
                }),
                Dest::Payload { .. } => continue,
            };
            if let Some(token) = &token {
                watch.told(|| Fate::Moved { claim, token });
            }
            self.slots[number] = token;
        }
    }

    /// What has just its default need not be written.
    fn defaults(&mut self, watch: &mut impl Watch) {
        for (claim, slot) in self.plan.claims.iter().zip(&mut self.slots) {
            if let Some((step, token)) = &claim.default
                && slot.as_deref() == Some(token)
            {
                watch.told(|| Fate::Defaulted { claim, step: *step, token });
                *slot = None;
            }
        }
    }

    fn fill(&mut self, mut node: usize) {
        while !std::mem::replace(&mut self.filled[node], true) && node != 0 {
            node = self.plan.legacy.nodes[node].parent;
        }
    }

    /// Takes a member out that would stand beside the note.
    pub fn make_room_for_note(&mut self) {
        let is_note =
            |(node, key, _): &(usize, &str, &str)| *node == 0 && json::decode_str(key).is_some_and(|key| key == NOTE);
        let image = self.plan.legacy.nodes[0].peer.unwrap_or_default();
        if let Some(at) = self.rest.iter().position(is_note) {
            let (_, key, value) = self.rest.remove(at);
            self.left.payload.push((image, key, value));
        }
    }

    /// Writes the legacy object, the note behind everything else.
    pub fn write(&self, out: &mut impl Sink, note: Option<&str>) {
        out.put("{");
        let mut before = "";
        self.node(0, &mut before, out);
        if let Some(note) = note {
            for part in [before, "\"", NOTE, "\":", note] {
                out.put(part);
            }
        }
        out.put("}");
    }

    /// The members of one object, without its braces.
    fn node(&self, node: usize, before: &mut &'static str, out: &mut impl Sink) {
        for child in &self.plan.legacy.nodes[node].order {
            match child {
                Child::Claim(number) => {
                    if let Some(token) = &self.slots[*number] {
                        for part in [*before, &self.plan.claims[*number].key, ":", token] {
                            out.put(part);
                        }
                        *before = ",";
                    }
                }
                Child::Node(below) if self.filled[*below] => {
                    for part in [*before, &self.plan.legacy.nodes[*below].key, ":{"] {
                        out.put(part);
                    }
                    self.node(*below, &mut "", out);
                    out.put("}");
                    *before = ",";
                }
                Child::Node(_) => {}
            }
        }
        let from = self.rest.partition_point(|(at, ..)| *at < node);
        for (_, key, value) in self.rest[from..].iter().take_while(|(at, ..)| *at == node) {
            for part in [*before, key, ":", value] {
                out.put(part);
            }
            *before = ",";
        }
    }
}

/// Members that stand under their own name though a step names it: the claim; object, key token and value.
type Own<'m> = SmallVec<[(usize, (usize, &'m str, &'m str)); 4]>;

/// An object with something in it; an empty one stays what it is.
fn is_filled_object(token: &str) -> bool {
    json::is_object(token) && !token[1..token.len() - 1].trim().is_empty()
}

fn quoted(word: &str) -> Cow<'static, str> {
    Cow::Owned(format!("\"{word}\""))
}
