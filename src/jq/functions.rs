//! Owns what a filter may call. It sees its input and nothing else: no environment, no clock, no other input, no
//! output beside its results, and no way to end the process.

use super::json::{Read, read};
use super::{Problem, To};
use jaq_core::data::HasLut;
use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::native::{Fun, bome, run, v};
use jaq_core::{Compiler, DataT, Error, Lut, compile};
use jaq_json::Val;

/// What of jaq's own is left out, and what a filter that calls it is told.
const REFUSED: &[(&str, &str)] = &[
    ("env", "a filter has no environment"),
    ("$ENV", "a filter has no environment"),
    ("halt", "a filter cannot end the process; `error` fails, `empty` drops the message"),
    ("halt_error", "a filter cannot end the process; `error` fails, `empty` drops the message"),
    ("input", "a filter is given one message at a time"),
    ("inputs", "a filter is given one message at a time"),
    ("input_filename", "a filter is given one message at a time"),
    ("input_line_number", "a filter is given one message at a time"),
    ("debug", "a filter cannot write beside its outputs"),
    ("debug_empty", "a filter cannot write beside its outputs"),
    ("stderr", "a filter cannot write beside its outputs"),
    ("stderr_empty", "a filter cannot write beside its outputs"),
    ("now", "a filter has no clock, so that the same message always becomes the same; see `sent_at` of the envelope"),
    ("localtime", "a filter knows no place; use `gmtime`"),
    ("strflocaltime", "a filter knows no place; use `strftime`"),
];

/// What jaq runs filters over.
pub struct Kind;

impl DataT for Kind {
    type V<'a> = Val;
    type Data<'a> = Given<'a>;
}

/// What functions are given beside their input.
#[derive(Clone)]
pub struct Given<'a> {
    /// The compiled filter.
    pub lut: &'a Lut<Kind>,
    /// `Limits::depth`.
    pub depth: usize,
}

impl<'a> HasLut<'a, Kind> for Given<'a> {
    fn lut(&self) -> &'a Lut<Kind> {
        self.lut
    }
}

/// A filter that can be run.
pub type Filter = jaq_core::Filter<Kind>;

/// Everything that is wrong with the text of a filter; nothing when it can be run. Recurses into the text, which must
/// be its author's and not a client's.
pub fn problems(filter: To, text: &str) -> Vec<Problem> {
    prepare(filter, text).err().unwrap_or_default()
}

/// Makes a filter of its text.
///
/// # Errors
/// Everything that is wrong with it.
pub fn prepare(filter: To, text: &str) -> Result<Filter, Vec<Problem>> {
    let problem = |part: &str, said: String| {
        let before = text.get(..load::span(text, part).start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before[line_start..].chars().count() + 1;
        Problem { filter, line: before.matches('\n').count() + 1, column, text: said }
    };
    let arena = Arena::default();
    let modules = Loader::new(definitions()).load(&arena, File { code: text, path: () }).map_err(|errors| {
        errors.into_iter().flat_map(|(_, error)| unread(error, text, &problem)).collect::<Vec<_>>()
    })?;
    Compiler::default().with_funs(functions()).compile(modules).map_err(|errors| {
        let all = errors.into_iter().flat_map(|(_, errors)| errors);
        all.map(|(name, what)| problem(name, undefined(name, &what))).collect()
    })
}

fn unread(error: load::Error<&str>, text: &str, problem: &impl Fn(&str, String) -> Problem) -> Vec<Problem> {
    // Where the text ends too early nothing stands to be pointed at.
    let end = &text[text.len()..];
    let found = |part: &str| match part.chars().next() {
        None => "here it ends".to_owned(),
        Some(_) => format!("here stands `{}`", part.chars().take(20).collect::<String>().escape_debug()),
    };
    match error {
        load::Error::Io(imports) => {
            let said = |_| "`import` and `include` are not available: a filter is one text".to_owned();
            imports.into_iter().map(|(path, why)| problem(path, said(why))).collect()
        }
        load::Error::Lex(all) => {
            all.into_iter().map(|(want, part)| problem(part, format!("{} expected; {}", want.as_str(), found(part))))
        }
        .collect(),
        load::Error::Parse(all) => all
            .into_iter()
            .map(|(want, part)| {
                let part = if part.is_empty() { end } else { part };
                problem(part, format!("{} expected; {}", want.as_str(), found(part)))
            })
            .collect(),
    }
}

fn undefined(name: &str, what: &compile::Undefined) -> String {
    match REFUSED.iter().find(|(refused, _)| *refused == name) {
        Some((_, why)) => format!("`{name}` is not available: {why}"),
        None => match what {
            compile::Undefined::Filter(arity) => format!("there is no `{name}/{arity}`"),
            other => format!("there is no {} `{name}`", other.as_str()),
        },
    }
}

fn is_refused(name: &str) -> bool {
    REFUSED.iter().any(|(refused, _)| *refused == name)
}

/// Functions written in jq.
fn definitions() -> impl Iterator<Item = load::parse::Def<&'static str>> {
    let all = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    all.filter(|definition| !is_refused(definition.name))
}

/// Functions written in Rust.
fn functions() -> impl Iterator<Item = Fun<Kind>> {
    let all = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    // Theirs recurses as deep as the text says.
    all.filter(|(name, ..)| !is_refused(name) && *name != "fromjson").chain([from_json()])
}

/// `fromjson`, for exactly one JSON document that is not too deep.
fn from_json() -> Fun<Kind> {
    run(("fromjson", v(0), |cv| {
        let depth = cv.0.data().depth;
        bome(cv.1.try_as_utf8_bytes_owned().and_then(|bytes| {
            let text = str::from_utf8(&bytes).map_err(Error::str)?;
            match read(text, depth) {
                Read::Value(value) => Ok(value),
                Read::NotJson => Err(Error::str("fromjson: not JSON")),
                Read::Refused(why) => Err(Error::str(format!("fromjson: {}", why.label()))),
                Read::Unreadable(why) => Err(Error::str(format!("fromjson: {why}"))),
            }
        }))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        problems(To::V3, text).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_not_available_is_said_with_its_place_and_reason() {
        for (name, why) in REFUSED {
            let all = said(&format!(". as $x |\n  {name}"));
            assert_eq!(all, [format!("to_v3, line 2, column 3: `{name}` is not available: {why}")]);
        }
        for call in ["halt(1)", "debug(1)", "halt_error(1)", "halt(0) | .", "strflocaltime(\"%Y\")"] {
            assert!(said(call)[0].contains("is not available"), "{call}: {:?}", said(call));
        }
        assert!(said("import \"a\" as a; .")[0].contains("`import`"));
        assert!(said("include \"a\"; .")[0].contains("`import`"));
    }

    #[test]
    fn mistakes_are_said_with_their_place() {
        assert_eq!(
            said(".a | nosuch(1) | $x"),
            ["to_v3, line 1, column 6: there is no `nosuch/1`", "to_v3, line 1, column 18: there is no variable `$x`"]
        );
        assert!(said("{a: 1").iter().all(|text| text.starts_with("to_v3, line 1, column ")), "{:?}", said("{a: 1"));
        assert!(said("\"é\" | .a |\n| .b")[0].starts_with("to_v3, line 2, column 1: "), "{:?}", said("\"é\" |\n| .b"));
        assert!(!said("if . then 1").is_empty());
        assert!(!said("").iter().any(|text| text.contains("panicked")));
    }

    #[test]
    fn the_rest_of_jq_is_there() {
        let filter = r#"
            def own(f): f | ascii_downcase;
            [.a, (.b | tostring), @base64 "\(.c)", (.d | @base64d), @uri "\(.)", @html "\(.)", (.e | test("a.c")),
             (.f | todate), (.f | gmtime | strftime("%Y")), (.g | sort_by(.h)), (.i | floor, sqrt, pow(.; 2)),
             (.j | split(",") | join(";")), (.k | tojson | fromjson), (try error("x") catch .), (.l // "none"),
             (.m | to_entries | from_entries), with_entries(.value |= tostring), limit(3; .n[]), first(.n[]),
             (.o | gsub("a"; "b")), ([.p[]?] | length), ("1.5" | tonumber), own(.q), (.r as [$x] | $x)]
            | . as $all | reduce .[] as $x (0; . + 1)
        "#;
        assert_eq!(said(filter), Vec::<String>::new());
    }
}
