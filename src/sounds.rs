//! `mumble-ai sounds`: makes the prepared sounds as Ogg Opus files.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use bot::sounds::{Made, Sound};
use service::settings::Settings;

use crate::{ask, out};

/// Where the sounds go.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder to write into.
    #[arg(long, value_name = "FOLDER", default_value = "config/sounds")]
    out: PathBuf,
}

/// Makes every prepared sound anew, the sentences with the configured synthesiser.
///
/// # Errors
/// When the synthesiser does not answer, or a file cannot be written.
pub async fn run(args: &Args, settings: &Settings) -> anyhow::Result<ExitCode> {
    let config = bot::Config::from_settings(settings)?;
    let voice = bot::app::guards(&config)?.piper;
    for sound in Sound::ALL {
        let (pcm, what) = match sound.made() {
            Made::Spoken(sentence) => (ask::spoken(&voice, sentence).await?, sentence),
            Made::Tone(pcm) => (pcm, "two notes"),
        };
        let path = args.out.join(sound.stem()).with_extension("opus");
        let file = audio::ogg::write(&pcm)?;
        std::fs::write(&path, file)
            .with_context(|| format!("{} cannot be written", path.display()))?;
        out::line(format_args!("{}: {what}", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}
