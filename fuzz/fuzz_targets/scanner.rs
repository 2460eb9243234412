//! libFuzzer's way into `aether_proxy_fuzz::scanner`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: aether_proxy_fuzz::write_seeds("scanner"), |data: &[u8]| aether_proxy_fuzz::scanner(data));
