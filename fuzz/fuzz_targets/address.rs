//! libFuzzer's way into `aether_proxy_fuzz::address`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: aether_proxy_fuzz::write_seeds("address"), |data: &[u8]| aether_proxy_fuzz::address(data));
