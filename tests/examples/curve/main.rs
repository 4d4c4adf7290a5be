//! Measures the curve of an embedding model: how near texts are whose vectors have a certain
//! cosine.
//!
//! `pairs.tsv` holds questions with what somebody once said: what answers the question (`yes`),
//! what is about the same but does not (`near`), and what has nothing to do with it (`far`). The
//! threshold of 0.7 is laid where it parts the first from the others best, or at the CUT that is
//! given; what is printed last goes into `curves` of config/assistant.toml.
//!
//! Run it by `cargo run --package mumble-ai-tests --example curve [MODEL [CUT]]`; the model is
//! asked at EMBEDDING_URL, or at an Ollama of the tests' own.

#![expect(clippy::print_stdout, reason = "people read it")]

use std::env;

use llm::{ChatError, Purpose, Server, embed};
use world::{EMBEDDING_MODEL, Engines};

const PAIRS: &str = include_str!("pairs.tsv");

/// What [`SEMANTIC_SIMILARITY_THRESHOLD`] is by default, and where the cut is laid therefore.
///
/// [`SEMANTIC_SIMILARITY_THRESHOLD`]: ../../../config/assistant.toml
const THRESHOLD: f32 = 0.7;

/// Shares of the answering pairs above the cut at which the curve has a point.
const SHARES: [f32; 4] = [0.25, 0.5, 0.75, 1.0];

/// The cosines of the pairs of each kind, rising.
struct Measured {
    answering: Vec<f32>,
    near: Vec<f32>,
    far: Vec<f32>,
}

#[tokio::main]
async fn main() {
    service::tls::install();
    let model = env::args().nth(1);
    let model = model.unwrap_or_else(|| EMBEDDING_MODEL.to_owned());
    let measured = measure(&model).await.expect("the model makes vectors");
    for (kind, cosines) in [
        ("answers", &measured.answering),
        ("near miss", &measured.near),
        ("unrelated", &measured.far),
    ] {
        let at = |share: f32| cosines[(share * (cosines.len() - 1) as f32).round() as usize];
        let row: Vec<String> = [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0]
            .map(|share| format!("{:.3}", at(share)))
            .into();
        println!("| {kind} ({}) | {} |", cosines.len(), row.join(" | "));
    }
    println!();
    for cosine in [0.20, 0.25, 0.30, 0.33, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60] {
        let [answering, near, far] = measured.shares(cosine).map(|share| share * 100.0);
        println!("| {cosine:.2} | {answering:.0} % | {near:.0} % | {far:.0} % |");
    }
    let best = measured.best_cut();
    println!("\nparted best at {best:.3}");
    let given = env::args().nth(2);
    let cut = given.map_or(best, |cut| cut.parse().expect("a cut is a cosine"));
    let points = measured.curve(cut);
    let [answering, near, far] = measured.shares(cut).map(|share| share * 100.0);
    println!("cut at {cut:.3}: {answering:.0} % answers, {near:.0} % near, {far:.0} % unrelated");
    let points: Vec<String> = points
        .iter()
        .map(|(cosine, nearness)| format!("{cosine:.2}:{nearness}"))
        .collect();
    println!("\"{model} {}\"", points.join(" "));
}

async fn measure(model: &str) -> Result<Measured, ChatError> {
    let url = env::var("EMBEDDING_URL").unwrap_or_else(|_| Engines::shared().ollama().to_owned());
    let source = embed::Source {
        server: Server {
            url,
            api_key: None,
            model: model.to_owned(),
        },
        folder: "".into(),
        keep_alive: None,
    };
    let embed = embed::open("ollama", source)?;
    let mut measured = Measured {
        answering: Vec::new(),
        near: Vec::new(),
        far: Vec::new(),
    };
    for line in PAIRS.lines() {
        let mut parts = line.split('\t');
        let mut part = || parts.next().expect("a pair has three columns");
        let (kind, question, said) = (part(), part(), part());
        let question = embed.embed(vec![question.to_owned()], Purpose::Question);
        let said = embed.embed(vec![said.to_owned()], Purpose::Document);
        let (question, said) = (question.await?, said.await?);
        let cosine = question[0].iter().zip(&said[0]).map(|(a, b)| a * b).sum();
        match kind {
            "yes" => measured.answering.push(cosine),
            "near" => measured.near.push(cosine),
            "far" => measured.far.push(cosine),
            _ => panic!("a pair is yes, near or far, not {kind}"),
        }
    }
    let Measured {
        answering,
        near,
        far,
    } = &mut measured;
    for cosines in [answering, near, far] {
        cosines.sort_by(f32::total_cmp);
    }
    Ok(measured)
}

impl Measured {
    /// The shares of answering, near and unrelated pairs at this cosine and above.
    fn shares(&self, cosine: f32) -> [f32; 3] {
        [&self.answering, &self.near, &self.far].map(|cosines| {
            let above = cosines.iter().filter(|&&found| found >= cosine).count();
            above as f32 / cosines.len() as f32
        })
    }

    /// How well a cut parts the answering pairs from the others: Youden's index.
    fn parts(&self, cosine: f32) -> f32 {
        let [answering, near, far] = self.shares(cosine);
        let (of_near, of_far) = (self.near.len() as f32, self.far.len() as f32);
        answering - (near * of_near + far * of_far) / (of_near + of_far)
    }

    /// Where the answering pairs are parted best from the others.
    fn best_cut(&self) -> f32 {
        let better = |a: &&f32, b: &&f32| self.parts(**a).total_cmp(&self.parts(**b));
        let cut = self.answering.iter().max_by(better);
        cut.copied().unwrap_or_default()
    }

    /// No nearness where all unrelated pairs lie, the threshold at the cut, and above it the rank
    /// among the answers.
    fn curve(&self, cut: f32) -> Vec<(f32, f32)> {
        let end = |cosines: &[f32]| cosines.last().copied().unwrap_or_default();
        let mut points = vec![(end(&self.far), 0.0), (cut, THRESHOLD)];
        let above: Vec<f32> = self
            .answering
            .iter()
            .copied()
            .filter(|c| *c >= cut)
            .collect();
        for share in SHARES {
            let at = above[(share * (above.len() - 1) as f32).round() as usize];
            let nearness = THRESHOLD + share * (1.0 - THRESHOLD);
            points.push((at, (nearness * 1000.0).round() / 1000.0));
        }
        points
    }
}
