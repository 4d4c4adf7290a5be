//! `mumble-ai memory`: what is remembered, for whoever runs the assistant.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use bot::Config;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use memory::outbox::{self, Stuck};
use memory::store::{Export, Forget, Listed, StoreError, Words};
use memory::{Company, Memory, MemoryError, Person, words};
use service::EX_USAGE;
use service::settings::Settings;

use self::progress::Shown;
use crate::out;

mod person;
mod progress;
mod table;

/// What to do with what is remembered.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Everybody who is remembered, last heard first.
    List {
        /// Print JSON for machines.
        #[arg(long)]
        json: bool,
    },
    /// What one person said or heard with some of these words, and what was learnt of it.
    Search {
        /// A certificate's hash, the start of one, or a name.
        person: String,
        /// Any of these words.
        #[arg(required = true)]
        words: Vec<String>,
        /// Show at most so many.
        #[arg(long, default_value_t = 20, value_name = "NUMBER")]
        limit: usize,
        /// Print JSON for machines.
        #[arg(long)]
        json: bool,
    },
    /// Everything of one person as JSON.
    Export {
        /// A certificate's hash, the start of one, or a name.
        person: String,
        /// Write it into this new file, which only you can read, and not to standard output.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Forget one person, what they said since a moment, or everybody; for ever.
    Forget {
        /// A certificate's hash, the start of one, or a name.
        #[arg(required_unless_present = "everything", conflicts_with = "everything")]
        person: Option<String>,
        /// Only what was said since then, such as 2026-05-01 or 2026-05-01T18:30.
        #[arg(long, value_name = "WHEN", conflicts_with = "everything")]
        since: Option<DateTime>,
        /// Everything of everybody.
        #[arg(long)]
        everything: bool,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Build the index of meanings and the cache anew from the database.
    Reindex,
    /// Forget again whoever is on the list of the forgotten: after a backup was restored.
    ApplyForgotten,
}

const EXAMPLES: &str = "\
Examples:
  mumble-ai memory list                           who is remembered?
  mumble-ai memory search Ann dog name            what about Ann's dog?
  mumble-ai memory export Ann --out ann.json      everything of Ann
  mumble-ai memory forget 3f2a --since 2026-05-01 what 3f2a… said since May
  mumble-ai memory forget Ann                     everything of Ann, for ever
  mumble-ai memory reindex                        after another model, or a new Chroma

It can be used while the assistant runs, which learns of what is forgotten within a second.
Exit codes: 0 done, 1 it did not work, 64 the command line is wrong or names nobody, 69 the
database is away, or for reindex and forget another server: the assistant does the rest later.";

/// Exit code when something that is needed is away (`EX_UNAVAILABLE` of sysexits.h).
const EX_UNAVAILABLE: u8 = 69;

/// What a question about a person is answered with at most: the database must be asked for a
/// number.
const MOST: usize = 10_000;

/// Does it.
///
/// # Errors
/// When a setting is wrong, or a file cannot be written.
pub async fn run(args: Args, settings: &Settings) -> anyhow::Result<ExitCode> {
    let config = Config::from_settings(settings)?;
    let memory = open(&config)?;
    match act(args.act, &memory).await {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(Trouble::Usage(line)) => {
            out::complain(line);
            Ok(ExitCode::from(EX_USAGE))
        }
        Err(Trouble::Away(line)) => {
            out::complain(line);
            Ok(ExitCode::from(EX_UNAVAILABLE))
        }
        Err(Trouble::Other(error)) => Err(error),
    }
}

/// The memory of the assistant; nothing of it runs in the background.
fn open(config: &Config) -> anyhow::Result<Memory> {
    let parts = bot::memory_parts(config)?;
    Ok(Memory::new(parts, bot::app::memory_settings(config)))
}

async fn act(act: Act, memory: &Memory) -> Result<(), Trouble> {
    match act {
        Act::List { json } => list(memory, json).await,
        Act::Search {
            person,
            words,
            limit,
            json,
        } => {
            let terms = words::terms(&words.join(" "));
            search(memory, &person, &terms, limit.min(MOST), json).await
        }
        Act::Export { person, out } => export(memory, &person, out.as_deref()).await,
        Act::Forget {
            person,
            since,
            everything: _,
            yes,
        } => forget(memory, person.as_deref(), since, yes).await,
        Act::Reindex => reindex(memory).await,
        Act::ApplyForgotten => {
            let found = memory.apply_forgotten().await?;
            if found > 0 {
                outbox::take_out(memory.parts()).await?;
            }
            out::line(format_args!("forgotten again: {found} turns and entries"));
            Ok(())
        }
    }
}

/// Why it did not work.
enum Trouble {
    /// The command line is wrong or names nobody.
    Usage(String),
    /// A server is away.
    Away(String),
    Other(anyhow::Error),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable { .. } | StoreError::Late(_) => {
                Self::Away(format!("the memory's database is away: {error}"))
            }
            _ => Self::Other(anyhow::anyhow!("the memory's database: {error}")),
        }
    }
}

impl From<Stuck> for Trouble {
    fn from(stuck: Stuck) -> Self {
        let away = match &stuck {
            Stuck::Store(error) | Stuck::Index(error) | Stuck::Cache(error) => {
                matches!(error, StoreError::Unavailable { .. } | StoreError::Late(_))
            }
            // Which model it is and why it makes no vectors, its own words say.
            Stuck::Embed(_) => true,
        };
        let line = format!(
            "{stuck}; what was done stays, the assistant does the rest or this command again"
        );
        if away {
            Self::Away(line)
        } else {
            Self::Other(anyhow::anyhow!(line))
        }
    }
}

impl From<MemoryError> for Trouble {
    fn from(error: MemoryError) -> Self {
        match error {
            MemoryError::Later(_) => Self::Away(error.to_string()),
            _ => Self::Other(error.into()),
        }
    }
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

async fn list(memory: &Memory, json: bool) -> Result<(), Trouble> {
    let people = memory.parts().store.people().await?;
    if json {
        out::line(serde_json::Value::Array(
            people.iter().map(table::as_json).collect(),
        ));
    } else {
        table::people(&people, &memory.settings().time_zone)
            .iter()
            .for_each(out::line);
    }
    Ok(())
}

async fn search(
    memory: &Memory,
    person: &str,
    terms: &[String],
    limit: usize,
    json: bool,
) -> Result<(), Trouble> {
    let store = &memory.parts().store;
    let person = named(&store.people().await?, person)?;
    let words = Words {
        person: &person,
        company: Company::Alone,
        private_too: true,
        terms,
        limit,
    };
    let found = store.search(words).await?;
    let entries = found.into_iter().map(|(entry, _)| entry);
    if json {
        let entries: Vec<_> = entries.collect();
        out::line(serde_json::to_string(&entries).context("entries have a JSON form")?);
    } else if entries.len() == 0 {
        out::line("nothing was found");
    } else {
        let zone = &memory.settings().time_zone;
        entries.for_each(|entry| out::line(table::entry(&entry, zone)));
    }
    Ok(())
}

async fn export(memory: &Memory, person: &str, file: Option<&Path>) -> Result<(), Trouble> {
    let store = &memory.parts().store;
    let person = named(&store.people().await?, person)?;
    let export: Export = store.export(&person).await?;
    let json = serde_json::to_string_pretty(&export).context("an export has a JSON form")?;
    let Some(path) = file else {
        out::line(json);
        return Ok(());
    };
    // What people said is for its owner alone, and no other file is lost for it.
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let written = opened.and_then(|mut file| writeln!(file, "{json}"));
    written.with_context(|| format!("{} cannot be written", path.display()))?;
    out::line(format_args!(
        "{} turns and {} entries are in {}",
        export.turns.len(),
        export.entries.len(),
        path.display()
    ));
    Ok(())
}

async fn forget(
    memory: &Memory,
    person: Option<&str>,
    since: Option<DateTime>,
    yes: bool,
) -> Result<(), Trouble> {
    let now = Timestamp::now();
    let zone = &memory.settings().time_zone;
    let (what, told) = match person {
        None => (
            Forget::Everything(now),
            "everything of everybody".to_owned(),
        ),
        Some(text) => {
            let person = whom(memory, text).await?;
            let whose = format!("{}…", table::start(&person));
            match since {
                None => (
                    Forget::Person(person, now),
                    format!("everything of {whose}"),
                ),
                Some(since) => {
                    let from = moment(since, zone)?;
                    (
                        Forget::Since(person, from, now),
                        format!("what {whose} said since {since}"),
                    )
                }
            }
        }
    };
    if !yes {
        confirm(&told)?;
    }
    let forgotten = memory.forget(what).await?;
    out::line(format_args!(
        "forgotten: {} turns and {} entries",
        forgotten.turns, forgotten.count
    ));
    // The outbox still says whose they were, and nobody else may be there to tell the index.
    Ok(outbox::take_out(memory.parts()).await?)
}

async fn reindex(memory: &Memory) -> Result<(), Trouble> {
    let mut shown = Shown::new(Instant::now());
    let done = outbox::reindex(memory.parts(), |now| shown.show(now, Instant::now())).await;
    shown.end();
    out::line(format_args!("{} entries are in the index", done?.done));
    Ok(())
}

/// The person whom somebody names. A whole hash can be forgotten even while the database is away.
async fn whom(memory: &Memory, text: &str) -> Result<Person, Trouble> {
    if person::is_whole_hash(text) {
        return Ok(Person::new(text));
    }
    named(&memory.parts().store.people().await?, text)
}

fn named(people: &[Listed], text: &str) -> Result<Person, Trouble> {
    person::find(people, text).map_err(|nobody| Trouble::Usage(nobody.to_string()))
}

fn moment(since: DateTime, zone: &TimeZone) -> Result<Timestamp, Trouble> {
    let zoned = since.to_zoned(zone.clone());
    let zoned = zoned.map_err(|error| Trouble::Usage(format!("--since {since}: {error}")))?;
    Ok(zoned.timestamp())
}

/// Asks whether it is meant.
fn confirm(what: &str) -> Result<(), Trouble> {
    if !io::stdin().is_terminal() {
        return Err(Trouble::Usage(format!(
            "{what} would be forgotten for ever: add --yes"
        )));
    }
    let question = format!("Forget {what}, for ever? Type yes: ");
    let mut answer = String::new();
    let asked = io::stderr()
        .write_all(question.as_bytes())
        .and_then(|()| io::stdin().lock().read_line(&mut answer));
    asked.context("nobody can be asked")?;
    if answer.trim().eq_ignore_ascii_case("yes") {
        Ok(())
    } else {
        Err(Trouble::Usage("nothing was forgotten".to_owned()))
    }
}

impl fmt::Debug for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(line) | Self::Away(line) => f.write_str(line),
            Self::Other(error) => write!(f, "{error:#}"),
        }
    }
}
