//! See `mumble::fuzz::protobuf`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mumble::fuzz::protobuf(bytes));
