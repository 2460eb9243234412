//! Owns the target of what is blacked out before a frame is written down: any pointers, any text. Held against a
//! second way that goes everywhere and asks of each value whether it is meant; and a secret that is put where a pointer
//! leads stands in the output nowhere.

use super::input::{parts, text};
use aether_proxy::envelope::json;
use aether_proxy::migration::capture::Pointers;
use serde_json::value::RawValue;
use serde_json::{Value, json};

const BLACK: &str = "\"[redacted]\"";
/// Stands in a secret and nowhere else.
const MARK: &str = "hUsH9kEy";
/// Deeper is for other tests: the second way recurses.
const DEEPEST: usize = 48;

/// Pointers, a line each, then a text.
pub fn redaction(data: &[u8]) {
    let [pointers, text] = parts(data).map(text);
    let list: Vec<String> = pointers.lines().map(str::to_owned).collect();
    let good = |pointer: &str| {
        let bad_escape = |step: &str| step.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1']));
        pointer.is_empty() || (pointer.starts_with('/') && !bad_escape(pointer))
    };
    let parsed = Pointers::parse(&list);
    assert_eq!(parsed.is_ok(), list.iter().all(|pointer| good(pointer)), "{list:?}");
    let Ok(parsed) = parsed else { return };
    hidden(&parsed, &list);
    let got = parsed.redact(&text);
    let bare = text.trim_matches([' ', '\t', '\n', '\r']);
    assert_eq!(got.is_some(), json::tokens(bare).is_ok() || json::items(bare).is_some(), "{text:?}");
    let Some((black, n)) = got else { return };
    if depth(bare) > DEEPEST {
        return;
    }
    let (mut count, mut path) = (0, Vec::new());
    let meant = meant(&list);
    let before = text.len() - text.trim_start_matches([' ', '\t', '\n', '\r']).len();
    let want =
        format!("{}{}{}", &text[..before], slow(bare, &meant, &mut path, &mut count), &text[before + bare.len()..]);
    assert_eq!((black.as_ref(), n), (want.as_str(), count), "{list:?} {text:?}");
    // Once is enough, and the rest is as good JSON as it was.
    assert!(json::tokens(black.trim()).is_ok() || json::items(&black).is_some() || black.trim() == BLACK, "{black:?}");
    if let Some((again, _)) = parsed.redact(&black) {
        assert_eq!(again, black, "{list:?} {text:?}");
    }
}

/// A secret wherever a pointer leads, in each form of a message.
fn hidden(pointers: &Pointers, list: &[String]) {
    for pointer in list.iter().filter(|pointer| pointer.len() < 256 && !pointer.contains(MARK)) {
        let steps: Vec<&str> = pointer.split('/').skip(1).collect();
        let (said, content) = (leading(&steps).to_string(), leading(content(&steps)).to_string());
        let wrapped = format!("{{\"msg_type\":\"msg\",\"payload\":{content}}}");
        let rendered = format!("{{\"msg\":\"m\",\"_v3\":{{\"target\":\"group\",\"payload\":{content}}}}}");
        for text in [said, content, wrapped, rendered] {
            let (black, n) = pointers.redact(&text).expect("an object or a list");
            assert!(n > 0 && !black.contains(MARK), "{pointer:?}: {black}");
            assert!(serde_json::from_str::<&RawValue>(&black).is_ok(), "{black}");
        }
    }
}

/// What these steps say of the content of a message: a pointer may begin at the envelope.
fn content<'a, 's>(steps: &'a [&'s str]) -> &'a [&'s str] {
    let of_envelope = steps.len() > 1 && (steps[0] == "payload" || steps[0] == "*");
    if of_envelope { &steps[1..] } else { steps }
}

/// Objects and lists in which these steps lead to a secret.
fn leading(steps: &[&str]) -> Value {
    let secret = json!({ "x": [MARK], MARK: 1 });
    steps.iter().rev().fold(secret, |value, step| {
        let key = if *step == "*" { "any".to_owned() } else { step.replace("~1", "/").replace("~0", "~") };
        match *step {
            "0" => json!([value, 1]),
            "*" if steps.len().is_multiple_of(2) => json!(["first", value]),
            _ => json!({ "other": 1, key: value }),
        }
    })
}

fn depth(text: &str) -> usize {
    let (mut deepest, mut now) = (0usize, 0usize);
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => now += 1,
            b']' | b'}' => now = now.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(now);
    }
    deepest
}

/// Every path that is meant, as steps; `*` is any.
fn meant(list: &[String]) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for pointer in list {
        let steps: Vec<&str> = pointer.split('/').skip(1).collect();
        let owned = |steps: Vec<&str>| steps.into_iter().map(str::to_owned).collect::<Vec<_>>();
        for before in [&[][..], &["payload"], &["_v3", "payload"]] {
            all.push(owned([before, content(&steps)].concat()));
        }
        all.push(owned(steps));
    }
    all
}

/// The token with every value that is meant blacked out.
fn slow(token: &str, meant: &[Vec<String>], path: &mut Vec<String>, count: &mut u32) -> String {
    let fits = |steps: &Vec<String>| {
        let same = |(step, key): (&String, &String)| step == "*" || step.replace("~1", "/").replace("~0", "~") == *key;
        steps.len() == path.len() && steps.iter().zip(path.iter()).all(same)
    };
    if meant.iter().any(fits) {
        *count += 1;
        return BLACK.to_owned();
    }
    let mut children: Vec<(String, &str)> = Vec::new();
    if let Ok(members) = json::tokens(token) {
        children.extend(members.into_iter().map(|member| (member.key.into_owned(), member.value)));
    } else if let Some(items) = json::items(token) {
        children.extend(items.into_iter().enumerate().map(|(at, item)| (at.to_string(), item)));
    }
    let (mut written, mut from) = (String::new(), 0);
    for (key, value) in children {
        let at = value.as_ptr() as usize - token.as_ptr() as usize;
        written.push_str(&token[from..at]);
        path.push(key);
        written.push_str(&slow(value, meant, path, count));
        path.pop();
        from = at + value.len();
    }
    written + &token[from..]
}
