//! Owns how a time that the server itself tells is compared. Cases are played with a clock that stands at
//! 2026-03-11T12:34:56.789Z; a time of that day in what they expect stands for the server's now, or for what follows from
//! it, and any time written in the same form is right: a date, `T`, hours to milliseconds, `Z`. Which time it is, is not
//! looked at, for the clock of a server is its own.

use crate::dialect::OwnedFrame;
use std::borrow::Cow;

/// The day on which cases are played.
const DAY: &str = "2026-03-11T";
/// How a time is written: a 0 stands for any digit.
const FORM: &[u8] = b"0000-00-00T00:00:00.000Z";

/// What is wanted, with the times that came in the places of those that stand for now: the first for the first and so
/// on. What came in another form does not.
pub fn settled<'w>(wanted: &'w OwnedFrame, came: &OwnedFrame) -> Cow<'w, OwnedFrame> {
    let (OwnedFrame::Text(text), OwnedFrame::Text(came)) = (wanted, came) else { return Cow::Borrowed(wanted) };
    if !text.contains(DAY) {
        return Cow::Borrowed(wanted);
    }
    // What the case says itself, such as a time that is sent back, is the same on both sides.
    let mut told = times(came).filter(|time| time.starts_with(DAY) || !text.contains(time));
    let (mut out, mut from) = (String::with_capacity(text.len()), 0);
    for (at, time) in text.match_indices(DAY).filter_map(|(at, _)| Some((at, text.get(at..at + FORM.len())?))) {
        if let Some(told) = Some(time).filter(|time| is_time(time)).and_then(|_| told.next()) {
            out.push_str(&text[from..at]);
            out.push_str(told);
            from = at + FORM.len();
        }
    }
    out.push_str(&text[from..]);
    Cow::Owned(OwnedFrame::Text(out))
}

/// All times of this form in a text.
fn times(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('T').filter_map(|(at, _)| {
        let from = at.checked_sub(10)?;
        text.get(from..from + FORM.len()).filter(|time| is_time(time))
    })
}

fn is_time(text: &str) -> bool {
    text.len() == FORM.len()
        && text.bytes().zip(FORM).all(|(byte, form)| if *form == b'0' { byte.is_ascii_digit() } else { byte == *form })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(wanted: &str, came: &str) -> String {
        let (wanted, came) = (OwnedFrame::Text(wanted.into()), OwnedFrame::Text(came.into()));
        match settled(&wanted, &came).into_owned() {
            OwnedFrame::Text(text) => text,
            OwnedFrame::Binary(_) => panic!("a text"),
        }
    }

    #[test]
    fn now_is_whenever_the_server_says() {
        let wanted = r#"{"type":"pong","timestamp":"2026-03-11T12:34:57.789Z"}"#;
        let came = r#"{"type":"pong","timestamp":"2031-01-02T03:04:05.006Z"}"#;
        assert_eq!(of(wanted, came), came);
        assert_eq!(
            of(r#"["2026-03-11T12:34:56.789Z",1,"2026-03-11T12:34:56.789Z"]"#, came),
            r#"["2031-01-02T03:04:05.006Z",1,"2026-03-11T12:34:56.789Z"]"#
        );
    }

    #[test]
    fn another_form_is_another_text() {
        let wanted = r#"{"t":"2026-03-11T12:34:56.789Z"}"#;
        for came in [
            r#"{"t":"2031-01-02T03:04:05Z"}"#,
            r#"{"t":"2031-01-02T03:04:05.006789Z"}"#,
            r#"{"t":"2031-01-02T03:04:05.006+00:00"}"#,
            r#"{"t":"T"}"#,
            r#"{"t":1773232496}"#,
            "éT",
        ] {
            assert_eq!(of(wanted, came), wanted, "{came}");
        }
    }

    #[test]
    fn what_a_case_says_itself_stays() {
        let wanted = r#"{"a":"2024-01-01T00:00:00.000Z","b":"2026-03-11T12:34:56.789Z","c":"2026-03-11T"}"#;
        let came = r#"{"a":"2024-01-01T00:00:00.000Z","b":"2031-01-02T03:04:05.006Z","c":"2026-03-11T"}"#;
        assert_eq!(of(wanted, came), came);
        let other = r#"{"t":"2024-01-01T00:00:00.000Z"}"#;
        assert_eq!(of(other, &came.replace("2024", "2025")), other);
    }
}
