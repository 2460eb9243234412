//! Owns what the client presents, and what the server must be told to believe: cases name credentials that only their
//! own server knew, so that one the target accepts stands in for them.

use super::{Director, ME, Played};
use crate::compat::Mount;
use crate::compat::suite::{Act, Expect, Name, Pattern, Speaks, Step, Written};
use crate::envelope::json;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Stands for every credential.
const ALL: &str = "*";
/// A credential of a case that is longer than this is there for its length.
const LONG: usize = 1000;
/// How long a server may wait for a credential, as those of the guides do.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take until that is told.
const LATE: Duration = Duration::from_secs(30);

/// How a client that has presented something is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// It is let in.
    Admitted,
    /// It is not, and why.
    Denied(&'a str),
}

/// What becomes of the credential in the step before these: none when they speak of none.
pub fn verdict(behind: &[Step]) -> Option<(Option<&str>, Verdict<'_>)> {
    let (first, rest) = behind.split_first()?;
    let presented = first.token.as_deref().or(first.api_key.as_deref());
    let then = if presented.is_some() { rest.first()? } else { first };
    let verdict = match &then.deny {
        Some(why) => Verdict::Denied(why),
        None if then.admit => Verdict::Admitted,
        None => return None,
    };
    Some((presented, verdict))
}

/// The member that holds the credential.
fn member(speaks: Speaks, settings: &Map<String, Value>) -> &'static str {
    let is_agent = settings.get("role").and_then(Value::as_str) == Some("agent");
    if speaks == Speaks::ServerMonitor && is_agent { "api_key" } else { "token" }
}

/// The acts of a client that comes in, where it has to prove itself in its first frame.
pub fn acts(name: &str, speaks: Speaks, mount: &Mount) -> Played<Vec<Act>> {
    if !mount.login {
        return Ok(Vec::new());
    }
    let welcome = match speaks {
        Speaks::Valtronics => json!({"type": "auth_response", "success": true}),
        _ => json!({"type": "auth_success"}),
    };
    let Value::Object(welcome) = welcome else { return Err("no welcome is known") };
    let expect = Expect { client: name.to_owned(), what: Pattern::Json(welcome), times: 1, within: None };
    Ok(vec![presents(name, speaks, mount)?, Act::Expect(expect)])
}

fn presents(name: &str, speaks: Speaks, mount: &Mount) -> Played<Act> {
    let credential = mount.accepts.first().ok_or("no credential is known that is let in there")?;
    let mut frame = json!({"type": "auth"});
    frame[member(speaks, &mount.settings)] = credential.as_str().into();
    Ok(Act::Send { client: Name::from(name), frame: Written::text_of(frame.to_string()), times: 1 })
}

impl Director<'_> {
    /// What the client sends instead of this frame, behind which these steps stand, so that they come true.
    pub fn presented(&self, frame: &Written, behind: &[Step]) -> Played<Written> {
        let Some((credential, verdict)) = verdict(behind) else { return Ok(frame.clone()) };
        let token = said(frame, member(self.speaks, self.settings));
        let own = match (credential, token.and_then(json::decode_str)) {
            (Some(credential), _) => credential.to_owned(),
            (None, Some(own)) => own.into_owned(),
            (None, None) => return Err("it is not known what is presented"),
        };
        let is_accepted = self.mount.accepts.iter().any(|one| *one == own || one == ALL);
        match verdict {
            Verdict::Denied("credential") if is_accepted => Err("every credential is let in there"),
            Verdict::Denied("credential") => Ok(frame.clone()),
            _ if is_accepted => Ok(frame.clone()),
            _ => {
                let other = stand_in(&own, self.mount).ok_or("no credential of this length is known there")?;
                let token = token.ok_or("it is not known what is presented")?;
                let escaped = token.contains('\\');
                let text = frame.text().unwrap_or_default().replacen(token, &written(other, escaped), 1);
                Ok(Written::text_of(text))
            }
        }
    }

    /// The client has presented nothing yet, and this is how it ends.
    pub fn unasked(&mut self, behind: &[Step]) -> Played {
        let Some((None, Verdict::Denied(why))) = verdict(behind) else { return Ok(()) };
        if why == "late" {
            self.within = Some(LATE);
            self.lasts += PATIENCE;
        } else {
            let act = presents(ME, self.speaks, self.mount)?;
            self.acts.push(act);
        }
        Ok(())
    }
}

/// The reason for which everybody has to be turned down where the client comes in, if the case needs such a place.
///
/// # Errors
/// It cannot be brought about from outside.
pub fn turned_down(steps: &[Step]) -> Played<Option<&str>> {
    match steps.iter().find_map(|step| step.deny.as_deref()) {
        None | Some("credential" | "late") => Ok(None),
        Some(why @ ("group" | "bad_group")) => Ok(Some(why)),
        Some("limit") => Err("no limit of the server is reached by one client"),
        Some("policy") => Err("a policy of the server is not made from outside"),
        Some("unavailable") => Err("the server's hub is not taken away from outside"),
        Some(_) => Err("there is no such reason"),
    }
}

/// The string of this member, as it was written.
fn said<'f>(frame: &'f Written, name: &str) -> Option<&'f str> {
    let members = json::tokens(frame.text()?).ok()?;
    members.iter().rev().find(|member| member.key == name && json::is_string(member.value)).map(|member| member.value)
}

/// What stands for a case's credential: as long as it, where that is what the case is about.
fn stand_in<'m>(own: &str, mount: &'m Mount) -> Option<&'m str> {
    let mut fitting: Vec<_> = mount.accepts.iter().filter(|one| own.len() < LONG || one.len() >= own.len()).collect();
    fitting.sort_by_key(|one| one.len());
    fitting.first().map(|one| one.as_str())
}

/// As a JSON string; escaped where the case's was.
fn written(credential: &str, escaped: bool) -> String {
    let mut out = String::new();
    match credential.chars().next().filter(|first| escaped && first.is_ascii()) {
        Some(first) => {
            json::write_str(&mut out, &credential[1..]);
            out.insert_str(1, &format!("\\u{:04x}", u32::from(first)));
        }
        None => json::write_str(&mut out, credential),
    }
    out
}
