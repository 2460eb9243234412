//! placeholder
use super::view::Report;
/// The report.
pub fn text(_: &Report) -> String {
    String::new()
}
