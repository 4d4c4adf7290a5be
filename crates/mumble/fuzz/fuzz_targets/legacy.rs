//! See `mumble::fuzz::legacy`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mumble::fuzz::legacy(bytes));
