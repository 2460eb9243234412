//! libFuzzer's way into `aether_proxy_fuzz::key_files`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: aether_proxy_fuzz::write_seeds("key_files"), |data: &[u8]| aether_proxy_fuzz::key_files(data));
