//! What a value must be to make sense; each refusal says what was expected.
//!
//! They are for `#[serde(deserialize_with = "...")]` in the structs that rooms are read into.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// A day: longer waits in settings are slips of the keyboard.
const LONGEST_SECONDS: i64 = 86_400;

/// The shortest wait that can be given in seconds with a fraction; less is meant to be none.
const SHORTEST_FRACTION: f64 = 0.001;

/// The most failures or trials that can be asked for: who wants more wants no breaker.
pub const THRESHOLD: i64 = 1_000;

/// A whole number from `MIN` to `MAX`.
pub fn number<'de, D, const MIN: i64, const MAX: i64, N>(deserializer: D) -> Result<N, D::Error>
where
    D: Deserializer<'de>,
    N: TryFrom<i64>,
{
    let value = i64::deserialize(deserializer)?;
    let fits = (MIN..=MAX)
        .contains(&value)
        .then(|| N::try_from(value).ok())
        .flatten();
    fits.ok_or_else(|| {
        refused(format!(
            "expected a number from {MIN} to {MAX}, found {value}"
        ))
    })
}

/// A number from `MIN` to `MAX`.
pub fn within<'de, D, const MIN: i32, const MAX: i32>(deserializer: D) -> Result<f32, D::Error>
where
    D: Deserializer<'de>,
{
    let value = f32::deserialize(deserializer)?;
    let fits = value >= MIN as f32 && value <= MAX as f32;
    fits.then_some(value).ok_or_else(|| {
        refused(format!(
            "expected a number from {MIN} to {MAX}, found {value}"
        ))
    })
}

/// A share of a whole: above 0, at most 1.
pub fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    let value = f32::deserialize(deserializer)?;
    let fits = value > 0.0 && value <= 1.0;
    fits.then_some(value).ok_or_else(|| {
        refused(format!(
            "expected a number above 0 and at most 1, found {value}"
        ))
    })
}

/// How slowly a voice speaks. One that is ten times as fast or as slow as its own pace can no
/// longer be understood.
pub fn pace<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f32>, D::Error> {
    let value = f32::deserialize(deserializer)?;
    let fits = (0.1..=10.0).contains(&value);
    fits.then_some(Some(value))
        .ok_or_else(|| refused(format!("expected a number from 0.1 to 10, found {value}")))
}

/// How lively a voice speaks.
pub fn liveliness<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f32>, D::Error> {
    within::<_, 0, 2>(deserializer).map(Some)
}

/// Milliseconds, at least one and at most a day.
pub fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    number::<D, 1, { LONGEST_SECONDS * 1000 }, u64>(deserializer).map(Duration::from_millis)
}

/// Milliseconds, at most a day; 0 is none.
pub fn millis_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    number::<D, 0, { LONGEST_SECONDS * 1000 }, u64>(deserializer).map(Duration::from_millis)
}

/// Seconds, at least one and at most a day.
pub fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    number::<D, 1, LONGEST_SECONDS, u64>(deserializer).map(Duration::from_secs)
}

/// Seconds, at most a day; 0 is none.
pub fn seconds_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    number::<D, 0, LONGEST_SECONDS, u64>(deserializer).map(Duration::from_secs)
}

/// Minutes, at least one and at most a year.
pub fn minutes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    number::<D, 1, { 365 * 24 * 60 }, u64>(deserializer).map(|m| Duration::from_secs(m * 60))
}

/// Minutes, or none.
pub fn minutes_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    number::<D, 0, { 365 * 24 * 60 }, u64>(deserializer).map(|m| Duration::from_secs(m * 60))
}

/// Days, up to a century.
pub fn some_days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    number::<D, 1, 36_500, u64>(deserializer).map(|d| Some(Duration::from_secs(d * 86_400)))
}

/// Seconds with a fraction.
pub fn fraction<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let value = f64::deserialize(deserializer)?;
    let fits = (SHORTEST_FRACTION..=LONGEST_SECONDS as f64).contains(&value);
    let seconds = fits
        .then(|| Duration::try_from_secs_f64(value).ok())
        .flatten();
    seconds.ok_or_else(|| {
        refused(format!(
            "expected seconds from {SHORTEST_FRACTION} to {LONGEST_SECONDS}, found {value}"
        ))
    })
}

/// Milliseconds; 0 is none.
pub fn some_millis<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    Ok(Some(millis_or_none(deserializer)?).filter(|wait| !wait.is_zero()))
}

/// Text, which may be empty; `none` is, because an empty variable counts as one that is not set.
pub fn text_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let is_none = text.trim().eq_ignore_ascii_case("none");
    Ok(if is_none { String::new() } else { text })
}

/// Text that is not empty.
pub fn filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.trim().is_empty() {
        Err(refused("expected some text, found none"))
    } else {
        Ok(text)
    }
}

/// Text that is not empty, of a setting that may be missing.
pub fn some_filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    filled(deserializer).map(Some)
}

/// At least one word.
pub fn some_words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let words = Vec::<String>::deserialize(deserializer)?;
    if words.is_empty() {
        Err(refused("expected at least one name, found none"))
    } else {
        Ok(words)
    }
}

/// At least one address of a web server.
pub fn addresses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    if texts.is_empty() {
        return Err(refused("expected at least one address, found none"));
    }
    texts.iter().map(|text| address(text)).collect()
}

/// The address of a web server, of a setting that may be missing.
pub fn some_address<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    address(&String::deserialize(deserializer)?).map(Some)
}

fn address<E: serde::de::Error>(text: &str) -> Result<String, E> {
    let rest = ["http://", "https://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    if rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/')) {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err(refused(format!(
            "expected an address such as http://127.0.0.1:5000, found {text:?}"
        )))
    }
}

/// Text that can be read as `T`.
pub fn parsed<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    String::deserialize(deserializer)?.parse().map_err(refused)
}

/// A refusal that says why.
pub fn refused<E: serde::de::Error>(why: impl std::fmt::Display) -> E {
    E::custom(why)
}
