//! The assistant's comment on the server: what it is, and what of it does not work right now.
//!
//! [`Notice`] decides when to tell what, and is pure; [`run`] tells it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::future::select_all;
use mumble::{ActError, Client};
use resilience::{Dependency, State};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::Config;

/// How long something must have been out, or be back, before it is told: what comes and goes in
/// a moment is no news, and a comment that flickers tells nothing.
const SETTLED: Duration = Duration::from_secs(2);

/// Time between two changes of the comment. Servers take about one message in a second from a
/// user, and the assistant has others to send; each change goes to everybody there.
const BETWEEN: Duration = Duration::from_secs(10);

/// What of the assistant can be out, and since when it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Out {
    /// The recogniser.
    pub(crate) ear: Option<Instant>,
    /// The model.
    pub(crate) mind: Option<Instant>,
    /// The synthesiser.
    pub(crate) voice: Option<Instant>,
}

/// The engines that the comment tells of, each with its spares.
#[derive(Clone, Debug)]
pub(crate) struct Engines {
    /// Recognisers.
    pub(crate) ear: Vec<Dependency>,
    /// Models.
    pub(crate) mind: Vec<Dependency>,
    /// Synthesisers.
    pub(crate) voice: Vec<Dependency>,
}

/// Keeps the comment true until `shutdown`; `configs` hold what it says when all is well.
pub(crate) async fn run(
    client: Client,
    configs: watch::Receiver<Config>,
    engines: Engines,
    shutdown: CancellationToken,
) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = keep(client, configs, engines) => {}
    }
}

async fn keep(client: Client, mut configs: watch::Receiver<Config>, engines: Engines) {
    let mut notice = Notice::new(Instant::now(), &configs.borrow().mumble.comment);
    let all = [&engines.ear, &engines.mind, &engines.voice];
    let all = all.into_iter().flatten();
    let mut states: Vec<_> = all.map(Dependency::watch).collect();
    loop {
        for state in &mut states {
            state.borrow_and_update();
        }
        notice.change(&configs.borrow_and_update().mumble.comment);
        let now = Instant::now();
        notice.handle(now, engines.out(now));
        if let Some(comment) = notice.poll(now, SystemTime::now()) {
            tell(&client, comment).await;
            continue;
        }
        let changed = async {
            if states.is_empty() {
                std::future::pending::<()>().await;
            }
            let changes = states.iter_mut().map(|state| Box::pin(state.changed()));
            // The dependencies live as long as this does, and so do their states.
            select_all(changes).await.0.ok();
        };
        tokio::select! {
            () = changed => {}
            Ok(()) = configs.changed() => {}
            () = sleep_until(notice.deadline()) => {}
        }
    }
}

impl Engines {
    fn out(&self, now: Instant) -> Out {
        Out {
            ear: out_since(&self.ear, now),
            mind: out_since(&self.mind, now),
            voice: out_since(&self.voice, now),
        }
    }
}

/// Since when none of these is there; none while one is.
fn out_since(spares: &[Dependency], now: Instant) -> Option<Instant> {
    let since = |spare: &Dependency| {
        let snapshot = spare.snapshot(now);
        (snapshot.state != State::Closed).then_some(snapshot.since)
    };
    let all: Option<Vec<Instant>> = spares.iter().map(since).collect();
    all?.into_iter().max()
}

/// Without a connection it is told with the next one.
async fn tell(client: &Client, comment: String) {
    match client.set_comment(comment).await {
        Ok(()) | Err(ActError::NotJoined | ActError::ConnectionLost) => {}
        Err(error) => tracing::warn!(%error, "the comment could not be set"),
    }
}

/// Which comment there is to be, and when it may be changed.
#[derive(Debug)]
struct Notice {
    usual: String,
    /// What was told last, and when; none at the start.
    told: Option<(Out, Instant)>,
    /// What is true, and since when it is.
    now: (Out, Instant),
}

impl Notice {
    fn new(now: Instant, usual: &str) -> Self {
        Self {
            usual: usual.trim().to_owned(),
            told: None,
            now: (Out::default(), now),
        }
    }

    /// This is usual from now on.
    fn change(&mut self, usual: &str) {
        if usual.trim() != self.usual {
            usual.trim().clone_into(&mut self.usual);
            self.told = None;
        }
    }

    /// This is out now.
    fn handle(&mut self, now: Instant, out: Out) {
        if out != self.now.0 {
            self.now = (out, now);
        }
    }

    /// The comment, if it is to be told now, which is `today` on the clock.
    fn poll(&mut self, now: Instant, today: SystemTime) -> Option<String> {
        if self.deadline().is_none_or(|at| at > now) {
            return None;
        }
        let out = self.now.0;
        self.told = Some((out, now));
        let clock = |since: Instant| clock(today, now.saturating_duration_since(since));
        Some(match out.sentence(clock) {
            None => self.usual.clone(),
            Some(sentence) if self.usual.is_empty() => sentence,
            Some(sentence) => format!("{}\n\n{sentence}", self.usual),
        })
    }

    /// When the comment is to be told; none while it is true.
    fn deadline(&self) -> Option<Instant> {
        let (out, since) = self.now;
        match self.told {
            None => Some(since),
            Some((told, _)) if told == out => None,
            Some((_, at)) => Some((since + SETTLED).max(at + BETWEEN)),
        }
    }
}

impl Out {
    /// What it means to those who want to talk; none when all is well.
    fn sentence(self, clock: impl Fn(Instant) -> String) -> Option<String> {
        let Self { ear, mind, voice } = self;
        if let Some(since) = mind {
            // Without it nothing else helps.
            let since = clock(since);
            return Some(format!(
                "Right now: I cannot think since {since}, so I cannot answer."
            ));
        }
        let ear = ear.map(&clock);
        let voice = voice.map(&clock);
        Some(match (ear, voice) {
            (None, None) => return None,
            (Some(ear), None) => {
                format!("Right now: I hear nothing since {ear}; write to me instead.")
            }
            (None, Some(voice)) => {
                format!("Right now: my voice is out since {voice}; I answer in writing.")
            }
            (Some(ear), Some(voice)) => format!(
                "Right now: I hear nothing since {ear}, and my voice is out since {voice}; \
                 write to me, I answer in writing."
            ),
        })
    }
}

/// The time of day `ago`. Those who read it may live anywhere, so it is the world's.
fn clock(today: SystemTime, ago: Duration) -> String {
    let time = today.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = time.saturating_sub(ago).as_secs();
    let minutes = seconds / 60 % (24 * 60);
    format!("{:02}:{:02} UTC", minutes / 60, minutes % 60)
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// The usual comment.
    const USUAL: &str = "I listen.";

    /// The clock shows 14:02:59 on some day.
    fn today() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(20_000 * 86_400 + 14 * 3_600 + 2 * 60 + 59)
    }

    fn voice_out(since: Instant) -> Out {
        Out {
            voice: Some(since),
            ..Out::default()
        }
    }

    /// A notice that has told the usual comment long ago.
    fn told() -> (Instant, Notice) {
        let begun = Instant::now();
        let mut notice = Notice::new(begun, " I listen.\n");
        assert_eq!(notice.poll(begun, today()).as_deref(), Some(USUAL));
        assert_eq!(notice.deadline(), None);
        (begun + BETWEEN, notice)
    }

    #[test]
    fn what_is_out_is_told_and_taken_back() {
        let (now, mut notice) = told();
        notice.handle(now, voice_out(now));
        assert_eq!(notice.poll(now + SETTLED - MS, today()), None);
        let comment = notice.poll(now + SETTLED, today()).expect("it is told");
        let right_now = "Right now: my voice is out since 14:02 UTC; I answer in writing.";
        assert_eq!(comment, format!("{USUAL}\n\n{right_now}"));
        let now = now + SETTLED + BETWEEN;
        notice.handle(now, Out::default());
        let comment = notice.poll(now + SETTLED, today());
        assert_eq!(comment.as_deref(), Some(USUAL));
    }

    #[test]
    fn what_comes_and_goes_in_a_moment_is_not_told() {
        let (now, mut notice) = told();
        notice.handle(now, voice_out(now));
        notice.handle(now + SETTLED - MS, Out::default());
        assert_eq!(notice.deadline(), None);
    }

    #[test]
    fn an_engine_that_flaps_all_day_does_not_make_the_comment_flicker() {
        let (begun, mut notice) = told();
        let (minutes, mut changes) = (10, 0);
        for second in 0..minutes * 60 {
            let now = begun + Duration::from_secs(second);
            let out = match second % 6 {
                0..3 => Out::default(),
                out_for => voice_out(now - Duration::from_secs(out_for - 3)),
            };
            notice.handle(now, out);
            changes += u64::from(notice.poll(now, today()).is_some());
        }
        assert!(changes > 0 && changes <= minutes * 6, "{changes} changes");
    }

    #[test]
    fn the_outage_that_matters_is_told() {
        let now = Instant::now();
        let said = |ear: Option<u64>, mind: Option<u64>, voice: Option<u64>| {
            let ago = |minutes| now - Duration::from_secs(60 * minutes);
            let out = Out {
                ear: ear.map(ago),
                mind: mind.map(ago),
                voice: voice.map(ago),
            };
            out.sentence(|since| clock(today(), now - since))
        };
        assert_eq!(said(None, None, None), None);
        let deaf = said(Some(3), None, None).unwrap();
        assert!(deaf.contains("hear nothing since 13:59 UTC"), "{deaf}");
        let both = said(Some(3), None, Some(1)).unwrap();
        assert!(both.contains("13:59") && both.contains("14:01"), "{both}");
        let all = said(Some(3), Some(2), Some(1)).unwrap();
        assert!(all.contains("think since 14:00 UTC"), "{all}");
        assert!(!all.contains("writ"), "nothing is promised: {all}");
    }

    #[test]
    fn without_a_comment_of_its_own_it_tells_only_what_is_out() {
        let begun = Instant::now();
        let mut notice = Notice::new(begun, "");
        assert_eq!(notice.poll(begun, today()).as_deref(), Some(""));
        notice.handle(begun, voice_out(begun));
        let comment = notice.poll(begun + BETWEEN, today()).unwrap();
        assert!(comment.starts_with("Right now"), "{comment}");
    }
}
