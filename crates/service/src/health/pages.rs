//! What a role shows of itself, whichever role it is.

use serde::Serialize;

use super::board::Board;
use super::verdict::Status;

/// What a role says of itself when somebody asks. Each answer is made anew and waits for nobody.
pub trait Pages: Send + Sync + 'static {
    /// What `/health` answers.
    fn health(&self) -> Told;

    /// Whether the role's loop goes round, for `/live`.
    fn is_live(&self) -> bool;

    /// What `/metrics` answers, in the text format of OpenMetrics; [`numbers`](super::numbers)
    /// makes it.
    fn metrics(&self) -> String;

    /// What `/turns` answers, in JSON; `None` for a role without turns.
    fn turns(&self) -> Option<String> {
        None
    }
}

/// How a role is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What it all comes to.
    pub status: Status,
    /// A line for each thing that keeps the status from being a better one.
    pub reasons: Vec<String>,
    /// The whole of it, in JSON.
    pub page: String,
}

impl Told {
    /// A role that is as `answer` says at length.
    pub fn new(status: Status, reasons: Vec<String>, answer: &impl Serialize) -> Self {
        Self {
            status,
            reasons,
            page: json(answer),
        }
    }
}

impl Pages for Board {
    fn health(&self) -> Told {
        let answer = Self::health(self);
        Told::new(answer.status, answer.reasons.clone(), &answer)
    }

    fn is_live(&self) -> bool {
        Self::is_live(self)
    }

    fn metrics(&self) -> String {
        Self::metrics(self)
    }

    fn turns(&self) -> Option<String> {
        Some(json(&Self::turns(self)))
    }
}

/// What is shown are plain tables, which can always be written.
fn json(answer: &impl Serialize) -> String {
    serde_json::to_string(answer).unwrap_or_default()
}
