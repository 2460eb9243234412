//! libFuzzer's way into `aether_proxy_fuzz::round_trip`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: aether_proxy_fuzz::write_seeds("round_trip"), |data: &[u8]| aether_proxy_fuzz::round_trip(data));
