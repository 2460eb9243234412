//! libFuzzer's way into `aether_proxy_fuzz::vectra`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: aether_proxy_fuzz::write_seeds("vectra"), |data: &[u8]| aether_proxy_fuzz::vectra(data));
