//! Owns tenants and clients as CSV (RFC 4180), for spreadsheets. What clients say of themselves stands in it, so a field
//! that a spreadsheet would take for a formula begins with an apostrophe.

use super::groups::GroupView;
use super::view::{ClientView, TenantView};
use std::fmt::Write;

/// The first row of `client`.
pub const CLIENTS: &str = "tenant,client,dialect,group,user_agent,origin,first_seen,last_seen,opened,refused,frames,\
                           step_url,step_wrap,step_ids,step_listen,v3_seen,findings\r\n";
/// The first row of `tenant`.
pub const TENANTS: &str = "tenant,stage,stage_since,v2_open,v3_open,last_v2,last_v3,v2_opened,v3_opened,v2_frames,\
                           v3_frames,refused,last_refused\r\n";
/// The first row of `groups`.
const GROUPS: &str = "tenant,name,clients,opened,refused,frames,first_seen,last_seen,example\r\n";

/// One client.
pub fn client(client: &ClientView) -> String {
    let mut findings = String::new();
    for (rule, n) in client.findings.iter() {
        // Writing to a String cannot fail.
        let _ = write!(findings, "{}{}:{n}", if findings.is_empty() { "" } else { " " }, rule.label());
    }
    let steps = client.steps;
    row(&[
        &client.tenant,
        &client.client,
        &client.dialect,
        &client.group,
        &client.user_agent,
        &client.origin,
        &client.first_seen,
        &client.last_seen,
        &client.opened.to_string(),
        &client.refused.to_string(),
        &client.frames.to_string(),
        yes(steps.url),
        yes(steps.wrap),
        yes(steps.ids),
        yes(steps.listen),
        client.v3_seen.as_deref().unwrap_or_default(),
        &findings,
    ])
}

/// All tenants, with their first row.
pub fn tenants(tenants: &[TenantView]) -> String {
    tenants.iter().fold(TENANTS.to_owned(), |all, one| all + &tenant(one))
}

fn tenant(tenant: &TenantView) -> String {
    let or_never = |at: &'_ Option<String>| at.clone().unwrap_or_default();
    row(&[
        &tenant.tenant,
        &tenant.stage,
        &tenant.stage_since,
        &tenant.v2_open.to_string(),
        &tenant.v3_open.to_string(),
        &or_never(&tenant.last_v2),
        &or_never(&tenant.last_v3),
        &tenant.v2_opened.to_string(),
        &tenant.v3_opened.to_string(),
        &tenant.v2_frames.to_string(),
        &tenant.v3_frames.to_string(),
        &tenant.refused.to_string(),
        &or_never(&tenant.last_refused),
    ])
}

/// Groups of clients, with their first row.
pub fn groups(groups: &[GroupView]) -> String {
    groups.iter().fold(GROUPS.to_owned(), |all, group| {
        all + &row(&[
            &group.tenant,
            &group.name,
            &group.clients.to_string(),
            &group.opened.to_string(),
            &group.refused.to_string(),
            &group.frames.to_string(),
            &group.first_seen,
            &group.last_seen,
            &group.example,
        ])
    })
}

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

fn row(fields: &[&str]) -> String {
    let fields: Vec<String> = fields.iter().map(|text| field(text)).collect();
    fields.join(",") + "\r\n"
}

/// One field. Spreadsheets pass over blanks before a formula.
fn field(text: &str) -> String {
    let formula = text.starts_with(['\t', '\r', '\n']) || text.trim_start().starts_with(['=', '+', '-', '@']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    match text.contains([',', '"', '\r', '\n', '\'', ';', '\t']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::labels::LintRule;
    use proptest::prelude::*;

    #[test]
    fn formulas_quotes_and_line_breaks_stay_text() {
        for (text, written) in [
            ("plain", "plain"),
            ("=HYPERLINK(\"http://evil\")", "\"'=HYPERLINK(\"\"http://evil\"\")\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            (" =1", "\"' =1\""),
            ("\t=1", "\"'\t=1\""),
            ("a,b", "\"a,b\""),
            ("a\r\nb", "\"a\r\nb\""),
            ("", ""),
        ] {
            assert_eq!(field(text), written);
        }
    }

    #[test]
    fn every_row_has_the_columns_of_the_first() {
        let columns = |row: &str| row.trim_end().split(',').count();
        let mut one = ClientView::default();
        one.findings.add(LintRule::NotWrapped, 3);
        one.findings.add(LintRule::BigInteger, 1);
        let row = client(&one);
        assert_eq!(columns(&row), columns(CLIENTS));
        assert!(row.ends_with(",V2002:3 V2007:1\r\n") && row.contains(",no,no,no,no,"), "{row}");
        let all = tenants(&[TenantView::default()]);
        let rows: Vec<_> = all.lines().collect();
        assert_eq!((rows.len(), columns(rows[0])), (2, columns(rows[1])));
        let all = groups(&[GroupView::default()]);
        let rows: Vec<_> = all.lines().collect();
        assert_eq!((rows.len(), columns(rows[0])), (2, columns(rows[1])));
    }

    /// The fields of a row, as RFC 4180 has it.
    fn read(row: &str) -> Vec<String> {
        let (mut fields, mut quoted, mut chars) = (vec![String::new()], false, row.chars().peekable());
        while let Some(c) = chars.next() {
            let last = fields.len() - 1;
            match c {
                '"' if quoted && chars.peek() == Some(&'"') => fields[last].push(chars.next().expect("peeked")),
                '"' => quoted = !quoted,
                ',' if !quoted => fields.push(String::new()),
                c => fields[last].push(c),
            }
        }
        assert!(!quoted, "{row}");
        fields
    }

    proptest! {
        #[test]
        fn whatever_stands_in_a_field_is_read_back_and_is_no_formula(texts in proptest::collection::vec(any::<String>(), 1..5)) {
            let fields: Vec<&str> = texts.iter().map(String::as_str).collect();
            let row = row(&fields);
            let found = read(row.strip_suffix("\r\n").expect("an end"));
            prop_assert_eq!(found.len(), texts.len());
            for (found, text) in found.iter().zip(&texts) {
                prop_assert!(found == text || found.strip_prefix('\'') == Some(text), "{} {}", found, text);
                prop_assert!(!found.starts_with(['=', '+', '-', '@', '\t', '\r']), "{}", found);
            }
        }
    }
}
