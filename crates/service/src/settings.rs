//! Settings in layers: the embedded reference, a file of the user's, the environment.
//!
//! The reference is a TOML file that holds every key with its default, a sentence and its
//! environment variable, so that there is one place to look; its form is told in
//! `reference.rs`. A file of the user's may hold any of its keys, and the environment wins over
//! both. An empty variable counts as unset. A secret may also come from the file that `NAME_FILE`
//! names, without the white space around it.
//!
//! Each room reads its own part with [`Settings::room`] into a `Config` of its own. Every error
//! is one line that names the variable, or the file and the key, what was found and what is
//! expected.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

pub mod limits;
mod reference;
mod error;
mod room;
mod value;

pub use error::SettingsError;

use reference::Key;

/// The effective settings of a process.
pub struct Settings {
    entries: Vec<Entry>,
    file: Option<PathBuf>,
}

/// Where an effective value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The embedded reference file.
    Default,
    /// The user's file.
    File,
    /// The environment, or the file that a `*_FILE` variable names.
    Environment,
}

/// One setting as `mumble-ai config` shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Room and key, such as `mumble.port`.
    pub key: String,
    /// The effective value, `***` in place of a secret, `None` when nothing is set.
    pub value: Option<Value>,
    /// The layer that the value came from.
    pub origin: Origin,
    /// The environment variable that sets it.
    pub variable: String,
    /// What the setting does.
    pub doc: String,
}

/// A key of the reference with its effective value.
struct Entry {
    key: Key,
    value: Option<Value>,
    origin: Origin,
}

impl Settings {
    /// Reads the layers.
    ///
    /// `defaults` is the text of the reference file, `file` the user's, and `env` looks up an
    /// environment variable.
    ///
    /// # Errors
    /// When the file cannot be read or holds an unknown key, when a value is not of its key's
    /// type, and when a secret is given twice (`NAME` and `NAME_FILE`).
    pub fn load(
        defaults: &str,
        file: Option<&Path>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        let mut entries: Vec<Entry> = reference::read(defaults)?
            .into_iter()
            .map(|key| Entry {
                value: key.default.clone(),
                key,
                origin: Origin::Default,
            })
            .collect();
        if let Some(path) = file {
            apply_file(&mut entries, path)?;
        }
        for entry in &mut entries {
            if let Some((variable, text)) = from_environment(&entry.key, env)? {
                // From here on it is called as the user calls it.
                entry.key.variable = variable;
                let value = entry.key.kind.parse(&text).ok_or_else(|| {
                    let found = if entry.key.secret {
                        MASK.into()
                    } else {
                        format!("{text:?}")
                    };
                    entry
                        .key
                        .rejected(Origin::Environment, file, &found, entry.key.kind.expected())
                })?;
                entry.value = Some(value);
                entry.origin = Origin::Environment;
            }
        }
        Ok(Self {
            entries,
            file: file.map(Path::to_owned),
        })
    }

    /// One room's part, as that room's own `Config`.
    ///
    /// A key without a value is left out, so its field is an `Option`. Let `Config` deny unknown
    /// fields: then the reference and the room cannot drift apart. A check of its own (a
    /// `deserialize_with`, or a `try_from` whose message begins with `key: `) is reported like
    /// a wrong type, with the key's name and variable.
    ///
    /// # Errors
    /// When a value is not what the room takes.
    pub fn room<T: DeserializeOwned>(&self, name: &str) -> Result<T, SettingsError> {
        let entries: Vec<&Entry> = self.entries.iter().filter(|e| e.key.room == name).collect();
        let values = entries
            .iter()
            .filter_map(|e| Some((e.key.name.as_str(), e.value.clone()?)));
        room::read(values).map_err(|refused| match refused.key {
            Some(key) => self.rejected(name, &key, &refused.problem),
            None => SettingsError::Room {
                room: name.to_owned(),
                problem: refused.problem,
            },
        })
    }

    /// The error of a value that was read but makes no sense, such as a number out of its range:
    /// `expected` says what would, for example "a number from 0 to 2".
    #[must_use]
    pub fn invalid(&self, room: &str, key: &str, expected: &str) -> SettingsError {
        self.rejected(room, key, &format!("expected {expected}"))
    }

    fn rejected(&self, room: &str, key: &str, problem: &str) -> SettingsError {
        match self
            .entries
            .iter()
            .find(|e| e.key.room == room && e.key.name == key)
        {
            Some(entry) => {
                let found = shown(entry).map_or_else(|| "not set".into(), |v| v.to_string());
                entry
                    .key
                    .rejected(entry.origin, self.file.as_deref(), &found, problem)
            }
            None => SettingsError::Room {
                room: room.to_owned(),
                problem: format!("{key}: {problem}"),
            },
        }
    }

    /// Which layer a setting came from; `None` when there is no such setting.
    #[must_use]
    pub fn origin(&self, room: &str, key: &str) -> Option<Origin> {
        self.entries
            .iter()
            .find(|e| e.key.room == room && e.key.name == key)
            .map(|e| e.origin)
    }

    /// Keys, such as `mumble.port`, of the settings whose values are others in `later`.
    #[must_use]
    pub fn changed_in(&self, later: &Self) -> Vec<String> {
        let pairs = self.entries.iter().zip(&later.entries);
        let changed = pairs.filter(|(now, later)| now.value != later.value);
        changed.map(|(now, _)| now.key.path()).collect()
    }

    /// Every setting in the order of the reference, with secrets masked.
    pub fn lines(&self) -> impl Iterator<Item = Line> {
        self.entries.iter().map(|entry| Line {
            key: entry.key.path(),
            value: shown(entry),
            origin: entry.origin,
            variable: entry.key.variable.clone(),
            doc: entry.key.doc.clone(),
        })
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.entries.iter().map(|e| (e.key.path(), shown(e))))
            .finish()
    }
}

impl Origin {
    /// The layer's name: `default`, `file` or `environment`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
        }
    }
}

/// What stands where a secret would.
const MASK: &str = "***";

/// An effective value as it may be shown to people.
fn shown(entry: &Entry) -> Option<Value> {
    Some(match entry.value.clone()? {
        value if entry.key.secret => match value {
            Value::Array(list) if list.is_empty() => Value::Array(list),
            _ => MASK.into(),
        },
        Value::String(text) => Value::String(without_password(text)),
        Value::Array(list) => Value::Array(list.into_iter().map(item_shown).collect()),
        value => value,
    })
}

/// One item of a list as it may be shown to people.
fn item_shown(item: Value) -> Value {
    match item {
        Value::String(text) => Value::String(without_password(text)),
        other => other,
    }
}

/// An address without the name and the password that it can hold.
#[must_use]
pub fn without_password(address: String) -> String {
    let credentials = address.split_once("://").and_then(|(scheme, rest)| {
        let (host, _) = rest.split_once('/').unwrap_or((rest, ""));
        let (_, host_alone) = host.rsplit_once('@')?;
        Some(format!(
            "{scheme}://{MASK}@{host_alone}{}",
            &rest[host.len()..]
        ))
    });
    credentials.unwrap_or(address)
}

/// Lays the user's file over the defaults.
fn apply_file(entries: &mut [Entry], path: &Path) -> Result<(), SettingsError> {
    let text = std::fs::read_to_string(path).map_err(|source| SettingsError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let rooms: Table = toml::from_str(&text).map_err(|e| SettingsError::syntax(path, &text, &e))?;
    for (room, content) in rooms {
        let Value::Table(values) = content else {
            return Err(error::unknown(path, &room, entries.iter().map(|e| &e.key)));
        };
        if !entries.iter().any(|e| e.key.room == room) {
            return Err(error::unknown_room(
                path,
                &room,
                entries.iter().map(|e| &e.key),
            ));
        }
        for (name, value) in values {
            let full = format!("{room}.{name}");
            let Some(index) = entries.iter().position(|e| e.key.path() == full) else {
                return Err(error::unknown(path, &full, entries.iter().map(|e| &e.key)));
            };
            let entry = &mut entries[index];
            let Some(value) = entry.key.kind.check(value.clone()) else {
                let found = if entry.key.secret {
                    MASK.into()
                } else {
                    value.to_string()
                };
                let expected = entry.key.kind.expected();
                return Err(entry
                    .key
                    .rejected(Origin::File, Some(path), &found, expected));
            };
            entry.value = Some(value);
            entry.origin = Origin::File;
        }
    }
    Ok(())
}

/// The variable that sets a key, by its first name or its other one, and its text.
fn from_environment(
    key: &Key,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<(String, String)>, SettingsError> {
    for name in [Some(&key.variable), key.other.as_ref()]
        .into_iter()
        .flatten()
    {
        if let Some(text) = from_variable(name, key.secret, env)? {
            return Ok(Some((name.clone(), text)));
        }
    }
    Ok(None)
}

/// The text that the environment holds under a name, directly or by `NAME_FILE`.
fn from_variable(
    name: &str,
    secret: bool,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<String>, SettingsError> {
    let set = |name: &str| env(name).filter(|text| !text.trim().is_empty());
    let direct = set(name);
    if !secret {
        return Ok(direct);
    }
    let variable = format!("{name}_FILE");
    match (direct, set(&variable)) {
        (Some(_), Some(_)) => Err(SettingsError::Twice {
            variable: name.to_owned(),
        }),
        (direct, None) => Ok(direct),
        (None, Some(path)) => match std::fs::read_to_string(path.trim()) {
            Ok(content) => Ok(Some(content.trim().to_owned()).filter(|secret| !secret.is_empty())),
            Err(source) => Err(SettingsError::SecretFile {
                variable,
                path: path.into(),
                source,
            }),
        },
    }
}

#[cfg(test)]
mod tests;
