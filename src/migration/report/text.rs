//! Owns the report, and the list of clients, as text for a terminal: the four questions as four blocks, 100 columns at
//! most, no colours. What clients say of themselves stands in it, so control characters do not reach the terminal.

use super::groups::GroupView;
use super::view::{ClientView, ExemptionView, GateView, PolicyView, Progress, Report, RuleView, TenantView};
use super::words::{count, long, percent};
use std::fmt::Write;

/// Columns of a line.
const WIDTH: usize = 100;
/// Columns of a bar.
const BAR: usize = 40;
/// Tenants that are listed.
const TENANTS: usize = 10;

/// The whole report.
pub fn text(report: &Report) -> String {
    let mut page = Page::default();
    let since = report.since.as_deref().map_or("nothing was seen yet".to_owned(), |since| format!("since {since}"));
    let proxies = match report.nodes {
        1 => "1 proxy".to_owned(),
        n => format!("{n} proxies"),
    };
    page.line(&format!("V2 to V3 on {}: {proxies} of version {}, {since}", report.at, report.version));
    page.wrapped("", "", &report.verdict.text);
    progress(&mut page, &report.progress);
    left(&mut page, report);
    loss(&mut page, report);
    when(&mut page, report);
    page.0
}

fn progress(page: &mut Page, progress: &Progress) {
    page.head("1. HOW FAR ARE WE?");
    for (what, share, of) in [
        ("open connections", progress.v3_share_of_connections, Some((progress.v3_open, progress.v2_open))),
        ("messages, 24 h", progress.v3_share_of_messages, None),
        ("clients, 24 h", progress.v3_share_of_clients, Some((progress.v3_clients_24h, progress.v2_clients_24h))),
    ] {
        let counts = of.map_or_else(String::new, |(v3, v2)| format!("   {v3} V3, {v2} V2"));
        let share =
            share.map_or_else(|| "  none".to_owned(), |share| format!("  {} {:>8} V3", bar(share), percent(share)));
        page.line(&format!("   {what:<17}{share}{counts}"));
    }
    let steps = progress.steps;
    page.line(&format!(
        "   clients by step    address {}, wrapped {}, opaque ids {}, listening {}",
        steps.url, steps.wrap, steps.ids, steps.listen
    ));
    let stages: Vec<_> = progress.stages.iter().map(|(stage, n)| format!("{n} {}", stage.label())).collect();
    let stages = if stages.is_empty() { String::new() } else { format!(": {}", stages.join(", ")) };
    page.line(&format!("   tenants            {}{stages}", progress.tenants));
}

fn left(page: &mut Page, report: &Report) {
    let left = &report.left;
    page.head("2. WHO IS LEFT?");
    page.line(&format!(
        "   {} that came of late and have not moved, {} not done",
        count(left.clients, "V2 client"),
        count(left.tenants, "tenant")
    ));
    if !left.top.is_empty() {
        page.line(&format!("   {:<32} {:<10} {:>8} {:>8}  {}", "TENANT", "STAGE", "V2 OPEN", "REFUSED", "LAST V2"));
    }
    for TenantView { tenant, stage, v2_open, refused, last_v2, .. } in left.top.iter().take(TENANTS) {
        let (tenant, stage) = (cut(tenant, 32), cut(stage, 10));
        let last = last_v2.as_deref().unwrap_or("never");
        page.line(&format!("   {tenant:<32} {stage:<10} {v2_open:>8} {refused:>8}  {last}"));
    }
    if left.tenants > TENANTS as u64 {
        page.line(&format!("   and {} more", left.tenants - TENANTS as u64));
    }
    for ExemptionView { name, reason, who, until, .. } in &left.exemptions {
        page.wrapped("   ", "     ", &format!("exempted until {until}: {name} ({who}) {reason}"));
    }
}

fn loss(page: &mut Page, report: &Report) {
    let loss = &report.loss;
    page.head(&format!(
        "3. IS ANYTHING BEING LOST? ({})",
        long(i64::try_from(report.quiet_seconds).unwrap_or(i64::MAX))
    ));
    page.line(&format!(
        "   {} lost: {} deliveries owed, {} made, {} left out on purpose",
        loss.lost, loss.expected, loss.delivered, loss.suppressed
    ));
    page.line(&format!("   {} differed of {}", loss.mismatches, count(loss.checks, "law check")));
    let compared = loss.shadow_matches + loss.shadow_mismatches;
    if compared > 0 {
        let compared = count(compared, "comparison");
        page.line(&format!("   {} differed of {compared} with the legacy server", loss.shadow_mismatches));
    }
}

fn when(page: &mut Page, report: &Report) {
    page.head("4. WHEN CAN V2 BE SWITCHED OFF?");
    for GateView { title, state, counts, detail, .. } in &report.gates {
        let (state, not) = (mark(state), if *counts { "" } else { " (does not count)" });
        page.wrapped(&format!("   {state} "), "             ", &format!("{title}{not}: {detail}"));
    }
    page.wrapped("   ", "     ", &report.forecast.text);
    policy(page, &report.policy);
}

fn policy(page: &mut Page, policy: &PolicyView) {
    let mut said = Vec::new();
    let dates = [("deprecated", &policy.deprecation), ("sunset", &policy.sunset)];
    said.extend(dates.into_iter().filter_map(|(what, at)| at.as_ref().map(|at| format!("{what} {at}"))));
    let switches = [
        ("paused", policy.paused),
        ("dry run", policy.dry_run),
        ("new tenants must begin with V3", policy.new_tenants_blocked),
    ];
    said.extend(switches.into_iter().filter(|(_, on)| *on).map(|(what, _)| what.to_owned()));
    if said.is_empty() && policy.rules.is_empty() {
        page.line("   policy: V2 clients are let in and told nothing");
    } else {
        page.wrapped(
            "   ",
            "     ",
            &format!("policy: {}", if said.is_empty() { "by rules".into() } else { said.join(", ") }),
        );
    }
    for RuleView { name, now, who, percent, dry_run, when, next_change, .. } in &policy.rules {
        let share = if *percent < 100 { format!(", {percent} of 100 clients") } else { String::new() };
        let dry = if *dry_run { ", dry run" } else { "" };
        let next = next_change.as_ref().map_or_else(String::new, |next| format!(", changes {next}"));
        page.wrapped("     ", "       ", &format!("{name}: {now}{dry}; {who}{share}; {when}{next}"));
    }
}

/// A list of clients, latest columns last.
pub fn clients(clients: &[ClientView]) -> String {
    let mut page = Page::default();
    page.line(&format!(
        "{:<12} {:<18} {:<16} {:>7}  {:<19} {}",
        "TENANT", "CLIENT", "LAST SEEN (UTC)", "FRAMES", "MISSING STEPS", "USER AGENT"
    ));
    for client in clients {
        let steps = client.steps;
        let steps = [("url", steps.url), ("wrap", steps.wrap), ("ids", steps.ids), ("listen", steps.listen)];
        let missing: Vec<_> = steps.into_iter().filter(|(_, done)| !done).map(|(step, _)| step).collect();
        let ClientView { tenant, client, last_seen, frames, user_agent, .. } = client;
        let (tenant, client, agent) = (cut(tenant, 12), cut(client, 18), cut(user_agent, 40));
        let last_seen = minute(last_seen);
        let missing = if missing.is_empty() { "-".to_owned() } else { missing.join(" ") };
        page.line(&format!("{tenant:<12} {client:<18} {last_seen:<16} {frames:>7}  {missing:<19} {agent}"));
    }
    page.0
}

/// Groups of clients, under the name of what they have in common.
pub fn groups(groups: &[GroupView], name: &str) -> String {
    let mut page = Page::default();
    page.line(&format!(
        "{:<12} {:<30} {:>7} {:>8}  {:<16} {}",
        "TENANT", name, "CLIENTS", "FRAMES", "LAST SEEN (UTC)", "FOR EXAMPLE"
    ));
    for GroupView { tenant, name, clients, frames, last_seen, example, .. } in groups {
        let (tenant, name, example) = (cut(tenant, 12), cut(name, 30), cut(example, 20));
        let last_seen = minute(last_seen);
        page.line(&format!("{tenant:<12} {name:<30} {clients:>7} {frames:>8}  {last_seen:<16} {example}"));
    }
    page.0
}

/// A moment without its seconds.
fn minute(at: &str) -> String {
    at.get(..16).unwrap_or(at).replace('T', " ")
}

fn mark(state: &str) -> &'static str {
    match state {
        "pass" => "[ pass  ]",
        "fail" => "[ FAIL  ]",
        _ => "[unknown]",
    }
}

/// A share as a bar. Something is never drawn as nothing, nor as all.
fn bar(share: f64) -> String {
    // Between 0 and BAR.
    let mut full = (share.clamp(0.0, 1.0) * BAR as f64).round() as usize;
    if share > 0.0 && share < 1.0 {
        full = full.clamp(1, BAR - 1);
    }
    format!("|{}{}|", "#".repeat(full), ".".repeat(BAR - full))
}

/// At most so many characters; where something is missing, it shows.
fn cut(text: &str, most: usize) -> String {
    let text = plain(text);
    match text.char_indices().nth(most) {
        None => text,
        Some(_) => text.chars().take(most - 1).chain(['~']).collect(),
    }
}

/// Without what moves a terminal's cursor or turns the direction of writing.
fn plain(text: &str) -> String {
    let moves = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().map(|c| if moves(c) { '?' } else { c }).collect()
}

/// What is written, line by line.
#[derive(Default)]
struct Page(String);

impl Page {
    fn head(&mut self, text: &str) {
        self.0.push('\n');
        self.line(text);
    }

    fn line(&mut self, text: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{}", cut(text.trim_end(), WIDTH));
    }

    /// Words over as many lines as they need.
    fn wrapped(&mut self, first: &str, other: &str, text: &str) {
        let mut line = first.to_owned();
        let mut fresh = true;
        for word in plain(text).split_whitespace() {
            if !fresh && line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.line(&line);
                other.clone_into(&mut line);
                fresh = true;
            }
            if !fresh {
                line.push(' ');
            }
            line.push_str(word);
            fresh = false;
        }
        self.line(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::report::view::Verdict;
    use proptest::prelude::*;

    #[test]
    fn something_is_never_drawn_as_nothing_or_all() {
        assert_eq!(bar(0.0), format!("|{}|", ".".repeat(40)));
        assert_eq!(bar(1.0), format!("|{}|", "#".repeat(40)));
        assert!(bar(0.0001).starts_with("|#.") && bar(0.9999).ends_with("#.|"));
    }

    #[test]
    fn the_four_questions_stand_in_order_with_their_answers() {
        let report = Report {
            at: "2026-11-21T07:00:00Z".into(),
            version: "0.1.0".into(),
            nodes: 2,
            verdict: Verdict { safe_to_retire: false, text: "No: 1 gate does not hold.".into() },
            progress: Progress { v2_open: 1, v3_open: 3, v3_share_of_connections: Some(0.75), ..Progress::default() },
            quiet_seconds: 7 * 86_400,
            gates: vec![GateView {
                title: "Nothing lost for 7 days".into(),
                state: "fail".into(),
                counts: true,
                detail: "3 lost".into(),
                ..GateView::default()
            }],
            ..Report::default()
        };
        let text = text(&report);
        let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} is not in {text}"));
        let order = [
            at("V2 to V3 on 2026-11-21T07:00:00Z: 2 proxies of version 0.1.0, nothing was seen yet"),
            at("\nNo: 1 gate does not hold."),
            at("1. HOW FAR"),
            at("75 % V3   3 V3, 1 V2"),
            at("2. WHO"),
            at("3. IS ANYTHING BEING LOST? (7 days)"),
            at("4. WHEN"),
            at("[ FAIL  ] Nothing lost for 7 days: 3 lost"),
            at("policy: V2 clients are let in"),
        ];
        assert!(order.is_sorted(), "{text}");
    }

    proptest! {
        #[test]
        fn whatever_stands_in_it_fits_and_moves_no_cursor(name in any::<String>(), long in "[a-z ]{0,300}\u{1b}\\[2J\r\n\u{202e}") {
            let report = Report {
                verdict: Verdict { text: long.clone(), ..Verdict::default() },
                left: crate::migration::report::view::Left {
                    top: vec![TenantView { tenant: name.clone(), stage: long.clone(), ..TenantView::default() }],
                    exemptions: vec![ExemptionView { name: name.clone(), reason: long.clone(), ..ExemptionView::default() }],
                    ..Default::default()
                },
                gates: vec![GateView { title: long.clone(), detail: name.clone(), ..GateView::default() }],
                policy: PolicyView {
                    rules: vec![RuleView { name: name.clone(), who: long.clone(), ..RuleView::default() }],
                    ..PolicyView::default()
                },
                ..Report::default()
            };
            let together = groups(&[GroupView { name: name.clone(), example: long.clone(), ..GroupView::default() }], "GROUP");
            let listed = clients(&[ClientView { client: name, tenant: long, ..ClientView::default() }]);
            for line in text(&report).lines().chain(listed.lines()).chain(together.lines()) {
                prop_assert!(line.chars().count() <= WIDTH, "{}", line);
                prop_assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{:?}", line);
            }
        }
    }
}
