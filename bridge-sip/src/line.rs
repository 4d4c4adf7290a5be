//! The Mumble users that calls are: each call has one while it lasts.
//!
//! A server bans an address that connects often. While connections are left a call gets one of its
//! own, named after its caller, and leaves with it. When they become few, calls share lines with
//! neutral names ([`NEUTRAL`]): a line that is free waits apart from the talk (`park`) for the
//! next call. `pool` decides which of both it is.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mumble::{ChannelId, Client, Events, Permit};
use tokio::sync::{Notify, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::caller;
pub(crate) use apart::Apart;
use pool::{Pool, Way};

mod acts;
mod apart;
mod park;
mod pool;

/// How the names of lines begin that calls share, one after the other; a number follows.
pub const NEUTRAL: &str = "Phone-line-";

/// What lines that are shared hear at, in Hz: a G.722 telephone's rate, for nobody knows who calls
/// next.
const SHARED_HZ: u32 = audio::SPEECH_HZ;

/// A call that waits for a line looks again after this, though nobody has told it of one: with
/// time alone a connection becomes free.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Makes Mumble users, each under a name of its own. Clones are the same.
#[derive(Clone, Debug)]
pub struct Lines {
    shared: Arc<Shared>,
}

/// What a call wants of its line.
#[derive(Clone, Debug)]
pub struct Want {
    /// How the caller is called.
    pub name: String,
    /// Names that others on the server have.
    pub not: Vec<String>,
    /// What it is to hear at, in Hz, if it can be chosen.
    pub rate: u32,
    /// The channel, as a path from the root; `None` for where the server puts newcomers.
    pub channel: Option<String>,
}

/// How many lines there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Connections to the server, or on their way there.
    pub all: usize,
    /// Of these, how many wait for a call.
    pub parked: usize,
}

/// The Mumble user of one call. It leaves the server when this is dropped; a shared one waits for
/// the next call after [`Line::hang_up`].
#[derive(Debug)]
pub struct Line {
    /// To act with.
    pub client: Client,
    /// What happens in the channel.
    pub events: Events,
    /// Rate of what is heard, in Hz.
    pub rate: u32,
    /// Whether the caller has said something, or others were told who it is: whoever heard it takes
    /// the next one for the same.
    pub used: bool,
    shared: bool,
    deaf: bool,
    commented: bool,
    /// Where the server put it.
    home: Option<ChannelId>,
    name: Name,
    lines: Lines,
    _here: DropGuard,
}

#[derive(Debug)]
struct Shared {
    /// Everything but name, rate and channel.
    pattern: mumble::Config,
    /// Where lines wait, as a path from the root.
    parking: Option<String>,
    warned: AtomicBool,
    names: Arc<Mutex<BTreeSet<String>>>,
    pool: Mutex<Pool<Claims>>,
    /// A line has become free.
    changed: Notify,
    /// Calls wait in the order in which they came.
    turn: tokio::sync::Mutex<()>,
}

/// Where a parked line is asked for.
type Claims = oneshot::Sender<oneshot::Sender<Line>>;

/// A name that nobody else in this process has; free again when it is dropped.
#[derive(Debug)]
struct Name {
    name: String,
    names: Arc<Mutex<BTreeSet<String>>>,
}

/// What a call was given leave for.
enum Leave {
    Connect { permit: Permit, shared: bool },
    TakeUp(Claims),
}

impl Lines {
    /// Users who join as `pattern` says, but for their names, channels and what they hear at, no
    /// more often than its limit allows. Shared ones wait in the channel `parking`; without one, in
    /// one of their own if the server lets them make it.
    pub fn new(pattern: mumble::Config, parking: Option<String>) -> Self {
        Self {
            shared: Arc::new(Shared {
                pattern,
                parking,
                warned: AtomicBool::new(false),
                names: Arc::default(),
                pool: Mutex::default(),
                changed: Notify::new(),
                turn: tokio::sync::Mutex::default(),
            }),
        }
    }

    /// A line for a call; waits until there is one. It joins the server by and by, or is there
    /// already ([`Line::is_there`]).
    pub async fn get(self, want: Want) -> Line {
        loop {
            match self.leave().await {
                Leave::Connect { permit, shared } => return self.open(&want, permit, shared),
                Leave::TakeUp(claims) => {
                    if let Some(line) = take_up(claims, &want).await {
                        return line;
                    }
                }
            }
        }
    }

    /// How many there are.
    pub fn count(&self) -> Count {
        Count {
            all: lock(&self.shared.names).len(),
            parked: lock(&self.shared.pool).len(),
        }
    }

    async fn leave(&self) -> Leave {
        let shared = &self.shared;
        let _turn = shared.turn.lock().await;
        loop {
            let limit = shared.pattern.limit.clone();
            let left = spawn_blocking(move || limit.left(Instant::now())).await;
            let way = lock(&shared.pool).way(left.unwrap_or_default());
            let is_shared = matches!(way, Way::Shared);
            match way {
                Way::Parked(claims) => return Leave::TakeUp(claims),
                Way::Own | Way::Shared => {
                    let limit = shared.pattern.limit.clone();
                    let taken = spawn_blocking(move || limit.take(Instant::now())).await;
                    if let Ok(Ok(permit)) = taken {
                        return Leave::Connect {
                            permit,
                            shared: is_shared,
                        };
                    }
                }
                Way::Wait => {}
            }
            let _ = timeout(LOOK_AGAIN, shared.changed.notified()).await;
        }
    }

    fn open(&self, want: &Want, permit: Permit, shared: bool) -> Line {
        let name = self.claim(want, shared);
        let mut config = self.shared.pattern.clone();
        config.username.clone_from(&name.name);
        config.channel.clone_from(&want.channel);
        config.hear_rate = if shared { SHARED_HZ } else { want.rate };
        config.limit = config.limit.paid_by(permit);
        let (rate, here) = (config.hear_rate, CancellationToken::new());
        let (client, events) = mumble::join(config, here.clone());
        Line {
            client,
            events,
            rate,
            used: false,
            shared,
            deaf: false,
            commented: false,
            home: None,
            name,
            lines: self.clone(),
            _here: here.drop_guard(),
        }
    }

    fn claim(&self, want: &Want, shared: bool) -> Name {
        let mut names = lock(&self.shared.names);
        let taken = |name: &str| names.contains(name) || want.not.iter().any(|other| other == name);
        let name = if shared {
            let mut numbered = (1_u32..).map(|number| format!("{NEUTRAL}{number}"));
            numbered.find(|name| !taken(name)).unwrap_or_default()
        } else if want.name.starts_with(NEUTRAL) {
            // Nobody calls themselves what somebody else is to be called.
            caller::unique(&caller::name(None, None), taken)
        } else {
            caller::unique(&want.name, taken)
        };
        names.insert(name.clone());
        Name {
            name,
            names: Arc::clone(&self.shared.names),
        }
    }

    /// Tells once what a line that cannot wait comes from.
    fn warn_once(&self, why: &str) {
        if !self.shared.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "lines to Mumble cannot be reused, so many short calls will have to wait: {why}"
            );
        }
    }
}

impl Line {
    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name.name
    }

    /// Whether calls share it, one after the other.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// Whether it is on the server.
    pub fn is_there(&self) -> bool {
        self.client.roster().me().is_some()
    }

    /// The call is over.
    pub fn hang_up(self) {
        if self.shared {
            tokio::spawn(park::park(self));
        }
    }
}

/// Asks a parked line to come; `None` when it is gone, or does not get where it is wanted.
async fn take_up(claims: Claims, want: &Want) -> Option<Line> {
    let (claim, line) = oneshot::channel();
    claims.send(claim).ok()?;
    let mut line = line.await.ok()?;
    line.come(want).await.then_some(line)
}

impl Drop for Name {
    fn drop(&mut self) {
        lock(&self.names).remove(&self.name);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
