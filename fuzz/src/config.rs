//! Owns the target of the settings: any file, variables and flags are taken or refused with reasons that name their
//! place, and no secret stands in a reason or in what is shown of the settings in effect.

use super::input::{dice, parts, text};
use aether_proxy::config::{LoadOptions, effective, load};
use std::cell::RefCell;
use std::io::{Seek, Write};

/// Stand in a secret and nowhere else; one is a number, which a text should have been.
const MARKS: [&str; 2] = [MARK, "918273645546372"];
const MARK: &str = "hUnTeR9zQ";
/// What comes before the file that is made up: each states a secret, in a way that is right or wrong.
const BEFORE: [&str; 14] = [
    "",
    "[auth.jwt]\nsecret = \"hUnTeR9zQhUnTeR9zQhUnTeR9zQhUnTeR9zQ\"\n",
    "[[auth.api_keys]]\nname = \"a\"\nkey = \"hUnTeR9zQ\"\n",
    "[hub]\nurl = \"redis://u:hUnTeR9zQ@127.0.0.1:1\"\n",
    "[listen]\nadmin_token = \"hUnTeR9zQ\"\n",
    "[auth.jwt]\nsecret = hUnTeR9zQ",
    "[listen]\nadmin_token = [\"hUnTeR9zQ\"]\n",
    "[auth]\napi_keys = [\"hUnTeR9zQ\"]\n",
    "[hub]\nurl = { a = \"hUnTeR9zQ\" }\n",
    "[auth.jwt]\nsecret = \"hUnTeR9zQ\"\nsecret = \"hUnTeR9zQ\"\n",
    "[auth.jwt]\nsecret = 918273645546372\n",
    "[listen]\nadmin_token = 918273645546372\n",
    "[[auth.api_keys]]\nname = \"a\"\nkey = 918273645546372\n",
    "[hub]\nurl = 918273645546372\n",
];
/// Settings that hold a secret, as variables and flags name them.
const SECRETS: [(&str, &str); 4] = [
    ("AETHER_AUTH__JWT__SECRET", "auth.jwt.secret"),
    ("AETHER_LISTEN__ADMIN_TOKEN", "listen.admin_token"),
    ("AETHER_HUB__URL", "hub.url"),
    ("AETHER_AUTH__API_KEYS", "auth.api_keys"),
];

thread_local! {
    static FILE: RefCell<Option<tempfile::NamedTempFile>> = const { RefCell::new(None) };
}

/// A file, a list of variables and flags, and where a secret is hidden.
pub fn config(data: &[u8]) {
    let ([before, place], rest) = dice(data);
    let [file, lines] = parts(rest).map(text);
    if is_marked(&file) || is_marked(&lines) {
        return;
    }
    let file = format!("{}{file}", BEFORE[usize::from(before) % BEFORE.len()]);
    let mut options = LoadOptions::default();
    for (number, line) in lines.lines().enumerate() {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        if let Some(name) = name.strip_prefix("--") {
            options.set.push((name.to_owned(), value.to_owned()));
        } else if name != "CONFIG" {
            options.env.push((format!("AETHER_{name}"), value.to_owned()));
        }
        // What was made up stands around a secret, too.
        if number == 0 && place > 0 {
            let (variable, key) = SECRETS[usize::from(place) % SECRETS.len()];
            let secret = match key {
                "hub.url" => format!("redis://u:{value}{MARK}@127.0.0.1"),
                _ => format!("{value}{MARK}{name}"),
            };
            let (all, name) = if place & 64 > 0 { (&mut options.set, key) } else { (&mut options.env, variable) };
            all.push((name.to_owned(), secret));
        }
    }
    // A settings file is read by name: the one piece of I/O here.
    FILE.with_borrow_mut(|slot| {
        let slot = slot.get_or_insert_with(|| tempfile::NamedTempFile::new().expect("a temporary file"));
        slot.as_file().set_len(0).expect("a writable file");
        slot.rewind().expect("a file");
        slot.write_all(file.as_bytes()).expect("a writable file");
        options.file = Some(slot.path().to_owned());
        read(&options, &file);
    });
}

fn is_marked(text: &str) -> bool {
    MARKS.iter().any(|mark| text.contains(mark))
}

fn read(options: &LoadOptions, file: &str) {
    let name = options.file.as_deref().map(|file| file.display().to_string()).unwrap_or_default();
    match load(options) {
        Ok(config) => {
            let shown = effective(&config);
            assert!(!is_marked(&shown) && !is_marked(&format!("{config:?}")), "{file:?}: {shown}");
            assert!(!shown.starts_with("# cannot"), "{file:?}: {shown}");
        }
        Err(error) => {
            assert!(!error.problems.is_empty(), "{file:?}: refused without a reason");
            let told = error.to_string();
            assert!(!is_marked(&told), "{file:?} {:?}: {told}", options.env);
            for problem in &error.problems {
                let named =
                    problem.starts_with(&name) || problem.starts_with("AETHER_") || problem.starts_with("--set ");
                // A contradiction between settings that all have their defaults has no place but its key.
                assert!(named || problem.contains('`'), "{file:?}: {problem}");
            }
        }
    }
}
