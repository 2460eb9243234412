//! libFuzzer's way into `aether_proxy_fuzz::judge`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: aether_proxy_fuzz::write_seeds("judge"), |data: &[u8]| aether_proxy_fuzz::judge(data));
