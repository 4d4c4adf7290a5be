//! Whose fault an engine's error is, and its way through a chain and out again.

use std::time::Duration;

use llm::ChatError;
use memory::store::StoreError;
use resilience::{Blame, Failure, Fault};
use speech::ServerError;
use speech::stt::SttError;
use speech::tts::TtsError;

use crate::discreet::Discreet;

/// An error of one kind of engine.
pub(crate) trait Complaint: Discreet + Sized {
    /// Whose fault it is, as far as it can tell by itself.
    fn fault(&self) -> Fault;

    /// Nothing came in time.
    fn late(deadline: Duration) -> Self;

    /// Nobody could be asked.
    fn unavailable(reason: String) -> Self;

    /// What the chain says, in the engine's words.
    fn out_of(failure: Failure<Blamed<Self>>) -> Self {
        match failure {
            Failure::Failed(blamed) => blamed.error,
            Failure::Late(deadline) => Self::late(deadline),
            Failure::Unavailable { reason } => Self::unavailable(reason),
        }
    }
}

/// An error with the one whose fault it is.
#[derive(Debug)]
pub(crate) struct Blamed<E> {
    pub(super) error: E,
    pub(super) fault: Fault,
}

impl<E: Complaint> From<E> for Blamed<E> {
    fn from(error: E) -> Self {
        let fault = error.fault();
        Self { error, fault }
    }
}

impl<E: Complaint> Blame for Blamed<E> {
    fn fault(&self) -> Fault {
        self.fault
    }

    fn reason(&self) -> String {
        self.error.for_the_log()
    }
}

/// What a server says about the request itself: malformed, too large, or not to be processed.
/// Every other refusal is about the server: a wrong path, key or model makes it useless to us.
fn is_about_the_request(status: u16) -> bool {
    matches!(status, 400 | 413 | 422)
}

fn server_fault(error: &ServerError) -> Fault {
    match error {
        ServerError::Status { status, .. } if is_about_the_request(*status) => Fault::Request,
        _ => Fault::Engine,
    }
}

impl Complaint for SttError {
    fn fault(&self) -> Fault {
        match self {
            Self::Server(error) => server_fault(error),
            Self::EmptyAudio => Fault::Request,
            _ => Fault::Engine,
        }
    }

    fn late(deadline: Duration) -> Self {
        Self::Late(deadline)
    }

    fn unavailable(reason: String) -> Self {
        Self::Unavailable { reason }
    }
}

impl Complaint for TtsError {
    fn fault(&self) -> Fault {
        match self {
            Self::Server(error) => server_fault(error),
            _ => Fault::Engine,
        }
    }

    fn late(deadline: Duration) -> Self {
        Self::Late(deadline)
    }

    fn unavailable(reason: String) -> Self {
        Self::Unavailable { reason }
    }
}

impl Complaint for ChatError {
    fn fault(&self) -> Fault {
        match self {
            Self::Status { status, .. } if is_about_the_request(*status) => Fault::Request,
            _ => Fault::Engine,
        }
    }

    fn late(deadline: Duration) -> Self {
        Self::Late(deadline)
    }

    fn unavailable(reason: String) -> Self {
        Self::Unavailable { reason }
    }
}

impl Complaint for StoreError {
    fn fault(&self) -> Fault {
        match self {
            Self::Refused { .. } => Fault::Request,
            // Asking again changes nothing, and nothing is out of order but the two together.
            Self::Newer { .. } | Self::Mismatch { .. } => Fault::Setup,
            _ => Fault::Engine,
        }
    }

    fn late(deadline: Duration) -> Self {
        Self::Late(deadline)
    }

    fn unavailable(reason: String) -> Self {
        Self::Unavailable { reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> ServerError {
        ServerError::Status {
            url: "http://127.0.0.1:5000".to_owned(),
            status,
            reason: "it said: good morning".to_owned(),
        }
    }

    #[test]
    fn a_refusal_of_the_request_is_not_the_engines_fault() {
        for refused in [400, 413, 422] {
            assert_eq!(SttError::from(status(refused)).fault(), Fault::Request);
            assert_eq!(TtsError::from(status(refused)).fault(), Fault::Request);
        }
        assert_eq!(SttError::EmptyAudio.fault(), Fault::Request);
    }

    #[test]
    fn a_server_that_is_of_no_use_to_us_is_sick() {
        for useless in [404, 405, 408, 429, 500, 503] {
            assert_eq!(SttError::from(status(useless)).fault(), Fault::Engine);
        }
        let (url, model, help) = (String::new(), String::new(), String::new());
        let key = ChatError::KeyRefused {
            url: url.clone(),
            status: 401,
        };
        assert_eq!(key.fault(), Fault::Engine);
        let model = ChatError::UnknownModel { url, model, help };
        assert_eq!(model.fault(), Fault::Engine);
    }

    #[test]
    fn a_reason_holds_nothing_that_people_said() {
        let blamed = Blamed::from(SttError::from(status(500)));
        assert!(blamed.reason().contains("500"), "{}", blamed.reason());
        assert!(!blamed.reason().contains("good morning"));
    }
}
