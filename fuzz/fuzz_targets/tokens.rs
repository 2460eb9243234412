//! libFuzzer's way into `aether_proxy_fuzz::tokens`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: aether_proxy_fuzz::write_seeds("tokens"), |data: &[u8]| aether_proxy_fuzz::tokens(data));
