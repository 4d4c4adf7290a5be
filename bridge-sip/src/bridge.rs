//! All wiring of the phone line, in the order in which a call passes.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::beat;
use crate::board::{self, Board, Registration};
use crate::call;
use crate::config::{Config, Sip};
use crate::line::Lines;
use crate::menu::Guesses;
use crate::offer::Codec;
use crate::password::Password;
use crate::phone::registrar;
use crate::phone::{Door, OpenError, Phone, Settings, T1, UNACKNOWLEDGED};
use crate::ports::Ports;

/// How long calls that go on when the bridge ends may take to hang up.
const LEAVING: Duration = Duration::from_secs(3);

/// How often the board is told how the line is.
const BEAT: Duration = Duration::from_secs(1);

/// What all calls share.
pub(crate) struct House {
    pub(crate) ports: Ports,
    pub(crate) lines: Lines,
    /// Where calls go to.
    pub(crate) channel: Option<String>,
    /// Where those go to that dialled this.
    pub(crate) channels: Vec<(String, String)>,
    pub(crate) channel_per_call: bool,
    /// Where callers can go by keys.
    pub(crate) menu_channels: Vec<String>,
    pub(crate) pin: Option<SecretString>,
    /// The wrong ones of all calls.
    pub(crate) guesses: Mutex<Guesses>,
    pub(crate) codecs: Vec<Codec>,
    pub(crate) public: Option<IpAddr>,
    pub(crate) limits: CallLimits,
    pub(crate) board: Board,
    /// The pace of all calls.
    pub(crate) beat: Arc<beat::Beat>,
}

/// What a call is ended by.
pub(crate) struct CallLimits {
    pub(crate) longest: Duration,
    pub(crate) silence: Duration,
    pub(crate) outage: Duration,
}

impl House {
    pub(crate) fn new(config: &Config, board: Board) -> Self {
        let sip = &config.sip;
        let beat = Arc::new(beat::Beat::new(Instant::now()));
        let mut user = config.user();
        user.beat = Some(beat.lines());
        Self {
            ports: Ports::new(sip.bind, sip.rtp_port_min, sip.rtp_port_max),
            lines: Lines::new(user, sip.parking_channel.clone()),
            channel: config.channel(),
            channels: sip.channels.clone(),
            channel_per_call: sip.channel_per_call,
            menu_channels: sip.menu_channels.clone(),
            pin: sip.pin.clone(),
            guesses: Mutex::default(),
            codecs: sip.codecs.clone(),
            public: sip.public_address,
            board,
            beat,
            limits: CallLimits {
                longest: sip.call_max,
                silence: sip.silence_max,
                outage: sip.outage,
            },
        }
    }

    /// Keeps the pace until what this gives is dropped.
    pub(crate) fn keep_the_beat(&self) -> AbortOnDropHandle<()> {
        let beat = Arc::clone(&self.beat);
        AbortOnDropHandle::new(tokio::spawn(async move { beat.keep().await }))
    }
}

/// Takes calls under `config` until `shutdown`; then hangs up those that go on. How it is stands on
/// `board`.
///
/// All of it is on a thread of its own. A call is a hundred small pieces of work in a second, whose
/// parts wake one another: on one thread that costs nothing, between threads more than the work;
/// and nothing else in the process can make the sound stutter. One processor bears dozens of calls.
///
/// # Errors
/// When the ports for calls cannot be had.
pub async fn run(
    config: Config,
    board: Board,
    shutdown: CancellationToken,
) -> Result<(), OpenError> {
    let broken = |what: &dyn std::fmt::Display| OpenError::Stack(what.to_string());
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| broken(&error))?;
    // Whoever drops this future wants the line to end as well.
    let end = shutdown.child_token();
    let _ending = end.clone().drop_guard();
    let (done, outcome) = oneshot::channel();
    let line = move || done.send(runtime.block_on(take_calls(config, board, end)));
    let thread = thread::Builder::new().name("phone-line".to_owned());
    thread.spawn(line).map_err(|error| broken(&error))?;
    let ended = outcome.await;
    ended.unwrap_or_else(|_| Err(broken(&"it broke down, which is a fault of the program")))
}

async fn take_calls(
    config: Config,
    board: Board,
    shutdown: CancellationToken,
) -> Result<(), OpenError> {
    let sip = &config.sip;
    // The line to the telephone network outlives the calls: they hang up by it.
    let line = CancellationToken::new();
    let _closing = line.clone().drop_guard();
    let settings = Settings {
        listen: config.listen(),
        public: sip.public_address,
        t1: T1,
    };
    // One stranger alone never has all ports.
    let others = usize::from(sip.rtp_port_max - sip.rtp_port_min).max(1);
    let door = Door {
        allowed: sip.allow.clone(),
        password: sip.caller_password.is_some(),
        unacknowledged: UNACKNOWLEDGED.min(others),
        ..Door::default()
    };
    let (phone, mut rings) = Phone::open(&settings, door, line).await?;
    let password = password(sip)?;
    let house = Arc::new(House::new(&config, board));
    let _beating = house.keep_the_beat();
    tracing::info!(
        address = %settings.listen,
        calls = house.ports.count(),
        "the phone line is open"
    );
    let registration = config.account().map(|account| {
        let (states, state) = watch::channel(registrar::State::Trying);
        let run = registrar::run(Arc::clone(&phone), account, states, shutdown.clone());
        (tokio::spawn(run), state)
    });
    let mut calls = JoinSet::new();
    let mut beat = interval(BEAT);
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(ended) = calls.join_next(), if !calls.is_empty() => {
                if let Err(error) = ended && error.is_panic() {
                    tracing::error!("a call broke down; this is a fault of the program");
                }
            }
            _ = beat.tick() => {
                let now = Instant::now();
                house.board.beat(now, seen(&phone, &house));
                if let Some((_, state)) = &registration {
                    house.board.registration(now, registered(&state.borrow()));
                }
            }
            ring = rings.recv() => match ring {
                Some(ring) => {
                    let asked = match &password {
                        Some(password) => password.ask(&phone, ring),
                        None => Some(ring),
                    };
                    let Some(ring) = asked else { continue };
                    calls.spawn(call::run(ring, Arc::clone(&house), shutdown.clone()));
                }
                None => break,
            },
        }
    }
    let ended = async {
        while calls.join_next().await.is_some() {}
        if let Some((registration, _)) = registration {
            let _ = registration.await;
        }
    };
    if tokio::time::timeout(LEAVING, ended).await.is_err() {
        tracing::warn!("some calls could not be hung up in time");
    }
    Ok(())
}

/// The password of callers, where there is one.
fn password(sip: &Sip) -> Result<Option<Password>, OpenError> {
    let Some(password) = &sip.caller_password else {
        return Ok(None);
    };
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| OpenError::Stack(error.to_string()))?;
    Ok(Some(Password::new(
        sip.caller_user.clone(),
        password.clone(),
        sip.caller_hashes.clone(),
        secret,
        Instant::now(),
    )))
}

/// What the telephone side says of itself.
fn seen(phone: &Phone, house: &House) -> board::Line {
    board::Line {
        ports: house.ports.count(),
        turned_away: phone.turned_away(),
        refused: phone.refused(),
        dialogs: phone.dialogs(),
        transactions: phone.transactions(),
        lines: house.lines.count(),
    }
}

/// Whether calls come from the PBX, in the words of the board.
fn registered(state: &registrar::State) -> Registration {
    match state {
        registrar::State::Registered { .. } => Registration::Registered,
        registrar::State::Trying => Registration::Away("it does not answer".to_owned()),
        registrar::State::Refused { why } => Registration::Away(why.clone()),
    }
}
