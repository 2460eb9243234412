//! libFuzzer's way into `aether_proxy_fuzz::envelope_v3`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: aether_proxy_fuzz::write_seeds("envelope_v3"), |data: &[u8]| aether_proxy_fuzz::envelope_v3(data));
