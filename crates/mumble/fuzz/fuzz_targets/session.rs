//! See `mumble::fuzz::session`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mumble::fuzz::session(bytes));
