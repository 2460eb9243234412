//! libFuzzer's way into `aether_proxy_fuzz::credentials`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: aether_proxy_fuzz::write_seeds("credentials"), |data: &[u8]| aether_proxy_fuzz::credentials(data));
