//! See `mumble::fuzz::crypt`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mumble::fuzz::crypt(bytes));
