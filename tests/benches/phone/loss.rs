//! How well callers are understood on a bad line.

use std::time::Duration;

use world::handset::{Handset, Line};
use world::{Caller, Chance, MumbleServer, Release, question};

use crate::subject::Subject;

/// How bad the line is.
const LOSS_PER_CENT: f64 = 5.0;
const JITTER: Duration = Duration::from_millis(60);

/// As many bad lines, each with chance of its own.
const SEEDS: u64 = 5;

/// At most so many words in a hundred more are misunderstood than on a good line.
const ASKED: f64 = 5.0;

/// Behind each sentence: the door to the channel has closed by then.
const PAUSE: Duration = Duration::from_millis(2500);

const SENTENCES: [&str; 20] = [
    "The train to the city leaves at seven in the morning.",
    "Please turn off the lights in the kitchen.",
    "My sister lives in a small house by the river.",
    "What will the weather be like tomorrow afternoon?",
    "I would like to order two cups of coffee.",
    "The doctor said that he should rest for a week.",
    "Can you remind me to call my mother on Sunday?",
    "The garden is full of red and yellow flowers.",
    "We are going to the mountains for the holidays.",
    "How far is it from London to Paris?",
    "The children are playing football in the park.",
    "He forgot his umbrella on the bus yesterday.",
    "Which book did you read last summer?",
    "The meeting starts at half past nine.",
    "She bought fresh bread and a bottle of milk.",
    "The old clock on the wall has stopped again.",
    "Tell me something about the history of Rome.",
    "Our neighbours have a big black dog.",
    "It takes about twenty minutes by bicycle.",
    "The music was too loud for a conversation.",
];

pub(crate) async fn measure() -> String {
    let server = MumbleServer::of(Release::V1_5);
    let subject = Subject::start(&server).await;
    let ann = Caller::join(&server, "Ann").await;
    let mut callers = Vec::new();
    for seed in 0..=SEEDS {
        let name = format!("seed{seed}");
        let mut handset = Handset::call(subject.address(), &name).await;
        ann.meets(&format!("Phone-{name}")).await;
        let mut line = match seed {
            0 => Line::good(),
            _ => Line {
                loss: LOSS_PER_CENT,
                jitter: JITTER,
                chance: Chance::of(seed),
            },
        };
        callers.push(tokio::spawn(async move {
            for sentence in SENTENCES {
                let sound = question::spoken(sentence).await;
                let mut padded = audio::Pcm::silence(sound.rate(), Duration::from_millis(300));
                padded.extend_from_slice(sound.samples());
                padded.extend_from_slice(audio::Pcm::silence(sound.rate(), PAUSE).samples());
                handset.say(&padded, &mut line).await;
            }
        }));
    }
    for caller in callers {
        caller.await.expect("it does not panic");
    }
    let mut rates = Vec::new();
    for seed in 0..=SEEDS {
        let (mut wrong, mut all) = (0, 0);
        let utterances = ann.heard_of(&format!("Phone-seed{seed}"));
        eprintln!(
            "line {seed}: {} utterances of {}",
            utterances.len(),
            SENTENCES.len()
        );
        let mut understood = Vec::new();
        for utterance in &utterances {
            understood.extend(question::words(
                &question::understood(&utterance.sound).await,
            ));
        }
        let said: Vec<String> = SENTENCES
            .iter()
            .flat_map(|sentence| question::words(sentence))
            .collect();
        wrong += distance(&said, &understood);
        all += said.len();
        rates.push(wrong as f64 * 100.0 / all as f64);
    }
    table(&rates)
}

/// Words to put in, to leave out or to change.
fn distance(said: &[String], understood: &[String]) -> usize {
    let mut row: Vec<usize> = (0..=understood.len()).collect();
    for (i, word) in said.iter().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, other) in understood.iter().enumerate() {
            let changed = before + usize::from(word != other);
            before = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(before + 1);
        }
    }
    row[understood.len()]
}

fn table(rates: &[f64]) -> String {
    let (good, bad) = (rates[0], &rates[1..]);
    let mean = bad.iter().sum::<f64>() / bad.len() as f64;
    let more = mean - good;
    let verdict = if more <= ASKED { "held" } else { "missed" };
    let each: Vec<String> = bad.iter().map(|rate| format!("{rate:.1}")).collect();
    format!(
        "## How well they are understood\n\nWords that the recogniser (faster-whisper tiny.en) gets wrong of what the Mumble user of a call says, in per cent, over {} sentences in G.711: on a good line, and with {LOSS_PER_CENT} % of the packets lost and the others up to {} ms late, by {SEEDS} seeds.\n\n| line | word error rate |\n|---|---:|\n| good | {good:.1} |\n| bad, each seed | {} |\n| bad, mean | {mean:.1} |\n\n- {more:.1} points more, asked at most {ASKED:.0}: {verdict}.\n",
        SENTENCES.len(),
        JITTER.as_millis(),
        each.join(", "),
    )
}
