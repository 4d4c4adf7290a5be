//! The reference file: every key with its default, a sentence and its environment variable.
//!
//! It is TOML with comments that are read by the program as well as by people:
//!
//! ```toml
//! [mumble]
//!
//! # Port of the Mumble server.
//! # Environment: MUMBLE_PORT
//! port = 64738
//!
//! # Password of the server, if it asks for one.
//! # Environment: MUMBLE_PASSWORD (secret)
//! #password = "correct horse"
//! ```
//!
//! A key stands on one line, right below its comments. One that has no default stands behind a
//! `#` without a space; its example gives the type. A variable that people know by another name,
//! too, stands as `# Environment: DB_HOST or POSTGRES_HOST`; the first one wins.

use toml::{Table, Value};

use super::error::SettingsError;
use super::value::Kind;

/// A key that may be set.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Key {
    /// The table it stands in, such as `mumble`.
    pub(super) room: String,
    /// Its name in that table, such as `port`.
    pub(super) name: String,
    /// What type its values have.
    pub(super) kind: Kind,
    /// The default; `None` when nothing is set by default.
    pub(super) default: Option<Value>,
    /// The environment variable that sets it.
    pub(super) variable: String,
    /// Another variable that sets it while that one is not set.
    pub(super) other: Option<String>,
    /// Whether its value must not be shown.
    pub(super) secret: bool,
    /// What it does, in a sentence or more.
    pub(super) doc: String,
}

impl Key {
    /// Room and name, such as `mumble.port`.
    pub(super) fn path(&self) -> String {
        format!("{}.{}", self.room, self.name)
    }
}

/// Reads the keys of a reference file, in its order.
///
/// # Errors
/// When the text is not of the form above, or two keys share a variable.
pub(super) fn read(text: &str) -> Result<Vec<Key>, SettingsError> {
    let mut keys: Vec<Key> = Vec::new();
    let mut room = String::new();
    let mut comments: Vec<&str> = Vec::new();
    for (index, line) in text.lines().map(str::trim_end).enumerate() {
        let fault = |problem: &str| SettingsError::Reference {
            line: index + 1,
            problem: problem.to_owned(),
        };
        if let Some(header) = line.strip_prefix('[') {
            room = header.trim_end_matches(']').to_owned();
            comments.clear();
        } else if line.is_empty() {
            comments.clear();
        } else if let Some(comment) = comment(line) {
            comments.push(comment);
        } else {
            let (assignment, is_default) = match line.strip_prefix('#') {
                Some(example) => (example, false),
                None => (line, true),
            };
            let (name, value) = assigned(assignment).ok_or_else(|| fault("not `key = value`"))?;
            let kind = Kind::of(&value).ok_or_else(|| fault("a type that no setting has"))?;
            let Explained {
                variable,
                other,
                secret,
                doc,
            } = explained(&comments)
                .ok_or_else(|| fault("no sentence or no `# Environment: NAME` above the key"))?;
            let taken = |k: &Key| {
                let names = [Some(&k.variable), k.other.as_ref()];
                let names = names.into_iter().flatten();
                names
                    .into_iter()
                    .any(|n| *n == variable || Some(n) == other.as_ref())
            };
            if keys
                .iter()
                .any(|k| taken(k) || (k.room == room && k.name == name))
            {
                return Err(fault("the key or its variable stands here twice"));
            }
            let default = is_default.then_some(value);
            keys.push(Key {
                room: room.clone(),
                name,
                kind,
                default,
                variable,
                other,
                secret,
                doc,
            });
            comments.clear();
        }
    }
    Ok(keys)
}

/// The text of a line that is a comment for people: `# text`, or `#` alone.
fn comment(line: &str) -> Option<&str> {
    let rest = line.strip_prefix('#')?;
    if rest.is_empty() {
        Some(rest)
    } else {
        rest.strip_prefix(' ')
    }
}

/// The key and the value of one line of TOML.
fn assigned(line: &str) -> Option<(String, Value)> {
    let table: Table = toml::from_str(line).ok()?;
    (table.len() == 1)
        .then(|| table.into_iter().next())
        .flatten()
}

/// What the comments above a key say.
struct Explained {
    variable: String,
    other: Option<String>,
    secret: bool,
    doc: String,
}

fn explained(comments: &[&str]) -> Option<Explained> {
    const MARK: &str = "Environment: ";
    let (marks, doc): (Vec<&str>, Vec<&str>) = comments.iter().partition(|c| c.starts_with(MARK));
    let [mark] = marks[..] else { return None };
    let named = mark.strip_prefix(MARK)?;
    let (names, secret) = match named.strip_suffix(" (secret)") {
        Some(names) => (names, true),
        None => (named, false),
    };
    let (variable, other) = match names.split_once(" or ") {
        Some((variable, other)) => (variable, Some(other)),
        None => (names, None),
    };
    let letter = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let proper = |name: &str| !name.is_empty() && name.chars().all(letter);
    let doc = doc.join(" ");
    (!doc.is_empty() && proper(variable) && other.is_none_or(proper)).then(|| Explained {
        variable: variable.to_owned(),
        other: other.map(str::to_owned),
        secret,
        doc,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Key {
        read(text).unwrap().remove(0)
    }

    #[test]
    fn a_key_is_read_with_its_sentence_variable_and_default() {
        let key =
            one("[mumble]\n\n# Port of\n# the server.\n# Environment: MUMBLE_PORT\nport = 1\n");
        assert_eq!(key.path(), "mumble.port");
        assert_eq!(key.doc, "Port of the server.");
        assert_eq!(key.variable, "MUMBLE_PORT");
        assert_eq!(key.default, Some(Value::Integer(1)));
        assert!(!key.secret);
    }

    #[test]
    fn a_key_behind_a_hash_has_a_type_but_no_default() {
        let key = one("[a]\n# A secret.\n# Environment: A_B (secret)\n#b = \"x\"\n");
        assert_eq!(
            (key.default, key.kind, key.secret),
            (None, Kind::Text, true)
        );
    }

    #[test]
    fn a_variable_may_have_another_name() {
        let key = one("[a]\n# Words.\n# Environment: B or C_D (secret)\n#b = \"x\"\n");
        assert_eq!((&*key.variable, key.other.as_deref()), ("B", Some("C_D")));
        assert!(key.secret);
    }

    #[test]
    fn a_key_without_a_variable_or_a_sentence_is_refused() {
        for text in [
            "[a]\n# Only words.\nb = 1\n",
            "[a]\n# Environment: B\nb = 1\n",
            "[a]\n# Words.\n# Environment: B\n\nb = 1\n",
            "[a]\n# Words.\n# Environment: lower\nb = 1\n",
            "[a]\n# Words.\n# Environment: B\nb = 1\n# Words.\n# Environment: B\nc = 1\n",
            "[a]\n# Words.\n# Environment: B or C\nb = 1\n# Words.\n# Environment: C\nc = 1\n",
            "[a]\n# Words.\n# Environment: B or lower\nb = 1\n",
        ] {
            assert!(
                matches!(read(text), Err(SettingsError::Reference { .. })),
                "{text}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}") {
            let _ = read(&text);
        }
    }
}
