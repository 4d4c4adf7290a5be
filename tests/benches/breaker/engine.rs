//! An engine that does nothing, asked through a chain.

use std::time::Duration;

use resilience::{Blame, Chain, Dependency, Fault, Limits, Link, Plan, Settings};

/// How far a call may go: as for the recogniser.
pub(crate) const PLAN: Plan = Plan {
    deadline: Duration::from_secs(4),
    budget: Duration::from_secs(8),
    attempts: 3,
};

/// How an answer comes.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    /// Before anybody has to wait.
    AtOnce,
    /// After the task has waited once, as for every engine behind a socket.
    OnceWaited,
}

/// An engine that does nothing.
pub(crate) struct Engine(pub(crate) Answer);

/// The error that it never gives.
#[derive(Debug)]
pub(crate) enum Never {}

impl Blame for Never {
    fn fault(&self) -> Fault {
        match *self {}
    }

    fn reason(&self) -> String {
        match *self {}
    }
}

impl Engine {
    pub(crate) async fn ask(&self) -> Result<(), Never> {
        match self.0 {
            Answer::AtOnce => {}
            Answer::OnceWaited => tokio::task::yield_now().await,
        }
        Ok(())
    }
}

/// A first engine and a spare.
pub(crate) fn chain(answer: Answer) -> Chain<Engine> {
    let link = |name: &str| Link {
        engine: Engine(answer),
        dependency: Dependency::new(name, Settings::default(), Limits::default()),
    };
    Chain::new(vec![link("first"), link("spare")])
}
