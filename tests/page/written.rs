//! How a value of the API must stand on the page. Written a second time, so that a mistake in the page's own does not
//! excuse itself.

use serde_json::Value;

/// At this path, such as `loss.lost`; a word that is left out of a map of numbers is 0.
pub fn at<'v>(report: &'v Value, path: &str) -> &'v Value {
    static ZERO: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| Value::from(0));
    let found = path.split('.').try_fold(report, |value, name| value.get(name));
    let may_lack = path.starts_with("progress.stages.");
    found.or_else(|| may_lack.then_some(&*ZERO)).unwrap_or_else(|| panic!("the report has no {path}"))
}

/// As the page writes it.
pub fn written(value: &Value, kind: &str) -> String {
    match (kind, value) {
        (_, Value::Null) => "–".to_owned(),
        ("count", value) => grouped(value.as_u64().expect("a number")),
        ("share", value) => share(value.as_f64().expect("a share")),
        ("text", value) => value.as_str().expect("a text").to_owned(),
        (kind, _) => panic!("nobody knows how to write {kind}"),
    }
}

fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Cut off behind one place.
fn share(part: f64) -> String {
    let tenths = (part * 1000.0 + 1e-9).floor() as u64;
    match tenths % 10 {
        0 if tenths == 0 && part > 0.0 => "<0.1%".to_owned(),
        0 => format!("{}%", tenths / 10),
        tenth => format!("{}.{tenth}%", tenths / 10),
    }
}

#[test]
fn shares_are_cut_off_and_numbers_grouped() {
    for (part, text) in
        [(0.0, "0%"), (1e-9, "<0.1%"), (0.29, "29%"), (0.71999, "71.9%"), (0.99999, "99.9%"), (1.0, "100%")]
    {
        assert_eq!(share(part), text);
    }
    assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
}
