//! Owns the report as Markdown, for a ticket or a wiki. Names that others chose stand in it as text: no markup, no
//! table cell and no mention is made of them.

use super::view::{GateView, Report, TenantView};
use super::words::{count, long, percent};
use std::fmt::Write;

/// The whole report.
pub fn markdown(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "# V2 to V3 on {}\n\n**{}**", report.at, plain(&report.verdict.text));
    progress(&mut out, report);
    left(&mut out, report);
    loss(&mut out, report);
    when(&mut out, report);
    out
}

fn progress(out: &mut String, report: &Report) {
    let progress = &report.progress;
    head(out, "1. How far are we?", &["V3 of", "share", "V3", "V2"]);
    let share = |share: Option<f64>| share.map_or_else(|| "none".to_owned(), percent);
    let (v3, v2) = (progress.v3_open.to_string(), progress.v2_open.to_string());
    row(out, &["open connections", &share(progress.v3_share_of_connections), &v3, &v2]);
    row(out, &["messages, 24 h", &share(progress.v3_share_of_messages), "", ""]);
    let (v3, v2) = (progress.v3_clients_24h.to_string(), progress.v2_clients_24h.to_string());
    row(out, &["clients, 24 h", &share(progress.v3_share_of_clients), &v3, &v2]);
    let stages: Vec<_> = progress.stages.iter().map(|(stage, n)| format!("{n} {}", plain(stage.label()))).collect();
    let stages = if stages.is_empty() { String::new() } else { format!(": {}", stages.join(", ")) };
    let _ = writeln!(out, "\n{}{stages}.", count(progress.tenants, "tenant"));
}

fn left(out: &mut String, report: &Report) {
    let left = &report.left;
    head(out, "2. Who is left?", &["tenant", "stage", "V2 open", "refused", "last V2"]);
    for TenantView { tenant, stage, v2_open, refused, last_v2, .. } in &left.top {
        let last = last_v2.as_deref().unwrap_or("never");
        row(out, &[tenant, stage, &v2_open.to_string(), &refused.to_string(), last]);
    }
    let clients = count(left.clients, "V2 client");
    let _ =
        writeln!(out, "\n{clients} that came of late and have not moved, {} not done.", count(left.tenants, "tenant"));
    for exemption in &left.exemptions {
        let (name, who, reason) = (plain(&exemption.name), plain(&exemption.who), plain(&exemption.reason));
        let _ = writeln!(out, "\n* Exempted until {}: {name} ({who}) {reason}", exemption.until);
    }
}

fn loss(out: &mut String, report: &Report) {
    let loss = &report.loss;
    head(out, "3. Is anything being lost?", &["", &long(i64::try_from(report.quiet_seconds).unwrap_or(i64::MAX))]);
    for (what, n) in [
        ("lost", loss.lost),
        ("deliveries owed", loss.expected),
        ("made", loss.delivered),
        ("left out on purpose", loss.suppressed),
        ("law checks", loss.checks),
        ("that differed", loss.mismatches),
        ("same as the legacy server", loss.shadow_matches),
        ("different", loss.shadow_mismatches),
    ] {
        row(out, &[what, &n.to_string()]);
    }
}

fn when(out: &mut String, report: &Report) {
    head(out, "4. When can V2 be switched off?", &["gate", "state", "found"]);
    for GateView { title, state, counts, detail, .. } in &report.gates {
        let state = if *counts { state.clone() } else { format!("{state} (does not count)") };
        row(out, &[title, &state, detail]);
    }
    let _ = writeln!(out, "\n{}", plain(&report.forecast.text));
}

fn head(out: &mut String, title: &str, columns: &[&str]) {
    let _ = writeln!(out, "\n## {title}\n");
    row(out, columns);
    let _ = writeln!(out, "|{}", "---|".repeat(columns.len()));
}

fn row(out: &mut String, cells: &[&str]) {
    out.push('|');
    for cell in cells {
        let _ = write!(out, " {} |", plain(cell));
    }
    out.push('\n');
}

/// A text that means nothing but itself.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '!' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // Nobody is called to a ticket by a user agent, and no address becomes a link.
            '@' => out.push_str("&#64;"),
            ':' if out.ends_with("http") || out.ends_with("https") => out.push_str("&#58;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::report::view::Left;
    use proptest::prelude::*;

    #[test]
    fn names_are_no_markup() {
        assert_eq!(
            plain("a|b_c<script>@ops#1\n![x](http://e)"),
            r"a\|b\_c&lt;script&gt;&#64;ops\#1 \!\[x\](http&#58;//e)"
        );
    }

    #[test]
    fn all_four_questions_are_asked() {
        let text = markdown(&Report::default());
        for question in ["How far are we?", "Who is left?", "Is anything being lost?", "When can V2 be switched off?"] {
            assert!(text.contains(question), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_one_cell(tenant in any::<String>()) {
            let top = vec![TenantView { tenant, stage: "mixed".into(), ..TenantView::default() }];
            let text = markdown(&Report { left: Left { top, ..Left::default() }, ..Report::default() });
            let row = text.lines().find(|line| line.contains("| mixed |")).expect("the row");
            let cells = row.replace("\\\\", "").replace("\\|", "").matches('|').count();
            prop_assert_eq!(cells, 6, "{}", row);
        }
    }
}
