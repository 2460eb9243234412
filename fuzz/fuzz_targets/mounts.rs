//! libFuzzer's way into `aether_proxy_fuzz::mounts`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: aether_proxy_fuzz::write_seeds("mounts"), |data: &[u8]| aether_proxy_fuzz::mounts(data));
