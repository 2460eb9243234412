//! A capture with a real file: what stands in it, what does not, and what happens when it can take no more.

use super::*;
use crate::clock::Clock;
use crate::config::Opaque;
use crate::dialect::{Frame, OwnedFrame, Spoken};
use crate::envelope::{ClientId, GroupId};
use crate::label::Label;
use crate::migration::roster::Roster;
use crate::migration::stay::{Stay, Watch};
use std::os::unix::fs::PermissionsExt;
use std::path::Path as File;
use tokio_tungstenite::tungstenite::Message;

/// A proxy's migration, as far as a capture needs it.
struct Desk {
    metrics: Arc<Metrics>,
    watch: Arc<Watch>,
    capture: Arc<Capture>,
    stop: CancellationToken,
    dir: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let metrics = Arc::new(Metrics::new(9).expect("metrics"));
        let stop = CancellationToken::new();
        let capture = Capture::new(metrics.clone(), TaskTracker::new(), stop.clone());
        let roster = Arc::new(Roster::new(Clock::fixed(Timestamp(0)), metrics.clone()));
        let watch = Watch { roster, metrics: metrics.clone(), lint_sample: 1, capture: capture.clone() };
        Self { metrics, watch: Arc::new(watch), capture, stop, dir: tempfile::tempdir().expect("a folder") }
    }

    fn enter(&self, seat: u64, spoken: Spoken) -> Stay {
        self.enter_to_hear(seat, spoken, false)
    }

    fn enter_to_hear(&self, seat: u64, spoken: Spoken, hears_v3: bool) -> Stay {
        let newcomer = Newcomer {
            tenant: "acme".into(),
            spoken,
            made: None,
            group: GroupId::new("g", 9).ok(),
            client: ClientId::new("c", 9).expect("an id"),
            user_agent: "".into(),
            origin: "".into(),
            hears_v3,
        };
        Stay::new(seat, self.watch.roster.enter(seat, newcomer, Box::new(|_| {})), self.watch.clone(), None)
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("capture.ndjson")
    }

    fn settings(&self) -> config::Capture {
        config::Capture { file: Some(self.file()), ..config::Capture::default() }
    }

    fn counted(&self) -> Vec<u64> {
        Captured::ALL.iter().map(|what| self.metrics.capture_records.with((*what,)).get()).collect()
    }

    async fn eventually(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let look = async {
            while !holds(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(timeout(Duration::from_secs(15), look).await.is_ok(), "never: {what}: {:?}", self.counted());
    }

    fn is_on(&self) -> bool {
        self.capture.going.load().is_some()
    }

    /// Ends the capture and reads what it has written.
    async fn end(&self) -> String {
        self.capture.begin(&config::Capture::default()).await.expect("ended");
        read(&self.file())
    }
}

fn read(file: &File) -> String {
    std::fs::read_to_string(file).expect("a file")
}

fn said(file: &str) -> Vec<(Direction, Content)> {
    let lines = file.lines().map(|line| Line::read(line.as_bytes()).expect("a line"));
    lines.map(|line| (line.dir, line.content().expect("content"))).collect()
}

const NOW: Timestamp = Timestamp(1_773_232_496_789);

#[tokio::test]
async fn what_v2_clients_say_and_hear_stands_in_it_and_v3_does_not() {
    let desk = Desk::new();
    let (mut old, mut new) = (desk.enter(1, Spoken::AetherV2), desk.enter(2, Spoken::AetherV3));
    old.frame(Frame::Text("{\"before\":1}"), NOW);
    assert!(!old.is_tapped());
    desk.capture.begin(&desk.settings()).await.expect("begun");
    assert!(old.is_tapped() && !new.is_tapped(), "also those that were there before");
    for stay in [&mut old, &mut new] {
        stay.frame(Frame::Text("{\"msg\":\"hi\"}"), NOW);
        stay.delivered(&Message::text("{\"msg\":\"ho\"}"), Path::V3V2, NOW);
        stay.answered(&Message::text("[]"), NOW);
        stay.answered(&Message::Ping("x".into()), NOW);
    }
    let file = desk.end().await;
    let text = |text: &str| Content::Whole(OwnedFrame::Text(text.into()));
    let want = [
        (Direction::In, text("{\"msg\":\"hi\"}")),
        (Direction::Out, text("{\"msg\":\"ho\"}")),
        (Direction::Out, text("[]")),
    ];
    assert_eq!(said(&file), want);
    assert!(file.starts_with(
        "{\"v\":1,\"at\":\"2026-03-11T12:34:56.789Z\",\"dir\":\"in\",\"dialect\":\"aether-v2\",\"tenant\":\"acme\",\
         \"group\":\"g\",\"client\":\"c\",\"conn\":1,\"kind\":\"text\",\"data\":"
    ));
    assert_eq!(desk.counted(), [3, 0, 0, 0]);
    let mode = std::fs::metadata(desk.file()).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");
    old.frame(Frame::Text("{\"after\":1}"), NOW);
    assert!(!old.is_tapped());
    assert_eq!(read(&desk.file()), file);
}

#[tokio::test]
async fn of_a_client_that_hears_v3_only_what_it_says_is_v2_traffic() {
    let desk = Desk::new();
    desk.capture.begin(&desk.settings()).await.expect("begun");
    let mut half = desk.enter_to_hear(1, Spoken::AetherV2, true);
    half.frame(Frame::Text("{}"), NOW);
    half.delivered(&Message::text("{\"version\":\"3\"}"), Path::V2V3, NOW);
    let file = desk.end().await;
    assert_eq!(file.lines().count(), 1);
    assert_eq!(Line::read(file.trim_end().as_bytes()).expect("a line").hears.as_deref(), Some("v3"));
}

#[tokio::test]
async fn no_secret_reaches_the_file() {
    let desk = Desk::new();
    let redact = ["/password", "/auth/*/token", "/cards/*"].map(str::to_owned).to_vec();
    desk.capture.begin(&config::Capture { redact, ..desk.settings() }).await.expect("begun");
    let mut stay = desk.enter(1, Spoken::AetherV2);
    for text in [
        r#"{"password":"MARKED-1","msg":"kept"}"#,
        r#"{"pass\u0077ord":"MARKED-2","password":{"a":["MARKED-3"]}}"#,
        r#"{"auth":{"x":{"token":"MARKED-4"},"y":{"token":"MARKED-5"}},"cards":["MARKED-6",{"n":"MARKED-7"}]}"#,
        r#"{"msg_type":"msg","target":"group","payload":{"password":"MARKED-8"}}"#,
        r#"{"msg":"m","_v3":{"payload":{"password":"MARKED-9"}}}"#,
        "password=MARKED-10",
        r#""MARKED-11""#,
        r#"{"password":"MARKED-12",}"#,
    ] {
        stay.frame(Frame::Text(text), NOW);
        stay.delivered(&Message::text(text), Path::V2V2, NOW);
    }
    stay.frame(Frame::Binary(b"MARKED-13"), NOW);
    let file = desk.end().await;
    assert!(!file.contains("MARKED") && file.contains("kept"), "{file}");
    let redacted: Vec<u32> =
        file.lines().step_by(2).map(|line| Line::read(line.as_bytes()).expect("a line").redacted).collect();
    assert_eq!(redacted, [1, 2, 4, 1, 1, 0, 0, 0, 0]);
    assert_eq!(said(&file).last(), Some(&(Direction::In, Content::BinaryOf(9))));
}

#[tokio::test]
async fn frames_that_pointers_cannot_reach_into_are_kept_where_that_is_wanted() {
    let desk = Desk::new();
    desk.capture.begin(&config::Capture { opaque: Opaque::Keep, ..desk.settings() }).await.expect("begun");
    let mut stay = desk.enter(1, Spoken::AetherV2);
    stay.frame(Frame::Text("ping"), NOW);
    stay.frame(Frame::Binary(&[0, 255]), NOW);
    let whole = |frame| (Direction::In, Content::Whole(frame));
    let want = [whole(OwnedFrame::Text("ping".into())), whole(OwnedFrame::Binary(vec![0, 255]))];
    assert_eq!(said(&desk.end().await), want);
}

#[tokio::test]
async fn a_full_file_ends_the_capture_until_the_next_reload() {
    let desk = Desk::new();
    let settings = config::Capture { max_size: 1000, ..desk.settings() };
    desk.capture.begin(&settings).await.expect("begun");
    let mut stay = desk.enter(1, Spoken::AetherV2);
    for _ in 0..20 {
        stay.frame(Frame::Text("{\"msg\":\"once more\"}"), NOW);
    }
    desk.eventually("all accounted for", |desk| desk.counted().iter().sum::<u64>() == 20).await;
    assert!(!desk.is_on() && !stay.is_tapped());
    let file = read(&desk.file());
    assert!(file.len() <= 1000 && file.len() > 500, "{}", file.len());
    let written = said(&file).len() as u64;
    assert_eq!(desk.counted(), [written, 0, 20 - written, 0]);
    // A reload with the same file finds it full; with another one there is room again.
    desk.capture.begin(&settings).await.expect("begun");
    stay.frame(Frame::Text("{}"), NOW);
    desk.eventually("full again", |desk| !desk.is_on()).await;
    assert_eq!(read(&desk.file()), file);
    let other = desk.dir.path().join("other");
    desk.capture.begin(&config::Capture { file: Some(other.clone()), ..settings }).await.expect("begun");
    stay.frame(Frame::Text("{}"), NOW);
    desk.end().await;
    assert_eq!(said(&read(&other)).len(), 1);
}

#[tokio::test]
async fn a_full_disk_is_counted_and_the_capture_goes_on() {
    let desk = Desk::new();
    let full = config::Capture { file: Some("/dev/full".into()), ..desk.settings() };
    desk.capture.begin(&full).await.expect("begun");
    let mut stay = desk.enter(1, Spoken::AetherV2);
    for round in 1..=2 {
        stay.frame(Frame::Text("{}"), NOW);
        desk.eventually("an error", |desk| desk.counted() == [0, 0, 0, round]).await;
        assert!(stay.is_tapped());
    }
    let nowhere = config::Capture { file: Some(desk.dir.path().join("no/such/folder")), ..desk.settings() };
    let error = desk.capture.begin(&nowhere).await.expect_err("no file");
    assert_eq!(error.label(), "capture_file");
    assert!(error.to_string().contains("no/such/folder"), "{error}");
    assert!(stay.is_tapped(), "what went on goes on");
}

#[tokio::test]
async fn what_the_writer_cannot_take_in_time_is_dropped_and_counted() {
    let desk = Desk::new();
    desk.capture.begin(&desk.settings()).await.expect("begun");
    let mut stay = desk.enter(1, Spoken::AetherV2);
    // Nothing is awaited here, so on this one thread the writer has no turn.
    for _ in 0..MOST_RECORDS + 7 {
        stay.frame(Frame::Text("{}"), NOW);
    }
    assert_eq!(desk.counted(), [0, 7, 0, 0]);
    desk.end().await;
    assert_eq!(desk.counted(), [MOST_RECORDS as u64, 7, 0, 0]);
    // Large ones are bounded in bytes.
    desk.capture.begin(&desk.settings()).await.expect("begun");
    let large = format!("{{\"msg\":\"{}\"}}", "x".repeat(MOST_BYTES / 4));
    for _ in 0..6 {
        stay.frame(Frame::Text(&large), NOW);
    }
    assert_eq!(desk.counted()[1], 7 + 3);
    desk.end().await;
    assert_eq!(desk.counted(), [MOST_RECORDS as u64 + 3, 10, 0, 0]);
}

#[tokio::test]
async fn a_reload_writes_into_the_file_that_has_taken_the_old_ones_place() {
    let desk = Desk::new();
    desk.capture.begin(&desk.settings()).await.expect("begun");
    let mut stay = desk.enter(1, Spoken::AetherV2);
    stay.frame(Frame::Text("{\"n\":1}"), NOW);
    let rotated = desk.dir.path().join("capture.1");
    std::fs::rename(desk.file(), &rotated).expect("moved");
    desk.capture.begin(&desk.settings()).await.expect("begun");
    stay.frame(Frame::Text("{\"n\":2}"), NOW);
    assert!(desk.end().await.contains("\\\"n\\\":2"));
    assert!(read(&rotated).contains("\\\"n\\\":1"));
}

#[tokio::test]
async fn the_end_of_the_proxy_writes_what_waits_and_a_second_does_too() {
    let desk = Desk::new();
    desk.capture.begin(&desk.settings()).await.expect("begun");
    let mut stay = desk.enter(1, Spoken::AetherV2);
    stay.frame(Frame::Text("{}"), NOW);
    desk.eventually("flushed within about a second", |desk| desk.counted() == [1, 0, 0, 0]).await;
    stay.frame(Frame::Text("{}"), NOW);
    desk.stop.cancel();
    desk.eventually("flushed at the end", |desk| desk.counted() == [2, 0, 0, 0]).await;
    assert_eq!(said(&read(&desk.file())).len(), 2);
}

#[tokio::test]
async fn live_frames_are_linted_and_counted() {
    let desk = Desk::new();
    let mut stay = desk.enter(1, Spoken::AetherV2);
    for text in ["{\"a\":1,\"a\":2}", "ping", "{\"msg_type\":\"msg\",\"target\":\"group\"}"] {
        stay.frame(Frame::Text(text), NOW);
    }
    stay.ended(crate::close::CloseReason::TooBig);
    let mut native = desk.enter(2, Spoken::AetherV3);
    native.frame(Frame::Text("ping"), NOW);
    drop(native);
    drop(stay);
    assert_eq!(desk.metrics.v2_lint_frames.only().get(), 3);
    let (mut seen, _) = desk.watch.roster.take();
    let delta = seen.clients.drain().next().expect("a client").1;
    let found: Vec<_> = delta.findings.iter().map(|(rule, n)| (rule.label(), n)).collect();
    let want = [("V2001", 1), ("V2002", 1), ("V2005", 1), ("V2006", 1), ("V2010", 1), ("V2011", 1)];
    assert_eq!(found, want);
    for (rule, n) in delta.findings.iter() {
        assert_eq!(desk.metrics.v2_lint_findings.with((rule,)).get(), n, "{}", rule.label());
    }
    assert_eq!((delta.wrapped_at, delta.unwrapped_at), (NOW.as_secs(), NOW.as_secs()));
}
