//! libFuzzer's way into `aether_proxy_fuzz::field_map`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: aether_proxy_fuzz::write_seeds("field_map"), |data: &[u8]| aether_proxy_fuzz::field_map(data));
