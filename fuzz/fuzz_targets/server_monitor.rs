//! libFuzzer's way into `aether_proxy_fuzz::server_monitor`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: aether_proxy_fuzz::write_seeds("server_monitor"), |data: &[u8]| aether_proxy_fuzz::server_monitor(data));
