//! The table of roles.

use std::path::PathBuf;
use std::process::ExitCode;

use bot::EngineError;
use bridge_sip::CallError;
use clap::{Parser, Subcommand};
use mumble_ai::{Voice, ask, call, doctor, health, memory, out, show, sounds, trust, up};
use service::EX_USAGE;
use service::health::ServeError;
use service::settings::{Settings, SettingsError};

/// A self-hosted voice assistant that lives in Mumble.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    /// A settings file of your own; `mumble-ai config` shows the keys it can hold.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Run the assistant, and say which of its servers are missing; it waits for them.
    Up,
    /// Run the assistant alone; it waits for servers that are not there yet.
    Bot,
    /// Run the phone line: each SIP call becomes a user in the Mumble channel.
    BridgeSip,
    /// Call a telephone and let it into the Mumble channel.
    Call(call::Args),
    /// Join as a Mumble user, ask aloud, record the answer and print what was heard.
    Ask(ask::Args),
    /// Try everything the assistant depends on; say what is wrong and what to do.
    Doctor(doctor::Args),
    /// Ask the running assistant how it and the servers it depends on are.
    Health(health::Args),
    /// Print the settings in force and where each came from.
    Config(show::Args),
    /// Accept the certificate that a Mumble server shows now.
    Trust(trust::Args),
    /// See, search, save and forget what is remembered of people.
    Memory(memory::Args),
    /// Make the prepared sounds anew with the configured synthesiser.
    Sounds(sounds::Args),
}

const EXAMPLES: &str = "\
Examples:
  mumble-ai doctor                            what is missing?
  mumble-ai up                                run the assistant
  mumble-ai bridge-sip                        let telephones call in
  SIP_BIND=0.0.0.0 mumble-ai call sip:alice@192.0.2.7
                                              let a telephone into the channel
  mumble-ai health                            how is the assistant that runs?
  mumble-ai ask \"What time is it?\"            ask it aloud and record the answer
  mumble-ai ask --wav question.wav --json     the same with a recording, for machines
  MUMBLE_HOST=talk.example mumble-ai config   where does each setting come from?

Settings come from environment variables, from a file of your own (--config FILE or
MUMBLE_AI_CONFIG), and from built-in defaults, in this order. A running assistant reads them
again at SIGHUP (kill -HUP), refuses what is wrong, and says what waits for the next start;
those of the phone line take effect at its next start.
Exit codes: 0 done, 1 it did not work, 64 the command line or a setting is wrong.";

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(help_or_error) => {
            let wrong = help_or_error.use_stderr();
            // Nothing can be done when even this cannot be printed.
            let _ = help_or_error.print();
            return if wrong {
                ExitCode::from(EX_USAGE)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    run(cli).unwrap_or_else(|error| {
        out::complain(sentence(&error));
        ExitCode::from(exit_code(&error))
    })
}

/// One line about an error. Those about settings tell their cause themselves.
fn sentence(error: &anyhow::Error) -> String {
    if exit_code(error) == EX_USAGE {
        error.to_string()
    } else {
        format!("{error:#}")
    }
}

fn exit_code(error: &anyhow::Error) -> u8 {
    let cannot_serve = error.downcast_ref::<ServeError>();
    let wrong_setting = error.is::<SettingsError>()
        || error.is::<EngineError>()
        || matches!(error.downcast_ref(), Some(CallError::Address))
        || cannot_serve.is_some_and(ServeError::is_wrong_setting);
    if wrong_setting { EX_USAGE } else { 1 }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let settings = mumble_ai::settings(cli.config.as_deref())?;
    let voice = match cli.role {
        Role::Up | Role::Bot | Role::BridgeSip => Voice::Talks,
        _ => Voice::Whispers,
    };
    mumble_ai::start(&settings, voice)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(play(cli.role, settings, cli.config))
}

async fn play(role: Role, settings: Settings, file: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let reread = move || mumble_ai::settings(file.as_deref());
    match role {
        Role::Up => up::up(settings, reread).await,
        Role::Bot => up::bot(settings, reread).await,
        Role::BridgeSip => up::bridge_sip(&settings).await,
        Role::Call(args) => call::run(&args, &settings).await,
        Role::Ask(args) => ask::run(args, &settings).await,
        Role::Doctor(args) => doctor::run(&args, &settings).await,
        Role::Health(args) => health::run(&args, &settings).await,
        Role::Config(args) => Ok(show::run(&args, &settings)),
        Role::Trust(args) => trust::run(&args, &settings).await,
        Role::Memory(args) => memory::run(args, &settings).await,
        Role::Sounds(args) => sounds::run(&args, &settings).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_wrong_setting_is_one_line_and_a_usage_error() {
        let env = |name: &str| (name == "MUMBLE_PORT").then(|| "70000".to_owned());
        let settings = Settings::load(mumble_ai::REFERENCE, None, &env).unwrap();
        let error = bot::Config::from_settings(&settings).unwrap_err().into();
        assert_eq!(exit_code(&error), EX_USAGE);
        let expected = "MUMBLE_PORT is 70000; expected a number from 1 to 65535 (mumble.port)";
        assert_eq!(sentence(&error), expected);
    }

    #[test]
    fn another_error_is_a_failure_with_its_causes() {
        let error = anyhow::anyhow!("no such file").context("question.wav cannot be used");
        assert_eq!(exit_code(&error), 1);
        assert_eq!(
            sentence(&error),
            "question.wav cannot be used: no such file"
        );
    }

    #[test]
    fn every_room_of_the_reference_is_read_by_the_assistant() {
        let settings = Settings::load(mumble_ai::REFERENCE, None, &|_| None).unwrap();
        bot::Config::from_settings(&settings).unwrap();
    }

    #[test]
    fn a_question_is_text_or_a_recording_but_not_both() {
        let parsed = |args: &[&str]| Cli::try_parse_from([&["mumble-ai", "ask"], args].concat());
        assert!(parsed(&["What time is it?"]).is_ok());
        assert!(parsed(&["--wav", "question.wav"]).is_ok());
        assert!(parsed(&["What time is it?", "--wav", "question.wav"]).is_err());
        assert!(parsed(&[]).is_err());
    }
}
