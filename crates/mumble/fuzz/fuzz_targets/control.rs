//! See `mumble::fuzz::control`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mumble::fuzz::control(bytes));
