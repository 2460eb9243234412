//! Owns how it is shown what was wanted and what came: lines that begin with `-` (wanted), `+` (came) or a blank (both).
//! Common parts are left out, long lines are cut to where they differ, and the whole is bounded. What may not be shown on
//! a terminal is left to whoever shows it.

use super::tokens;
use crate::compat::hex;
use crate::dialect::OwnedFrame;

/// Lines of a diff.
const MOST_LINES: usize = 60;
/// Its bytes.
const MOST_BYTES: usize = 4096;
/// Characters of a line.
const WIDEST: usize = 160;
/// Characters before the first that differs, in a line that is cut.
const BEFORE: usize = 40;
/// Common lines that are shown beside others.
const AROUND: usize = 2;
/// Lines of one side that are shown in a row.
const IN_A_ROW: usize = 20;
/// Lines of one side that are looked at.
const MOST_READ: usize = 1000;
/// Pairs of lines that are compared for the longest common sequence; beyond, all of both is shown as different.
const MOST_PAIRS: usize = 100_000;
/// What stands for what is left out.
const MORE: &str = "…";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Wanted,
    Came,
    Both,
}

impl Side {
    fn sign(self) -> char {
        match self {
            Self::Wanted => '-',
            Self::Came => '+',
            Self::Both => ' ',
        }
    }
}

/// What of two frames differs.
pub fn diff(wanted: &OwnedFrame, came: &OwnedFrame) -> String {
    of_lines(&lines(wanted), &lines(came))
}

/// The lines of both that differ, with a little around them.
pub fn of_lines(wanted: &[String], came: &[String]) -> String {
    let all = compared(wanted, came);
    let mut out = Out::default();
    let (mut skipped, mut row) = (false, (Side::Both, 0));
    for (at, (side, line)) in all.iter().enumerate() {
        row = if row.0 == *side { (*side, row.1 + 1) } else { (*side, 1) };
        if *side != Side::Both && row.1 > IN_A_ROW {
            if row.1 == IN_A_ROW + 1 && !out.line(side.sign(), MORE, 0) {
                break;
            }
            continue;
        }
        let near = all[at.saturating_sub(AROUND)..all.len().min(at + AROUND + 1)].iter();
        if *side == Side::Both && near.clone().all(|(side, _)| *side == Side::Both) {
            skipped = true;
            continue;
        }
        if std::mem::take(&mut skipped) && !out.line(' ', MORE, 0) {
            break;
        }
        let from = if *side == Side::Both { 0 } else { differs_at(&all, at) };
        if !out.line(side.sign(), line, from) {
            break;
        }
    }
    out.0
}

/// A diff on the way.
#[derive(Default)]
struct Out(String);

impl Out {
    /// Puts a line behind; false when there is no more room, which the diff then says.
    fn line(&mut self, sign: char, line: &str, differs_at: usize) -> bool {
        let line = cut(line, differs_at);
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        let room = self.0.lines().count() + 1 < MOST_LINES && self.0.len() + line.len() + 8 < MOST_BYTES;
        if room {
            self.0.push(sign);
            self.0.push_str(&line);
        } else {
            self.0.push(' ');
            self.0.push_str(MORE);
        }
        room
    }
}

/// A frame as lines, of which there are not too many.
pub fn lines(frame: &OwnedFrame) -> Vec<String> {
    let text = match frame {
        OwnedFrame::Text(text) => text,
        OwnedFrame::Binary(bytes) => {
            let beginning = hex(&bytes[..bytes.len().min(MOST_BYTES)]);
            return vec![format!("binary, {} bytes: {beginning}", bytes.len())];
        }
    };
    let (mut lines, more) = if tokens::is_json(text) {
        tokens::lines(text, MOST_READ)
    } else {
        let mut all = text.split('\n');
        (all.by_ref().take(MOST_READ).map(str::to_owned).collect(), all.next().is_some())
    };
    if more {
        lines.push(MORE.to_owned());
    }
    lines
}

/// Both as one list: the longest common sequence, and what is only on one side where it stands.
fn compared<'a>(wanted: &'a [String], came: &'a [String]) -> Vec<(Side, &'a str)> {
    let common = wanted.iter().zip(came).take_while(|(one, other)| one == other).count();
    let (wanted, came, head) = (&wanted[common..], &came[common..], &wanted[..common]);
    let behind = wanted.iter().rev().zip(came.iter().rev()).take_while(|(one, other)| one == other).count();
    let (wanted, tail) = wanted.split_at(wanted.len() - behind);
    let came = &came[..came.len() - behind];
    let both = |line: &'a String| (Side::Both, line.as_str());
    let mut all: Vec<_> = head.iter().map(both).collect();
    // How long the common sequence of what is left of both can be, from each pair of places on.
    let width = came.len() + 1;
    let mut longest = vec![0_u32; (wanted.len() + 1) * width];
    let few = wanted.len() * came.len() <= MOST_PAIRS;
    for i in (0..wanted.len()).rev().filter(|_| few) {
        for j in (0..came.len()).rev() {
            let (below, beside) = (longest[(i + 1) * width + j], longest[i * width + j + 1]);
            let both = longest[(i + 1) * width + j + 1] + 1;
            longest[i * width + j] = if wanted[i] == came[j] { both } else { below.max(beside) };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < wanted.len() || j < came.len() {
        if few && i < wanted.len() && j < came.len() && wanted[i] == came[j] {
            all.push(both(&wanted[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == came.len() || i < wanted.len() && longest[(i + 1) * width + j] >= longest[i * width + j + 1] {
            all.push((Side::Wanted, &wanted[i]));
            i += 1;
        } else {
            all.push((Side::Came, &came[j]));
            j += 1;
        }
    }
    all.extend(tail.iter().map(both));
    all
}

/// The first character of a line that its counterpart on the other side has otherwise.
fn differs_at(all: &[(Side, &str)], at: usize) -> usize {
    let is = |i: usize, side: Side| all.get(i).is_some_and(|(found, _)| *found == side);
    let first = |mut i: usize, side: Side| {
        while i > 0 && is(i - 1, side) {
            i -= 1;
        }
        i
    };
    // The wanted lines of a place stand before those that came.
    let other = if is(at, Side::Wanted) {
        let start = first(at, Side::Wanted);
        let behind = (at..all.len()).find(|i| !is(*i, Side::Wanted)).unwrap_or(all.len());
        behind + (at - start)
    } else {
        let start = first(at, Side::Came);
        first(start, Side::Wanted) + (at - start)
    };
    let (line, side) = (all[at].1, all[at].0);
    match all.get(other) {
        Some((found, text)) if *found != side && *found != Side::Both => {
            line.chars().zip(text.chars()).take_while(|(one, other)| one == other).count()
        }
        _ => 0,
    }
}

/// A line of at most `WIDEST` characters, in which the one at `differs_at` is to be seen.
fn cut(line: &str, differs_at: usize) -> String {
    if line.chars().nth(WIDEST).is_none() {
        return line.to_owned();
    }
    let from = if differs_at < WIDEST - BEFORE { 0 } else { differs_at - BEFORE };
    let mut rest = line.chars().skip(from);
    let mut out = if from > 0 { MORE.to_owned() } else { String::new() };
    out.extend(rest.by_ref().take(WIDEST - 2));
    if rest.next().is_some() {
        out.push_str(MORE);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(wanted: &str, came: &str) -> String {
        diff(&OwnedFrame::Text(wanted.into()), &OwnedFrame::Text(came.into()))
    }

    #[test]
    fn a_difference_is_a_line_with_a_little_around_it() {
        let (wanted, came) = (r#"{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6}"#, r#"{"a":1, "b":2, "c":3, "d":40, "f":6}"#);
        let want = " …\n   \"b\": 2,\n   \"c\": 3,\n-  \"d\": 4,\n-  \"e\": 5,\n+  \"d\": 40,\n   \"f\": 6\n }";
        assert_eq!(of(wanted, came), want);
        assert_eq!(of(wanted, wanted), "");
        assert_eq!(of("ping", "pong"), "-ping\n+pong");
        let binary = diff(&OwnedFrame::Text("a".into()), &OwnedFrame::Binary(vec![0, 255]));
        assert_eq!(binary, "-a\n+binary, 2 bytes: 00ff");
    }

    #[test]
    fn it_is_bounded_and_what_differs_is_seen() {
        let long = |end: &str| format!("{{\"a\":\"{}{end}\"}}", "x".repeat(100_000));
        let found = of(&long("1"), &long("2"));
        assert!(found.len() < 600 && found.contains("x1\"") && found.contains("x2\""), "{found}");
        let many = |n: usize| format!("[{}0]", "1,\"é\",".repeat(n));
        for (one, other) in
            [(many(100_000), "[]".to_owned()), ("\n".repeat(5000), "é".repeat(5000)), (many(0), many(900))]
        {
            let found = of(&one, &other);
            assert!(found.len() <= MOST_BYTES && found.lines().count() <= MOST_LINES, "{}", found.len());
        }
        let found = of(&"a\n".repeat(900), &"b\n".repeat(900));
        assert!(found.contains("-a\n-…\n+b\n") && found.lines().count() == 2 * IN_A_ROW + 3, "{found}");
    }
}
