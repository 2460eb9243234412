//! Owns a comparison for people at a terminal.

use super::super::text::Paint;
use super::super::words;
use super::{Compared, TITLES};
use crate::compat::compare::Sort;
use std::fmt::Write;

/// The whole comparison.
pub(in super::super) fn text(compared: &Compared<'_>, paint: Paint) -> String {
    let mut out = String::new();
    for (sort, title, _) in TITLES {
        if compared.sorted(sort).next().is_some() {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{}", paint.bold(&title.to_uppercase()));
            match sort {
                Sort::Unplayed => compared.unplayed().iter().for_each(|(n, why)| _ = writeln!(out, "  {n:>5}  {why}")),
                _ => told(&mut out, compared, sort, paint),
            }
            out.push('\n');
        }
        if sort == Sort::Seen {
            abilities(&mut out, compared, paint);
        }
    }
    let word = if compared.is_same() { paint.green("compared:") } else { paint.yellow("compared:") };
    let _ = writeln!(out, "{word} {}", compared.quote());
    out
}

/// Differences of a sort: what a client would notice in full, and of what is only written otherwise a few examples.
fn told(out: &mut String, compared: &Compared<'_>, sort: Sort, paint: Paint) {
    const EXAMPLES: usize = 5;
    let in_full = if sort == Sort::Seen { usize::MAX } else { EXAMPLES };
    for (n, difference) in compared.sorted(sort).enumerate() {
        let (id, why) = (words::line(&difference.id), words::line(&difference.why));
        if matches!(sort, Sort::Gone | Sort::New) {
            let _ = writeln!(out, "  {id}");
        } else if n >= in_full || difference.diff.is_none() {
            let _ = writeln!(out, "  {id}: {why}");
        } else {
            let gap = if n == 0 { "" } else { "\n" };
            let _ = writeln!(out, "{gap}  {}\n    {}\n    {why}", paint.bold(&id), words::line(&difference.title));
            let lines = words::short(difference.diff.as_deref());
            lines.iter().for_each(|line| _ = writeln!(out, "      {}", paint.diff(line)));
        }
    }
}

fn abilities(out: &mut String, compared: &Compared<'_>, paint: Paint) {
    if compared.capabilities.is_empty() {
        return;
    }
    let _ = writeln!(out, "{}", paint.bold("WHAT ONLY ONE OF THEM CAN"));
    let width = compared.capabilities.iter().map(|one| one.capability.label().len()).max().unwrap_or_default();
    for one in &compared.capabilities {
        let who = if one.old { "old" } else { "new" };
        let (name, why) = (one.capability.label(), words::line(&one.why));
        let _ = writeln!(out, "  {name:width$}  only the {who}; the other: {why}");
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::super::tests::pair;
    use super::*;

    #[test]
    fn what_a_client_would_notice_comes_first() {
        let (old, new) = pair();
        let want = r#"WHAT A CLIENT WOULD NOTICE
  aether.v2.a#v2
    the title of aether.v2.a#v2
    bob sees something else
       bob:
      +{
      +  "a": "```<"
      +}

WHAT ONLY ONE OF THEM CAN
  bridge  only the new; the other: bob: nothing came within 5s

ANOTHER VERDICT
  aether.v2.b#v2: it passed, and now it failed: too late

THE SAME VALUES, OTHER BYTES
  aether.direct.across-groups
    the title of aether.direct.across-groups
    bob sees the same, written otherwise
       bob:
       connected
       {
      -  "a": 1
      +  "a": 1.0
       }

NOT COMPARABLE
  aether.v2.c#v3: version 1 was played, and now 2

ONLY IN THE OLD
  aether.v2.d#v3

ONLY IN THE NEW
  aether.v2.g#v2

compared: 3 played on both: 1 seen otherwise by a client, 1 of another verdict, 1 in other bytes, 1 not comparable, 1 only old, 1 only new, 1 only one of them can; ws://127.0.0.1:8080 -> ws://127.0.0.1:9090
"#;
        assert_eq!(text(&Compared::of(&old, &new), Paint(false)), want);
    }

    #[test]
    fn what_is_the_same_is_one_line() {
        let (old, _) = pair();
        let told = text(&Compared::of(&old, &old), Paint(false));
        assert_eq!(told.lines().count(), 1, "{told}");
    }
}
