//! `mumble-ai doctor`: tries everything the assistant depends on, one line each.

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use bot::Config;
use service::settings::Settings;
use tokio::time::Instant;

use crate::out;

mod checks;
mod phone;
mod stores;

/// Between two looks at an engine that is not there yet.
const PAUSE: Duration = Duration::from_secs(1);

/// Between two logins. A Mumble server bans an address after ten connections in two minutes, and
/// the assistant needs some of them.
const LOGIN_PAUSE: Duration = Duration::from_secs(30);

/// How to examine.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Wait up to this many seconds until everything is right.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,
}

/// What was found out about one dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The dependency, in one word.
    pub part: &'static str,
    /// How it is.
    pub health: Health,
}

/// How a dependency is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It works; what was found there.
    Fine(String),
    /// It does not; what is wrong and what to do.
    Wrong(String),
}

impl Health {
    /// Whether somebody must do something.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        matches!(self, Self::Wrong(_))
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Fine(text) | Self::Wrong(text)) = self;
        f.write_str(text)
    }
}

/// Tries the engines at each of their addresses: recogniser, model, synthesiser. Nothing is
/// transcribed, thought or spoken.
pub async fn engines(config: &Config) -> Vec<Finding> {
    let (whisper, ollama, piper) = tokio::join!(
        checks::whisper(config),
        checks::ollama(config),
        checks::piper(config)
    );
    let parts = [("whisper", whisper), ("ollama", ollama), ("piper", piper)];
    let findings = parts.into_iter().flat_map(|(part, addresses)| {
        addresses
            .into_iter()
            .map(move |health| Finding { part, health })
    });
    findings.collect()
}

/// Logs in to the Mumble server under a name of its own, so that a running assistant is left
/// alone.
pub async fn mumble(config: &Config) -> Finding {
    Finding {
        part: "mumble",
        health: checks::mumble(config).await,
    }
}

/// Tries what memory stands on: database, cache, index, what makes vectors, and the model that
/// reads if it is another than that which answers. Each is called as /health calls it.
pub async fn memory(config: &Config) -> Vec<Finding> {
    if !config.memory.on {
        let health = Health::Fine("off (MEMORY)".to_owned());
        return vec![Finding {
            part: "memory",
            health,
        }];
    }
    let (database, cache, index, embedding, reader) = tokio::join!(
        stores::database(config),
        stores::cache(config),
        stores::index(config),
        embedding(config),
        stores::reader(config),
    );
    let mut findings = vec![database, cache, index, embedding];
    findings.extend(reader);
    findings
}

/// Asks for the model that makes vectors. Without it what was said is found by its words alone.
pub async fn embedding(config: &Config) -> Finding {
    stores::embedding(config).await
}

/// Looks whether the state folder can be written.
#[must_use]
pub fn state(config: &Config) -> Finding {
    Finding {
        part: "state",
        health: checks::state(&config.state_dir),
    }
}

/// Examines everything and prints one line for each dependency; exit code 1 when one is wrong.
///
/// # Errors
/// When a setting does not make sense.
pub async fn run(args: &Args, settings: &Settings) -> anyhow::Result<ExitCode> {
    let config = Config::from_settings(settings)?;
    let deadline = Instant::now() + Duration::from_secs(args.wait);
    let findings = examine(&config, settings, deadline).await;
    for Finding { part, health } in &findings {
        let mark = if health.is_wrong() { "wrong" } else { "ok" };
        out::line(format_args!("{mark:5}  {part:9}  {health}"));
    }
    let all_well = !findings.iter().any(|finding| finding.health.is_wrong());
    Ok(if all_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Looks at everything, and again at what is wrong, until all is well or the deadline has come.
async fn examine(config: &Config, settings: &Settings, deadline: Instant) -> Vec<Finding> {
    let mut login = (mumble(config).await, Instant::now());
    loop {
        let mut findings = vec![login.0.clone()];
        findings.extend(engines(config).await);
        findings.extend(memory(config).await);
        findings.extend(phone::look(settings).await);
        findings.push(state(config));
        let all_well = !findings.iter().any(|finding| finding.health.is_wrong());
        if all_well || Instant::now() + PAUSE >= deadline {
            return findings;
        }
        tokio::time::sleep(PAUSE).await;
        if login.0.health.is_wrong() && login.1.elapsed() >= LOGIN_PAUSE {
            login = (mumble(config).await, Instant::now());
        }
    }
}
