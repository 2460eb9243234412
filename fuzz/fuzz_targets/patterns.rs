//! libFuzzer's way into `aether_proxy_fuzz::patterns`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: aether_proxy_fuzz::write_seeds("patterns"), |data: &[u8]| aether_proxy_fuzz::patterns(data));
