//! Owns how a JSON text falls apart into tokens, and how those are put into lines for people. Nothing recurses, and
//! tokens stay as they were written.

use crate::envelope::json::{self, Document};

/// Steps of indentation that are still shown.
const DEEPEST: usize = 20;

/// Is it one JSON document? Keys that no text can hold are allowed.
pub fn is_json(text: &str) -> bool {
    matches!(Document::parse(text), Document::Value(_)) || json::tokens(text).is_ok()
}

/// The tokens of a JSON text in order: brackets, colons and commas too. Of a text that is no JSON it says something, but
/// nothing of use.
pub fn each(text: &str) -> impl Iterator<Item = &str> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let bytes = text.as_bytes();
        while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        let from = at;
        match bytes.get(at)? {
            b'"' => at = end_of_string(bytes, at),
            b'{' | b'}' | b'[' | b']' | b':' | b',' => at += 1,
            _ => {
                let ends = |byte: &u8| byte.is_ascii_whitespace() || b"{}[]:,\"".contains(byte);
                at += bytes[at..].iter().position(ends).unwrap_or(bytes.len() - at);
            }
        }
        text.get(from..at)
    })
}

/// Behind the closing quote of the string that begins here.
fn end_of_string(bytes: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// A JSON text in lines, a member or an item each, at most so many; whether there would be more.
pub fn lines(text: &str, most: usize) -> (Vec<String>, bool) {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut depth = 0_usize;
    let mut tokens = each(text).peekable();
    while let Some(token) = tokens.next() {
        if lines.len() >= most {
            return (lines, true);
        }
        let closes = matches!(token, "}" | "]");
        if closes {
            depth = depth.saturating_sub(1);
        }
        if line.is_empty() {
            line.push_str(&"  ".repeat(depth.min(DEEPEST)));
        }
        line.push_str(token);
        let next = tokens.peek().copied();
        match token {
            ":" => line.push(' '),
            "{" | "[" => {
                depth += 1;
                if !matches!(next, Some("}" | "]")) {
                    lines.push(std::mem::take(&mut line));
                } else if let Some(close) = tokens.next() {
                    depth -= 1;
                    line.push_str(close);
                    end(&mut lines, &mut line, tokens.peek().copied());
                }
            }
            "," => lines.push(std::mem::take(&mut line)),
            _ => end(&mut lines, &mut line, next),
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    (lines, false)
}

/// A value is over: the line is, unless a colon or a comma belongs to it.
fn end(lines: &mut Vec<String>, line: &mut String, next: Option<&str>) {
    if !matches!(next, Some(":" | ",")) {
        lines.push(std::mem::take(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_a_line_and_its_tokens_stay() {
        let (all, more) = lines(r#"{"a" :1.10,"b":[ 1,{"c\"":"\u00e9, é"},[ ] ],"d":{}}"#, 99);
        let want = r#"{
  "a": 1.10,
  "b": [
    1,
    {
      "c\"": "\u00e9, é"
    },
    []
  ],
  "d": {}
}"#;
        assert_eq!((all.join("\n").as_str(), more), (want, false));
        assert_eq!(lines("7", 9).0, ["7"]);
    }

    #[test]
    fn there_are_no_more_lines_than_wanted() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let (all, more) = lines(&deep, 50);
        assert!(all.len() == 50 && more && all.iter().all(|line| line.len() < 50));
    }

    #[test]
    fn what_is_no_json_confuses_nobody() {
        for text in ["\"", "\"\\", "{", "]]]", "\"é", "é{", "a\"b", "\u{a0}"] {
            let _ = (each(text).count(), lines(text, 9));
            assert!(!is_json(text));
        }
        assert!(is_json(r#"{"\ud800":1}"#) && is_json(" 1 ") && !is_json("1 1"));
    }
}
