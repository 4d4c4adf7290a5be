//! Writes valid inputs into `corpus/`, where the fuzzer begins.

use std::{fs, io, path::Path};

use mumble::fuzz::seeds;

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (target, inputs) in [
        ("control", seeds::control()),
        ("legacy", seeds::legacy()),
        ("protobuf", seeds::protobuf()),
        ("crypt", seeds::crypt()),
        ("text", seeds::text()),
        ("session", seeds::session()),
    ] {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder)?;
        for (n, input) in inputs.iter().enumerate() {
            fs::write(folder.join(format!("seed-{n}")), input)?;
        }
    }
    Ok(())
}
