//! Sees a source file as text without comments and tests, and finds words in it. Knows no rule of the house.

use std::ops::Range;

/// Where `path` starts a path: not in the middle of a word or of a longer path.
pub fn starts<'a>(code: &'a str, path: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(path).map(|(at, _)| at).filter(move |at| {
        let before = code[..*at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_') && !code[..*at].ends_with("::")
    })
}

/// Decimal integer literals and where they are.
pub fn numbers(code: &str) -> impl Iterator<Item = (usize, u32)> + '_ {
    let mut at = 0;
    code.split(|c: char| !c.is_alphanumeric() && c != '_').filter_map(move |word| {
        let here = at;
        at += word.len() + code[at + word.len()..].chars().next().map_or(0, char::len_utf8);
        let digits = word.trim_end_matches("u16").trim_end_matches("u32").replace('_', "");
        digits.parse().ok().map(|n| (here, n))
    })
}

/// The line, from 1, in which this byte stands.
pub fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// A file without comments and without `#[cfg(test)]` items, every remaining byte at its old place.
pub struct View {
    /// String literals kept.
    pub text: String,
    /// String literals blank too.
    pub code: String,
    /// As `code`, but with the `#[cfg(test)]` items.
    pub with_tests: String,
}

impl View {
    /// Blanks what is no code.
    pub fn of(source: &str) -> Self {
        let (mut text, mut code) = (source.as_bytes().to_vec(), source.as_bytes().to_vec());
        let mut at = 0;
        while at < source.len() {
            let rest = &source[at..];
            let (length, is_comment) = token(rest, source[..at].chars().next_back());
            if let Some(is_comment) = is_comment {
                blank(&mut code, at..at + length);
                if is_comment {
                    blank(&mut text, at..at + length);
                }
            }
            at += length;
        }
        let marker = "#[cfg(test)]";
        let plain = String::from_utf8_lossy(&code).into_owned();
        for (start, _) in plain.match_indices(marker) {
            let body = plain[start..].find(['{', ';']).map_or(plain.len(), |n| start + n);
            let mut depth = 0;
            let end = plain[body..].char_indices().find_map(|(n, c)| {
                depth += i32::from(c == '{') - i32::from(c == '}');
                (depth == 0).then_some(body + n + 1)
            });
            let range = start..end.unwrap_or(plain.len());
            blank(&mut text, range.clone());
            blank(&mut code, range);
        }
        let whole = |bytes| String::from_utf8(bytes).expect("only whole tokens were blanked");
        Self { text: whole(text), code: whole(code), with_tests: plain }
    }
}

/// Length of the token at the start of `rest`, and whether it is a comment (true), a literal (false) or code.
fn token(rest: &str, before: Option<char>) -> (usize, Option<bool>) {
    let to = |end: Option<usize>| end.unwrap_or(rest.len());
    let first = rest.chars().next().map_or(1, char::len_utf8);
    if rest.starts_with("//") {
        return (to(rest.find('\n')), Some(true));
    }
    if rest.starts_with("/*") {
        return (to(rest.find("*/").map(|n| n + 2)), Some(true));
    }
    if !before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
        let raw = rest.strip_prefix('b').unwrap_or(rest).strip_prefix('r').unwrap_or("");
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let open = rest.len() - raw.len() + hashes + 1;
            let close = format!("\"{}", "#".repeat(hashes));
            return (to(rest[open..].find(&close).map(|n| open + n + close.len())), Some(false));
        }
    }
    let quote = if rest.starts_with('"') { '"' } else { '\'' };
    let is_char = rest.starts_with('\'') && (rest[1..].starts_with('\\') || rest.chars().nth(2) == Some('\''));
    if rest.starts_with('"') || is_char {
        let mut escaped = false;
        let end = rest.char_indices().skip(1).find(|(_, c)| {
            let ends = *c == quote && !escaped;
            escaped = *c == '\\' && !escaped;
            ends
        });
        return (to(end.map(|(n, _)| n + 1)), Some(false));
    }
    (first, None)
}

/// Overwrites with spaces; lines stay lines.
fn blank(bytes: &mut [u8], range: Range<usize>) {
    bytes[range].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
}
