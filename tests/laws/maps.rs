//! Owns the laws of field maps, each a plain function that says what is broken, over any map that can be understood and
//! any frame. They are written apart from the lens: they look at scalars, not at steps.

use aether_proxy::dialect::custom::{Hears, Lens, Map, Others, Step, Taken, Unmapped};
use aether_proxy::dialect::lens::{Annotate, Kind};
use aether_proxy::dialect::{Frame, HubMessage, Notes, OwnedFrame, Receipt, Wire, aether_v3, wire};
use aether_proxy::envelope::json::{self, Document};
use aether_proxy::envelope::{ClientId, Draft, GroupId, MsgType, Nulls, Origin, Target, seal};

/// What the laws look at.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Tried in their order; one that cannot be understood beside those before it is left out.
    pub steps: Vec<Step>,
    /// Sent by a legacy client.
    pub frame: OwnedFrame,
    /// Sent by a V3 client.
    pub native: Draft<'static>,
    /// What a forger writes into a receipt.
    pub forged: String,
    /// The sender may not broadcast; plain wire; nulls are written.
    pub how: [bool; 3],
}

pub type Law = fn(&Lens, &Lens, &Sample) -> Result<(), String>;

/// All, by name. The first lens goes up, the second down: they are the same, unless the laws are to be tried themselves.
pub const LAWS: [(&str, Law); 4] = [("M1", exact), ("M2", nothing_lost), ("M3", v3_again), ("M4", no_forgery)];

/// The lens of a sample, as far as its steps agree.
pub fn lens(steps: &[Step], unmapped: Unmapped) -> Lens {
    let of = |steps| Lens::new(Map { steps, others: Others::Take, unmapped });
    let (mut kept, mut lens) = (Vec::new(), of(Vec::new()).expect("nothing is wrong with no steps"));
    for step in steps {
        let mut more: Vec<Step> = kept.clone();
        more.push(step.clone());
        match of(more.clone()) {
            Ok(longer) => (kept, lens) = (more, longer),
            Err(problems) => assert!(!problems.is_empty() && problems.iter().all(|p| !p.text.is_empty())),
        }
    }
    lens
}

/// Law by law.
pub fn hold(sample: &Sample) -> Result<(), String> {
    let lens = lens(&sample.steps, Unmapped::Note);
    for (name, law) in LAWS {
        law(&lens, &lens, sample).map_err(|why| format!("{name}: {why}\nby {:?}", lens.map().steps))?;
    }
    Ok(())
}

fn holds(is: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if is { Ok(()) } else { Err(otherwise()) }
}

fn up<'a>(lens: &'a Lens, frame: Frame<'a>) -> (Draft<'a>, Receipt<'a>) {
    match lens.upgrade(frame) {
        Taken::Message(translated) => (translated.draft, translated.receipt),
        Taken::Refused(_) => panic!("the lens takes everything"),
    }
}

fn hub(draft: &Draft<'_>, receipt: Option<&Receipt<'_>>, how: [bool; 3]) -> String {
    let origin =
        Origin { client: ClientId::new("c1", 9).expect("an id"), group: GroupId::new("g1", 9).ok(), account: None };
    let nulls = if how[2] { Nulls::Include } else { Nulls::Omit };
    let wire = if how[1] { Wire::Plain } else { Wire::Extended };
    wire::write(&seal(draft, &origin, "T", nulls), receipt, wire).unstamped()
}

fn down(lens: &Lens, hub: &str, annotate: Annotate) -> Option<OwnedFrame> {
    let message = HubMessage::read(hub).expect("what a proxy writes can be read");
    lens.downgrade(&message, Hears { annotate, presence: true }).ok()
}

/// Legacy to legacy: bytes and opcode are exact.
fn exact(ups: &Lens, downs: &Lens, sample: &Sample) -> Result<(), String> {
    let (draft, receipt) = up(ups, sample.frame.borrow());
    let draft = if sample.how[0] && draft.target() == Target::Broadcast { draft.for_group() } else { draft };
    let hub = hub(&draft, Some(&receipt), sample.how);
    for annotate in [Annotate::Full, Annotate::Off] {
        let back = down(downs, &hub, annotate);
        holds(back.as_ref() == Some(&sample.frame), || format!("{hub:?} gave {back:?}"))?;
    }
    Ok(())
}

/// Every scalar of a legacy object stands in the envelope, which is valid and has no key twice; nothing is invented but
/// defaults and the words of the envelope.
fn nothing_lost(ups: &Lens, _: &Lens, sample: &Sample) -> Result<(), String> {
    let OwnedFrame::Text(text) = &sample.frame else { return Ok(()) };
    let draft = up(ups, Frame::Text(text)).0;
    let content = draft.content();
    let read = aether_v3::draft(&content, true, &mut Notes::default());
    holds(read.as_ref() == Ok(&draft), || format!("{content:?} reads as {read:?}"))?;
    let told = ups.explain(Frame::Text(text));
    holds(told.len() <= 256, || format!("{} lines", told.len()))?;
    let (Some(before), Some(after)) = (scalars(text), scalars(&content)) else { return Ok(()) };
    let mut rest = after;
    for token in &before {
        let at = rest.iter().position(|other| other == token);
        rest.remove(at.ok_or_else(|| format!("{token} of {text:?} is not in {content:?}"))?);
    }
    let defaults = defaults(ups);
    let known = |token: &String| {
        matches!(token.as_str(), "s3" | "smsg" | "scmd" | "sgroup" | "sdirect") || defaults.contains(token)
    };
    holds(rest.iter().all(known), || format!("{rest:?} in {content:?} is not of {text:?}"))
}

/// What scalars, and empty objects and lists, are compared by.
fn leaf(token: &str) -> String {
    json::decode_str(token).map_or_else(|| token.to_owned(), |text| format!("s{text}"))
}

/// All scalars of an object; None where a key stands twice somewhere or no text can hold it. An empty object that is
/// looked into, or merged, is nothing.
fn scalars(text: &str) -> Option<Vec<String>> {
    if !matches!(Document::parse(text), Document::Object(_)) {
        return None;
    }
    let mut all = Vec::new();
    walk(text, None, &mut all)?;
    Some(all)
}

/// Adds all scalars of a token, each behind its place where that is asked for.
fn walk(token: &str, place: Option<&str>, all: &mut Vec<String>) -> Option<()> {
    if json::is_object(token.trim_start()) {
        let members = json::members(token).ok()?;
        let count = members.len();
        let members = json::last_wins(members);
        return (members.len() == count).then_some(members)?.iter().try_for_each(|member| {
            let place = place.map(|place| format!("{place}/{}", member.key));
            walk(member.value, place.as_deref(), all)
        });
    }
    match json::items(token) {
        Some(items) => items.iter().try_for_each(|item| walk(item, place, all)),
        None => {
            all.push(place.map_or_else(|| leaf(token), |place| format!("{place}={}", leaf(token))));
            Some(())
        }
    }
}

/// All scalars of all defaults.
fn defaults(lens: &Lens) -> Vec<String> {
    let mut all = Vec::new();
    for step in &lens.map().steps {
        if let Step::Default { token, .. } = step {
            walk(token.trim(), None, &mut all);
        }
    }
    all
}

/// V3 to legacy to V3: what is shown though nothing may be left out comes back with all its content, and what nothing
/// leads to stands in the note.
fn v3_again(ups: &Lens, downs: &Lens, sample: &Sample) -> Result<(), String> {
    let native = &sample.native;
    let text = hub(native, None, sample.how);
    let Some(OwnedFrame::Text(noted)) = down(downs, &text, Annotate::Full) else {
        return Err(format!("{text:?} is not shown"));
    };
    holds(json::tokens(&noted).is_ok(), || format!("{noted:?} is no object"))?;
    if let (Some(before), Some(after)) = (scalars(native.payload.as_deref().unwrap_or("{}")), scalars(&noted)) {
        let defaults = defaults(downs);
        let lost = before.iter().find(|token| !after.contains(token) && !defaults.contains(token));
        holds(lost.is_none(), || format!("{lost:?} of {text:?} is not in {noted:?}"))?;
    }
    let strict = lens(&downs.map().steps, Unmapped::Hide);
    let Some(OwnedFrame::Text(plain)) = down(&strict, &text, Annotate::Off) else { return Ok(()) };
    let again = up(ups, Frame::Text(&plain)).0;
    let defaults = downs.map().steps.iter().any(|step| matches!(step, Step::Default { .. }));
    let kind = defaults || again.msg_type() == native.msg_type();
    let same = |one: Option<&str>, two: Option<&str>| defaults && two.is_none() || one == two;
    let words = same(again.msg.as_deref(), native.msg.as_deref()) && same(again.cmd.as_deref(), native.cmd.as_deref());
    holds(kind && words, || format!("{text:?} became {plain:?} became {:?}", again.content()))?;
    let payload = |draft: &Draft<'_>| {
        let mut all = Vec::new();
        walk(draft.payload.as_deref().unwrap_or("{}"), Some(""), &mut all)?;
        all.sort();
        Some(all)
    };
    let (Some(want), Some(mut got)) = (payload(native), payload(&again)) else { return Ok(()) };
    if defaults {
        got.retain(|token| want.contains(token));
    }
    holds(want == got, || format!("{text:?} became {plain:?} became {:?}", again.content()))
}

/// A receipt that does not lead to the visible message is not believed.
fn no_forgery(ups: &Lens, downs: &Lens, sample: &Sample) -> Result<(), String> {
    let (own, _) = up(ups, sample.frame.borrow());
    for draft in [&own, &sample.native] {
        for raw in [None, Some(sample.forged.as_str())] {
            let receipt = Receipt::new(Kind::Json, raw.map(Into::into));
            let how = [sample.how[0], false, sample.how[2]];
            let shown = down(downs, &hub(draft, Some(&receipt), how), Annotate::Off);
            if shown == down(downs, &hub(draft, None, how), Annotate::Off) {
                continue;
            }
            let Some(OwnedFrame::Text(shown)) = shown else { return Err(format!("{shown:?}")) };
            let (again, _) = up(ups, Frame::Text(&shown));
            let payload = |draft: &Draft<'_>| draft.payload.as_deref().unwrap_or("{}").to_owned();
            let content =
                |d: &Draft<'_>| (d.msg.clone().map(String::from), d.cmd.clone().map(String::from), payload(d));
            let is = content(&again) == content(draft)
                && again.to_id() == draft.to_id()
                && draft.msg_type() != MsgType::Presence;
            holds(is, || format!("{:?} is shown as {shown:?}", draft.content()))?;
        }
    }
    Ok(())
}
