//! What can go wrong with a speech server, in one line that says what to do.

/// Why a server gave no answer, or only a part of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// The address is not one of HTTP.
    #[error("`{url}` is not an address of a speech server; expected http://HOST:PORT")]
    BadAddress {
        /// What was given.
        url: String,
    },
    /// No connection, or it broke before the server answered.
    #[error("no answer from the speech server at {url}: {reason}; is it running there?")]
    Unreachable {
        /// The full address that was asked.
        url: String,
        /// What the connection said.
        reason: String,
    },
    /// The server wants another key, or none was given.
    #[error("the speech server at {url} does not accept the api key (http {status})")]
    KeyRefused {
        /// The full address that was asked.
        url: String,
        /// 401 or 403.
        status: u16,
    },
    /// The server answered with an error of HTTP.
    #[error("the speech server at {url} answered http {status}: {reason}")]
    Status {
        /// The full address that was asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of what it said.
        reason: String,
    },
    /// What came is not of the dialect.
    #[error("what answers at {url} is not a speech server of this dialect: {reason}")]
    Garbage {
        /// The full address that was asked.
        url: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The connection ended before the answer did.
    #[error("the speech server at {url} broke off in the middle of the answer: {reason}")]
    HalfAnswer {
        /// The full address that was asked.
        url: String,
        /// What the connection said, or what is missing.
        reason: String,
    },
    /// The answer is longer than any honest one.
    #[error("the speech server at {url} answered more than {limit} bytes")]
    TooLong {
        /// The full address that was asked.
        url: String,
        /// Bytes that are read at most.
        limit: usize,
    },
}

impl ServerError {
    /// Whether the settings must be changed before another try can succeed.
    #[must_use]
    pub fn needs_a_person(&self) -> bool {
        matches!(self, Self::BadAddress { .. } | Self::KeyRefused { .. }) || self.is_wrong_path()
    }

    /// Whether the server is there but does not know the path: it speaks another dialect.
    pub(crate) fn is_wrong_path(&self) -> bool {
        matches!(
            self,
            Self::Status {
                status: 404 | 405 | 501,
                ..
            }
        )
    }

    /// Whether the server is there but does not like what the request asks for.
    pub(crate) fn is_bad_request(&self) -> bool {
        matches!(
            self,
            Self::Status {
                status: 400 | 422,
                ..
            }
        )
    }

    /// The same error, but not if it repeats `text`, which somebody said or is to hear: errors
    /// are logged.
    pub(crate) fn without(self, text: &str) -> Self {
        match self {
            Self::Status {
                url,
                status,
                reason,
            } if reason.contains(text.trim()) => Self::Status {
                url,
                status,
                reason: "its reason repeats the text".to_owned(),
            },
            other => other,
        }
    }
}
