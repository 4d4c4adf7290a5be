//! See `mumble::fuzz::text`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mumble::fuzz::text(bytes));
