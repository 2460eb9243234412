//! Owns one text's way through one filter: what it gets, what it must give, and when it has given enough.

use super::functions::{Filter, Given};
use super::json::{Read, read};
use super::{Failure, JqError, Limits, To};
use crate::envelope::json::{self, Document};
use jaq_core::{Ctx, Vars};
use jaq_json::{Val, write};
use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io;

/// Messages one text may become. More would let one client flood all others.
const OUTPUTS: usize = 256;
/// Bytes an output counts beside its own, so that empty ones end too.
const OUTPUT: usize = 4;
/// The longest text of a failure, in bytes.
const DETAIL: usize = 300;

/// Runs a filter on a text; see the layer's own words for what it gets and gives.
///
/// # Errors
/// `TooDeep`, `TooLong`, `Failed`, `NoObject`.
pub fn translate(filter: &Filter, to: To, text: &str, limits: &Limits) -> Result<Vec<String>, Failure> {
    let given = match read(text, limits.depth) {
        Read::Value(value) => value,
        Read::NotJson => Val::utf8_str(text.to_owned()),
        Read::Refused(error) => return Err(error.into()),
        Read::Unreadable(why) => return Err(failed(why)),
    };
    let context = Ctx::<super::functions::Kind>::new(Given { lut: &filter.lut, depth: limits.depth }, Vars::new([]));
    let mut outputs = Vec::new();
    let mut room = limits.output;
    for output in filter.id.run((context, given)) {
        // jaq's own way from here to a result ends the process at a `halt`. There is none, and still.
        let output = output.map_err(|exception| exception.get_err().map_or(failed("no error"), failed))?;
        room = room.checked_sub(OUTPUT).filter(|_| outputs.len() < OUTPUTS).ok_or(JqError::TooLong)?;
        let text = rendered(&output, to, room)?;
        room -= text.len();
        outputs.push(text);
    }
    Ok(outputs)
}

/// An output as the text it is sent as, of at most so many bytes.
fn rendered(output: &Val, to: To, room: usize) -> Result<String, Failure> {
    let mut out = Bounded { bytes: Vec::new(), room };
    let written = match (to, output) {
        (To::V3, Val::Obj(_)) => write::write(&mut out, &write::Pp::default(), 0, output),
        (To::V3, _) => return Err(JqError::NoObject.into()),
        (To::V2, Val::TStr(text)) => io::Write::write_all(&mut out, text),
        (To::V2, _) => write::write(&mut out, &write::Pp::default(), 0, output),
    };
    written.map_err(|_| JqError::TooLong)?;
    let text = String::from_utf8(out.bytes).map_err(|_| failed("an output is not UTF-8"))?;
    // jaq writes values JSON does not have: not-a-number, bytes, keys that are no strings.
    if !matches!(output, Val::TStr(_)) && Document::parse(&text) == Document::Invalid {
        return Err(failed("an output is not JSON"));
    }
    Ok(text)
}

fn failed(why: impl fmt::Display) -> Failure {
    let mut detail = Short(String::new());
    // An error of it means that there was more.
    let _ = write!(detail, "{why}");
    // jaq writes a text as JSON.
    let text = json::decode_str(&detail.0).map(Cow::into_owned);
    Failure { error: JqError::Failed, detail: text.unwrap_or(detail.0) }
}

/// The start of what is written.
struct Short(String);

impl fmt::Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let left = DETAIL - self.0.len();
        if text.len() <= left {
            self.0.push_str(text);
            return Ok(());
        }
        let end = (0..=left).rev().find(|&end| text.is_char_boundary(end)).unwrap_or_default();
        self.0.push_str(&text[..end]);
        Err(fmt::Error)
    }
}

/// Bytes up to a limit.
struct Bounded {
    bytes: Vec<u8>,
    room: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.room - self.bytes.len() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jq::functions::prepare;

    fn run(to: To, filter: &str, text: &str) -> Result<Vec<String>, Failure> {
        translate(&prepare(to, filter).expect("a filter"), to, text, &Limits::default())
    }

    fn v3(filter: &str, text: &str) -> Vec<String> {
        run(To::V3, filter, text).expect("translated")
    }

    fn v2(filter: &str, text: &str) -> Vec<String> {
        run(To::V2, filter, text).expect("translated")
    }

    fn error(to: To, filter: &str, text: &str) -> JqError {
        run(to, filter, text).expect_err("an error").error
    }

    #[test]
    fn numbers_keep_their_text_and_keys_their_order() {
        let payload = r#"{"z":1.10,"a":1E400,"m":123456789012345678901234567890,"k":[1.0,-1.50e-3,9007199254740993]}"#;
        assert_eq!(
            v3("{msg_type: \"msg\", payload: .}", payload),
            [format!(r#"{{"msg_type":"msg","payload":{payload}}}"#)]
        );
        assert_eq!(v2(".", "-0"), ["0"], "the one number that does not");
        assert_eq!(v3("{b: 1, a: 2, (.k): 3}", r#"{"k":"0"}"#), [r#"{"b":1,"a":2,"0":3}"#]);
        assert_eq!(v2(".", r#"{"a":1,"b":2,"a":3}"#), [r#"{"a":3,"b":2}"#]);
    }

    #[test]
    fn text_that_is_no_json_is_a_string() {
        assert_eq!(v3("{msg: .}", "ping \"1\""), [r#"{"msg":"ping \"1\""}"#]);
        assert_eq!(v3("{msg: .}", "\"ping\""), [r#"{"msg":"ping"}"#]);
        assert_eq!(v3("{msg: .}", ""), [r#"{"msg":""}"#]);
        assert_eq!(v3("{msg: .}", "NaN"), [r#"{"msg":"NaN"}"#]);
    }

    #[test]
    fn several_outputs_are_several_messages_and_none_is_none() {
        assert_eq!(v3("{n: .[]}", "[1,2,3]"), [r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#]);
        assert_eq!(v3("empty", "{}"), Vec::<String>::new());
        assert_eq!(v2("select(.a)", "{}"), Vec::<String>::new());
    }

    #[test]
    fn a_string_for_a_legacy_client_is_its_text() {
        assert_eq!(v2(".msg", r#"{"msg":"ping\n\"1\""}"#), ["ping\n\"1\""]);
        assert_eq!(v2(".msg | tojson", r#"{"msg":"ping"}"#), ["\"ping\""]);
        assert_eq!(v2(".a, null, [1, 2]", r#"{"a":{"b" : 1}}"#), [r#"{"b":1}"#, "null", "[1,2]"]);
    }

    #[test]
    fn what_is_no_object_is_no_message() {
        for filter in [".", "[.]", "1", "null", "{} , 1"] {
            assert_eq!(error(To::V3, filter, "x"), JqError::NoObject, "{filter}");
        }
    }

    #[test]
    fn what_json_does_not_have_is_refused() {
        for filter in ["{a: nan}", "{a: infinite}", "{(1|tojson|tobytes): 1}", "{a: ([255] | tobytes)}"] {
            assert_eq!(error(To::V3, filter, "1"), JqError::Failed, "{filter}");
        }
        assert_eq!(error(To::V2, "[-255] | implode", "1"), JqError::Failed);
        assert_eq!(error(To::V2, ".", "\"\\ud800\""), JqError::Failed);
    }

    #[test]
    fn errors_are_short_and_said() {
        let failure = run(To::V3, "error(\"no \\(.)\")", "7").expect_err("an error");
        assert_eq!(failure.to_string(), "failed: no 7");
        let long = run(To::V3, "error([range(100000)])", "7").expect_err("an error");
        assert_eq!((long.error, long.detail.len()), (JqError::Failed, DETAIL));
        let wide = run(To::V3, "error(\"é\" * 1000 + .)", "x").expect_err("an error");
        assert!((DETAIL - 1..=DETAIL).contains(&wide.detail.len()));
        assert_eq!(error(To::V3, ".a", "[1]"), JqError::Failed);
        // `break` and the like cannot leave a filter.
        assert_eq!(v2("label $f | 1, break $f, 2", "0"), ["1"]);
    }

    #[test]
    fn depth_is_looked_at_before_anything_recurses() {
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert_eq!(v2("length", &deep(64)), ["1"]);
        assert_eq!(error(To::V2, "1", &deep(65)), JqError::TooDeep);
        assert_eq!(error(To::V2, "1", &deep(100_000)), JqError::TooDeep);
        let quoted = serde_json::to_string(&deep(100_000)).expect("JSON");
        assert_eq!(error(To::V2, "fromjson", &quoted), JqError::Failed);
        assert_eq!(error(To::V2, "tonumber", &quoted), JqError::Failed);
        assert_eq!(v2("try fromjson catch .", &quoted), ["fromjson: too_deep"]);
        assert_eq!(v2("fromjson", r#""{\"a\":1.10}""#), [r#"{"a":1.10}"#]);
    }

    #[test]
    fn output_is_bounded_while_it_is_made() {
        assert_eq!(error(To::V2, "range(1000000000)", "0"), JqError::TooLong);
        assert_eq!(error(To::V2, "repeat(\"\")", "0"), JqError::TooLong);
        assert_eq!(error(To::V2, "\"x\" * 600000 | ., .", "0"), JqError::TooLong);
        assert_eq!(error(To::V3, "{a: (\"x\" * 2000000)}", "0"), JqError::TooLong);
        assert_eq!(v2("\"x\" * 1000000 | length", "0"), ["1000000"]);
        assert_eq!(v2("\"x\" * 1048572", "0")[0].len(), 1_048_572);
    }
}
