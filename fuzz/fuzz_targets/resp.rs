//! libFuzzer's way into `aether_proxy_fuzz::resp`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: aether_proxy_fuzz::write_seeds("resp"), |data: &[u8]| aether_proxy_fuzz::resp(data));
