//! Compiles the message schemas of `proto/` to Rust; no protoc is needed.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let schemas = protox::compile(["mumble.proto", "mumble_udp.proto"], ["proto"])?;
    prost_build::Config::new()
        .bytes(["."])
        // These hold secrets or people's words; proto.rs says what may be shown of them.
        .skip_debug(["Authenticate", "CryptSetup", "TextMessage"])
        .compile_fds(schemas)?;
    Ok(())
}
