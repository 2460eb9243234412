//! Owns the generators: frames as no sane client would send them, V3 messages, and what a forger writes.

use crate::lens::{Edit, Forgery, How, Sample};
use aether_proxy::dialect::lens::Kind;
use aether_proxy::dialect::{OwnedFrame, Shaped, Wire};
use aether_proxy::envelope::{ClientId, Draft, MsgType, Nulls, Target};
use aether_proxy::label::Label;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

pub type Text = BoxedStrategy<String>;

/// Names the envelope, the hub and the flat rendering use.
const NAMES: &[&str] = &[
    "msg",
    "cmd",
    "msg",
    "cmd",
    "payload",
    "version",
    "msg_type",
    "target",
    "from_id",
    "to_id",
    "group_id",
    "sent_at",
    "_v3",
    "__v3",
    "_hub",
    "_v2",
    "value",
    "data_b64",
    "$serde_json::private::RawValue",
    "a",
    "b",
    "a",
];
const PIECES: &[&str] = &[
    "a",
    "B",
    " ",
    "0",
    "é",
    "😀",
    "\u{2028}",
    "\u{7f}",
    "\u{feff}",
    "\\n",
    "\\\"",
    "\\\\",
    "\\/",
    "\\u0041",
    "\\u00E9",
    "\\u0000",
    "\\ud83d\\ude00",
    "\\ud800",
    "\\udc00",
    "{",
    "}",
    "[",
    ",",
    ":",
    "'",
    "_v3",
    "_hub",
];
const NUMBERS: &[&str] =
    &["0", "-0", "1", "1.0", "1.10", "1e2", "1E+400", "-1e-400", "9007199254740993", "123456789012345678901234567890"];
/// What edits put in.
const SCRAPS: &[&str] = &[
    "",
    " ",
    "\n",
    ",",
    ":",
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    "0",
    "null",
    "NaN",
    "\u{feff}",
    "é",
    "\"a\":1,",
    ",\"a\":1",
    "\"msg\":\"x\",",
    ",\"msg\":\"x\"",
    "\"k\":\"text\",",
    ",\"_hub\":{}",
    ",\"_v2\":{}",
    "\"p\":0,",
    "{}",
    "\\u0061",
    "\"payload\":{},",
    "\"payload\":{\"_v2\":{\"p\":0}},",
    "\"msg\":null,",
    "direct",
    "broadcast",
];

pub fn space() -> Text {
    prop_oneof![12 => Just(""), 2 => Just(" "), 1 => Just("\n\t"), 1 => Just("\r  ")].prop_map(str::to_owned).boxed()
}

fn string_token() -> Text {
    let piece = prop_oneof![6 => select(PIECES).prop_map(str::to_owned), 1 => "[^\"\\\\\u{0}-\u{1f}]{0,6}"];
    vec(piece, 0..4).prop_map(|all| format!("\"{}\"", all.concat())).boxed()
}

/// A name as a token, now and then with one of its letters escaped.
pub fn name_token(names: &'static [&'static str]) -> Text {
    (select(names), any::<u8>())
        .prop_map(|(name, dice)| {
            if dice > 50 {
                return format!("\"{name}\"");
            }
            let at = usize::from(dice) % name.len();
            format!("\"{}\\u{:04x}{}\"", &name[..at], name.as_bytes()[at], &name[at + 1..])
        })
        .boxed()
}

fn key_token() -> Text {
    prop_oneof![4 => name_token(NAMES), 1 => string_token()].boxed()
}

fn number_token() -> Text {
    prop_oneof![
        select(NUMBERS).prop_map(str::to_owned),
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?"
    ]
    .boxed()
}

fn scalar_token() -> Text {
    prop_oneof![
        3 => string_token(),
        2 => number_token(),
        1 => select(&["null", "true", "false", "[]", "{}", "{ }"][..]).prop_map(str::to_owned),
    ]
    .boxed()
}

pub fn value_token() -> Text {
    let inner = prop_oneof![
        2 => scalar_token(),
        1 => vec((space(), scalar_token()), 0..3).prop_map(|all| {
            let all: Vec<_> = all.into_iter().map(|(s, v)| format!("{s}{v}{s}")).collect();
            format!("[{}]", all.join(","))
        }),
        1 => object_of(key_token(), scalar_token(), 3),
    ];
    prop_oneof![5 => scalar_token(), 1 => inner].boxed()
}

pub fn object_of(key: Text, value: Text, most: usize) -> Text {
    (vec((key, value, space()), 0..=most), space())
        .prop_map(|(members, around)| {
            let all: Vec<_> = members.into_iter().map(|(k, v, s)| format!("{s}{k}{s}:{s}{v}{s}")).collect();
            format!("{{{}{around}}}", all.join(","))
        })
        .boxed()
}

/// An object with any members.
fn object() -> Text {
    let many = vec(("[a-f]{1,2}", number_token()), 13..40).prop_map(|all| {
        let all: Vec<_> = all.into_iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
        format!("{{{}}}", all.join(","))
    });
    let compact = vec((key_token(), value_token()), 0..6).prop_map(|all| {
        let all: Vec<_> = all.into_iter().map(|(k, v)| format!("{k}:{v}")).collect();
        format!("{{{}}}", all.join(","))
    });
    prop_oneof![4 => object_of(key_token(), value_token(), 6), 4 => compact, 1 => many].boxed()
}

/// One member of a V3 message, seldom of the wrong type.
fn shaped_member() -> Text {
    let word = |name: &'static str, token: Text| (Just(name), token);
    prop_oneof![
        4 => word("msg", string_token()),
        3 => word("cmd", string_token()),
        4 => word("payload", object()),
        3 => word("to_id", string_token()),
        1 => word("from_id", string_token()),
        1 => word("group_id", string_token()),
        1 => word("sent_at", string_token()),
        1 => word("version", select(&["\"3\"", "\"2\"", "null", "3"][..]).prop_map(str::to_owned).boxed()),
        1 => (select(NAMES), value_token()),
    ]
    .prop_map(|(name, token)| format!("\"{name}\":{token}"))
    .boxed()
}

/// A V3 message as a text, whole or nearly.
fn shaped(types: &'static [&'static str]) -> Text {
    let targets = &["group", "direct", "broadcast", "echo", "group", "direct", "gr\\u006fup", "all"][..];
    (select(types), select(targets), vec(shaped_member(), 0..4), space(), any::<bool>())
        .prop_map(|(msg_type, target, members, s, last)| {
            let head = format!("\"msg_type\":{s}\"{msg_type}\",\"target\":\"{target}\",\"to_id\":\"c9\"{s}");
            let rest = members.join(&format!("{s},"));
            match (members.is_empty(), last) {
                (true, _) => format!("{s}{{{head}}}{s}"),
                (_, false) => format!("{{{s}{head},{rest}}}"),
                (_, true) => format!("{{{rest},{head}}}"),
            }
        })
        .boxed()
}

fn edit() -> BoxedStrategy<Edit> {
    (any::<u16>(), prop_oneof![2 => Just(0), 1 => 0..6usize], select(SCRAPS))
        .prop_map(|(at, delete, insert)| Edit { at: at.into(), delete, insert: insert.to_owned() })
        .boxed()
}

fn legacy_text() -> Text {
    let types = &["msg", "cmd", "msg", "\\u006dsg", "heartbeat", "presence", "alert"][..];
    let valid = prop_oneof![5 => object(), 3 => shaped(types)].boxed();
    let value = (space(), value_token(), space()).prop_map(|(a, v, b)| format!("{a}{v}{b}"));
    let noise = vec(prop_oneof![select(PIECES), select(SCRAPS)], 0..6).prop_map(|all| all.concat());
    prop_oneof![
        10 => valid.clone(),
        3 => (valid, edit()).prop_map(|(text, edit)| edit.apply(&text)),
        2 => value,
        2 => noise,
        1 => any::<String>(),
    ]
    .boxed()
}

fn frame() -> BoxedStrategy<OwnedFrame> {
    prop_oneof![
        15 => legacy_text().prop_map(OwnedFrame::Text),
        1 => vec(any::<u8>(), 0..40).prop_map(OwnedFrame::Binary),
    ]
    .boxed()
}

fn native() -> BoxedStrategy<Draft<'static>> {
    let token = |t: Text| proptest::option::of(t);
    // Now and then it ends as if a proxy had written a receipt into it.
    let own_receipt = prop_oneof![Just("{\"_v2\":{\"k\":\"text\"}}"), Just("{ \"a\":1 ,\"_v2\":{\"p\":0}}")];
    let payload = prop_oneof![9 => object(), 1 => own_receipt.prop_map(str::to_owned)].boxed();
    (select(MsgType::ALL), select(Target::ALL), token(string_token()), token(string_token()), token(payload), id())
        .prop_map(|(msg_type, target, cmd, msg, payload, to)| {
            let to = (target == Target::Direct || to.len() % 3 == 0).then(|| ClientId::new(&to, 999).expect("an id"));
            let mut draft = Draft::new(msg_type, target, to).expect("a draft");
            draft.cmd = cmd.map(Into::into);
            draft.msg = msg.map(Into::into);
            draft.payload = payload.map(Into::into);
            draft
        })
        .boxed()
}

fn id() -> Text {
    select(&["c1", "42", "a/b", "ä 😀", "\"q\"", "back\\slash", "{x}", "c9"][..]).prop_map(str::to_owned).boxed()
}

/// A hub text out of thin air: members of V3, of proxies and of nobody, in any order.
fn hub_text() -> Text {
    let receipt =
        (select(&["json", "text", "value", "binary", "zip"][..]), proptest::option::of(legacy_text()), 0..5u8);
    let receipt = receipt.prop_map(|(kind, raw, p)| {
        let p = if p == 0 { "\"p\":0," } else { "" };
        let raw =
            raw.map_or_else(String::new, |raw| format!(",\"raw\":{}", serde_json::to_string(&raw).expect("a string")));
        format!("{{{p}\"k\":\"{kind}\"{raw}}}")
    });
    let receipt = prop_oneof![4 => receipt, 1 => Just("{}".to_owned()), 1 => Just("{\"p\":0}".to_owned())].boxed();
    let marked = (proptest::option::of(object()), receipt.clone(), space()).prop_map(|(payload, receipt, s)| {
        let open = payload.map_or_else(|| "{".to_owned(), |p| format!("{},", p.trim_end().trim_end_matches('}')));
        format!("\"payload\":{open}{s}\"_v2\":{receipt}{s}}}")
    });
    let member = prop_oneof![
        4 => shaped_member(),
        2 => marked,
        1 => receipt.clone().prop_map(|r| format!("\"_hub\":{r}")),
    ];
    let types = &["msg", "cmd", "msg", "heartbeat", "presence"][..];
    let head = (select(types), select(&["group", "direct", "broadcast"][..]))
        .prop_map(|(t, to)| format!("\"msg_type\":\"{t}\",\"target\":\"{to}\",\"to_id\":\"c9\""));
    let text = (vec(member, 0..4), head, space(), any::<prop::sample::Index>(), proptest::option::of(receipt))
        .prop_map(|(mut all, head, s, at, hub)| {
            all.insert(at.index(all.len() + 1), head);
            all.extend(hub.map(|r| format!("\"_hub\":{s}{r}{s}")));
            format!("{s}{{{s}{}{s}}}{s}", all.join(&format!("{s},{s}")))
        });
    prop_oneof![8 => text.clone(), 2 => (text, edit()).prop_map(|(t, e)| e.apply(&t)), 1 => legacy_text()].boxed()
}

fn how() -> BoxedStrategy<How> {
    let flags = (any::<[bool; 4]>(), select(&[Shaped::Routing, Shaped::Routing, Shaped::Content, Shaped::Opaque][..]));
    (flags, proptest::option::of(id()), id(), id())
        .prop_map(|(([denied, plain, include, stamped], shaped), account, client, group)| How {
            shaped,
            denied,
            wire: if plain { Wire::Plain } else { Wire::Extended },
            nulls: if include { Nulls::Include } else { Nulls::Omit },
            account,
            stamped,
            client,
            group,
        })
        .boxed()
}

/// Everything the laws look at.
pub fn sample() -> BoxedStrategy<Sample> {
    let forgery = (select(Kind::ALL), proptest::option::of(legacy_text()), edit(), hub_text())
        .prop_map(|(kind, raw, edit, text)| Forgery { kind, raw, edit, text });
    (how(), frame(), native(), forgery)
        .prop_map(|(how, frame, native, forgery)| Sample { how, frame, native, forgery })
        .boxed()
}
