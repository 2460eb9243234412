//! Reads `compat/reference/DIFFERENCES.md` and holds it to what was found: nothing is found that it does not explain, and
//! nothing is explained that is not found any more. So the explanation stays true by itself.

use std::fmt;
use wildmatch::WildMatch;

/// A row of one of its tables: what it explains, and how that ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// Ids, or the beginning of ids and `*`.
    patterns: Vec<String>,
    /// The word of the second column.
    how: String,
    /// Where it stands, from 1.
    line: usize,
}

/// Something that was found and wants an explanation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Of a check, or the name of a capability.
    pub id: String,
    /// How it ended.
    pub how: String,
    /// For whoever has to explain it.
    pub why: String,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.id, self.how, self.why)
    }
}

/// The rows of all tables whose first column holds ids in back-ticks. Panics on a row that says nothing.
pub fn read(markdown: &str) -> Vec<Row> {
    let rows = markdown.lines().zip(1..).filter(|(text, _)| text.starts_with("| `"));
    rows.map(|(text, line)| {
        let cells: Vec<_> = text.trim_matches('|').split('|').map(str::trim).collect();
        assert!(cells.len() >= 4 && cells.iter().all(|cell| !cell.is_empty()), "line {line}: a cell is empty");
        let patterns: Vec<_> = cells[0].split('`').skip(1).step_by(2).map(str::to_owned).collect();
        Row { patterns, how: cells[1].to_owned(), line }
    })
    .collect()
}

/// What is wrong with the table, a line each; nothing when it holds.
pub fn complaints(rows: &[Row], found: &[Found]) -> Vec<String> {
    let covers =
        |row: &Row, pattern: &str, found: &Found| row.how == found.how && WildMatch::new(pattern).matches(&found.id);
    let explained = |found: &&Found| rows.iter().any(|row| row.patterns.iter().any(|each| covers(row, each, found)));
    let unexplained = found.iter().filter(|found| !explained(found)).map(|found| format!("not explained: {found}"));
    let stale = rows.iter().flat_map(|row| row.patterns.iter().map(move |pattern| (row, pattern)));
    let stale = stale.filter(|(row, pattern)| !found.iter().any(|found| covers(row, pattern, found)));
    let stale = stale.map(|(row, pattern)| format!("line {}: nothing is {} any more: {pattern}", row.line, row.how));
    unexplained.chain(stale).collect()
}

#[test]
fn the_table_must_explain_all_that_is_found_and_no_more() {
    let text = "# Words\n| checks | how | what | why |\n|---|---|---|---|\n| `a.*`, `b.one` | failed | x | y |\n\
        | `v2-bare` | lacking | x | y |\n";
    let rows = read(text);
    assert_eq!(rows.iter().map(|row| (row.patterns.len(), row.line)).collect::<Vec<_>>(), [(2, 4), (1, 5)]);
    let found = |id: &str, how: &str| Found { id: id.to_owned(), how: how.to_owned(), why: "so".to_owned() };
    let all =
        [found("a.1", "failed"), found("a.2#v3", "failed"), found("b.one", "failed"), found("v2-bare", "lacking")];
    assert_eq!(complaints(&rows, &all), [""; 0]);
    let new = [&all[..], &[found("a.1", "differs"), found("b.one#v3", "failed")]].concat();
    assert_eq!(complaints(&rows, &new), ["not explained: a.1 (differs): so", "not explained: b.one#v3 (failed): so"]);
    assert_eq!(
        complaints(&rows, &all[..2]),
        ["line 4: nothing is failed any more: b.one", "line 5: nothing is lacking any more: v2-bare"]
    );
}
