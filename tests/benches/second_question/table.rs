//! The figures as a table for people.

use std::fmt::{self, Write as _};
use std::time::Duration;

use bot::Stages;
use world::figures::{at, machine, median};

/// How much later an answer may sound with memory at the median, in per cent.
const ASKED: f64 = 10.0;

/// What memory has for a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    /// The model has to read it first.
    Knows,
    /// Whatever is later is later because of what memory does besides.
    HasNothing,
}

/// One question, answered with memory and without.
pub(crate) struct Pair {
    pub(crate) memory: Memory,
    pub(crate) on: Times,
    pub(crate) off: Times,
}

/// How soon one question was answered.
pub(crate) struct Times {
    /// From the end of the question to the first packet of the answer, as the caller hears it.
    pub(crate) heard: Duration,
    /// What the assistant says of it.
    pub(crate) stages: Stages,
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (on, off) = (ms(self.on.heard), ms(self.off.heard));
        write!(f, "on {on} ms, off {off} ms; first token on ")?;
        let (on, off) = (self.on.stages.first_token, self.off.stages.first_token);
        write!(f, "{} ms, off {} ms", ms(on), ms(off))
    }
}

/// One row: what it is called, which questions count, and how to read the figure.
type Row = (&'static str, Option<Memory>, fn(&Times) -> Duration);

const ROWS: &[Row] = &[
    ("**first sound, from outside**", None, |t| t.heard),
    (
        "the same where memory has nothing",
        Some(Memory::HasNothing),
        |t| t.heard,
    ),
    ("the same where memory knows", Some(Memory::Knows), |t| {
        t.heard
    }),
    ("recogniser", None, |t| t.stages.recognise),
    ("model, first token", None, |t| t.stages.first_token),
    (
        "the same where memory has nothing",
        Some(Memory::HasNothing),
        |t| t.stages.first_token,
    ),
    ("the same where memory knows", Some(Memory::Knows), |t| {
        t.stages.first_token
    }),
    ("model, first sentence", None, |t| t.stages.first_sentence),
    ("synthesiser", None, |t| t.stages.synthesise),
    ("own code, recall included", None, |t| t.stages.own),
];

/// The whole file.
pub(crate) fn render(model: &str, known: usize, pairs: &[Pair]) -> String {
    let mut text = String::from(
        "# A second question, with memory and without\n\n\
         From the end of a question that is asked one second after the answer before has ended, to \
         the first sound of its answer, measured from outside by a Mumble user on a real Mumble \
         server, with real engines: faster-whisper tiny.en (int8), Ollama, Piper \
         (en_US-joe-medium). Memory is in the stores that are built in, with vectors by all-minilm \
         in the same Ollama; ",
    );
    let _ = writeln!(
        text,
        "it knows {known} things that the caller said on earlier days, and half of the questions \
         are about them. The assistant without memory took turns with it. The first sentence \
         differs with what is recalled, and its length with it; the first token does not depend on \
         that. Temperature 0, fixed seed. All times in milliseconds.\n\n\
         Made by `cargo bench --package mumble-ai-tests --bench second_question` on {}, with \
         {model}, {} pairs.\n",
        machine(),
        pairs.len()
    );
    text.push_str(
        "| | on p50 | on p95 | off p50 | off p95 | on beside off at p50 | asked |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for (n, (name, memory, figure)) in ROWS.iter().enumerate() {
        let counts = |pair: &&Pair| memory.is_none_or(|memory| pair.memory == memory);
        let pairs = || pairs.iter().filter(counts);
        let on: Vec<_> = pairs().map(|pair| figure(&pair.on)).collect();
        let off: Vec<_> = pairs().map(|pair| figure(&pair.off)).collect();
        let more = more(&on, &off);
        let asked = match n {
            0 if more <= ASKED => format!("at most +{ASKED} %: met"),
            0 => format!("at most +{ASKED} %: missed"),
            _ => String::new(),
        };
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {more:+.1} % | {asked} |",
            ms(median(&on)),
            ms(at(&on, 95)),
            ms(median(&off)),
            ms(at(&off, 95)),
        );
    }
    text
}

/// How much more `on` takes than `off` at the median, in per cent.
fn more(on: &[Duration], off: &[Duration]) -> f64 {
    (median(on).div_duration_f64(median(off)) - 1.0) * 100.0
}

fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    if ms < 10.0 {
        format!("{ms:.1}")
    } else {
        format!("{ms:.0}")
    }
}
