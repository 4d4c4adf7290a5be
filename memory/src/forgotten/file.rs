//! The list on the disk, shared by all processes of this computer that have the same folder.

use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::List;
use crate::disk;
use crate::store::Forget;

/// Name of the file: a checked line for each time that something was forgotten, oldest first.
const FILE: &str = "forgotten";

/// The file of a folder; it need not exist yet.
#[derive(Clone, Debug)]
pub(crate) struct File {
    path: PathBuf,
}

/// How much of the file was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    bytes: u64,
    /// Lines among them that could not be read: nobody knows whom they name.
    pub(crate) damaged: usize,
}

impl File {
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self {
            path: folder.join(FILE),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one more at the end; when this returns it is on the disk.
    pub(crate) fn add(&self, what: &Forget) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            disk::make_folder(folder)?;
        }
        let mut file = disk::open(&self.path)?;
        // Two processes must not write into each other's lines; each needs it for one line.
        file.lock()?;
        let json = serde_json::to_string(what).map_err(io::Error::other)?;
        let mut line = disk::seal(&json);
        if ends_in_half_a_line(&mut file)? {
            line.insert(0, '\n');
        }
        file.write_all(line.as_bytes())?;
        file.sync_all()
    }

    /// What was added since `seen`, for [`List::add`], and how much is seen now. A file that has
    /// become shorter is another one and is read from its beginning.
    pub(crate) fn read(&self, seen: Seen) -> io::Result<(Vec<Forget>, Seen)> {
        let mut file = match fs::File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((Vec::new(), Seen::default()));
            }
            Err(error) => return Err(error),
        };
        let length = file.metadata()?.len();
        let seen = if length < seen.bytes {
            Seen::default()
        } else {
            seen
        };
        file.seek(SeekFrom::Start(seen.bytes))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        // A line that another process is just writing is read when it is whole.
        let whole = bytes
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        let mut added = Vec::new();
        let mut damaged = 0_usize;
        for line in bytes[..whole].split(|&byte| byte == b'\n') {
            let json = disk::unseal(line);
            match json.and_then(|json| serde_json::from_str(json).ok()) {
                Some(what) => added.push(what),
                None if line.is_empty() => {}
                None => damaged += 1,
            }
        }
        if damaged > 0 {
            tracing::warn!(damaged, "lines of {} cannot be read", self.path.display());
        }
        let seen = Seen {
            bytes: seen.bytes + whole as u64,
            damaged: seen.damaged + damaged,
        };
        Ok((added, seen))
    }

    /// The whole list.
    pub(crate) fn load(&self) -> io::Result<(List, Seen)> {
        let (added, seen) = self.read(Seen::default())?;
        let mut list = List::default();
        added.iter().for_each(|what| list.add(what));
        Ok((list, seen))
    }
}

fn ends_in_half_a_line(file: &mut fs::File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
