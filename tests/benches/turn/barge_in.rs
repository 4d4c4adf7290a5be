//! How soon an answer stops when the person who asked speaks over it.

use std::time::{Duration, Instant};

use audio::{MUMBLE_HZ, Pcm};
use world::{Assistant, Caller, question};

use crate::{QUIET, server, settings, to_its_last_word};

/// So often is an answer spoken over.
const TIMES: usize = 10;

/// How much of an answer is heard before: it is well under way, and far from its end.
const HEARD: Duration = Duration::from_millis(600);

/// What gets a long answer.
const QUESTION: &str = "Tell me a story about a dog who travels around the world.";

/// What is said over it.
const INTERRUPTION: &str = "Stop that please, I have heard enough of it.";

/// From the first sound of the interruption, as the caller sends it, to the last packet of the
/// answer, as the caller hears it; once for each time.
pub(crate) async fn measure(model: &'static str) -> Vec<Duration> {
    let server = server();
    let mut assistant = Assistant::start(&server, &world::Urls::real(), &settings(model));
    let mut caller = Caller::join(&server, "Caller").await;
    caller.meets(Assistant::NAME).await;
    let question = to_its_last_word(&question::spoken(QUESTION).await.resampled(MUMBLE_HZ));
    let over = question::spoken(INTERRUPTION).await.resampled(MUMBLE_HZ);
    let over = from_its_first_sound(&over);

    let mut times = Vec::new();
    for n in 0..TIMES {
        caller.say(&question).await;
        caller.hears_first(Assistant::NAME, HEARD).await;
        let began = Instant::now();
        caller.say(&over).await;
        // The interruption is over by now, and so is the answer that it met; the next one is
        // for the interruption itself.
        let answer = caller.hears(Assistant::NAME).await;
        times.push(answer.ended.saturating_duration_since(began));
        assistant.reports().await;
        caller.hears(Assistant::NAME).await;
        assistant.reports().await;
        eprintln!("barge-in {n}: {:?}", times[n]);
    }
    assistant.ends().await;
    times
}

fn from_its_first_sound(sound: &Pcm) -> Pcm {
    let samples = sound.samples();
    let begin = samples.iter().position(|s| s.unsigned_abs() > QUIET);
    Pcm::new(sound.rate(), samples[begin.unwrap_or(0)..].to_vec())
}
