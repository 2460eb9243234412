//! Owns the target of the files keys stand in: JSON web key sets and lists of API keys are taken, or refused with words
//! that hold no key; and what is taken shows none.

use super::input::{dice, text};
use aether_proxy::auth::{Authenticator, Credentials};
use aether_proxy::clock::{Clock, Timestamp};
use aether_proxy::config::{Auth, Secret};
use std::cell::RefCell;
use std::io::{Seek, Write};
use tokio::runtime::{Builder, Runtime};

/// Stands in a secret and nowhere else: base64url, so that it is one in a key set too.
const MARK: &str = "hUnTeR9zQhUnTeR9zQ";
/// What comes before what is made up: each states a secret, rightly or wrongly.
const SETS: [&str; 6] = [
    "",
    "{\"keys\":[{\"kty\":\"oct\",\"k\":\"hUnTeR9zQhUnTeR9zQ\",\"alg\":\"HS256\"}]}",
    "{\"keys\":[{\"kty\":\"oct\",\"k\":\"hUnTeR9zQhUnTeR9zQ\"},",
    "{\"keys\":[{\"kty\":\"oct\",\"k\":[\"hUnTeR9zQhUnTeR9zQ\"]},",
    "{\"keys\":\"hUnTeR9zQhUnTeR9zQ\"}",
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"d\":\"hUnTeR9zQhUnTeR9zQ\",",
];
const LISTS: [&str; 9] = [
    "",
    "[[api_keys]]\nname = \"a\"\nkey = \"hUnTeR9zQhUnTeR9zQ\"\n",
    "[[api_keys]]\nname = \"a\"\nkey = [\"hUnTeR9zQhUnTeR9zQ\"]\n",
    "[[api_keys]]\nname = \"a\"\nkey = hUnTeR9zQhUnTeR9zQ",
    "[[api_keys]]\nname = \"a\"\nsha256 = \"hUnTeR9zQhUnTeR9zQ\"\n",
    "[[api_keys]]\nkey = \"hUnTeR9zQhUnTeR9zQ\"\n",
    "api_keys = [\"hUnTeR9zQhUnTeR9zQ\"]\n",
    "[[api_keys]]\nname = \"a\"\nbroadcast = \"hUnTeR9zQhUnTeR9zQ\"\n",
    "api_keys = \"hUnTeR9zQhUnTeR9zQ\"\n",
];

struct Desk {
    runtime: Runtime,
    file: tempfile::NamedTempFile,
}

thread_local! {
    static DESK: RefCell<Option<Desk>> = const { RefCell::new(None) };
}

/// A die, then a file.
pub fn key_files(data: &[u8]) {
    let ([die], rest) = dice(data);
    let made_up = text(rest);
    if made_up.contains(MARK) {
        return;
    }
    DESK.with_borrow_mut(|desk| {
        let desk = desk.get_or_insert_with(|| Desk {
            runtime: Builder::new_current_thread().build().expect("a runtime"),
            file: tempfile::NamedTempFile::new().expect("a file"),
        });
        let before = usize::from(die / 2);
        if die & 1 == 0 {
            let text = format!("{}{made_up}", SETS[before % SETS.len()]);
            desk.read(&text, |auth, path| {
                auth.jwt.jwks_file = Some(path);
                auth.jwt.algorithms = ["HS256", "RS256", "ES256", "EdDSA"].map(String::from).to_vec();
            });
        } else {
            let text = format!("{}{made_up}", LISTS[before % LISTS.len()]);
            desk.read(&text, |auth, path| auth.api_keys_file = Some(path));
        }
    });
}

impl Desk {
    fn read(&mut self, text: &str, change: impl FnOnce(&mut Auth, std::path::PathBuf)) {
        let file = self.file.as_file_mut();
        file.set_len(0).expect("a writable file");
        file.rewind().expect("a file");
        file.write_all(text.as_bytes()).expect("a writable file");
        let mut auth = Auth::default();
        change(&mut auth, self.file.path().to_owned());
        match self.runtime.block_on(Authenticator::new(&auth, Clock::fixed(Timestamp(0)))) {
            Ok(by) => {
                let shown = format!("{by:?}");
                assert!(!shown.contains(MARK), "{shown}");
                // Nobody comes in by guessing, nor by the name of a key.
                for guess in ["", "a", "null", "x.y.z", "e30.e30."] {
                    let token = Some(Secret::new(guess));
                    let credentials = [
                        Credentials { api_key: token.clone(), ..Credentials::default() },
                        Credentials { token, ..Credentials::default() },
                    ];
                    for credentials in credentials {
                        let verdict = self.runtime.block_on(by.check(&credentials, false));
                        let is_stated = text.contains(&format!("\"{guess}\""));
                        assert!(verdict.is_err() || is_stated, "{guess:?} comes in by {text:?}");
                    }
                }
            }
            Err(error) => {
                let told = format!("{error} {error:?}");
                assert!(!told.contains(MARK), "{told}");
                // One line or a few, about the file; not the file.
                assert!(told.len() < 1024 + 2 * text.len().min(512), "{told}");
                assert!(error.to_string().contains(&self.file.path().display().to_string()), "{told}");
            }
        }
    }
}
