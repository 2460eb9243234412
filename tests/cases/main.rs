//! Plays every language-neutral case of `compat/cases` through the library. What a case means is in
//! `compat/README.md`; nothing here owns an expectation of its own.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test says what is wrong by ending")]

mod adapters;
mod aether;
mod conversation;
mod lock;
mod schema;
mod suite;
mod support;
mod valtronics;

#[test]
fn every_vectra_conversation_is_kept() {
    conversation::play_all("vectra");
}
