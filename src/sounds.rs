//! `mumble-ai sounds`: speaks the prepared sentences into Ogg Opus files.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use service::settings::Settings;

use crate::{ask, out};

/// Where the sounds go.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder to write into.
    #[arg(long, value_name = "FOLDER", default_value = "config/sounds")]
    out: PathBuf,
}

/// Makes every prepared sound anew with the configured synthesiser.
///
/// # Errors
/// When the synthesiser does not answer, or a file cannot be written.
pub async fn run(args: &Args, settings: &Settings) -> anyhow::Result<ExitCode> {
    let config = bot::Config::from_settings(settings)?;
    let voice = bot::engines::tts(&config.piper)?;
    for (stem, sentence) in bot::sounds::SENTENCES {
        let spoken = ask::spoken(&*voice, sentence).await?;
        let path = args.out.join(stem).with_extension("opus");
        let file = audio::ogg::write(&spoken)?;
        std::fs::write(&path, file)
            .with_context(|| format!("{} cannot be written", path.display()))?;
        out::line(format_args!("{}: {sentence}", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}
