//! The engines that are made to fail, and what an assistant asks of them.

use world::Request;

/// A recording of at least this many bytes is a person's: half a second of speech, which is what
/// the assistant tries a recogniser with, has 16 kB and its form less than one.
const PERSONS_RECORDING: usize = 24_000;

/// One part of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    Whisper,
    Ollama,
    Piper,
}

impl Engine {
    pub(super) const ALL: [Self; 3] = [Self::Whisper, Self::Ollama, Self::Piper];

    /// As /health calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Whisper => "whisper",
            Self::Ollama => "ollama",
            Self::Piper => "piper",
        }
    }

    /// Whether a request is work for a person, and not the assistant's own check or probe.
    pub(super) fn works_for_a_person(self, request: &Request) -> bool {
        let body = String::from_utf8_lossy(&request.body);
        let path = match self {
            Self::Whisper => "/v1/audio/transcriptions",
            Self::Ollama => "/api/chat",
            Self::Piper => "/synthesize",
        };
        let own = match self {
            Self::Whisper => request.length < PERSONS_RECORDING,
            Self::Ollama => {
                body.contains(r#""num_predict":1,"#) || body.contains(r#""num_predict":1}"#)
            }
            Self::Piper => body.is_empty() || body.contains(r#""text":"Yes.""#),
        };
        request.method == "POST" && request.path == path && !own
    }

    /// What it is set to for the matrix: few failures, short deadlines.
    pub(super) fn hasty(self) -> Vec<(&'static str, &'static str)> {
        match self {
            Self::Whisper => vec![
                ("WHISPER_CIRCUIT_THRESHOLD", THRESHOLD),
                ("WHISPER_DEADLINE_MS", DEADLINE_MS),
            ],
            Self::Ollama => vec![
                ("OLLAMA_CIRCUIT_THRESHOLD", THRESHOLD),
                ("OLLAMA_FIRST_TOKEN_MS", MODEL_DEADLINE_MS),
                ("OLLAMA_NEXT_TOKEN_MS", MODEL_DEADLINE_MS),
            ],
            Self::Piper => vec![
                ("PIPER_CIRCUIT_THRESHOLD", THRESHOLD),
                ("PIPER_DEADLINE_MS", DEADLINE_MS),
            ],
        }
    }

    /// What it is set to when nobody sets anything.
    pub(super) fn by_default(self) -> Vec<(&'static str, &'static str)> {
        match self {
            Self::Whisper => vec![("WHISPER_DEADLINE_MS", "4000")],
            Self::Ollama => vec![
                ("OLLAMA_FIRST_TOKEN_MS", "8000"),
                ("OLLAMA_NEXT_TOKEN_MS", "3000"),
            ],
            Self::Piper => vec![("PIPER_DEADLINE_MS", "4000")],
        }
    }
}

/// Failures in a row that open a breaker of the matrix: one too few is seen as well.
pub(super) const THRESHOLD: &str = "2";

/// Healthy engines answer within half a second here, and within 1.5 s on a machine that works at
/// three turns at once; twice that tells a late one from a busy one.
pub(super) const DEADLINE_MS: &str = "3000";

/// The model works through the requests of all assistants one after the other, so that three of
/// them can each wait for the two others.
pub(super) const MODEL_DEADLINE_MS: &str = "6000";
