//! libFuzzer's way into `aether_proxy_fuzz::hub_wire`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: aether_proxy_fuzz::write_seeds("hub_wire"), |data: &[u8]| aether_proxy_fuzz::hub_wire(data));
