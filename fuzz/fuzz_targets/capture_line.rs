//! libFuzzer's way into `aether_proxy_fuzz::capture_line`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: aether_proxy_fuzz::write_seeds("capture_line"), |data: &[u8]| aether_proxy_fuzz::capture_line(data));
