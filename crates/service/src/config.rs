//! The room `[service]` of the settings: where state lies and how to log.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer};

/// What every role needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Folder for what must outlive a restart; `~` is already replaced by the home folder.
    #[serde(deserialize_with = "under_home")]
    pub state_dir: PathBuf,
    /// A level (`info`), or a filter of levels by part (`info,mumble=debug`).
    pub log_level: String,
    /// How a log line looks.
    pub log_format: LogFormat,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

fn under_home<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    let text = String::deserialize(deserializer)?;
    let Some(rest) = text.strip_prefix('~') else {
        return Ok(text.into());
    };
    let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
    match (home, rest.strip_prefix('/')) {
        (Some(home), Some(below)) => Ok(home.join(below)),
        (Some(home), None) if rest.is_empty() => Ok(home),
        _ => Err(serde::de::Error::custom(
            "expected a full path (there is no such home folder)",
        )),
    }
}
