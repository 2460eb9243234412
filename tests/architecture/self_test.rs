//! Shows that the checker catches what it must, on files that exist only here.

use super::*;

fn found(name: &str, text: &str) -> Vec<String> {
    let mut violations = Vec::new();
    check(name, &format!("//! Doc.\n{text}"), &mut violations);
    violations
        .iter()
        .map(|v| format!("{}: {}", v.line, v.rule.split_once([';', ':']).map_or(&*v.rule, |r| r.0)))
        .collect()
}

#[test]
fn an_edge_against_the_layers_is_found_in_every_spelling() {
    let edge = "`dialect` may not use `hub`";
    for text in ["use crate::hub::Hub;", "fn f() { crate::hub::go() }", "use crate::{envelope::Id, hub};"] {
        assert_eq!(found("src/dialect/lens.rs", text), [format!("2: {edge}")], "{text}");
    }
    assert_eq!(found("src/dialect/lens.rs", "use super::super::hub::Hub;"), [format!("2: {edge}")]);
    assert_eq!(found("src/dialect/mod.rs", "use super::hub::Hub;"), [format!("2: {edge}")]);
    assert_eq!(
        found("src/dialect/x/y.rs", "use crate::{\n    envelope::{a, b},\n    hub::{c},\n};"),
        [format!("4: {edge}")]
    );
}

#[test]
fn what_is_allowed_or_only_said_is_left_alone() {
    let text = "// crate::hub\n/// [`crate::hub`]\nuse crate::{dialect::x, envelope};\nuse super::y;\n\
                const A: &str = \"crate::hub\";\nconst B: char = '\"';\nfn f<'a>(x: &'a str) {}\n\
                #[cfg(test)]\nmod tests {\n    use crate::hub::Hub;\n}\n";
    assert_eq!(found("src/dialect/lens.rs", text), [] as [&str; 0]);
    assert_eq!(found("src/hub/bus/redis/link.rs", "use super::super::redis::x;\nuse redis::Client;"), [] as [&str; 0]);
}

#[test]
fn words_out_of_place_are_found_with_their_line() {
    assert_eq!(found("src/edge/a.rs", "\nconst CODE: u16 = 4_412;"), ["3: numbers 4400 to 4508"]);
    assert_eq!(found("src/edge/a.rs", "let x = format!(\"ws:group:{g}\");"), ["2: `\"ws"]);
    assert_eq!(found("src/edge/a.rs", "let x = \"ws://host/\";"), [] as [&str; 0]);
    assert_eq!(found("src/dialect/a.rs", "use tokio::time;"), ["2: `tokio"]);
    assert_eq!(found("src/session/machine.rs", "use std::env::var;"), ["2: `std"]);
    assert_eq!(found("src/close.rs", "const CODE: u16 = 4412;"), [] as [&str; 0]);
}

#[test]
fn a_file_without_a_doc_too_long_or_without_a_layer_is_found() {
    let mut violations = Vec::new();
    check("tests/it/new.rs", &"fn f() {}\n".repeat(401), &mut violations);
    let list: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert_eq!(list[0], "tests/it/new.rs:1: a file begins with `//!`: what it owns, and what not");
    assert_eq!(list[1], "tests/it/new.rs:401: 401 lines: at most 400, one idea a file");
    assert_eq!(found("src/utils.rs", "")[0], "1: `utils` has no place in the layer table of tests/architecture.rs");
}

#[test]
fn a_file_that_no_module_names_is_found() {
    let tree = |parent: &str| match parent {
        "tests/it/main.rs" => Some("mod harness;\n// mod hub;\nmod hubs;".to_owned()),
        "src/hub/mod.rs" => Some("pub mod keys;\n#[cfg(test)]\nmod keys_test;".to_owned()),
        _ => None,
    };
    for declared in
        ["tests/it/harness/mod.rs", "src/hub/keys.rs", "src/hub/keys_test.rs", "tests/it/main.rs", "tests/a.rs"]
    {
        assert!(is_declared(declared, tree), "{declared}");
    }
    for orphan in ["tests/it/hub/mod.rs", "tests/it/other.rs", "src/hub/key.rs"] {
        assert!(!is_declared(orphan, tree), "{orphan}");
    }
}
