//! What of the past an answer is given, and what finds it: the rooms of memory and of embedding.

use std::path::PathBuf;
use std::time::Duration;

use ::memory::Calibration;
use jiff::tz::TimeZone;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use service::settings::limits::{
    filled, millis, minutes, minutes_or_none, number, refused, share, some_address, some_days,
    some_filled,
};

/// Bytes of a megabyte, as people count the room on a disk.
const MEGABYTE: u64 = 1_000_000;

/// Room `[memory]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Whether anything is remembered beyond the present conversation.
    pub on: bool,
    /// Turns of the present conversation that the model is shown.
    #[serde(
        rename = "short_term_limit",
        deserialize_with = "number::<_, 0, 1_000, _>"
    )]
    pub short_term: usize,
    /// Entries from earlier that the model is shown at most.
    #[serde(
        rename = "long_term_limit",
        deserialize_with = "number::<_, 0, 1_000, _>"
    )]
    pub long_term: usize,
    /// How near in meaning an entry must be, above 0 to 1, on the calibrated scale.
    #[serde(rename = "similarity_threshold", deserialize_with = "share")]
    pub threshold: f32,
    /// Silence after which a conversation is idle.
    #[serde(rename = "session_minutes", deserialize_with = "minutes")]
    pub session: Duration,
    /// How long after that it is taken up again all the same.
    #[serde(rename = "reactivation_minutes", deserialize_with = "minutes_or_none")]
    pub reactivation: Duration,
    /// How long an answer waits for what is recalled.
    #[serde(rename = "recall_deadline_ms", deserialize_with = "millis")]
    pub recall_deadline: Duration,
    /// How long turns are kept; `None` is for ever.
    #[serde(default, rename = "retention_days", deserialize_with = "some_days")]
    pub retention: Option<Duration>,
    /// The time zone of people who told none; `None` is the computer's. Ask for [`Memory::zone`].
    #[serde(default, deserialize_with = "some_zone")]
    pub time_zone: Option<TimeZone>,
    /// The model that reads finished turns; `None` is the one that answers.
    #[serde(default, deserialize_with = "some_filled")]
    pub model: Option<String>,
    /// What the journal may take of the disk, in bytes (megabytes in the settings).
    #[serde(rename = "journal_max_mb", deserialize_with = "megabytes")]
    pub journal_max: u64,
}

impl Memory {
    /// The time zone of people who told none; UTC when the computer has none, either.
    #[must_use]
    pub fn zone(&self) -> TimeZone {
        self.time_zone.clone().unwrap_or_else(TimeZone::system)
    }
}

/// Room `[embedding]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embedding {
    /// How texts are made into vectors: `ollama`, `openai` or `minilm`.
    #[serde(deserialize_with = "filled")]
    pub dialect: String,
    /// The server; `None` is the first of the model's. Ask for
    /// [`Config::embedding_server`](super::Config::embedding_server).
    #[serde(default, deserialize_with = "some_address")]
    pub url: Option<String>,
    /// Bearer token.
    pub api_key: Option<SecretString>,
    /// The embedding model's name.
    #[serde(deserialize_with = "filled")]
    pub model: String,
    /// Deadline of a call.
    #[serde(rename = "deadline_ms", deserialize_with = "millis")]
    pub deadline: Duration,
    /// Files of `minilm`; `None` is below the state folder. Ask for
    /// [`Config::embedding_folder`](super::Config::embedding_folder).
    #[serde(default)]
    pub folder: Option<PathBuf>,
    /// How the cosines of each model are read, as measured. Ask for [`Embedding::calibration`].
    #[serde(deserialize_with = "curves")]
    pub curves: Vec<Curve>,
}

/// How the cosines of one model are read.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The model's name, without a tag.
    pub model: String,
    /// From cosines to nearness.
    pub calibration: Calibration,
}

impl Embedding {
    /// How the cosines of the model are read: by its own curve, or by one that suits most.
    #[must_use]
    pub fn calibration(&self) -> Calibration {
        let name = bare(&self.model);
        let own = self.curves.iter().find(|curve| curve.model == name);
        own.map(|curve| curve.calibration.clone())
            .unwrap_or_default()
    }
}

/// A model's name without its tag and without who made it: `sentence-transformers/all-minilm:l6`
/// is `all-minilm`.
fn bare(model: &str) -> &str {
    let name = model.rsplit('/').next().unwrap_or(model);
    name.split(':').next().unwrap_or(name)
}

fn megabytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    number::<D, 1, 1_000_000, u64>(deserializer).map(|mb| mb * MEGABYTE)
}

fn some_zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TimeZone>, D::Error> {
    let name = String::deserialize(deserializer)?;
    TimeZone::get(name.trim()).map(Some).map_err(|_| {
        refused("expected the name of a time zone such as Europe/Paris, found none of that name")
    })
}

fn curves<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Curve>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let curve = |text: &String| {
        curve(text).ok_or_else(|| {
            refused(
                "expected curves such as `all-minilm 0.1:0 0.5:0.7 0.9:1` (a model, then cosine:nearness, both rising)",
            )
        })
    };
    texts.iter().map(curve).collect()
}

/// Reads `MODEL COSINE:NEARNESS COSINE:NEARNESS …`.
fn curve(text: &str) -> Option<Curve> {
    let mut words = text.split_whitespace();
    let model = bare(words.next()?).to_owned();
    let points = words.map(|word| {
        let (cosine, nearness) = word.split_once(':')?;
        Some((cosine.parse().ok()?, nearness.parse().ok()?))
    });
    let calibration = Calibration::new(points.collect::<Option<_>>()?).ok()?;
    Some(Curve { model, calibration })
}
