//! A fortnight that has passed: history is written into Prometheus' own files, Prometheus is started on it, and the
//! forecast and the gates say what such a fortnight means.

use crate::prometheus::{self, Prometheus};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// Days of history. The gate of handshakes looks back for 14 and asks for a day more.
const DAYS: i64 = 16;
/// Seconds between two samples: less than the five minutes after which Prometheus forgets one.
const STEP: i64 = 240;
const DAY: i64 = 86_400;

/// Counters and gauges of two installations, at a number of seconds after the beginning.
fn samples(at: i64) -> Vec<(&'static str, String, f64)> {
    let days = at as f64 / DAY as f64;
    let hour = (at % DAY) / 3600;
    // "moving": V2 falls by 20 a day from 400 and is busier by day, V3 takes its place. A brownout on the twelfth day
    // refuses some. "moved": V2 left long ago, and a brownout refused nobody.
    let swing = if (8..20).contains(&hour) { 1.1 } else { 0.9 };
    let v2 = (400.0 - 20.0 * days) * swing;
    let brownout = (12 * DAY..12 * DAY + 7200).contains(&at);
    let refused = if at > 12 * DAY { 25.0 } else { 0.0 };
    let mut samples = Vec::new();
    for (job, v2, v3, opened, refused, done, left) in
        [("moving", v2, 20.0 * days, days * 500.0, refused, 4.0, 3.0), ("moved", 0.0, 300.0, 70.0, 0.0, 7.0, 0.0)]
    {
        let of = format!("job=\"{job}\"");
        let at_node = format!("{of},instance=\"a:9090\"");
        let mut add = |name, labels: &str, value| samples.push((name, format!("{at_node}{labels}"), value));
        add("aether_build_info", ",version=\"1\",revision=\"x\"", 1.0);
        add("aether_connections", ",protocol=\"v2\",dialect=\"aether_v2\"", v2);
        add("aether_connections", ",protocol=\"v3\",dialect=\"aether_v3\"", v3);
        add("aether_connections_opened_total", ",protocol=\"v2\",dialect=\"aether_v2\"", opened);
        add("aether_handshakes_total", ",protocol=\"v2\",result=\"accepted\"", opened);
        add("aether_messages_lost_total", ",direction=\"v2_to_v3\",reason=\"too_large\"", 3.0);
        add("aether_roundtrip_checks_total", ",direction=\"v2_to_v3\",result=\"mismatch\"", 0.0);
        add("aether_migration_tenants", ",stage=\"mixed\"", left);
        add("aether_migration_tenants", ",stage=\"v3_only\"", done);
        add("aether_policy_active", ",policy=\"brownout\"", f64::from(brownout));
        add("aether_policy_decisions_total", ",policy=\"brownout\",action=\"reject\"", refused);
        // What the rules would have recorded meanwhile.
        samples.push(("job_protocol:aether_connections:sum", format!("{of},protocol=\"v2\""), v2));
        samples.push(("job_protocol:aether_connections:sum", format!("{of},protocol=\"v3\""), v3));
        let mean = if job == "moving" { 400.0 - 20.0 * (days - 0.5) } else { 0.0 };
        samples.push(("job_protocol:aether_connections:avg1d", format!("{of},protocol=\"v2\""), mean));
        samples.push(("job:aether_policy_active:refusing", of, f64::from(brownout)));
    }
    samples
}

/// All of it, a metric after the other, up to now.
fn openmetrics() -> String {
    let end = prometheus::now() as i64;
    let begin = end - DAYS * DAY;
    let mut lines: Vec<(&str, usize, i64, String)> = Vec::new();
    for at in (0..=DAYS * DAY).step_by(STEP as usize) {
        for (n, (name, labels, value)) in samples(at).into_iter().enumerate() {
            lines.push((name, n, at, format!("{name}{{{labels}}} {value} {}", begin + at)));
        }
    }
    lines.sort_by(|a, b| (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)));
    let mut text = String::new();
    for (_, _, _, line) in lines {
        let _ = writeln!(text, "{line}");
    }
    text + "# EOF\n"
}

fn write(data: &Path) {
    std::fs::create_dir_all(data).expect("a folder");
    let file = data.join("history.om");
    std::fs::write(&file, openmetrics()).expect("written");
    let mut promtool = Command::new(prometheus::promtool());
    // One block a day instead of one every two hours: the same data, ten times as fast.
    promtool.args(["tsdb", "create-blocks-from", "--max-block-duration=24h", "openmetrics", "--quiet"]);
    let output = promtool.arg(&file).arg(data).output().expect("promtool");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fortnight_has_a_forecast_and_its_gates_stand_as_they_should() {
    let prometheus = Prometheus::start(&[], write).await;
    // Groups are evaluated one after the other, each in its own second, and one builds on another: first on what they
    // find, then on what the others made of it, and once more for good measure.
    prometheus.rules_evaluated(3).await;

    // 80 of 400 are left, 20 a day: four days, though it is day or night now.
    let days = prometheus.number(r#"max(aether:v2_connections:eta_days{job=~"moving"})"#).await.expect("a forecast");
    assert!((days - 4.0).abs() < 0.2, "{days}");
    assert_eq!(prometheus.number(r#"aether:v2_connections:eta_days{job="moved"}"#).await, Some(0.0));
    let share = prometheus.number(r#"job:aether_connections:v3_ratio{job="moving"}"#).await.expect("a share");
    assert!((0.75..0.85).contains(&share), "{share}");

    for (gate, moving, moved) in [
        ("no_v2_connections", 0.0, 1.0),
        ("no_v2_handshakes", 0.0, 1.0),
        ("no_loss", 1.0, 1.0),
        ("no_roundtrip_mismatch", 1.0, 1.0),
        ("all_tenants_v3_only", 0.0, 1.0),
        // Two hours of brownout in the week; in one of them somebody came.
        ("brownout_passed", 0.0, 1.0),
    ] {
        for (job, holds) in [("moving", moving), ("moved", moved)] {
            let state =
                prometheus.number(&format!(r#"aether:switch_off_gate:bool{{job="{job}",gate="{gate}"}}"#)).await;
            assert_eq!(state, Some(holds), "{job}, {gate}");
        }
    }
    // Nobody compared with the legacy server here, and what is absent is no pass.
    assert_eq!(prometheus.number(r#"aether:switch_off_gate:bool{gate="shadow_clean"}"#).await, None);
    assert_eq!(prometheus.number(r#"aether:switch_off_allowed:bool{job="moving"}"#).await, Some(0.0));
    assert_eq!(prometheus.number(r#"aether:switch_off_allowed:bool{job="moved"}"#).await, Some(1.0));
    // The brownout is drawn over every panel: two hours of it in the last week.
    let refusing = r#"sum_over_time(aether_policy_active{job="moving",policy="brownout"}[7d])"#;
    assert_eq!(prometheus.number(refusing).await, Some(30.0));
}
