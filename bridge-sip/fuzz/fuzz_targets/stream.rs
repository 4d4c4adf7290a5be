//! See `bridge_sip::fuzz::stream`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bridge_sip::fuzz::stream(bytes));
