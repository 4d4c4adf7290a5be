//! What it costs to seal and to open a datagram, and what forged ones do to the genuine: ours
//! beside `mumble-protocol-2x`, packet by packet in the same run. It takes some seconds; the
//! result goes to `benchmarks/crypt.md`.

#![expect(
    clippy::print_stderr,
    reason = "progress is for the person at the terminal"
)]

use std::path::Path;

mod cost;
mod forged;
mod table;

/// Key, nonce from client to server, nonce from server to client.
const SECRETS: ([u8; 16], [u8; 16], [u8; 16]) = ([0x5a; 16], [0x10; 16], [0x20; 16]);

fn main() {
    // `cargo test --benches` asks only whether this compiles.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let text = table::render(&cost::measure(), &forged::measure());
    eprintln!("{text}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benchmarks");
    std::fs::create_dir_all(&folder).expect("benchmarks/ can be made");
    std::fs::write(folder.join("crypt.md"), text).expect("benchmarks/crypt.md can be written");
}
