//! Log lines on standard error.
//!
//! | level | what goes there |
//! | --- | --- |
//! | `error` | the role cannot do its work; a person must act |
//! | `warn`  | something failed and the role goes on |
//! | `info`  | what an operator wants to read back: joined, lost, a turn and its times |
//! | `debug` | what a developer wants to read back |
//! | `trace` | everything, what people say included |

use std::io::IsTerminal as _;
use std::sync::OnceLock;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::{Config, LogFormat};

mod hush;

use hush::Hush;

/// Puts another filter into the running log; there is one log in a process.
static REFILTER: OnceLock<Refilter> = OnceLock::new();

type Refilter = Box<dyn Fn(&str, EnvFilter) + Send + Sync>;

/// Sends log lines to standard error from here on, and panics with them: a task that dies must
/// not do so in silence. A process that already logs keeps its way of logging.
///
/// # Errors
/// When `log_level` is neither a level nor a filter; the message says what is expected.
pub fn start(config: &Config) -> Result<(), String> {
    let filter = filter(&config.log_level)?;
    let hush = Hush::of(&config.log_level);
    let rehush = hush.clone();
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours);
    let (started, refilter) = match config.log_format {
        LogFormat::Text => {
            let builder = builder.with_filter_reloading();
            let handle = builder.reload_handle();
            let refilter: Refilter = Box::new(move |level, filter| {
                rehush.change(level);
                handle.reload(filter).unwrap_or(());
            });
            (builder.finish().with(hush).try_init(), refilter)
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let handle = builder.reload_handle();
            let refilter: Refilter = Box::new(move |level, filter| {
                rehush.change(level);
                handle.reload(filter).unwrap_or(());
            });
            (builder.finish().with(hush).try_init(), refilter)
        }
    };
    if started.is_ok() {
        REFILTER.get_or_init(|| refilter);
        log_panics();
    }
    Ok(())
}

/// Logs by another level or filter from here on; without effect before [`start`].
///
/// # Errors
/// As [`start`].
pub fn change(log_level: &str) -> Result<(), String> {
    let filter = filter(log_level)?;
    if let Some(refilter) = REFILTER.get() {
        refilter(log_level, filter);
    }
    Ok(())
}

/// Which lines are logged. A plain level is for our own parts: the libraries below us stay at
/// `warn`, for what they tell of connections nobody asked to see. A filter can open them.
fn filter(level: &str) -> Result<EnvFilter, String> {
    const OURS: [&str; 10] = [
        "mumble_ai",
        "bot",
        "bridge_sip",
        "mumble",
        "audio",
        "speech",
        "llm",
        "resilience",
        "service",
        "panic",
    ];
    let level = level.trim().to_ascii_lowercase();
    let directives = match level.as_str() {
        "warn" | "info" | "debug" | "trace" => OURS.iter().fold("warn".to_owned(), |all, room| {
            format!("{all},{room}={level}")
        }),
        _ => level.clone(),
    };
    let known = ["error", "warn", "info", "debug", "trace", "off"];
    let wrong =
        || "a level (error, warn, info, debug, trace) or a filter such as info,mumble=debug";
    // A single unknown word would pass as the name of a part, and then nothing would be logged.
    if !level.contains('=') && level.split(',').any(|word| !known.contains(&word)) {
        return Err(wrong().into());
    }
    EnvFilter::try_new(directives).map_err(|_| wrong().into())
}

fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let payload = panic.payload_as_str().unwrap_or("no message");
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unnamed").to_owned();
        tracing::error!(target: "panic", place, thread = name, "a task panicked: {payload}");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_or_a_filter_is_taken() {
        for level in [
            "info",
            "TRACE",
            "info,mumble=debug",
            "warn,bot=trace,llm=off",
        ] {
            assert!(filter(level).is_ok(), "{level}");
        }
    }

    #[test]
    fn the_libraries_below_us_stay_quiet_unless_asked() {
        let plain = filter("trace").unwrap().to_string();
        assert!(
            plain.contains("mumble=trace") && plain.contains("warn"),
            "{plain}"
        );
        assert_eq!(
            filter("info,rustls=debug").unwrap().to_string(),
            "rustls=debug,info"
        );
        assert_eq!(filter("error").unwrap().to_string(), "error");
    }

    #[test]
    fn a_word_that_is_no_level_is_refused() {
        for level in ["loud", "", "info,loud", "mumble=loud"] {
            assert!(filter(level).is_err(), "{level:?}");
        }
    }
}
