//! Text as vectors, by the real model: at the real Ollama, and in the process.

use std::sync::Arc;
use std::time::Duration;

use llm::{ChatError, Embed, Purpose, Server, embed};
use service::settings::Settings;
use world::{EMBEDDING_MODEL, Engines};

/// A real engine answers within this, even on a machine that is busy compiling.
const PATIENCE: Duration = Duration::from_secs(120);

/// Dimensions of all-MiniLM-L6-v2.
const DIMENSIONS: usize = 384;

/// Vectors of the same text by two programs: half floats in one and rounding make the difference.
const SAME: f32 = 0.99;

fn open(dialect: &str, model: &str) -> Arc<dyn Embed> {
    service::tls::install();
    let source = embed::Source {
        server: Server {
            url: Engines::shared().ollama().to_owned(),
            api_key: None,
            model: model.to_owned(),
        },
        folder: world::embedding_folder(),
        keep_alive: None,
    };
    embed::open(dialect, source).unwrap()
}

async fn vectors(dialect: &str, texts: &[&str]) -> Vec<Vec<f32>> {
    let texts = texts.iter().map(|text| (*text).to_owned()).collect();
    let embed = open(dialect, EMBEDDING_MODEL);
    tokio::time::timeout(PATIENCE, embed.embed(texts, Purpose::Document))
        .await
        .expect("it answers in time")
        .unwrap()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[tokio::test]
async fn ollama_in_both_dialects_and_the_process_itself_make_the_same_vectors() {
    let megabyte = "the roof of the old mill ".repeat(40_000);
    let texts = [
        "My sister Rosa plays the cello.",
        "Je bois du café le matin. ☕",
        "مرحبا، كيف حالك؟",
        "'; DROP TABLE people; --",
        "",
        &megabyte,
    ];
    let ollama = vectors("ollama", &texts).await;
    for dialect in ["openai", "minilm"] {
        let other = vectors(dialect, &texts).await;
        assert_eq!(other.len(), texts.len());
        for ((a, b), text) in ollama.iter().zip(&other).zip(texts) {
            assert_eq!((a.len(), b.len()), (DIMENSIONS, DIMENSIONS));
            let text: String = text.chars().take(40).collect();
            assert!(cosine(a, b) > SAME, "{dialect}, {text:?}: {}", cosine(a, b));
        }
    }
}

#[tokio::test]
async fn what_answers_a_question_is_nearer_than_what_does_not() {
    for dialect in ["ollama", "minilm"] {
        let texts = [
            "What instrument does my sister play?",
            "My sister Rosa plays the cello.",
            "The dentist moved the appointment to Thursday.",
        ];
        let found = vectors(dialect, &texts).await;
        let (near, far) = (cosine(&found[0], &found[1]), cosine(&found[0], &found[2]));
        assert!(near > far + 0.2, "{dialect}: {near} and {far}");
    }
}

#[tokio::test]
async fn an_embedding_model_that_ollama_does_not_have_is_named_with_the_command_that_helps() {
    let embed = open("ollama", "no-such-model");
    let asked = embed.embed(vec!["hello".into()], Purpose::Question).await;
    for error in [embed.check().await.unwrap_err(), asked.unwrap_err()] {
        assert!(matches!(error, ChatError::UnknownModel { .. }), "{error}");
        let help = "ollama pull no-such-model";
        assert!(error.to_string().contains(help), "{error}");
    }
    assert_eq!(open("ollama", EMBEDDING_MODEL).check().await, Ok(()));
    assert_eq!(open("minilm", EMBEDDING_MODEL).check().await, Ok(()));
}

/// Questions with what somebody once said; see the example `curve`, which measures by them.
const PAIRS: &str = include_str!("../examples/curve/pairs.tsv");

#[tokio::test]
async fn at_the_threshold_of_the_settings_answers_pass_and_what_is_unrelated_does_not() {
    let settings = Settings::load(mumble_ai::REFERENCE, None, &|_| None).unwrap();
    let config = bot::Config::from_settings(&settings).unwrap();
    let (curve, threshold) = (config.embedding.calibration(), config.memory.threshold);
    let pairs: Vec<Vec<&str>> = PAIRS
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    let questions: Vec<&str> = pairs.iter().map(|pair| pair[1]).collect();
    let said: Vec<&str> = pairs.iter().map(|pair| pair[2]).collect();
    let (questions, said) = (
        vectors("minilm", &questions).await,
        vectors("minilm", &said).await,
    );
    let share = |kind: &str| {
        let of_kind = (0..pairs.len()).filter(|&pair| pairs[pair][0] == kind);
        let passes = |pair: usize| curve.scale(cosine(&questions[pair], &said[pair])) >= threshold;
        let passed = of_kind.clone().filter(|&pair| passes(pair)).count();
        passed as f32 / of_kind.count() as f32
    };
    let [answers, near, far] = ["yes", "near", "far"].map(share);
    assert!(answers >= 0.9, "{answers} of what answers");
    assert!(near <= 0.7, "{near} of what is about the same");
    assert!(far == 0.0, "{far} of what is unrelated");
}
