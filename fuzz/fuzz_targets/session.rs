//! libFuzzer's way into `aether_proxy_fuzz::session`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: aether_proxy_fuzz::write_seeds("session"), |data: &[u8]| aether_proxy_fuzz::session(data));
