//! The way to the Mumble server fails in one way, in the middle of an answer.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};
use world::question::{self, CAPITAL_OF_FRANCE};
use world::stage::Stage;
use world::{Assistant, Caller, Faults, MumbleOptions, MumbleServer, Proxy, Tcp, Udp};

use super::cell::SIGN;

/// Where the assistant belongs.
const CHANNEL: &str = "Kitchen";

/// Six sentences of a second each: long enough to be struck in the middle.
const ANSWER: &str =
    "One is one. Two is two. Three is three. Four is four. Five is five. Six is six.";

/// How much of an answer is heard before the fault strikes.
const SOME: Duration = Duration::from_millis(800);

/// Longer than every deadline of the Mumble user.
const BEYOND: Duration = Duration::from_secs(120);

/// A server that says nothing any more is noticed within 21 s.
const NOTICED: Duration = Duration::from_secs(26);

/// A turn ends by then: an answer of six seconds, and what a machine that is busy makes of it.
const TURN: Duration = Duration::from_secs(20);

/// What is to happen at once may take so long here.
const SOON: Duration = Duration::from_secs(10);

/// The board is looked at so often.
const LOOK: Duration = Duration::from_millis(20);

/// A way in which the network between the assistant and its Mumble server fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Latency,
    Refused,
    Hang,
    Reset,
    UdpDropped,
    UdpGarbage,
}

impl Fault {
    pub(super) const ALL: [Self; 6] = [
        Self::Latency,
        Self::Refused,
        Self::Hang,
        Self::Reset,
        Self::UdpDropped,
        Self::UdpGarbage,
    ];

    fn faults(self) -> Faults {
        let (tcp, udp, delay) = match self {
            Self::Latency => (Tcp::Passes, Udp::Passes, BEYOND),
            Self::Refused => (Tcp::Refuses, Udp::DropsBoth, Duration::ZERO),
            Self::Hang => (Tcp::Hangs, Udp::DropsBoth, Duration::ZERO),
            Self::Reset => (Tcp::Resets, Udp::Passes, Duration::ZERO),
            Self::UdpDropped => (Tcp::Passes, Udp::DropsBoth, Duration::ZERO),
            Self::UdpGarbage => (Tcp::Passes, Udp::Garbles, Duration::ZERO),
        };
        Faults {
            tcp,
            udp,
            delay,
            ..Faults::default()
        }
    }

    /// Within this after the fault the assistant is in its channel again; `None` where it never
    /// left.
    fn back(self) -> Option<Duration> {
        match self {
            Self::Refused | Self::Reset => Some(Duration::from_secs(5)),
            Self::Hang | Self::Latency => Some(Duration::from_secs(30)),
            Self::UdpDropped | Self::UdpGarbage => None,
        }
    }
}

/// An assistant that reaches its server through a proxy, with engines that are always well.
struct Scene {
    stage: Stage,
    proxy: Proxy,
    ann: Caller,
}

/// Lets the way fail in one way and be well again. Gives what was seen of it.
///
/// # Errors
/// What was not as it should be.
pub(super) async fn cell(fault: Fault) -> Result<String, String> {
    let mut scene = Scene::set().await;
    let mut seen = String::new();
    let result = scene.pass(fault, &mut seen).await;
    result.map_err(|wrong| format!("{wrong} ({seen})"))?;
    Ok(seen)
}

impl Scene {
    async fn set() -> Self {
        let server = MumbleServer::start(MumbleOptions {
            channels: vec![CHANNEL.into()],
            ..MumbleOptions::default()
        });
        let proxy = Proxy::before(&server, 1).await;
        let port = proxy.port().to_string();
        let settings = [("MUMBLE_PORT", &*port), ("MUMBLE_CHANNEL", CHANNEL)];
        let second = Duration::from_secs(1);
        let stage = Stage::set_on(server, "What is it?", ANSWER, second, &settings);
        let into = |config: &mut mumble::Config| config.channel = Some(CHANNEL.into());
        let ann = Caller::join_with(&stage.server, "Ann", into).await;
        ann.meets(Assistant::NAME).await;
        Self { stage, proxy, ann }
    }

    async fn pass(&mut self, fault: Fault, seen: &mut String) -> Result<(), String> {
        // The fault strikes in the middle of an answer.
        let over = self.ask().await;
        let first = self.ann.hears_after(Assistant::NAME, over).await;
        self.expect_sign("the first answer", first - over)?;
        self.ann.hears_first(Assistant::NAME, SOME).await;
        self.proxy.change(|faults| *faults = fault.faults());
        let struck = Instant::now();
        self.turn_ends(over).await?;
        let _ = write!(
            seen,
            "turn ended {:.1?} after its question; ",
            over.elapsed()
        );

        if let Some(back) = fault.back() {
            self.is_known("gone", NOTICED, |there| !there).await?;
            let _ = write!(seen, "gone after {:.1?}; ", struck.elapsed());
            self.expect_engines_well()?;
            if matches!(fault, Fault::Refused | Fault::Reset) {
                self.tries_in_vain().await?;
            }
            self.proxy.heal();
            let healed = Instant::now();
            self.is_known("back", back, |there| there).await?;
            self.ann.meets(Assistant::NAME).await;
            let _ = write!(
                seen,
                "in its channel {:.1?} after the fault; ",
                healed.elapsed()
            );
        } else {
            // Through the tunnel it is as good as before.
            self.answers_well("during the fault", seen).await?;
            self.is_known("there", Duration::ZERO, |there| there)
                .await?;
            self.proxy.heal();
        }
        self.answers_well("then", seen).await?;
        self.expect_engines_well()
    }

    /// Asks, and gives the time when the question was over.
    async fn ask(&self) -> Instant {
        let question = question::spoken(CAPITAL_OF_FRANCE).await;
        self.ann.say(&question).await
    }

    /// A whole turn without trouble.
    async fn answers_well(&mut self, when: &str, seen: &mut String) -> Result<(), String> {
        let over = self.ask().await;
        let sign = timeout(SOON, self.ann.hears_after(Assistant::NAME, over)).await;
        let sign = sign.map_err(|_| format!("{when} nothing was heard within {SOON:?}"))? - over;
        let _ = write!(seen, "{when} heard after {sign:.2?}; ");
        self.expect_sign(when, sign)?;
        match self.turn_ends(over).await? {
            true => Ok(()),
            false => Err(format!("{when} a turn was not answered")),
        }
    }

    /// Waits until a turn has ended; whether it was answered.
    async fn turn_ends(&mut self, over: Instant) -> Result<bool, String> {
        let left = TURN.saturating_sub(over.elapsed());
        let ended = timeout(left, self.stage.assistant.reports()).await;
        let stages = ended.map_err(|_| format!("a turn did not end within {TURN:?}"))?;
        Ok(stages.is_some())
    }

    /// Waits until /health says so of the assistant's place in Mumble.
    async fn is_known(
        &self,
        what: &str,
        within: Duration,
        so: impl Fn(bool) -> bool,
    ) -> Result<(), String> {
        let board = self.stage.assistant.board();
        let known = async {
            while !so(board.health().services["mumble"] == Some(true)) {
                sleep(LOOK).await;
            }
        };
        let known = timeout(within, known).await;
        known.map_err(|_| format!("it is not {what} within {within:?}"))
    }

    /// Waits until it has tried to come back and could not.
    async fn tries_in_vain(&self) -> Result<(), String> {
        let board = self.stage.assistant.board();
        let tried = async {
            while board.health().dependencies["mumble"].failures < 2 {
                sleep(LOOK).await;
            }
        };
        let tried = timeout(SOON, tried).await;
        tried.map_err(|_| format!("it did not try to come back within {SOON:?}"))
    }

    fn expect_sign(&self, when: &str, sign: Duration) -> Result<(), String> {
        if sign <= SIGN {
            return Ok(());
        }
        Err(format!("{when}: nothing was heard for {sign:.2?}"))
    }

    /// A broken way to Mumble says nothing about the engines.
    fn expect_engines_well(&self) -> Result<(), String> {
        let health = self.stage.assistant.board().health();
        for (name, is) in &health.dependencies {
            if name != "mumble" && (is.state != "closed" || is.failures > 0) {
                return Err(format!(
                    "{name} is {} after {} failures",
                    is.state, is.failures
                ));
            }
        }
        Ok(())
    }
}
