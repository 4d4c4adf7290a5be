//! Errors of engines as they may be logged: without the engine's own words.
//!
//! An engine that refuses a request may quote it, and so what people said. Its words are logged
//! at `trace` alone; above that stand its address, the status and what this program says about
//! it. What an engine says while it is examined or warmed up holds nobody's words and is shown.

use std::fmt::Display;

use llm::ChatError;
use memory::store::StoreError;
use speech::ServerError;
use speech::stt::SttError;
use speech::tts::TtsError;

use crate::mind::MindError;
use crate::recogniser::EarError;

/// What stands in place of an engine's own words.
const AT_TRACE: &str = "its reason is logged at trace";

/// An error that can hold what people said.
pub(crate) trait Discreet: Display {
    /// The error in words that may be logged above `trace`.
    fn discreet(&self) -> String;

    /// The same, after all of it was logged at `trace`.
    fn for_the_log(&self) -> String {
        tracing::trace!(error = %self, "in full");
        self.discreet()
    }
}

impl Discreet for EarError {
    fn discreet(&self) -> String {
        match self {
            Self::Stt(error) => error.discreet(),
            Self::CutOff | Self::Broken => self.to_string(),
        }
    }
}

impl Discreet for SttError {
    fn discreet(&self) -> String {
        match self {
            Self::Server(error) => error.discreet(),
            other => other.to_string(),
        }
    }
}

impl Discreet for MindError {
    fn discreet(&self) -> String {
        match self {
            Self::Chat(error) => error.discreet(),
            other => other.to_string(),
        }
    }
}

impl Discreet for TtsError {
    fn discreet(&self) -> String {
        match self {
            Self::Server(error) => error.discreet(),
            other => other.to_string(),
        }
    }
}

impl Discreet for ChatError {
    fn discreet(&self) -> String {
        without_quotes(self.clone()).to_string()
    }
}

/// The same error for those who log it as it is; all of it is logged at `trace` before.
pub(crate) fn hushed(error: ChatError) -> ChatError {
    tracing::trace!(%error, "in full");
    without_quotes(error)
}

fn without_quotes(mut error: ChatError) -> ChatError {
    if let ChatError::Status { reason, .. } | ChatError::Failed { reason } = &mut error {
        AT_TRACE.clone_into(reason);
    }
    error
}

/// A store's reasons are this program's words, and those of servers about themselves; what they
/// quote was never anybody's.
impl Discreet for StoreError {
    fn discreet(&self) -> String {
        self.to_string()
    }
}

impl Discreet for ServerError {
    fn discreet(&self) -> String {
        let mut error = self.clone();
        if let Self::Status { reason, .. } = &mut error {
            AT_TRACE.clone_into(reason);
        }
        error.to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const URL: &str = "http://127.0.0.1:5000";

    #[test]
    fn what_an_engine_quotes_is_not_told() {
        let (url, status) = (URL.to_owned(), 500);
        let reason = "cannot do: good morning".to_owned();
        let server = ServerError::Status {
            url: url.clone(),
            status,
            reason: reason.clone(),
        };
        let chat = ChatError::Status {
            url,
            status,
            reason: reason.clone(),
        };
        let told = [
            EarError::from(SttError::from(server.clone())).discreet(),
            TtsError::from(server).discreet(),
            MindError::from(chat).discreet(),
        ];
        for line in told {
            assert!(!line.contains("good morning"), "{line}");
            assert!(line.contains(URL) && line.contains("500"), "{line}");
        }
        let failed = MindError::from(ChatError::Failed { reason });
        assert!(!failed.discreet().contains("good morning"));
    }

    #[test]
    fn what_this_program_says_is_told() {
        let late = TtsError::Late(Duration::from_secs(4));
        assert_eq!(late.discreet(), late.to_string());
        let away = MindError::from(ChatError::Unreachable {
            url: URL.to_owned(),
            reason: "Connection refused".to_owned(),
        });
        assert_eq!(away.discreet(), away.to_string());
    }
}
