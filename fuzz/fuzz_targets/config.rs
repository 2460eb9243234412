//! libFuzzer's way into `aether_proxy_fuzz::config`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: aether_proxy_fuzz::write_seeds("config"), |data: &[u8]| aether_proxy_fuzz::config(data));
