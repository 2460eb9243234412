//! libFuzzer's way into `aether_proxy_fuzz::redaction`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: aether_proxy_fuzz::write_seeds("redaction"), |data: &[u8]| aether_proxy_fuzz::redaction(data));
