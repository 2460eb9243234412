//! Where panels lie: a grid of 24 columns, nothing on top of another, rows from edge to edge.

use crate::files::{self, list, text};
use serde_json::Value;

/// Left, top, right, bottom.
fn place(panel: &Value) -> [u64; 4] {
    let at = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
    [at("x"), at("y"), at("x") + at("w"), at("y") + at("h")]
}

/// Everything that lies where it should not.
pub fn problems(dashboard: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let panels = list(dashboard, "panels");
    for (n, panel) in panels.iter().enumerate() {
        let title = text(panel, "title");
        let [left, top, right, bottom] = place(panel);
        if right > 24 || left >= right || top >= bottom {
            problems.push(format!("{title}: not on the grid"));
        }
        if panel["type"] == "row" && (left, right, bottom - top) != (0, 24, 1) {
            problems.push(format!("{title}: a row goes from edge to edge"));
        }
        for other in &panels[n + 1..] {
            let [l, t, r, b] = place(other);
            if left < r && l < right && top < b && t < bottom {
                problems.push(format!("{title}: lies on {}", text(other, "title")));
            }
        }
    }
    // Every line is full: a hole looks like a panel that did not load.
    let height = panels.iter().map(|panel| place(panel)[3]).max().unwrap_or(0);
    for y in 0..height {
        let width: u64 = panels.iter().map(place).filter(|p| p[1] <= y && y < p[3]).map(|p| p[2] - p[0]).sum();
        if width < 24 {
            problems.push(format!("line {y}: only {width} of 24 columns are used"));
        }
    }
    problems
}

#[test]
fn panels_fill_the_grid_and_none_lies_on_another() {
    for (name, dashboard) in files::dashboards() {
        assert_eq!(problems(&dashboard), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn a_panel_out_of_place_is_seen() {
    let panel = |x, y, w| serde_json::json!({"title": format!("{x}/{y}"), "gridPos": {"x": x, "y": y, "w": w, "h": 2}});
    let of = |panels: &[Value]| problems(&serde_json::json!({"panels": panels}));
    assert_eq!(of(&[panel(0, 0, 12), panel(12, 0, 12)]), [""; 0]);
    assert_eq!(of(&[panel(0, 0, 13), panel(12, 0, 12)]), ["0/0: lies on 12/0"]);
    assert_eq!(of(&[panel(0, 0, 24), panel(20, 2, 8), panel(0, 2, 20)])[0], "20/2: not on the grid");
    assert_eq!(of(&[panel(0, 0, 23)]).len(), 2);
}
