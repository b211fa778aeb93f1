#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| zonewright_fuzz::run("receipt", data));
