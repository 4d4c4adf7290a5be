//! Files that only their owner reads, made of lines that tell whether they are whole.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// Hex digits of the checksum before each line: 64 bits, by which no damage passes by chance.
const SUM: usize = 16;

/// The longest line that is read, in bytes. A turn is some kilobytes; this is for pasted books.
pub(crate) const LONGEST_LINE: u64 = 64 << 20;

/// A line for this text, with its checksum and its end.
///
/// The text has no line break of its own, as JSON that is not laid out for people has none.
pub(crate) fn seal(text: &str) -> String {
    format!("{} {text}\n", sum(text))
}

/// The text of a line, with or without its end; none when it is not as it was written.
pub(crate) fn unseal(line: &[u8]) -> Option<&str> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = std::str::from_utf8(line).ok()?;
    let (found, text) = line.split_once(' ')?;
    (found == sum(text)).then_some(text)
}

fn sum(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mut hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    hex.truncate(SUM);
    hex
}

/// Makes the folder, for its owner alone, if it is not there.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Opens a file to read it and to write at its end; makes it, for its owner alone, if it is not
/// there.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

/// Gives a file other content as a whole: a crash leaves the old one or the new one.
pub(crate) fn replace(
    path: &Path,
    write: impl FnOnce(&mut io::BufWriter<&File>) -> io::Result<()>,
) -> io::Result<()> {
    let new = path.with_extension("new");
    let file = open(&new)?;
    // What a crash left of an earlier try.
    file.set_len(0)?;
    let mut writer = io::BufWriter::new(&file);
    write(&mut writer)?;
    writer.flush()?;
    drop(writer);
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    // The new name is safe only when the folder is.
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_line_gives_back_what_it_was_made_of(text in "[^\n]*") {
            let line = seal(&text);
            prop_assert_eq!(unseal(line.as_bytes()), Some(&*text));
        }

        #[test]
        fn a_line_with_another_bit_gives_nothing(text in "[^\n]{1,40}", at: usize, bit in 0..8u8) {
            let mut line = seal(&text).into_bytes();
            // Without its end, a line is still whole.
            let at = at % (line.len() - 1);
            line[at] ^= 1 << bit;
            prop_assert_eq!(unseal(&line), None);
        }

        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>) {
            let _ = unseal(&bytes);
        }
    }
}
