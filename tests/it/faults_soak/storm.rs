//! Engines behind a network that is as bad as chance will have it.

use std::sync::Arc;
use std::time::Duration;

use audio::Pcm;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use world::scripted::{self, Reply, Scripted, SttDialect, TtsDialect};
use world::{Chance, Faults, Proxy, SMALL_MODEL, Tcp, Urls};

use world::stage::tone;

/// The same weather each time.
const SEED: u64 = 20;

/// How long one kind of weather lasts.
const WEATHER: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(4));

/// How often the weather is fine, in percent.
const FINE: f64 = 60.0;

/// More than any deadline.
const LATE: Duration = Duration::from_secs(3);

/// Late, and in time.
const SLOW: Duration = Duration::from_millis(300);

/// How long each sentence of an answer sounds.
const SENTENCE: Duration = Duration::from_millis(400);

/// Two recognisers, a model and a voice, each behind a network of its own.
pub(super) struct Storm {
    recognisers: [Arc<Scripted<String>>; 2],
    model: Arc<Scripted<Reply>>,
    voice: Arc<Scripted<Pcm>>,
    /// In the same order.
    networks: Vec<Arc<Proxy>>,
    fronts: JoinSet<()>,
    over: CancellationToken,
}

impl Storm {
    /// All of it, in fine weather.
    pub(super) async fn brewing() -> Self {
        let recogniser = || Arc::new(scripted::stt(SttDialect::OpenAi, "What time is it?"));
        let recognisers = [recogniser(), recogniser()];
        let model = scripted::chat(SMALL_MODEL, "It is noon. So I was told.");
        let voice = scripted::tts(TtsDialect::Piper, tone(SENTENCE));
        let urls = [
            recognisers[0].url(),
            recognisers[1].url(),
            model.url(),
            voice.url(),
        ];
        let mut networks = Vec::new();
        for (seed, url) in (SEED..).zip(&urls) {
            networks.push(Arc::new(Proxy::to(url, seed).await));
        }
        Self {
            recognisers,
            model: Arc::new(model),
            voice: Arc::new(voice),
            networks,
            fronts: JoinSet::new(),
            over: CancellationToken::new(),
        }
    }

    /// Where the engines are, behind their networks.
    pub(super) fn urls(&self) -> Urls {
        let at = |engine: usize| self.networks[engine].url();
        Urls {
            whisper: format!("{},{}", at(0), at(1)),
            ollama: at(2),
            piper: at(3),
        }
    }

    /// From now on the weather changes for each engine by itself.
    pub(super) fn breaks(&mut self) {
        for (seed, network) in (SEED..).zip(&self.networks) {
            let (network, over) = (Arc::clone(network), self.over.clone());
            let forget = self.forgetter();
            self.fronts.spawn(async move {
                let mut chance = Chance::of(seed);
                loop {
                    network.change(|faults| *faults = front(&mut chance));
                    forget();
                    network.forget_requests();
                    let change = sleep(chance.between(WEATHER.0, WEATHER.1));
                    if over.run_until_cancelled(change).await.is_none() {
                        return;
                    }
                }
            });
        }
    }

    /// Ends every fault.
    pub(super) async fn calms(&mut self) {
        self.over.cancel();
        while let Some(front) = self.fronts.join_next().await {
            front.expect("the weather does not panic");
        }
        for network in &self.networks {
            network.heal();
        }
    }

    /// Lets the engines forget what they were asked: the test's own memory must not grow.
    fn forgetter(&self) -> impl Fn() + Send + 'static {
        let recognisers = self.recognisers.clone();
        let (model, voice) = (Arc::clone(&self.model), Arc::clone(&self.voice));
        move || {
            recognisers.iter().for_each(|engine| engine.forget());
            model.forget();
            voice.forget();
        }
    }
}

/// One kind of weather.
fn front(chance: &mut Chance) -> Faults {
    let mut faults = Faults::default();
    if chance.happens(FINE) {
        return faults;
    }
    match chance.below(9) {
        0 => faults.delay = SLOW,
        1 => faults.delay = LATE,
        2 => faults.tcp = Tcp::Hangs,
        3 => faults.tcp = Tcp::Refuses,
        4 => faults.tcp = Tcp::Resets,
        5 => faults.tcp = Tcp::Halves,
        6 => faults.tcp = Tcp::Fails,
        7 => faults.tcp = Tcp::Babbles,
        _ => faults.tcp = Tcp::Trickles,
    }
    faults
}
