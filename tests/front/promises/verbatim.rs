//! What nothing is known of comes through as it was written: numbers, order, equal names, escapes, blanks and depth.

use super::cast::{Cast, Kind, cmd};
use crate::rooms::told;
use tokio_tungstenite::tungstenite::Message;

/// Members as nobody writes them who wants them changed.
fn odd() -> String {
    let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
    let nested = format!("{}1{}", r#"{"d":"#.repeat(100), "}".repeat(100));
    let plain = r#""unknown" : 1.10,"b":1E400 , "c":123456789012345678901234567890,"c":-0,"é":"\u00e9\/\ud83d\ude00é€","x":{"y":1, "y" :2.0},"\u006bey":[1 ,null,true]"#;
    format!(r#"{plain},"deep":{deep},"nested":{nested},"empty":{{}},"":"""#)
}

/// A frame of this type with those members, and blanks inside.
fn frame(word: &str, n: u64) -> String {
    format!(r#"{{ "type" : "{word}", "by":"odd" ,"n":{n}, {} }}"#, odd())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_members_survive_every_way_that_is_verbatim() {
    let mut cast = Cast::new(|_| {}).await;
    for kind in Kind::ALL.into_iter().filter(|kind| kind.speaks()) {
        let text = frame("alert", 1);
        let says = if kind == Kind::V3 { told(&text) } else { text.clone() };
        cast.of(kind).text(&says).await;
        for (by, heard) in cast.scene().await {
            let heard: Vec<_> = heard.iter().filter(|heard| heard.contains(r#""odd""#)).collect();
            assert_eq!(heard.len(), usize::from(by.hears(kind.name())), "{by:?} hears {kind:?}");
            for heard in heard {
                match (by, kind) {
                    // The envelope holds it as a whole, and where Aether's V2 is on one side it is taken apart.
                    (Kind::V3, from) if from != Kind::V2 => {
                        assert!(heard.contains(&text), "{by:?} hears {kind:?} say {heard}");
                    }
                    (by, from) if by != from && (by == Kind::V2 || from == Kind::V2) => {
                        for token in ["1.10", "1E400", r#"{"y":1, "y" :2.0}"#, r#""\u00e9\/\ud83d\ude00é€""#] {
                            assert!(heard.contains(token), "{token} {heard}");
                        }
                    }
                    _ => assert_eq!(*heard, text, "{by:?} hears {kind:?}"),
                }
            }
        }
    }
    // Commands to agents and workers.
    let text = frame("unknown_command", 2);
    cast.of(Kind::V3).text(&cmd(&text)).await;
    for (by, heard) in cast.scene().await.into_iter().filter(|(by, _)| matches!(by, Kind::Agent | Kind::Worker)) {
        assert_eq!(heard, [text.as_str()], "{by:?}");
    }
    // Where a frame is taken apart, its tokens stay, also those of equal names.
    for word in ["metrics", "log"] {
        let flat = format!(r#"{{"type":"{word}","by":"odd","n":3,{}}}"#, odd());
        cast.of(Kind::Agent).text(&flat).await;
        let shows = if word == "log" { Kind::Logs } else { Kind::Metrics };
        for (by, heard) in cast.scene().await {
            if by == shows {
                assert_eq!(heard.len(), 1, "{by:?}");
                for token in ["1.10", "1E400", "123456789012345678901234567890", r#""\u00e9\/\ud83d\ude00é€""#, "2.0"]
                {
                    assert!(heard[0].contains(token), "{token} {}", heard[0]);
                }
                assert!(heard[0].starts_with(&format!(r#"{{"type":"{word}","data":{{"by":"odd""#)), "{}", heard[0]);
            } else if by == Kind::V3 {
                assert!(heard.iter().any(|heard| heard.contains(&flat)), "{heard:?}");
            }
        }
    }
    cast.of(Kind::Guide).text(r#"{"type":"subscribe","channel":"telemetry","metrics":["a","c"]}"#).await;
    cast.of(Kind::Guide).until("confirmed").await;
    cast.of(Kind::Agent)
        .text(r#"{"type":"telemetry_update","telemetry":{"a":1.10,"b":2,"c":1E400},"z" : 123456789012345678901234567890}"#)
        .await;
    let scene = cast.scene().await;
    let (_, heard) = scene.iter().find(|(kind, _)| *kind == Kind::Guide).expect("one");
    let cut = r#"{"type":"telemetry_update","telemetry":{"a":1.10,"c":1E400},"z":123456789012345678901234567890}"#;
    assert_eq!(*heard, [cut]);
}

/// Those who speak alike get each other's frame itself, with the blanks around it, where their servers pass on texts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_get_the_frame_itself() {
    let mut cast = Cast::new(|_| {}).await;
    let text = format!("\n {} \t", frame("alert", 1));
    for (from, to) in
        [(Kind::V2, Kind::V2), (Kind::Guide, Kind::Guide), (Kind::Guide, Kind::Real), (Kind::Worker, Kind::Page)]
    {
        cast.of(from).send(Message::text(text.clone())).await;
        let scene = cast.scene().await;
        let (_, heard) = scene.iter().find(|(kind, _)| *kind == to).expect("one");
        assert_eq!(*heard, [text.as_str()], "{from:?} to {to:?}");
    }
}
