//! libFuzzer's way into `aether_proxy_fuzz::written`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: aether_proxy_fuzz::write_seeds("written"), |data: &[u8]| aether_proxy_fuzz::written(data));
