//! libFuzzer's way into `aether_proxy_fuzz::valtronics`.
#![no_main]

libfuzzer_sys::fuzz_target!(init: aether_proxy_fuzz::write_seeds("valtronics"), |data: &[u8]| {
    aether_proxy_fuzz::valtronics(data)
});
