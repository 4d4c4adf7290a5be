//! `mumble-ai call sip:…`: calls a telephone and lets it into the channel.

use std::process::ExitCode;

use anyhow::Context as _;
use bridge_sip::dtmf::{Keys, NoKeys};
use service::settings::Settings;

/// Whom to call.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  mumble-ai call sip:alice@192.0.2.7:5060   let Alice's telephone into the channel
  mumble-ai call sip:rooms@192.0.2.7 --dial-keys ,4711#
                                            join a conference: a second later, its PIN

The call ends when the telephone hangs up, or at Ctrl-C. To reach other machines set
SIP_BIND=0.0.0.0. A PBX that asks who calls is answered with SIP_USERNAME and SIP_PASSWORD, where
SIP_DOMAIN is set too.
Exit codes: 0 the call is over, 1 nobody took it, 64 the command line or a setting is wrong.")]
pub struct Args {
    /// The telephone: sip:NAME@HOST or sip:NAME@HOST:PORT.
    #[arg(value_name = "ADDRESS")]
    address: String,

    /// Keys to press once somebody answers: 0 to 9, *, #, A to D, and a comma for a second's pause.
    #[arg(long, value_name = "KEYS", default_value = "", hide_default_value = true, value_parser = keys)]
    dial_keys: Keys,
}

fn keys(text: &str) -> Result<Keys, NoKeys> {
    if text.is_empty() {
        return Ok(Keys::default());
    }
    text.parse()
}

/// Makes the call, until it is over.
///
/// # Errors
/// When a setting does not make sense, or nobody takes the call.
pub async fn run(args: &Args, settings: &Settings) -> anyhow::Result<ExitCode> {
    let config = bridge_sip::Config::from_settings(settings)?;
    let shutdown = service::shutdown::on_signal().context("signals cannot be listened for")?;
    bridge_sip::call(config, &args.address, args.dial_keys.clone(), shutdown).await?;
    Ok(ExitCode::SUCCESS)
}
