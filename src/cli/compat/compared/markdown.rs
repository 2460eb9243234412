//! Owns a comparison as Markdown, for a ticket or a wiki.

use super::super::markdown::{cell, fenced};
use super::super::words;
use super::{Compared, Side, TITLES};
use crate::compat::compare::Sort;
use std::fmt::Write;

/// The whole comparison.
pub(in super::super) fn markdown(compared: &Compared<'_>) -> String {
    let mut out = "# Compatibility: old and new\n\n| | old | new |\n|---|---|---|\n".to_owned();
    row(&mut out, compared, "target", |side| side.target.url.clone());
    row(&mut out, compared, "server", |side| side.target.server.clone().unwrap_or_default());
    row(&mut out, compared, "date", |side| side.at.to_owned());
    row(&mut out, compared, "suite", |side| format!("{}, hash {}", side.suite.version, side.suite.hash));
    // Writing to a String cannot fail.
    let _ = writeln!(out, "\n{}", cell(&compared.quote()));
    for (sort, title, _) in TITLES {
        let mut differences = compared.sorted(sort).peekable();
        if differences.peek().is_none() {
            continue;
        }
        let _ = writeln!(out, "\n## {title}\n");
        if sort == Sort::Unplayed {
            out.push_str("| checks | why |\n|--:|---|\n");
            compared.unplayed().iter().for_each(|(n, why)| _ = writeln!(out, "| {n} | {} |", cell(why)));
            continue;
        }
        let mut told = false;
        for difference in differences {
            let (id, why) = (cell(&difference.id), cell(&difference.why));
            match &difference.diff {
                _ if matches!(sort, Sort::Gone | Sort::New) => _ = writeln!(out, "* {id}"),
                None => _ = writeln!(out, "* {id}: {why}"),
                Some(diff) => {
                    let gap = if told { "\n" } else { "" };
                    let _ = writeln!(out, "{gap}### {id}\n\n{}\n\n* {why}", cell(&difference.title));
                    fenced(&mut out, &words::short(Some(diff)));
                    told = true;
                }
            }
        }
    }
    if !compared.capabilities.is_empty() {
        out.push_str("\n## What only one of them can\n\n| capability | old | new | the other |\n|---|---|---|---|\n");
        for one in &compared.capabilities {
            let has = |has| if has { "yes" } else { "no" };
            let _ = writeln!(out, "| {} | {} | {} | {} |", one.capability, has(one.old), has(one.new), cell(&one.why));
        }
    }
    out
}

fn row(out: &mut String, compared: &Compared<'_>, name: &str, of: impl Fn(&Side<'_>) -> String) {
    let (old, new) = (of(&compared.old), of(&compared.new));
    if !old.is_empty() || !new.is_empty() {
        let _ = writeln!(out, "| {name} | {} | {} |", cell(&old), cell(&new));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::pair;
    use super::*;

    #[test]
    fn a_comparison_can_be_pasted_into_a_ticket() {
        let (old, new) = pair();
        let want = r#"# Compatibility: old and new

| | old | new |
|---|---|---|
| target | ws://127.0.0.1:8080 | ws://127.0.0.1:9090 |
| server | uvicorn | uvicorn |
| date | 2026-03-11T12:34:56Z | 2026-03-11T12:34:56Z |
| suite | 0.1.0, hash a1b2c3d4e5f60718 | 0.1.0, hash a1b2c3d4e5f60718 |

3 played on both: 1 seen otherwise by a client, 1 of another verdict, 1 in other bytes, 1 not comparable, 1 only old, 1 only new, 1 only one of them can; ws://127.0.0.1:8080 -&gt; ws://127.0.0.1:9090

## What a client would notice

### aether.v2.a\#v2

the title of aether.v2.a\#v2

* bob sees something else

````diff
 bob:
+{
+  "a": "```<"
+}
````

## Another verdict

* aether.v2.b\#v2: it passed, and now it failed: too late

## The same values, other bytes

### aether.direct.across-groups

the title of aether.direct.across-groups

* bob sees the same, written otherwise

```diff
 bob:
 connected
 {
-  "a": 1
+  "a": 1.0
 }
```

## Not comparable

* aether.v2.c\#v3: version 1 was played, and now 2

## Only in the old

* aether.v2.d\#v3

## Only in the new

* aether.v2.g\#v2

## What only one of them can

| capability | old | new | the other |
|---|---|---|---|
| bridge | no | yes | bob: nothing came within 5s |
"#;
        assert_eq!(markdown(&Compared::of(&old, &new)), want);
    }
}
