//! libFuzzer's way into `aether_proxy_fuzz::operators`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: aether_proxy_fuzz::write_seeds("operators"), |data: &[u8]| aether_proxy_fuzz::operators(data));
