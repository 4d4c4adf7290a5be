//! `mumble-ai ask`: joins as a Mumble user, asks aloud, records the answer.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use audio::{Pcm, SPEECH_HZ};
use bot::{Config, app};
use futures::StreamExt as _;
use serde_json::json;
use service::settings::Settings;
use speech::stt::{self, Stt as _};
use speech::tts::{Tts, TtsError};

use crate::out;

mod caller;
mod guest;
mod recording;

pub use caller::{Answer, AskError, Caller, TalkKey};
pub use guest::{borrowed_state, guest_name, user};

/// Samples below this count as silence at the end of a recorded question: about -44 dB, above
/// the noise of a room and below any syllable.
const QUIET: u16 = 200;

/// What to ask, and how.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The question; the configured synthesiser speaks it.
    #[arg(
        value_name = "QUESTION",
        required_unless_present = "wav",
        conflicts_with = "wav"
    )]
    text: Option<String>,
    /// A recording of the question instead; silence at its end is left out.
    #[arg(long, value_name = "FILE")]
    wav: Option<PathBuf>,
    /// Let the microphone run on after the question, as if no talk key were held.
    #[arg(long)]
    open_mic: bool,
    /// The name to join under [default: Caller- and a number].
    #[arg(long)]
    name: Option<String>,
    /// Where to record the answer [default: a file in the temporary folder].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How long to wait for the first sound of the answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
    /// Print JSON for machines.
    #[arg(long)]
    json: bool,
}

/// One question by a user who joins for it alone.
#[derive(Debug)]
pub struct AskOptions {
    /// Who asks, where.
    pub user: mumble::Config,
    /// The name of the user whose answer is recorded.
    pub assistant: String,
    /// What is said.
    pub question: Pcm,
    /// How its end is known to others.
    pub key: TalkKey,
    /// How long to wait for the first sound of the answer.
    pub timeout: Duration,
}

/// Joins, asks, records the answer and leaves.
///
/// # Errors
/// When the user cannot join, the assistant is not there, or no answer comes.
pub async fn ask(options: AskOptions) -> Result<Answer, AskError> {
    let mut caller = Caller::join(options.user, &options.assistant).await?;
    let answer = caller
        .ask(&options.question, options.key, options.timeout)
        .await;
    caller.leave().await;
    answer
}

/// A text as the synthesiser speaks it.
///
/// # Errors
/// When the synthesiser fails, or has nothing to say.
pub async fn spoken(voice: &dyn Tts, text: &str) -> Result<Pcm, TtsError> {
    let mut whole: Option<Pcm> = None;
    let mut pieces = voice.speak(text);
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        match &mut whole {
            Some(whole) => whole.extend_from_slice(piece.resampled(whole.rate()).samples()),
            None => whole = Some(piece),
        }
    }
    Ok(whole.unwrap_or_else(|| Pcm::silence(SPEECH_HZ, Duration::ZERO)))
}

/// Asks and prints what was heard; exit code 1 when no answer came.
///
/// # Errors
/// When the question cannot be spoken, the user cannot join, or no answer comes.
pub async fn run(args: Args, settings: &Settings) -> anyhow::Result<ExitCode> {
    let config = Config::from_settings(settings)?;
    let question = question(&args, &config).await?;
    let state = borrowed_state(&config.state_dir).context("no temporary folder can be made")?;
    let name = args.name.clone().unwrap_or_else(|| guest_name("Caller"));
    let options = AskOptions {
        user: user(&config, name, state.path()),
        assistant: config.mumble.username.clone(),
        question,
        key: if args.open_mic {
            TalkKey::OpenMic
        } else {
            TalkKey::Held
        },
        timeout: Duration::from_secs(args.timeout),
    };
    let answer = ask(options).await?;
    let path = args
        .out
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join("mumble-ai-answer.wav"));
    fs::write(&path, audio::wav::write(&answer.sound))
        .with_context(|| format!("{} cannot be written", path.display()))?;
    let heard = match transcript(&config, &answer.sound).await {
        Ok(text) => Some(text),
        Err(error) => {
            out::complain(format_args!("the answer cannot be transcribed: {error:#}"));
            None
        }
    };
    let after = answer.first_sound;
    if args.json {
        out::line(json!({
            "question": args.text,
            "heard": heard,
            "first_sound_ms": after.as_secs_f64() * 1000.0,
            "length_ms": answer.sound.duration().as_secs_f64() * 1000.0,
            "wav": path,
        }));
    } else {
        if let Some(text) = heard {
            out::line(format_args!("heard     {text}"));
        }
        let length = answer.sound.duration().as_secs_f64();
        out::line(format_args!("after     {:.2} s", after.as_secs_f64()));
        out::line(format_args!("recorded  {} ({length:.1} s)", path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// The question as sound.
async fn question(args: &Args, config: &Config) -> anyhow::Result<Pcm> {
    let sound = match (&args.wav, &args.text) {
        (Some(path), _) => {
            let cannot = || format!("{} cannot be used as a question", path.display());
            audio::wav::read(&fs::read(path).with_context(cannot)?).with_context(cannot)?
        }
        (None, text) => {
            let voice = app::guards(config)?.piper;
            spoken(&voice, text.as_deref().unwrap_or_default()).await?
        }
    };
    let sound = without_silent_end(sound);
    anyhow::ensure!(!sound.is_empty(), "the question is silent; say something");
    Ok(sound)
}

/// The sound up to its last sample that can be heard: what follows would be counted as waiting.
fn without_silent_end(sound: Pcm) -> Pcm {
    let audible = sound
        .samples()
        .iter()
        .rposition(|sample| sample.unsigned_abs() > QUIET);
    let rate = sound.rate();
    let mut samples = sound.into_samples();
    samples.truncate(audible.map_or(0, |last| last + 1));
    Pcm::new(rate, samples)
}

/// What the configured recogniser makes of a recording.
async fn transcript(config: &Config, sound: &Pcm) -> anyhow::Result<String> {
    let recogniser = app::guards(config)?.whisper;
    let answer = recogniser.transcribe(sound.resampled(SPEECH_HZ), &app::hints(config));
    Ok(stt::final_transcript(answer).await?.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_at_the_end_of_a_question_is_left_out() {
        let sound = Pcm::new(8_000, vec![0, 3_000, 0, -3_000, 100, -100]);
        assert_eq!(without_silent_end(sound).samples(), [0, 3_000, 0, -3_000]);
        assert!(without_silent_end(Pcm::new(8_000, vec![5; 80])).is_empty());
        assert!(without_silent_end(Pcm::new(8_000, vec![i16::MIN])).len() == 1);
    }
}
