//! What can be wrong with settings, each in one line that says what to do.

use std::path::{Path, PathBuf};

use super::Origin;
use super::reference::Key;

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The embedded reference file is not of its form; only a developer can see this.
    #[error("the built-in settings are broken in line {line}: {problem}")]
    Reference {
        /// Line in the reference file, counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// The user's file cannot be read.
    #[error("the settings file {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The user's file is not TOML.
    #[error("{}:{line}: {problem}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line in it, counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// The user's file holds a key or a table that does not exist.
    #[error("{}: there is no setting {key}{}", path.display(), suggested(nearest.as_deref()))]
    Unknown {
        /// The file.
        path: PathBuf,
        /// What it holds.
        key: String,
        /// The existing one that looks most like it.
        nearest: Option<String>,
    },
    /// A value is not of its key's type or out of its range.
    #[error("{place} is {found}; {problem}{hint}")]
    Value {
        /// The variable, or the file and the key.
        place: String,
        /// What was found there; masked for a secret.
        found: String,
        /// What is wrong with it, such as "expected a number".
        problem: String,
        /// The other way to name or to set it, in brackets.
        hint: String,
    },
    /// A room does not take its settings as a whole; only a developer can see this.
    #[error("the settings of [{room}] do not fit: {problem}")]
    Room {
        /// The room.
        room: String,
        /// What is wrong.
        problem: String,
    },
    /// A secret is given twice.
    #[error("both {variable} and {variable}_FILE are set; unset one of them")]
    Twice {
        /// The variable without `_FILE`.
        variable: String,
    },
    /// The file of a secret cannot be read.
    #[error("{variable} names {}, which cannot be read: {source}", path.display())]
    SecretFile {
        /// The variable with `_FILE`.
        variable: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl SettingsError {
    pub(super) fn syntax(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let start = error.span().map_or(0, |span| span.start).min(text.len());
        let line = text.as_bytes()[..start]
            .iter()
            .filter(|b| **b == b'\n')
            .count()
            + 1;
        Self::Syntax {
            path: path.to_owned(),
            line,
            problem: error.message().replace('\n', ", "),
        }
    }
}

impl Key {
    /// The error of a value of this key that came from `origin`.
    pub(super) fn rejected(
        &self,
        origin: Origin,
        file: Option<&Path>,
        found: &str,
        problem: &str,
    ) -> SettingsError {
        let (place, hint) = match (origin, file) {
            (Origin::Environment, _) => (self.variable.clone(), format!(" ({})", self.path())),
            (Origin::File, Some(file)) => (
                format!("{}: {}", file.display(), self.path()),
                format!(" (environment: {})", self.variable),
            ),
            _ => (self.path(), format!(" (environment: {})", self.variable)),
        };
        let (found, problem) = (found.to_owned(), problem.to_owned());
        SettingsError::Value {
            place,
            found,
            problem,
            hint,
        }
    }
}

/// The error of a key in a file that does not exist.
pub(super) fn unknown<'a>(
    path: &Path,
    key: &str,
    keys: impl Iterator<Item = &'a Key>,
) -> SettingsError {
    let nearest = nearest(key, keys.map(Key::path));
    SettingsError::Unknown {
        path: path.to_owned(),
        key: key.to_owned(),
        nearest,
    }
}

/// The error of a table in a file that does not exist.
pub(super) fn unknown_room<'a>(
    path: &Path,
    room: &str,
    keys: impl Iterator<Item = &'a Key>,
) -> SettingsError {
    let nearest = nearest(
        &format!("[{room}]"),
        keys.map(|key| format!("[{}]", key.room)),
    );
    SettingsError::Unknown {
        path: path.to_owned(),
        key: format!("[{room}]"),
        nearest,
    }
}

fn suggested(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

/// The name with the fewest letters to change, if they are fewer than half of it.
///
/// Of a name with a dot, only the part behind it counts when the whole is far off, so that a key
/// at the top of the file finds its table.
fn nearest(wanted: &str, names: impl Iterator<Item = String>) -> Option<String> {
    names
        .map(|name| {
            let own = name.rsplit_once('.').map_or(name.as_str(), |(_, own)| own);
            (distance(wanted, &name).min(distance(wanted, own)), name)
        })
        .min_by_key(|(changes, _)| *changes)
        .filter(|(changes, _)| changes * 2 < wanted.chars().count())
        .map(|(_, name)| name)
}

/// How many letters must be added, dropped or replaced to make one word of the other
/// (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_and_a_far_one_is_not() {
        let names = || {
            ["mumble.port", "mumble.host", "ollama.model"]
                .map(str::to_owned)
                .into_iter()
        };
        assert_eq!(
            nearest("mumble.prot", names()).as_deref(),
            Some("mumble.port")
        );
        assert_eq!(nearest("modle", names()).as_deref(), Some("ollama.model"));
        assert_eq!(nearest("zzzzzzzzzzzz", names()), None);
    }

    #[test]
    fn distance_counts_changed_letters() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
