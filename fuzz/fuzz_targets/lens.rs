//! libFuzzer's way into `aether_proxy_fuzz::lens`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: aether_proxy_fuzz::write_seeds("lens"), |data: &[u8]| aether_proxy_fuzz::lens(data));
