//! The figures as a table for people.

use std::fmt::{self, Write as _};
use std::time::Duration;

use bot::Stages;
use world::figures::{at, machine, median};

/// What was asked for: how many times faster than the plain way at the median, with the first
/// model of the table.
const ASKED_TALK_KEY: f64 = 2.5;
const ASKED_OPEN: f64 = 1.8;
/// Our own code on the way of a turn, at most, at the 95th percentile.
const ASKED_OWN: Duration = Duration::from_millis(5);

/// How a question ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Microphone {
    /// The talk key is released with the last word.
    TalkKey,
    /// The microphone stays open: silence follows.
    Open,
}

impl fmt::Display for Microphone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TalkKey => "release of the talk key",
            Self::Open => "silence (open microphone)",
        })
    }
}

/// How soon an answer stops that is spoken over, at most.
const ASKED_STOP: Duration = Duration::from_millis(200);

/// What a question wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An answer of one sentence: the plain way loses little but the silence.
    Short,
    /// An explanation of several sentences.
    Explanation,
}

/// All turns with one model and one kind of microphone.
pub(crate) struct Row {
    pub(crate) title: String,
    pub(crate) microphone: Microphone,
    pub(crate) turns: Vec<Turn>,
}

/// One question, asked of both bots.
pub(crate) struct Turn {
    /// What was asked for.
    pub(crate) kind: Kind,
    /// From the end of the question to the first packet of the assistant's answer.
    pub(crate) ours: Duration,
    /// What the assistant says of it.
    pub(crate) stages: Stages,
    /// The same of the plain way.
    pub(crate) plain: Duration,
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms, plain {} ms;", ms(self.ours), ms(self.plain))?;
        for (name, stage) in STAGES {
            write!(f, " {} {}", name.trim_matches('*'), ms(stage(self)))?;
        }
        Ok(())
    }
}

impl Row {
    fn times(&self, of: impl Fn(&Turn) -> Duration) -> Vec<Duration> {
        self.turns.iter().map(of).collect()
    }
}

/// One stage's name and how to read it from a turn.
type Stage = (&'static str, fn(&Turn) -> Duration);

const STAGES: &[Stage] = &[
    ("pause", |t| t.stages.pause),
    ("recogniser", |t| t.stages.recognise),
    ("model, first token", |t| t.stages.first_token),
    ("model, first sentence", |t| t.stages.first_sentence),
    ("synthesiser", |t| t.stages.synthesise),
    ("**own code**", |t| t.stages.own),
    ("all else seen from outside", outside),
];

/// What the assistant does not see: the caller's own frame clock, the server, both ways.
fn outside(turn: &Turn) -> Duration {
    turn.ours.saturating_sub(turn.stages.total)
}

/// The whole file.
pub(crate) fn render(rows: &[Row], stops: &[Duration]) -> String {
    let mut text = String::from(
        "# From the end of a question to the first sound of its answer\n\n\
         Measured from outside by a Mumble user on a real Mumble server over encrypted UDP, with \
         real engines: faster-whisper tiny.en (int8), Ollama, Piper (en_US-joe-medium). \
         Temperature 0, fixed seed; half of the questions have an answer of one sentence, half want an \
         explanation (cut at 60 tokens). The plain way waits for 1.5 s of silence, transcribes, takes \
         the whole answer, synthesises it whole and plays it; it ran in turn with ours, at the \
         same engines. All times in milliseconds.\n\n",
    );
    let _ = writeln!(text, "Made by `make bench` on {}.\n", machine());
    text.push_str("| model | question ends by | answers | turns | ours p50 | ours p95 | plain p50 | plain p95 | ratio at p50 | asked |\n|---|---|---|---|---|---|---|---|---|---|\n");
    for row in rows {
        let all: Vec<&Turn> = row.turns.iter().collect();
        line(&mut text, row, "all", &all, &asked(rows, row));
        for (name, kind) in [
            ("one sentence", Kind::Short),
            ("explanations", Kind::Explanation),
        ] {
            let turns: Vec<&Turn> = row.turns.iter().filter(|t| t.kind == kind).collect();
            line(&mut text, row, name, &turns, "");
        }
    }
    text.push_str("\n## Where the time goes\n\nAs the assistant reports it, median / 95th percentile. The recogniser's share is what was waited after the end of the question; it had begun at the pause. The first token is part of the first sentence.\n\n| model | question ends by |");
    for (stage, _) in STAGES {
        let _ = write!(text, " {stage} |");
    }
    text.push_str("\n|---|---|");
    text.push_str(&"---|".repeat(STAGES.len()));
    text.push('\n');
    for row in rows {
        let _ = write!(text, "| {} | {} |", row.title, row.microphone);
        for (_, stage) in STAGES {
            let times = row.times(stage);
            let _ = write!(text, " {} / {} |", ms(median(&times)), ms(at(&times, 95)));
        }
        text.push('\n');
    }
    let own: Vec<Duration> = rows
        .iter()
        .flat_map(|row| row.times(|t| t.stages.own))
        .collect();
    let worst = at(&own, 95);
    let verdict = if worst <= ASKED_OWN { "met" } else { "missed" };
    let _ = writeln!(
        text,
        "\nOwn code on the turn's path over all turns: p95 {} ms, asked at most {} ms: {verdict}.",
        ms(worst),
        ms(ASKED_OWN)
    );
    let _ = writeln!(
        text,
        "\n## Speaking over an answer\n\nFrom the first sound of the person who asked, as they \
         send it, to the last packet of the answer, as they hear it, {} times: p50 {} ms, p95 {} \
         ms, longest {} ms; asked at most {} ms.",
        stops.len(),
        ms(median(stops)),
        ms(at(stops, 95)),
        ms(at(stops, 100)),
        ms(ASKED_STOP)
    );
    text
}

/// One line of the first table.
fn line(text: &mut String, row: &Row, answers: &str, turns: &[&Turn], asked: &str) {
    let ours: Vec<Duration> = turns.iter().map(|t| t.ours).collect();
    let plain: Vec<Duration> = turns.iter().map(|t| t.plain).collect();
    let ratio = median(&plain).div_duration_f64(median(&ours));
    let _ = writeln!(
        text,
        "| {} | {} | {answers} | {} | {} | {} | {} | {} | **{ratio:.2}** | {asked} |",
        row.title,
        row.microphone,
        turns.len(),
        ms(median(&ours)),
        ms(at(&ours, 95)),
        ms(median(&plain)),
        ms(at(&plain, 95)),
    );
}

fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    if ms < 10.0 {
        format!("{ms:.1}")
    } else {
        format!("{ms:.0}")
    }
}

fn asked(rows: &[Row], row: &Row) -> String {
    if rows.first().is_none_or(|first| first.title != row.title) {
        return "shown beside".into();
    }
    match row.microphone {
        Microphone::TalkKey => format!("{ASKED_TALK_KEY}"),
        Microphone::Open => format!("{ASKED_OPEN}"),
    }
}
