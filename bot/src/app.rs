//! All wiring of the assistant, in the order in which a turn passes.

use std::sync::Arc;
use std::time::Duration;

use llm::Options;
use memory::{Memory, Parts};
use mumble::Standing;
use service::health::Board;
use speech::stt::Hints;
use speech::tts::Tts;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::address::Addressing;
use crate::answer::Answerer;
use crate::comment;
use crate::config::Config;
use crate::conversation::{Conversation, People, Present};
use crate::ear::Ears;
use crate::engines::{self, EngineError, Engines};
use crate::excuses::Excuses;
use crate::floor::Floor;
use crate::guard::{self, ChatPatience, Guarded, Guards, Patience, StoreGuards};
use crate::health;
use crate::mind::{Mind, greeting};
use crate::past::Past;
use crate::person::Remembered;
use crate::presence::Presence;
use crate::quiet::Quiet;
use crate::reader::Reader;
use crate::recogniser::Recogniser;
use crate::reminders::Reminders;
use crate::report::Report;
use crate::signs::Signs;
use crate::sounds::{Remaker, Sounds};
use crate::stores::Stores;
use crate::turns::{Bounds, Numbers, Turns};
use crate::typed::TypedLane;
use crate::voice::Voice;
use crate::warmth;
use crate::wishes::Wishes;

/// Utterances on their way to the loop; it takes them at once, so a full channel
/// only makes a task wait.
const ON_THE_WAY: usize = 16;

/// How long leaving the Mumble server may take: a farewell by TLS, nothing is waited for.
const LEAVING: Duration = Duration::from_secs(2);

/// How long writing down the last of what was remembered may take, while it leaves.
const WRITING_DOWN: Duration = LEAVING;

/// Runs the assistant under the present one of `configs` until `shutdown`, takes over from each
/// new one what can change while it runs, and writes on `board` how it stands. Reports of answered
/// turns go to `reports`, if given; when it is full they are dropped.
///
/// # Errors
/// When the dialect of an engine is unknown, or the address of an engine or a store cannot be used.
/// Servers that are away are no error: the assistant joins, says so when asked, and works once they are there.
pub async fn run(
    configs: watch::Receiver<Config>,
    board: Board,
    shutdown: CancellationToken,
    reports: Option<mpsc::Sender<Report>>,
) -> Result<(), EngineError> {
    let engines = Engines::open(&configs.borrow())?;
    let stores = Stores::open(&configs.borrow())?;
    run_with(engines, stores, configs, board, shutdown, reports).await;
    Ok(())
}

/// The same with these engines and stores in place of those that the settings name.
pub async fn run_with(
    engines: Engines,
    stores: Stores,
    mut configs: watch::Receiver<Config>,
    board: Board,
    shutdown: CancellationToken,
    reports: Option<mpsc::Sender<Report>>,
) {
    let config = configs.borrow_and_update().clone();

    // The engines behind their breakers, and who looks after them.
    let guards = guarded(engines, &config);
    let stores = StoreGuards::new(stores, &config, &guards.ollama);
    let hints = hints(&config);
    let options = engines::options(&config.ollama);
    let system = system_message(&config);
    let mut tending = JoinSet::new();
    guards.whisper.tend(&hints, &mut tending, &shutdown);
    let greeting = greeting(&system, &options);
    guards.ollama.tend(&greeting, &mut tending, &shutdown);
    guards.piper.tend(&(), &mut tending, &shutdown);
    for (engine, addresses) in guards.dependencies() {
        board.watch(engine, addresses);
    }
    if config.memory.on {
        stores.tend(&greeting, &mut tending, &shutdown);
        for (store, place) in stores.dependencies() {
            board.watch(store, place);
        }
    }

    // Ear, mind and voice around them.
    let recogniser = Recogniser::new(guards.whisper.clone(), hints);
    let mind = Mind::new(Arc::new(guards.ollama.clone()), options);
    let tts: Arc<dyn Tts> = Arc::new(guards.piper.clone());
    let voice = Voice::new(Arc::clone(&tts));

    // The Mumble user.
    // It leaves when the conversation has ended, or was dropped: last words need their line.
    let line = CancellationToken::new();
    let leaving = line.clone().drop_guard();
    let (client, events) = mumble::join(user(&config), line);
    let standing = client.watch_standing();
    tokio::spawn(health::tell_presence(client.clone(), board.clone()));
    tokio::spawn(comment::run(
        client.clone(),
        configs.clone(),
        comment::Engines {
            ear: guards.whisper.dependencies(),
            mind: guards.ollama.dependencies(),
            voice: guards.piper.dependencies(),
        },
        shutdown.clone(),
    ));

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
    let (remembered, mut parts) = if config.memory.on {
        (Remembered::TheKnown, stores.parts(&guards.ollama))
    } else {
        (
            Remembered::Nobody,
            Parts::none(Arc::new(guards.ollama.clone())),
        )
    };
    let reader = Reader::new(parts.chat);
    parts.chat = Arc::new(reader.clone());
    let memory = Memory::new(parts, memory_settings(&config));
    let past = Past::new(memory.clone(), remembered, config.memory.recall_deadline);
    let reminders = Reminders::new(memory.clone());
    let (told, due) = mpsc::channel(1);
    let remembering = CancellationToken::new();
    let mut keeping = JoinSet::new();
    if config.memory.on {
        keeping.spawn({
            let (calm, until) = (quiet.calm(shutdown.clone()), remembering.clone());
            async move { memory.run(calm, until).await }
        });
        tokio::spawn(reminders.clone().run(told, shutdown.clone()));
    }
    let names = names(&config);
    let called = names.iter().map(String::as_str);
    let addressing = Addressing::new(config.turn.answer, called, config.turn.follow_up);
    let floor = Floor::new(config.turn.queue_max, config.turn.queue_wait);

    // The conversation.
    let (said, utterances) = mpsc::channel(ON_THE_WAY);
    let (drafted, drafts) = mpsc::channel(ON_THE_WAY);
    let numbers = Numbers::default();
    let ears = Ears::new(turns(&config), recogniser, numbers.clone(), said, drafted);
    let answerer = Answerer {
        client: client.clone(),
        mind: mind.clone(),
        voice,
        signs: signs.clone(),
        sounds,
        excuses: Excuses::new(guards.clone()),
        quiet: quiet.clone(),
        wishes: Wishes::new(past.clone(), &names),
        past,
        reminders,
        system: Arc::clone(&system),
    };
    let models = guards.ollama.dependencies();
    tokio::spawn(warmth::keep(
        mind,
        system,
        models,
        reader.ends(),
        shutdown.clone(),
    ));
    let conversation = Conversation {
        typed: TypedLane::default(),
        client,
        events,
        ears,
        utterances,
        drafts,
        people: People::default(),
        due,
        addressing,
        turns: Turns::new(Bounds::new(&config)),
        config,
        numbers,
        floor,
        answerer,
        signs,
        quiet,
        present: Present::default(),
        presence: Presence::default(),
        configs,
        guards,
        stores,
        names,
        home: None,
        reports,
        board,
    };
    conversation.run(shutdown).await;
    drop(leaving);
    // The last words were remembered when the conversation ended.
    remembering.cancel();
    tokio::join!(leave(standing), write_down(keeping));
}

/// The engines that the settings name, behind their breakers.
///
/// # Errors
/// When an engine's dialect is unknown or its address cannot be used.
pub fn guards(config: &Config) -> Result<Guards, EngineError> {
    Ok(guarded(Engines::open(config)?, config))
}

/// Every breaker of the assistant: each address of an engine has one, and the addresses of a kind
/// are a chain, whose first is preferred while it is well.
fn guarded(engines: Engines, config: &Config) -> Guards {
    let Engines {
        whisper: ear,
        ollama: mind,
        piper: voice,
    } = engines;
    let [whisper, ollama, piper] = breakers(config);
    let (hearing, thinking, speaking) = patience(config);
    Guards {
        whisper: Guarded::new(ear, &whisper, guard::RECOGNISER, hearing),
        ollama: Guarded::new(mind, &ollama, guard::MODEL, thinking),
        piper: Guarded::new(voice, &piper, guard::VOICE, speaking),
    }
}

/// Changes the numbers of breakers and deadlines while they are at work. Addresses, dialects and
/// models stay as they are.
pub fn tune(guards: &Guards, config: &Config) {
    let [whisper, ollama, piper] = breakers(config);
    let (hearing, thinking, speaking) = patience(config);
    guards.whisper.tune(&whisper, hearing);
    guards.ollama.tune(&ollama, thinking);
    guards.piper.tune(&piper, speaking);
}

/// When the breakers of recogniser, model and synthesiser open, and when they try again.
fn breakers(config: &Config) -> [resilience::Settings; 3] {
    let circuits = [
        config.whisper.circuit(),
        config.ollama.circuit(),
        config.piper.circuit(),
    ];
    circuits.map(|circuit| config.breaker(circuit))
}

/// How long recogniser, model and synthesiser may take, and how many addresses are tried.
fn patience(config: &Config) -> (Patience, ChatPatience, Patience) {
    let attempts = config.retry.max_attempts;
    let within = |deadline| Patience { deadline, attempts };
    let thinking = ChatPatience {
        first: within(config.ollama.first_token),
        next_token: config.ollama.next_token,
    };
    (
        within(config.whisper.deadline),
        thinking,
        within(config.piper.deadline),
    )
}

/// What the recogniser knows beforehand.
pub fn hints(config: &Config) -> Hints {
    Hints {
        language: config.whisper.language.clone(),
        ..Hints::default()
    }
}

/// How memory behaves.
pub fn memory_settings(config: &Config) -> memory::Settings {
    let reading = Options {
        model: (config.memory.model.clone()).unwrap_or_else(|| config.ollama.model.clone()),
        ..engines::options(&config.ollama)
    };
    memory::Settings {
        short_term: config.memory.short_term,
        long_term: config.memory.long_term,
        threshold: config.memory.threshold,
        calibration: config.embedding.calibration(),
        idle_after: config.memory.session,
        again_within: config.memory.reactivation,
        retention: config.memory.retention,
        time_zone: config.memory.zone(),
        folder: config.memory_folder(),
        journal_max: config.memory.journal_max,
        reading,
    }
}

/// Waits until the Mumble user has left its server.
async fn leave(mut standing: watch::Receiver<Standing>) {
    let left = standing.wait_for(|standing| matches!(standing, Standing::Left));
    if timeout(LEAVING, left).await.is_err() {
        tracing::warn!("the Mumble server was not told of the end in time");
    }
}

/// Waits until what is remembered is on the disk.
async fn write_down(mut keeping: JoinSet<()>) {
    if timeout(WRITING_DOWN, keeping.join_next()).await.is_err() {
        tracing::warn!("the last of what was remembered was not written down in time");
    }
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

/// What it is called: its name on the server, and further ones.
pub(crate) fn names(config: &Config) -> Vec<String> {
    let mut names = config.turn.names.clone();
    names.push(config.mumble.username.clone());
    names
}

/// How turns are cut.
pub(crate) fn turns(config: &Config) -> speech::turn::Config {
    speech::turn::Config {
        silence: config.turn.silence,
        after_release: config.turn.release,
        max: config.turn.max,
        ..speech::turn::Config::default()
    }
}

/// The system message: persona and name. The same text at every turn, so that the model's prompt cache keeps it.
pub fn system_message(config: &Config) -> Arc<str> {
    format!(
        "{}\nYour name is {}.",
        config.assistant.persona, config.mumble.username
    )
    .into()
}
