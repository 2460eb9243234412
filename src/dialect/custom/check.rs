//! Owns how a field map is held to its own fixtures before it meets a client: the translation is the one that is
//! written down, and the laws hold for it and for frames much like it.

use super::alike::{alike, same_message};
use super::explain::below;
use super::tree::Child;
use super::{Hears, Lens, Problem, Taken};
use crate::dialect::lens::Annotate;
use crate::dialect::{Frame, HubMessage, Notes, OwnedFrame, Receipt, Wire, aether_v3, wire};
use crate::envelope::json::{self, Document, Member};
use crate::envelope::{ClientId, Draft, GroupId, Nulls, Origin, seal};

/// An example: a legacy frame and what V3 clients see of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixture {
    /// The text of the frame.
    pub legacy: String,
    /// The message without what the server adds.
    pub v3: String,
    /// Without its receipt the frame may come back as another one.
    pub lossy: bool,
}

/// Members of a fixture that are changed one by one.
const MOST_CHANGED: usize = 64;
/// Bytes of a frame that are shown.
const MOST_SHOWN: usize = 2000;
const PLAIN: Hears = Hears { annotate: Annotate::Off, presence: true };
/// What members are changed to.
const VALUES: [&str; 9] = ["1.10", "1E400", "-0", "null", "\"\\ud800\"", "\"\"", "{}", "[]", "{\"x\":{\"y\":1.10}}"];

/// Everything that is wrong with the fixtures; at most one problem each.
pub fn check(lens: &Lens, fixtures: &[Fixture]) -> Vec<Problem> {
    let one = |(at, fixture)| one(lens, fixture).err().map(|why| Problem::fixture(at, why));
    fixtures.iter().enumerate().filter_map(one).collect()
}

fn one(lens: &Lens, fixture: &Fixture) -> Result<(), String> {
    let want = aether_v3::draft(&fixture.v3, true, &mut Notes::default()).map_err(|problems| {
        let mut told = String::new();
        problems.iter().for_each(|problem| problem.write_json(&mut told));
        format!("`v3` is no V3 message: {told}")
    })?;
    let (got, _) = message(lens, &fixture.legacy)?;
    if !same_message(&got, &want) {
        let (want, got) = (want.content(), got.content());
        return Err(format!("`legacy` translates to\n  {}\nand not to\n  {}", shown(&got), shown(&want)));
    }
    if !fixture.lossy {
        back_without_receipt(lens, &got, &fixture.legacy)?;
        back_to_v3(lens, &want)?;
    }
    laws(lens, &fixture.legacy)?;
    for (how, text) in changed(&fixture.legacy) {
        laws(lens, &text).map_err(|why| format!("with {how}: {why}"))?;
    }
    Ok(())
}

fn shown(text: &str) -> &str {
    let cut = (0..=MOST_SHOWN.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
    &text[..cut]
}

fn message<'a>(lens: &'a Lens, text: &'a str) -> Result<(Draft<'a>, Receipt<'a>), String> {
    match lens.upgrade(Frame::Text(text)) {
        Taken::Message(translated) => Ok((translated.draft, translated.receipt)),
        Taken::Refused(_) => Err(format!("{} is refused: it is no JSON object", shown(text))),
    }
}

/// What legacy clients get of a message, by way of the hub.
fn down(lens: &Lens, draft: &Draft<'_>, receipt: Option<&Receipt<'_>>) -> Result<OwnedFrame, String> {
    let id = |text| ClientId::new(text, usize::MAX).map_err(|why| why.to_string());
    let origin = Origin { client: id("c")?, group: GroupId::new("g", usize::MAX).ok(), account: None };
    let sealed = seal(draft, &origin, "2026-03-11T12:34:56.789Z", Nulls::Omit);
    let hub = wire::write(&sealed, receipt, Wire::Extended).unstamped();
    let message = HubMessage::read(&hub).map_err(|why| format!("{}: {why}", shown(&hub)))?;
    lens.downgrade(&message, PLAIN).map_err(|_| format!("{} is hidden from legacy clients", shown(&draft.content())))
}

/// For every frame whatsoever: it comes back byte for byte, and V3 clients see every token of it.
fn laws(lens: &Lens, text: &str) -> Result<(), String> {
    let Ok((draft, receipt)) = message(lens, text) else { return Ok(()) };
    let back = down(lens, &draft, Some(&receipt))?;
    if back.borrow() != Frame::Text(text) {
        return Err(format!("{} comes back as {back:?}", shown(text)));
    }
    match lost(lens, text, &draft.content()) {
        Some(member) => Err(format!("{}: `{member}` is lost", shown(text))),
        None => Ok(()),
    }
}

/// A member whose token V3 clients do not see.
fn lost(lens: &Lens, text: &str, content: &str) -> Option<String> {
    fn walk(lens: &Lens, node: usize, members: Vec<Member<'_>>, content: &str) -> Option<String> {
        json::last_wins(members).into_iter().find_map(|member| {
            match (lens.plan.legacy.nodes[node].child(&member.key), json::members(member.value)) {
                (Some(Child::Node(below)), Ok(inner)) if !inner.is_empty() => walk(lens, below, inner, content),
                // An id may be written with other escapes.
                _ if member.value.contains('\\') || content.contains(member.value) => None,
                _ => Some(below(lens.plan.legacy.path(node), member.key_token)),
            }
        })
    }
    let Document::Object(members) = Document::parse(text) else { return None };
    walk(lens, 0, members, content)
}

/// Without its receipt, as V3 clients would say it, the frame has the same members.
fn back_without_receipt(lens: &Lens, draft: &Draft<'_>, text: &str) -> Result<(), String> {
    let back = down(lens, draft, None)?;
    match &back {
        OwnedFrame::Text(back) if back == text || alike(back, text) => Ok(()),
        OwnedFrame::Text(back) => Err(format!(
            "said by a V3 client it would come to legacy clients as\n  {}\nand not as\n  {}\n(where that is meant, say \
             `lossy = true`)",
            shown(back),
            shown(text)
        )),
        OwnedFrame::Binary(_) => Err("comes back as bytes".into()),
    }
}

/// What V3 clients say comes back to them.
fn back_to_v3(lens: &Lens, draft: &Draft<'_>) -> Result<(), String> {
    let OwnedFrame::Text(frame) = down(lens, draft, None)? else { return Ok(()) };
    let (again, _) = message(lens, &frame)?;
    if same_message(&again, draft) {
        return Ok(());
    }
    let (content, again) = (draft.content(), again.content());
    let (content, frame, again) = (shown(&content), shown(&frame), shown(&again));
    Err(format!(
        "`v3` becomes the legacy frame\n  {frame}\nwhich becomes\n  {again}\nand not again\n  {content}\n(where that is \
         meant, say `lossy = true`)"
    ))
}

/// Frames much like this one, each with how it differs.
fn changed(text: &str) -> Vec<(String, String)> {
    let Document::Object(members) = Document::parse(text) else { return Vec::new() };
    let members: Vec<(String, String)> = members.iter().map(|m| (m.key_token.to_owned(), m.value.to_owned())).collect();
    let mut all = Vec::new();
    let mut add = |how: String, members: &[(String, String)]| {
        let members: Vec<String> = members.iter().map(|(key, value)| format!("{key}:{value}")).collect();
        all.push((how, format!("{{{}}}", members.join(","))));
    };
    add("its members in reverse".into(), &members.iter().rev().cloned().collect::<Vec<_>>());
    let unknown = ("\"x-unknown\"".to_owned(), "{\"n\":[1.10,1E400]}".to_owned());
    add("an unknown member".into(), &[members.clone(), vec![unknown.clone()]].concat());
    add("an unknown member first".into(), &[vec![unknown], members.clone()].concat());
    add("no members".into(), &[]);
    for (at, (key, value)) in members.iter().enumerate().take(MOST_CHANGED) {
        let mut with = |how: &str, value: String| {
            let mut changed = members.clone();
            changed[at].1 = value;
            add(format!("{key} {how}"), &changed);
        };
        for other in VALUES {
            with(&format!("as {other}"), other.to_owned());
        }
        with("with white space", format!(" {value}\n"));
        if let Some(inner) = value.strip_suffix('}').filter(|_| json::is_object(value)) {
            let comma = if inner.trim() == "{" { "" } else { "," };
            with("with an unknown member", format!("{inner}{comma}\"x-unknown\":1.10}}"));
        }
        let mut less = members.clone();
        less.remove(at);
        add(format!("no {key}"), &less);
        let mut twice = members.clone();
        twice.insert(0, (key.clone(), "null".into()));
        add(format!("{key} twice"), &twice);
        twice.insert(members.len() + 1, (key.clone(), value.clone()));
        add(format!("{key} three times"), &twice);
        if let Some(first) = key[1..].chars().next().filter(|c| c.is_ascii_alphanumeric()) {
            let mut escaped = members.clone();
            escaped[at].0 = format!("\"\\u{:04x}{}", u32::from(first), &key[2..]);
            add(format!("{key} with an escape"), &escaped);
        }
    }
    all
}
