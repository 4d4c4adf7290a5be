//! What a role prints: results to standard output, complaints to standard error.

use std::fmt::Display;
use std::io::{self, Write as _};

/// Prints one line of a result. A reader that has gone away (`| head`) is no reason to fail.
pub fn line(text: impl Display) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Prints one line about what is wrong.
pub fn complain(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "mumble-ai: {text}");
}
