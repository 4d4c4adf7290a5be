//! The layers of settings, tried on a small reference.

use std::io::Write;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::*;

const REFERENCE: &str = r#"
# The server.
[mumble]

# Its port.
# Environment: MUMBLE_PORT
port = 64738

# Its password.
# Environment: MUMBLE_PASSWORD (secret)
#password = "x"

# Tokens.
# Environment: MUMBLE_TOKENS (secret)
tokens = []

# The model.
[ollama]

# How freely.
# Environment: OLLAMA_TEMPERATURE
temperature = 0.7

# Dice.
# Environment: OLLAMA_SEED
#seed = 42
"#;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mumble {
    port: u16,
    password: Option<SecretString>,
    tokens: Vec<SecretString>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, try_from = "RawOllama")]
struct Ollama {
    temperature: f64,
    seed: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOllama {
    temperature: f64,
    seed: Option<u64>,
}

impl TryFrom<RawOllama> for Ollama {
    type Error = &'static str;

    fn try_from(raw: RawOllama) -> Result<Self, Self::Error> {
        if !(0.0..=2.0).contains(&raw.temperature) {
            return Err("temperature: expected a number from 0 to 2, found another");
        }
        Ok(Self {
            temperature: raw.temperature,
            seed: raw.seed,
        })
    }
}

fn load(file: Option<&str>, env: &[(&str, &str)]) -> Result<Settings, String> {
    let found = |name: &str| {
        env.iter()
            .find(|(n, _)| *n == name)
            .map(|(_, v)| (*v).to_owned())
    };
    let file = file.map(|text| {
        let mut file = tempfile::Builder::new()
            .prefix("mine")
            .suffix(".toml")
            .tempfile()
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    });
    let path = file.as_ref().map(tempfile::NamedTempFile::path);
    Settings::load(REFERENCE, path, &found).map_err(|e| one_line(&e))
}

/// The text of an error, without the folder of the file it names.
fn one_line(error: &SettingsError) -> String {
    let text = error.to_string();
    assert!(!text.contains('\n'), "more than one line: {text}");
    match (text.find("mine"), text.find(".toml")) {
        (Some(_), Some(end)) => format!("FILE{}", &text[end + 5..]),
        _ => text,
    }
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_default() {
    let file = Some("[mumble]\nport = 1\n[ollama]\ntemperature = 1\n");
    let settings = load(file, &[("MUMBLE_PORT", "2")]).unwrap();
    assert_eq!(settings.room::<Mumble>("mumble").unwrap().port, 2);
    let ollama: Ollama = settings.room("ollama").unwrap();
    assert_eq!((ollama.temperature, ollama.seed), (1.0, None));
    let origins: Vec<_> = settings.lines().map(|l| (l.key, l.origin)).collect();
    assert!(origins.contains(&("mumble.port".into(), Origin::Environment)));
    assert!(origins.contains(&("ollama.temperature".into(), Origin::File)));
    assert!(origins.contains(&("ollama.seed".into(), Origin::Default)));
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let settings = load(None, &[("MUMBLE_PORT", ""), ("MUMBLE_PASSWORD", " ")]).unwrap();
    let mumble: Mumble = settings.room("mumble").unwrap();
    assert_eq!(mumble.port, 64738);
    assert!(mumble.password.is_none());
}

#[test]
fn a_secret_comes_from_a_file_without_the_white_space_around_it() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"hunter2\n").unwrap();
    let path = file.path().to_str().unwrap();
    let settings = load(None, &[("MUMBLE_PASSWORD_FILE", path)]).unwrap();
    let mumble: Mumble = settings.room("mumble").unwrap();
    assert_eq!(mumble.password.unwrap().expose_secret(), "hunter2");
}

#[test]
fn a_secret_given_twice_or_in_a_missing_file_is_refused() {
    let twice = load(
        None,
        &[("MUMBLE_PASSWORD", "a"), ("MUMBLE_PASSWORD_FILE", "/b")],
    );
    assert_eq!(
        twice.unwrap_err(),
        "both MUMBLE_PASSWORD and MUMBLE_PASSWORD_FILE are set; unset one of them"
    );
    let missing = load(None, &[("MUMBLE_PASSWORD_FILE", "/nowhere/secret")]).unwrap_err();
    assert!(
        missing.starts_with("MUMBLE_PASSWORD_FILE names /nowhere/secret, which cannot be read"),
        "{missing}"
    );
}

#[test]
fn a_secret_is_shown_nowhere() {
    let env = [
        ("MUMBLE_PASSWORD", "hunter2"),
        ("MUMBLE_TOKENS", "hunter2,hunter3"),
    ];
    let settings = load(None, &env).unwrap();
    let mumble: Mumble = settings.room("mumble").unwrap();
    let tokens: Vec<&str> = mumble
        .tokens
        .iter()
        .map(ExposeSecret::expose_secret)
        .collect();
    assert_eq!(tokens, ["hunter2", "hunter3"]);
    let lines: Vec<Line> = settings.lines().collect();
    let refused = settings.invalid("mumble", "password", "another one");
    let everything = format!("{settings:?} {mumble:?} {lines:?} {refused} {refused:?}");
    assert!(!everything.contains("hunter"), "{everything}");
    assert_eq!(lines[1].value, Some("***".into()));

    let wrong = load(Some("[mumble]\npassword = 12345\n"), &[]).unwrap_err();
    assert!(!wrong.contains("12345"), "{wrong}");
}

#[test]
fn a_wrong_value_names_its_place_what_was_found_and_what_is_expected() {
    assert_eq!(
        load(None, &[("MUMBLE_PORT", "abc")]).unwrap_err(),
        "MUMBLE_PORT is \"abc\"; expected a whole number (mumble.port)"
    );
    assert_eq!(
        load(Some("[mumble]\nport = \"abc\"\n"), &[]).unwrap_err(),
        "FILE: mumble.port is \"abc\"; expected a whole number (environment: MUMBLE_PORT)"
    );
    let settings = load(None, &[("MUMBLE_PORT", "70000")]).unwrap();
    assert_eq!(
        one_line(&settings.room::<Mumble>("mumble").unwrap_err()),
        "MUMBLE_PORT is 70000; expected a whole number from 0 to 65535 (mumble.port)"
    );
}

#[test]
fn a_check_of_the_room_itself_names_its_key_too() {
    let settings = load(Some("[ollama]\ntemperature = 9\n"), &[]).unwrap();
    assert_eq!(
        one_line(&settings.room::<Ollama>("ollama").unwrap_err()),
        "FILE: ollama.temperature is 9.0; expected a number from 0 to 2 \
         (environment: OLLAMA_TEMPERATURE)"
    );
}

#[test]
fn an_unknown_key_suggests_the_nearest_one() {
    for (text, expected) in [
        (
            "[mumble]\nprot = 1\n",
            "FILE: there is no setting mumble.prot; did you mean mumble.port?",
        ),
        (
            "[mumbel]\nport = 1\n",
            "FILE: there is no setting [mumbel]; did you mean [mumble]?",
        ),
        (
            "port = 1\n",
            "FILE: there is no setting port; did you mean mumble.port?",
        ),
        (
            "[mumble]\nxyzzyxyzzyxyzzy = 1\n",
            "FILE: there is no setting mumble.xyzzyxyzzyxyzzy",
        ),
    ] {
        assert_eq!(load(Some(text), &[]).unwrap_err(), expected);
    }
}

#[test]
fn a_file_that_is_not_toml_names_the_line() {
    let error = load(Some("[mumble]\nport = = 1\n"), &[]).unwrap_err();
    assert!(error.starts_with("FILE:2: "), "{error}");
}

#[test]
fn a_missing_file_is_an_error() {
    let error = Settings::load(REFERENCE, Some(Path::new("/nowhere.toml")), &|_| None).unwrap_err();
    assert!(one_line(&error).starts_with("the settings file /nowhere.toml cannot be read: "));
}

#[test]
fn a_room_that_lacks_a_key_of_the_reference_does_not_read_it() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Narrow {
        #[expect(dead_code, reason = "only its absence of neighbours is tried")]
        port: u16,
    }
    let error = load(None, &[])
        .unwrap()
        .room::<Narrow>("mumble")
        .unwrap_err();
    assert!(matches!(error, SettingsError::Room { .. }), "{error}");
}

#[test]
fn the_reference_of_the_program_is_well_formed() {
    let text = include_str!("../../../../config/assistant.toml");
    let settings = Settings::load(text, None, &|_| None).unwrap();
    let config: crate::Config = settings.room("service").unwrap();
    assert!(config.state_dir.is_absolute());
    toml::from_str::<Table>(text).unwrap();
}

#[test]
fn a_password_inside_an_address_is_masked() {
    for (address, shown) in [
        ("http://ada:hunter2@host:5000/v1", "http://***@host:5000/v1"),
        ("https://key@host", "https://***@host"),
        ("http://host/a@b", "http://host/a@b"),
        ("ada@host", "ada@host"),
    ] {
        assert_eq!(without_password(address.to_owned()), shown);
    }
}
