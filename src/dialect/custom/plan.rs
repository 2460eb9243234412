//! Owns how a field map is understood: which legacy member stands where in V3 and back, looked up without a search.
//! Two members that would stand in one place, a member with two places, and what has no way back are found here.

use super::path::{self, Path};
use super::spec::{Map, Place, Problem, Step};
use super::tree::{Child, Tree, key_token};
use crate::envelope::json::{self, Document};
use crate::envelope::{ClientId, MsgType, Target};

/// Steps of one map.
const MOST_STEPS: usize = 256;
/// What V3-born messages carry for legacy clients; no step can name it.
pub const NOTE: &str = "_v3";

/// Where a claimed member stands in V3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dest {
    /// `msg`
    Msg,
    /// `cmd`
    Cmd,
    /// `to_id`
    ToId,
    /// `target`
    Target,
    /// `msg_type`
    MsgType,
    /// Below the payload.
    Payload {
        /// In this object.
        node: usize,
        /// Its key there, with quotes.
        key: String,
    },
}

/// A legacy member that steps name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The step.
    pub step: usize,
    /// The legacy object it stands in.
    pub node: usize,
    /// Its legacy key, with quotes.
    pub key: String,
    /// Where it stands in V3.
    pub dest: Dest,
    /// The step that says so, and its value where it is absent.
    pub default: Option<(usize, String)>,
    /// Legacy and V3 path, for people.
    pub shown: (String, String),
}

/// A field map, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Legacy objects; `peer` is where their rest stands in the payload.
    pub legacy: Tree,
    /// Objects of the payload, itself first; `peer` is where their rest stands in the legacy frame.
    pub payload: Tree,
    /// All members that are named.
    pub claims: Vec<Claim>,
    /// Is there a claim that leads to it?
    pub has_target: bool,
    /// See `has_target`.
    pub has_to_id: bool,
    /// See `has_target`.
    pub has_msg_type: bool,
    /// See `has_target`.
    pub has_msg: bool,
    /// See `has_target`.
    pub has_cmd: bool,
    /// Has the claim that leads to it a default?
    pub defaults_cmd: bool,
    /// See `defaults_cmd`.
    pub defaults_to_id: bool,
}

/// Understands a map.
///
/// # Errors
/// All that is wrong with it.
pub fn plan(map: &Map) -> Result<Plan, Vec<Problem>> {
    let mut maker = Maker::new();
    if map.steps.len() > MOST_STEPS {
        maker.problems.push(Problem::step(MOST_STEPS, format!("more than {MOST_STEPS} steps")));
        return Err(maker.problems);
    }
    for (at, step) in map.steps.iter().enumerate() {
        maker.step(at, step);
    }
    // Behind the others, since it does not matter which of the two is written first.
    for (at, step) in map.steps.iter().enumerate() {
        if let Step::Default { of, token } = step {
            maker.default(at, of, token);
        }
    }
    maker.pair();
    if !maker.problems.is_empty() {
        maker.problems.sort_by_key(|problem| problem.step);
        return Err(maker.problems);
    }
    let has = |dest: Dest| maker.claims.iter().any(|claim| claim.dest == dest);
    let defaults = |dest: Dest| maker.claims.iter().any(|claim| claim.dest == dest && claim.default.is_some());
    Ok(Plan {
        defaults_cmd: defaults(Dest::Cmd),
        defaults_to_id: defaults(Dest::ToId),
        has_target: has(Dest::Target),
        has_to_id: has(Dest::ToId),
        has_msg_type: has(Dest::MsgType),
        has_msg: has(Dest::Msg),
        has_cmd: has(Dest::Cmd),
        legacy: maker.legacy,
        payload: maker.payload,
        claims: maker.claims,
    })
}

struct Maker {
    legacy: Tree,
    payload: Tree,
    claims: Vec<Claim>,
    /// The object all of whose members come up, and the step that says so.
    hoisted: Option<(Path, usize)>,
    problems: Vec<Problem>,
}

impl Maker {
    fn new() -> Self {
        let (legacy, payload) = (Tree::new(), Tree::new());
        Self { legacy, payload, claims: Vec::new(), hoisted: None, problems: Vec::new() }
    }

    fn problem(&mut self, step: usize, text: impl Into<String>) {
        self.problems.push(Problem::step(step, text));
    }

    fn step(&mut self, at: usize, step: &Step) {
        match step {
            Step::Rename { from, to } => match Place::parse(to) {
                Ok(place) => self.named(at, from, |_| place),
                Err(why) => self.problem(at, why),
            },
            Step::Wrap { members, into } => {
                if members.is_empty() {
                    self.problem(at, "`wrap` names no members");
                }
                match Place::parse(into) {
                    Ok(Place::Payload(above)) => {
                        for member in members {
                            let above = above.clone();
                            self.named(at, member, |path| Place::Payload(behind(above, path)));
                        }
                    }
                    Ok(_) => self.problem(at, format!("`into` must be an object below `payload`, not `{into}`")),
                    Err(why) => self.problem(at, why),
                }
            }
            Step::Hoist { from, members, keep } => self.hoist(at, from, members, keep),
            Step::Default { .. } => {}
        }
    }

    fn path(&mut self, step: usize, text: &str) -> Option<Path> {
        match path::parse(text) {
            Ok(path) if path[0] == NOTE => {
                self.problem(step, format!("`{NOTE}` is what the proxy adds for legacy clients; no step can name it"));
                None
            }
            Ok(path) => Some(path),
            Err(why) => {
                self.problem(step, format!("`{text}` {why}"));
                None
            }
        }
    }

    fn named(&mut self, step: usize, from: &str, to: impl FnOnce(&Path) -> Place) {
        if let Some(path) = self.path(step, from) {
            let place = to(&path);
            self.claim(step, &path, &place);
        }
    }

    fn hoist(&mut self, at: usize, from: &str, members: &[String], keep: &[String]) {
        let Some(object) = self.path(at, from) else { return };
        for member in members {
            if let Some(name) = self.path(at, member) {
                let whole: Path = object.iter().chain(&name).cloned().collect();
                self.claim(at, &whole, &Place::Payload(behind(Vec::new(), &name)));
            }
        }
        if !members.is_empty() {
            if !keep.is_empty() {
                self.problem(at, "`keep` is for a `hoist` of all members; with `members` everything else is kept");
            }
            return;
        }
        if let Some((_, first)) = &self.hoisted {
            let text = format!(
                "steps[{first}] hoists all members already: of two such objects nobody could tell which one a member \
                 goes back into; name the `members` of one"
            );
            return self.problem(at, text);
        }
        match self.legacy.open(&object, Some(at)) {
            Ok(_) => self.hoisted = Some((object, at)),
            Err(there) => self.taken(at, &path::show(&object), there),
        }
        for name in keep {
            if let Some(path) = self.path(at, name) {
                self.claim(at, &path, &Place::Payload(path.clone()));
            }
        }
    }

    /// A legacy member gets its place.
    fn claim(&mut self, step: usize, from: &Path, place: &Place) {
        let shown = (path::show(from), place.show());
        let number = self.claims.len();
        let node = match self.legacy.claim(from, number, step) {
            Ok(node) => node,
            Err(there) => return self.taken(step, &shown.0, there),
        };
        let dest = match place {
            Place::Msg => Dest::Msg,
            Place::Cmd => Dest::Cmd,
            Place::ToId => Dest::ToId,
            Place::Target => Dest::Target,
            Place::MsgType => Dest::MsgType,
            Place::Payload(path) => match self.payload.claim(path, number, step) {
                Ok(node) => Dest::Payload { node, key: path.last().map_or_else(String::new, |name| key_token(name)) },
                Err(there) => {
                    self.occupied(step, &shown.1, there);
                    // So that numbers stay right for what else is to be told.
                    Dest::Payload { node: 0, key: String::new() }
                }
            },
        };
        let envelope = !matches!(dest, Dest::Payload { .. });
        if let Some(first) = self.claims.iter().find(|other| envelope && other.dest == dest).map(|other| other.step) {
            let text = format!("`{}` is where steps[{first}] leads already", shown.1);
            self.problem(step, text);
        }
        let key = from.last().map_or_else(String::new, |name| key_token(name));
        self.claims.push(Claim { step, node, key, dest, default: None, shown });
    }

    /// Two steps name one legacy member.
    fn taken(&mut self, step: usize, path: &str, there: Child) {
        let text = match there {
            Child::Claim(claim) => match self.claims.get(claim) {
                Some(claim) if claim.shown.0 == path => {
                    format!("`{path}` is named by steps[{}] already", claim.step)
                }
                Some(claim) => format!("`{path}` is within `{}`, which steps[{}] moves", claim.shown.0, claim.step),
                None => format!("`{path}` is named twice"),
            },
            Child::Node(node) => match self.legacy.nodes.get(node).and_then(|node| node.step) {
                Some(first) => format!("`{path}` is an object that steps[{first}] takes apart: name its members"),
                None => format!("`{path}` cannot be named"),
            },
        };
        self.problem(step, text);
    }

    /// Two steps lead to one place in the payload.
    fn occupied(&mut self, step: usize, place: &str, there: Child) {
        let first = match there {
            Child::Claim(claim) => self.claims.get(claim).map(|claim| claim.step),
            Child::Node(node) => self.payload.nodes.get(node).and_then(|node| node.step),
        };
        let first = first.map_or_else(|| "this step".to_owned(), |first| format!("steps[{first}]"));
        self.problem(step, format!("`{place}` is where {first} leads already"));
    }

    fn default(&mut self, at: usize, of: &str, token: &str) {
        let Some(path) = self.path(at, of) else { return };
        let claim = match self.legacy.find(&path) {
            Some(Child::Claim(claim)) => claim,
            Some(there @ Child::Node(_)) => return self.taken(at, of, there),
            None => {
                let before = self.problems.len();
                self.claim(at, &path, &Place::Payload(self.own_place(&path)));
                if self.problems.len() > before {
                    return;
                }
                self.claims.len() - 1
            }
        };
        // After a problem there may be none.
        let Some(claim) = self.claims.get_mut(claim) else { return };
        let token = token.trim();
        let text = json::decode_str(token);
        let fits = match &claim.dest {
            Dest::Msg | Dest::Cmd => text.is_some(),
            Dest::ToId => text.is_some_and(|id| ClientId::new(&id, usize::MAX).is_ok()),
            // `direct` needs somebody.
            Dest::Target => text.and_then(|word| Target::parse(&word)).is_some_and(|target| target != Target::Direct),
            Dest::MsgType => text.as_deref().and_then(msg_type).is_some(),
            Dest::Payload { .. } => !matches!(Document::parse(token), Document::Invalid),
        };
        let shown = claim.shown.1.clone();
        if let Some((first, _)) = &claim.default {
            let text = format!("`{of}` has a default by steps[{first}] already");
            self.problem(at, text);
        } else if fits {
            claim.default = Some((at, token.to_owned()));
        } else {
            self.problem(at, format!("{token} cannot be the default of `{of}`: it does not fit `{shown}`"));
        }
    }

    /// Where a legacy path stands that nothing is said about.
    fn own_place(&self, path: &[String]) -> Path {
        let up = self.hoisted.as_ref().and_then(|(object, _)| path.strip_prefix(object.as_slice()));
        up.unwrap_or(path).to_vec()
    }

    /// Says for every object where its rest goes, both ways.
    fn pair(&mut self) {
        for at in 1..self.legacy.nodes.len() {
            let path = self.legacy.path(at);
            let own = self.own_place(&path);
            match self.payload.open(&own, self.legacy.nodes[at].step) {
                Ok(image) => self.legacy.nodes[at].peer = Some(image),
                Err(Child::Claim(claim)) => {
                    let other = self.claims.get(claim).map(|claim| (claim.step, claim.shown.1.clone()));
                    let step = self.legacy.nodes[at].step.unwrap_or_default();
                    let (other, place) = other.unwrap_or((step, path::show(&own)));
                    let path = path::show(&path);
                    let text = format!("what stays in `{path}` would stand in `{place}`, where steps[{other}] leads");
                    self.problem(step, text);
                }
                Err(Child::Node(_)) => {}
            }
        }
        self.legacy.nodes[0].peer = Some(0);
        for at in 0..self.payload.nodes.len() {
            let path = self.payload.path(at);
            let known = match self.legacy.find(&path) {
                Some(Child::Node(node)) if at > 0 && self.legacy.nodes[node].peer == Some(at) => Some(node),
                _ => {
                    let object = self.hoisted.as_ref().map(|(object, _)| object.as_slice()).unwrap_or_default();
                    let home: Path = object.iter().chain(&path).cloned().collect();
                    // Where a claim is in the way, there is no way back for the rest.
                    self.legacy.open(&home, None).ok()
                }
            };
            if let Some(home) = known {
                self.legacy.nodes[home].peer = Some(at);
            }
            self.payload.nodes[at].peer = known;
        }
        for at in 0..self.payload.nodes.len() {
            self.payload.nodes[at].shared = self.legacy.nodes.iter().filter(|node| node.peer == Some(at)).count() > 1;
        }
    }
}

/// The types a legacy frame can have: presence is the server's, and a heartbeat is no content.
pub fn msg_type(word: &str) -> Option<MsgType> {
    MsgType::parse(word).filter(|kind| matches!(kind, MsgType::Msg | MsgType::Cmd))
}

fn behind(mut above: Path, path: &[String]) -> Path {
    above.extend(path.last().cloned());
    above
}
