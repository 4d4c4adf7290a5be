//! What settings may not be, over every variable that is a number.

use proptest::prelude::*;
use service::settings::{Line, Settings, SettingsError};

use super::*;

const REFERENCE: &str = include_str!("../../../config/assistant.toml");

/// Numbers that may be nothing: freedom of words, waits that can be left out, counts of things
/// that need not be.
const MAY_BE_ZERO: &[&str] = &[
    "OLLAMA_TEMPERATURE",
    "TURN_RELEASE_MS",
    "FOLLOW_UP_S",
    "TURN_QUEUE_MAX",
    "TURN_QUEUE_WAIT_S",
    "FILLER_AFTER_MS",
    "SHORT_TERM_MEMORY_LIMIT",
    "LONG_TERM_MEMORY_LIMIT",
    "SESSION_REACTIVATION_MINUTES",
];

fn config(variables: &[(&str, &str)]) -> Result<Config, SettingsError> {
    let env = |name: &str| {
        let set = variables.iter().find(|(variable, _)| *variable == name);
        set.map(|(_, value)| (*value).to_owned())
    };
    Config::from_settings(&Settings::load(REFERENCE, None, &env)?)
}

/// The one line that refuses `value`.
fn refusal(variable: &str, value: &str) -> String {
    let error = config(&[(variable, value)])
        .err()
        .unwrap_or_else(|| panic!("{variable}={value} was taken"))
        .to_string();
    assert!(!error.contains('\n'), "{error}");
    assert!(error.starts_with(&format!("{variable} is ")), "{error}");
    error
}

/// The variables of the reference whose default is a number, but for those of the phone line,
/// which the assistant does not read.
fn numbers() -> Vec<(String, bool)> {
    let settings = Settings::load(REFERENCE, None, &|_| None).unwrap();
    let number = |line: Line| {
        let value = line.value?;
        let whole = value.is_integer();
        (whole || value.is_float()).then_some((line.variable, whole))
    };
    let read = settings
        .lines()
        .filter(|line| !line.key.starts_with("sip."));
    read.filter_map(number).collect()
}

#[test]
fn a_number_that_is_none_is_refused_for_every_variable() {
    let numbers = numbers();
    for expected in [
        "WHISPER_CIRCUIT_TIMEOUT",
        "DB_CIRCUIT_THRESHOLD",
        "HEALTH_PORT",
    ] {
        assert!(numbers.iter().any(|(variable, _)| variable == expected));
    }
    for (variable, whole) in &numbers {
        for nonsense in [
            "NaN", "inf", "-inf", "1e999", "-1", "-0.5", "soon", "1 2", "0x10",
        ] {
            refusal(variable, nonsense);
        }
        if *whole {
            refusal(variable, "1.5");
            refusal(variable, "99999999999999999999");
        } else {
            refusal(variable, "1e300");
        }
        if !MAY_BE_ZERO.contains(&&**variable) {
            for zero in ["0", "-0", "0.0"] {
                refusal(variable, zero);
            }
        }
    }
}

#[test]
fn a_voice_that_nobody_could_understand_is_refused() {
    for (variable, nonsense) in [("TTS_LENGTH_SCALE", "0"), ("TTS_NOISE_SCALE", "2.5")] {
        for value in [nonsense, "-1", "NaN", "inf", "slow"] {
            refusal(variable, value);
        }
    }
    let config = config(&[("TTS_LENGTH_SCALE", "1.2"), ("TTS_NOISE_SCALE", "0")]).unwrap();
    assert_eq!(config.piper.length_scale, Some(1.2));
    assert_eq!(config.piper.noise_scale, Some(0.0));
}

#[test]
fn the_defaults_are_those_people_know() {
    let config = config(&[]).unwrap();
    let circuit = |threshold, seconds| Circuit {
        threshold,
        timeout: Duration::from_secs(seconds),
    };
    assert_eq!(config.whisper.circuit(), circuit(5, 60));
    assert_eq!(config.ollama.circuit(), circuit(5, 60));
    assert_eq!(config.piper.circuit(), circuit(5, 60));
    assert_eq!(config.database.circuit(), circuit(3, 30));
    assert_eq!(config.redis.circuit(), circuit(5, 60));
    assert_eq!(config.chromadb.circuit(), circuit(5, 60));
    assert_eq!(config.retry.max_attempts, 3);
    assert_eq!(config.retry.base_delay, Duration::from_secs(1));
    assert_eq!(config.retry.max_delay, Duration::from_secs(60));
    assert_eq!(config.health.check_interval, Duration::from_secs(30));
    assert_eq!(config.health.port, 8080);
    assert!(config.health.bind.is_loopback());
    assert_eq!(config.turn.filler_after, Some(Duration::from_millis(1200)));
    assert!(config.database.host.is_none() && config.database.url.is_none());
    assert!(config.redis.url.is_none() && config.chromadb.url.is_none());
}

#[test]
fn several_addresses_share_one_dialect_or_have_one_each() {
    let urls = ("WHISPER_URL", "http://a:1, http://b:2/,https://c");
    let places = |dialects: &str| -> Vec<(String, String)> {
        let config = config(&[urls, ("WHISPER_DIALECT", dialects)]).unwrap();
        let places = config.whisper.places();
        places
            .map(|(url, dialect)| (url.into(), dialect.into()))
            .collect()
    };
    let expected = |dialects: [&str; 3]| -> Vec<(String, String)> {
        let urls = ["http://a:1", "http://b:2", "https://c"];
        urls.map(String::from)
            .into_iter()
            .zip(dialects.map(String::from))
            .collect()
    };
    assert_eq!(places("auto"), expected(["auto"; 3]));
    assert_eq!(
        places("openai,transcribe,auto"),
        expected(["openai", "transcribe", "auto"])
    );
    let error = config(&[urls, ("WHISPER_DIALECT", "openai,auto")]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("one for each of the 3 addresses"),
        "{error}"
    );
}

#[test]
fn an_address_that_is_none_is_refused_wherever_it_stands_in_the_list() {
    for variable in ["WHISPER_URL", "OLLAMA_URL", "PIPER_URL"] {
        for value in [
            "127.0.0.1:5000",
            "http://a,b",
            "http://,http://a",
            ",",
            "ftp://a",
        ] {
            refusal(variable, value);
        }
    }
    refusal("CHROMADB_URL", "chroma:8000");
    refusal("HEALTH_BIND", "localhost");
}

#[test]
fn an_address_with_a_password_is_never_told() {
    for variable in ["DATABASE_URL", "REDIS_URL"] {
        let error = refusal(variable, "mysql://ann:hush@host");
        assert!(!error.contains("hush"), "{error}");
        assert!(error.contains("an address such as"), "{error}");
    }
    let config = config(&[
        ("DATABASE_URL", "postgres://ann:hush@host/db"),
        ("REDIS_URL", "rediss://:hush@host"),
    ]);
    let shown = format!("{:?}", config.unwrap());
    assert!(!shown.contains("hush"), "{shown}");
}

#[test]
fn the_longest_wait_is_no_shorter_than_the_first() {
    let waits = [("RETRY_BASE_DELAY", "5"), ("RETRY_MAX_DELAY", "4.9")];
    let error = config(&waits).unwrap_err().to_string();
    assert!(
        error.starts_with("RETRY_MAX_DELAY is 4.9; expected no less"),
        "{error}"
    );
}

#[test]
fn a_filler_can_be_left_out() {
    let config = config(&[("FILLER_AFTER_MS", "0")]).unwrap();
    assert_eq!(config.turn.filler_after, None);
}

#[test]
fn what_is_for_other_programs_is_taken_whatever_it_is() {
    for value in ["python", "upb", "0", "-1", "NaN"] {
        config(&[("PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION", value)]).unwrap();
    }
}

proptest! {
    #[test]
    fn any_text_is_a_sensible_number_or_refused_by_name(
        text in "[-+.0-9eEnainf ]{1,12}",
        which in any::<prop::sample::Index>(),
    ) {
        let numbers = numbers();
        let (variable, _) = which.get(&numbers);
        if let Err(error) = config(&[(variable, &text)]) {
            // A wait may also disagree with its neighbour, whose line names it then.
            prop_assert!(error.to_string().contains(variable), "{}", error);
        }
    }

    #[test]
    fn seconds_are_taken_with_their_fraction(millis in 1_u64..86_400_000) {
        let text = format!("{}.{:03}", millis / 1000, millis % 1000);
        let config = config(&[("WHISPER_CIRCUIT_TIMEOUT", &text)]).unwrap();
        prop_assert_eq!(config.whisper.circuit_timeout, Duration::from_millis(millis));
    }
}

/// Values of all kinds; for each setting one of them is another than its default.
const OTHERS: &[&str] = &[
    "7",
    "0.5",
    "9000",
    "true",
    "false",
    "always",
    "other",
    "openai",
    "off",
    "127.0.0.2",
    "http://other:1",
    "redis://other:1",
    "Europe/Paris",
    "other 0.2:0 0.8:1",
];

#[test]
fn what_is_said_to_change_while_running_does_and_nothing_else() {
    let shown = |config: &Config| format!("{config:?}");
    let base = config(&[]).unwrap();
    let settings = Settings::load(REFERENCE, None, &|_| None).unwrap();
    let mut tried = 0;
    for Line { key, variable, .. } in settings.lines() {
        let others = OTHERS
            .iter()
            .filter_map(|value| config(&[(&variable, value)]).ok());
        // What the assistant does not read, and secrets, look the same whatever they are.
        let Some(later) = others
            .into_iter()
            .find(|later| shown(later) != shown(&base))
        else {
            continue;
        };
        tried += 1;
        let in_force = base.clone().changed_to(later.clone());
        let expected = if can_change_while_running(&key) {
            &later
        } else {
            &base
        };
        assert_eq!(shown(&in_force), shown(expected), "{key}");
    }
    assert!(tried > 50, "only {tried} settings were tried");
}

#[test]
fn the_database_is_found_by_either_of_its_names() {
    let config = config(&[
        ("POSTGRES_HOST", "elsewhere"),
        ("POSTGRES_USER", "ann"),
        ("DB_USER", "ben"),
    ])
    .unwrap();
    assert_eq!(config.database.host.as_deref(), Some("elsewhere"));
    assert_eq!(config.database.user, "ben");
    refusal("POSTGRES_PORT", "70000");
}

#[test]
fn an_embedding_dialect_that_is_none_is_refused() {
    refusal("EMBEDDING_DIALECT", "chroma");
}

#[test]
fn a_time_zone_that_is_none_is_refused() {
    refusal("TIME_ZONE", "Europe/Atlantis");
    let config = config(&[("TIME_ZONE", "Europe/Paris")]).unwrap();
    assert_eq!(config.memory.zone().iana_name(), Some("Europe/Paris"));
}

#[test]
fn what_is_kept_for_a_while_is_kept_for_a_day_at_least() {
    for nonsense in ["0", "-1", "36501", "1.5", "soon"] {
        refusal("MEMORY_RETENTION_DAYS", nonsense);
    }
    let kept = config(&[("MEMORY_RETENTION_DAYS", "2")]).unwrap();
    let days = Duration::from_secs(2 * 86_400);
    assert_eq!(kept.memory.retention, Some(days));
    assert_eq!(config(&[]).unwrap().memory.retention, None);
}

#[test]
fn a_curve_that_is_none_is_refused() {
    for nonsense in [
        "all-minilm",
        "m 0:0",
        "m 0:0 x:1",
        "m 0.5:0 0.1:1",
        "m 0:0 1:2",
    ] {
        refusal("EMBEDDING_CURVES", nonsense);
    }
}

#[test]
fn a_model_has_its_own_curve_whatever_its_tag_and_maker() {
    let curves = ("EMBEDDING_CURVES", "other 0:0 0.1:1, mine 0:0 0.2:1");
    let own = ::memory::Calibration::new(vec![(0.0, 0.0), (0.2, 1.0)]).unwrap();
    for name in ["mine", "mine:latest", "somebody/mine:22m"] {
        let config = config(&[curves, ("EMBEDDING_MODEL", name)]).unwrap();
        assert_eq!(config.embedding.calibration(), own, "{name}");
    }
    let config = config(&[curves, ("EMBEDDING_MODEL", "nobody")]).unwrap();
    assert_eq!(
        config.embedding.calibration(),
        ::memory::Calibration::default()
    );
}

#[test]
fn the_key_of_the_model_server_goes_to_no_other_server() {
    let key = |url: &[(&str, &str)]| {
        let mut variables = vec![("OLLAMA_API_KEY", "hush")];
        variables.extend(url);
        config(&variables).unwrap().embedding_server().api_key
    };
    assert!(key(&[]).is_some());
    assert!(key(&[("EMBEDDING_URL", "http://elsewhere:1")]).is_none());
}
