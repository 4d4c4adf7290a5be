//! Writes valid inputs into `corpus/`, where the fuzzer begins.

use std::{fs, io, path::Path};

use bridge_sip::fuzz::seeds;

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (target, inputs) in [
        ("message", seeds::message()),
        ("stream", seeds::stream()),
        ("description", seeds::description()),
        ("packet", seeds::packet()),
        ("reports", seeds::reports()),
        ("values", seeds::values()),
        ("call", seeds::call()),
    ] {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        for (n, input) in inputs.iter().enumerate() {
            fs::write(folder.join(format!("seed-{n}")), input)?;
        }
    }
    Ok(())
}
