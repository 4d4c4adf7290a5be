//! All wiring of the assistant, in the order in which a turn passes.

use std::sync::{Arc, Mutex};

use mumble::{ActError, Client};
use service::health::Board;
use speech::stt::Hints;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::address::Addressing;
use crate::answer::Answerer;
use crate::config::Config;
use crate::conversation::{Conversation, Present};
use crate::ear::Ears;
use crate::engines::{self, EngineError};
use crate::floor::Floor;
use crate::health;
use crate::history::Histories;
use crate::mind::{Deadlines, Mind};
use crate::presence::Presence;
use crate::recogniser::Recogniser;
use crate::report::Report;
use crate::signs::Signs;
use crate::sounds::{Quiet, Remaker, Sounds};
use crate::stores;
use crate::turns::{Bounds, Numbers, Turns};
use crate::typed::TypedLane;
use crate::voice::Voice;

/// Utterances on their way to the loop; it takes them at once, so a full channel
/// only makes a task wait.
const ON_THE_WAY: usize = 16;

/// Runs the assistant until `shutdown`, and writes on `board` how it stands. Reports of answered
/// turns go to `reports`, if given; when it is full they are dropped.
///
/// # Errors
/// When an engine's dialect is unknown or its address cannot be used. Servers that are away are
/// no error: the assistant joins, says so when asked, and works once they are there.
pub async fn run(
    config: Config,
    board: Board,
    shutdown: CancellationToken,
    reports: Option<mpsc::Sender<Report>>,
) -> Result<(), EngineError> {
    // The engines.
    let stt = engines::stt(&config.whisper)?;
    let tts = engines::tts(&config.piper)?;
    let chat = engines::chat(&config.ollama)?;

    // Ear, mind and voice around them, each with its deadlines.
    let hints = Hints {
        language: config.whisper.language.clone(),
        ..Hints::default()
    };
    let recogniser = Recogniser::new(stt, hints, config.whisper.deadline);
    let deadlines = Deadlines {
        first_token: config.ollama.first_token,
        next_token: config.ollama.next_token,
    };
    let mind = Mind::new(chat, engines::options(&config.ollama), deadlines);
    let voice = Voice::new(Arc::clone(&tts), config.piper.deadline);

    // The Mumble user.
    let (client, events) = mumble::join(user(&config), shutdown.child_token());
    stores::watch(&config, &board, &shutdown);
    tokio::spawn(health::tell_presence(client.clone(), board.clone()));
    tell_about(&client, &config).await;

    // What is heard when an engine cannot speak or think, or is slow.
    let sounds = Sounds::open(config.state_dir.join("sounds"), timbre(&config));
    let quiet = Quiet::new();
    let signs = Signs::new(client.clone(), sounds.clone(), config.turn.filler_after);
    tokio::spawn(signs.clone().run(shutdown.clone()));
    let remaker = Remaker {
        tts,
        sounds: sounds.clone(),
        quiet: quiet.clone(),
    };
    tokio::spawn(remaker.run(shutdown.clone()));

    // What was said, who is meant, whose turn it is.
    let histories = Histories::new(config.assistant.history_turns, config.assistant.session);
    let mut names = config.turn.names.clone();
    names.push(config.mumble.username.clone());
    let called = names.iter().map(String::as_str);
    let addressing = Addressing::new(config.turn.answer, called, config.turn.follow_up);
    let floor = Floor::new(config.turn.queue_max, config.turn.queue_wait);

    // The conversation.
    let (said, utterances) = mpsc::channel(ON_THE_WAY);
    let turns = speech::turn::Config {
        silence: config.turn.silence,
        after_release: config.turn.release,
        max: config.turn.max,
        ..speech::turn::Config::default()
    };
    let numbers = Numbers::default();
    let ears = Ears::new(turns, recogniser, numbers.clone(), said);
    let system = system_message(&config);
    let answerer = Answerer {
        client: client.clone(),
        mind: mind.clone(),
        voice,
        signs: signs.clone(),
        sounds,
        quiet: quiet.clone(),
        histories: Arc::new(Mutex::new(histories)),
        system: Arc::clone(&system),
    };
    tokio::spawn(warm(mind, system, shutdown.clone()));
    let conversation = Conversation {
        typed: TypedLane::default(),
        client,
        events,
        ears,
        utterances,
        addressing,
        turns: Turns::new(Bounds::new(&config)),
        numbers,
        floor,
        answerer,
        signs,
        quiet,
        present: Present::default(),
        presence: Presence::default(),
        names,
        home: None,
        reports,
        board,
    };
    conversation.run(shutdown).await;
    Ok(())
}

/// The Mumble user that the assistant is.
fn user(config: &Config) -> mumble::Config {
    let Config {
        mumble, state_dir, ..
    } = config;
    let mut user = mumble::Config::new(
        &*mumble.host,
        mumble.port,
        &*mumble.username,
        state_dir.clone(),
    );
    user.password = mumble.password.clone();
    user.tokens = mumble.tokens.clone();
    user.channel = mumble.channel.clone();
    user.pin = mumble.pin;
    user.udp = mumble.udp;
    user.bitrate = mumble.bitrate;
    user.hear_rate = audio::SPEECH_HZ;
    user
}

/// Tells others what the assistant is; while there is no connection, it is told with the first.
async fn tell_about(client: &Client, config: &Config) {
    match client.set_comment(config.mumble.comment.trim()).await {
        Ok(()) | Err(ActError::NotJoined) => {}
        Err(error) => tracing::warn!(%error, "the comment could not be set"),
    }
}

/// All settings that make the synthesiser's voice another one.
fn timbre(config: &Config) -> String {
    let piper = &config.piper;
    format!(
        "{:?}",
        (
            &piper.url,
            &piper.dialect,
            &piper.model,
            &piper.voice,
            piper.length_scale,
            piper.noise_scale,
        )
    )
}

/// The system message: persona and name. The same text at every turn, so that the model's prompt cache keeps it.
pub fn system_message(config: &Config) -> Arc<str> {
    format!(
        "{}\nYour name is {}.",
        config.assistant.persona, config.mumble.username
    )
    .into()
}

/// Lets the server load the model before the first question.
async fn warm(mind: Mind, system: Arc<str>, shutdown: CancellationToken) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        result = mind.warm(&system) => match result {
            Ok(()) => tracing::info!("model is loaded"),
            Err(error) => tracing::warn!(%error, "model could not be loaded yet"),
        }
    }
}
