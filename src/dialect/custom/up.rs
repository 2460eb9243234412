//! Owns the way up: a legacy object becomes a draft in one pass, token by token. What no step names stays under its own
//! name in the payload, and so does what does not fit where its step leads (a `msg` that is no text). Where two members
//! would stand in one place the frame is taken as it is: every member under its own name.

use super::explain::{Fate, Watch};
use super::plan::{Claim, Dest, Plan, msg_type};
use super::tree::Child;
use crate::envelope::json::{self, Member};
use crate::envelope::{ClientId, Draft, MsgType, Target};
use smallvec::{SmallVec, smallvec};
use std::borrow::Cow;

/// What became of a claimed member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot<'a> {
    /// It is not there.
    Absent,
    /// It is there, and stays under its own name.
    Unfit,
    /// It stands where its step leads.
    Token(&'a str),
}

/// How a draft was put together: enough to write the legacy frame again without reading the payload.
pub struct Made<'a> {
    /// By claim.
    pub slots: SmallVec<[Slot<'a>; 16]>,
    /// Members under their own name: the legacy object, key token, value.
    pub rest: Rest<'a>,
    /// Claimed members that do not fit, by claim.
    pub own: SmallVec<[(usize, &'a str); 2]>,
}

/// Members no step names: the legacy object, key token, value.
pub type Rest<'a> = SmallVec<[(usize, &'a str, &'a str); 16]>;

/// The draft of a legacy object; `members` are last-wins. It is also told how it was made, unless the way back is not
/// just the way here.
pub fn object<'a>(
    plan: &'a Plan,
    members: &[Member<'a>],
    size: usize,
    watch: &mut impl Watch,
) -> (Draft<'a>, Option<Made<'a>>) {
    let mut filling = Filling::new(plan, size);
    filling.object(0, members, watch);
    filling.envelope(watch);
    filling.defaults(watch);
    match filling.draft() {
        Some(draft) => {
            let made = Made { slots: filling.slots, rest: filling.rest, own: filling.own };
            (draft, (!filling.is_bent).then_some(made))
        }
        None => {
            watch.whole();
            (opaque(members, size), None)
        }
    }
}

/// Every member under its own name.
fn opaque<'a>(members: &[Member<'a>], size: usize) -> Draft<'a> {
    let mut payload = String::with_capacity(size + 2);
    for member in members {
        put(&mut payload, member.key_token, member.value);
    }
    let mut draft = Draft::to_group(MsgType::Msg);
    draft.payload = closed(payload);
    draft
}

/// Appends a member to an object that has no closing brace yet.
pub fn put(object: &mut String, key: &str, value: &str) {
    object.push(if object.is_empty() { '{' } else { ',' });
    for part in [key, ":", value] {
        object.push_str(part);
    }
}

/// An object that was `put` together; None of nothing.
pub fn closed<'a>(mut object: String) -> Option<Cow<'a, str>> {
    if object.is_empty() {
        return None;
    }
    object.push('}');
    Some(Cow::Owned(object))
}

/// Closes every object that was `put` together into the one above it. The root stays open.
pub fn folded(plan: &Plan, buffers: &mut [String]) -> String {
    for at in (1..buffers.len()).rev() {
        if !buffers[at].is_empty() {
            let mut inner = std::mem::take(&mut buffers[at]);
            inner.push('}');
            let node = &plan.payload.nodes[at];
            put(&mut buffers[node.parent], &node.key, &inner);
        }
    }
    std::mem::take(&mut buffers[0])
}

struct Filling<'a> {
    plan: &'a Plan,
    slots: SmallVec<[Slot<'a>; 16]>,
    /// Objects of the payload, without their closing braces.
    buffers: SmallVec<[String; 4]>,
    to_id: Option<ClientId>,
    /// Members of a rest that stand where a step leads: well, unless something else stands there too.
    squatters: SmallVec<[Child; 4]>,
    /// Keys in objects where more than one rest comes together.
    shared: Vec<(usize, Cow<'a, str>)>,
    rest: Rest<'a>,
    own: SmallVec<[(usize, &'a str); 2]>,
    /// Something would go back to where it did not come from.
    is_bent: bool,
}

impl<'a> Filling<'a> {
    fn new(plan: &'a Plan, size: usize) -> Self {
        let mut buffers: SmallVec<[String; 4]> = smallvec![String::new(); plan.payload.nodes.len()];
        buffers[0].reserve(size + 16);
        Self {
            plan,
            slots: smallvec![Slot::Absent; plan.claims.len()],
            buffers,
            to_id: None,
            squatters: SmallVec::new(),
            shared: Vec::new(),
            rest: SmallVec::new(),
            own: SmallVec::new(),
            is_bent: false,
        }
    }

    /// All members of an object that is looked into.
    fn object(&mut self, node: usize, members: &[Member<'a>], watch: &mut impl Watch) {
        let plan = self.plan;
        for member in members {
            match plan.legacy.nodes[node].child(&member.key) {
                Some(Child::Claim(number)) if self.take(number, member.value) => {
                    watch.told(|| Fate::Moved { claim: &plan.claims[number], token: member.value });
                }
                Some(Child::Claim(number)) => self.unfit(number, member, watch),
                Some(Child::Node(below)) => match inner(member.value) {
                    Some(members) => self.object(below, &members, watch),
                    None => {
                        self.is_bent = true;
                        self.stay(node, member, watch);
                    }
                },
                None => {
                    self.rest.push((node, member.key_token, member.value));
                    self.stay(node, member, watch);
                }
            }
        }
    }

    /// Puts a claimed member where its step leads, if it fits.
    fn take(&mut self, number: usize, token: &'a str) -> bool {
        let word = || json::decode_str(token).filter(|_| json::is_string(token));
        match &self.plan.claims[number].dest {
            Dest::Payload { node, key } => put(&mut self.buffers[*node], key, token),
            Dest::Msg | Dest::Cmd if json::is_string(token) => {}
            Dest::ToId => match word().map(|id| ClientId::new(&id, usize::MAX)) {
                Some(Ok(id)) => self.to_id = Some(id),
                _ => return false,
            },
            Dest::Target if word().is_some_and(|word| Target::parse(&word).is_some()) => {}
            Dest::MsgType if word().is_some_and(|word| msg_type(&word).is_some()) => {}
            _ => return false,
        }
        self.slots[number] = Slot::Token(token);
        true
    }

    /// A claimed member stays under its own name.
    fn unfit(&mut self, number: usize, member: &Member<'a>, watch: &mut impl Watch) {
        let claim = &self.plan.claims[number];
        self.slots[number] = Slot::Unfit;
        self.own.push((number, member.value));
        // On the way back a text would be taken for what the step means.
        self.is_bent |= json::is_string(member.value);
        watch.told(|| Fate::Unfit { claim, token: member.value });
        self.stay(claim.node, member, watch);
    }

    /// A member stays under its own name.
    fn stay(&mut self, node: usize, member: &Member<'a>, watch: &mut impl Watch) {
        // Every legacy object has a place for its rest.
        let image = self.plan.legacy.nodes[node].peer.unwrap_or_default();
        let there = &self.plan.payload.nodes[image];
        let squatter = there.child(&member.key);
        self.is_bent |= squatter.is_some() || there.peer != Some(node);
        self.squatters.extend(squatter);
        if there.shared {
            self.shared.push((image, member.key.clone()));
        }
        put(&mut self.buffers[image], member.key_token, member.value);
        watch.told(|| Fate::Stayed { legacy: node, node: image, key: member.key_token, token: member.value });
    }

    fn slot(&self, dest: &Dest) -> Option<(usize, &'a str)> {
        self.plan.claims.iter().zip(&self.slots).enumerate().find_map(|(number, (claim, slot))| match slot {
            Slot::Token(token) if claim.dest == *dest => Some((number, *token)),
            _ => None,
        })
    }

    /// `direct` to nobody is no target.
    fn envelope(&mut self, watch: &mut impl Watch) {
        if !self.plan.has_target || self.to_id.is_some() {
            return;
        }
        let Some((number, token)) = self.slot(&Dest::Target) else { return };
        if target(token) == Some(Target::Direct) {
            let claim = &self.plan.claims[number];
            // A default may still say to whom.
            let other = self
                .plan
                .claims
                .iter()
                .zip(&self.slots)
                .any(|(claim, slot)| claim.dest == Dest::ToId && claim.default.is_some() && *slot == Slot::Absent);
            if !other {
                let key = Cow::Borrowed(claim.key.trim_matches('"'));
                self.unfit(number, &Member { key_token: &claim.key, key, value: token }, watch);
            }
        }
    }

    /// Members that are not there and have a value all the same.
    fn defaults(&mut self, watch: &mut impl Watch) {
        for (number, claim) in self.plan.claims.iter().enumerate() {
            if let (Some((step, token)), Slot::Absent) = (&claim.default, self.slots[number]) {
                self.take(number, token);
                watch.told(|| Fate::Defaulted { claim, step: *step, token });
            }
        }
    }

    /// All of it; None where two members stand in one place.
    fn draft(&mut self) -> Option<Draft<'a>> {
        let mut is_filled = |child: &Child| match child {
            Child::Claim(number) => matches!(self.slots[*number], Slot::Token(_)),
            Child::Node(node) => has_something(self.plan, &self.buffers, *node),
        };
        if self.squatters.iter().any(&mut is_filled) || is_twice(&mut self.shared) {
            return None;
        }
        let (mut msg, mut cmd, mut to, mut kind) = (None, None, None, None);
        for (Claim { dest, .. }, slot) in self.plan.claims.iter().zip(&self.slots) {
            let Slot::Token(token) = *slot else { continue };
            match dest {
                Dest::Msg => msg = Some(Cow::Borrowed(token)),
                Dest::Cmd => cmd = Some(Cow::Borrowed(token)),
                Dest::Target => to = target(token),
                Dest::MsgType => kind = json::decode_str(token).and_then(|word| msg_type(&word)),
                Dest::ToId | Dest::Payload { .. } => {}
            }
        }
        let kind = kind.unwrap_or(if cmd.is_some() { MsgType::Cmd } else { MsgType::Msg });
        let implied = if self.to_id.is_some() { Target::Direct } else { Target::Group };
        // A direct one has an addressee, by now.
        let mut draft = Draft::new(kind, to.unwrap_or(implied), self.to_id.take()).ok()?;
        (draft.msg, draft.cmd) = (msg, cmd);
        draft.payload = closed(folded(self.plan, &mut self.buffers));
        Some(draft)
    }
}

/// The members of an object that is looked into; None of what is none, or empty, and so stays what it is.
fn inner(token: &str) -> Option<Vec<Member<'_>>> {
    let members = if json::is_object(token) { json::members(token).ok()? } else { return None };
    (!members.is_empty()).then(|| json::last_wins(members))
}

fn target(token: &str) -> Option<Target> {
    json::decode_str(token).and_then(|word| Target::parse(&word))
}

/// Is there anything in this object, or in one below it?
fn has_something(plan: &Plan, buffers: &[String], node: usize) -> bool {
    let below = |at: &usize| plan.payload.nodes[*at].parent == node && *at != 0;
    !buffers[node].is_empty()
        || (node + 1..buffers.len()).filter(below).any(|below| has_something(plan, buffers, below))
}

fn is_twice(keys: &mut [(usize, Cow<'_, str>)]) -> bool {
    keys.sort_unstable();
    keys.windows(2).any(|pair| pair[0] == pair[1])
}
