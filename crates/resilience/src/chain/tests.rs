use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::*;
use crate::{Limits, Settings};

#[derive(Debug, PartialEq)]
struct Broken;

impl Blame for Broken {
    fn fault(&self) -> Fault {
        Fault::Engine
    }

    fn reason(&self) -> String {
        "it is broken".to_owned()
    }
}

trait Engine: Send + Sync {
    fn ask<'a>(&'a self, question: &'a str) -> BoxFuture<'a, Result<String, Broken>>;
}

#[derive(Default)]
struct Counted(AtomicUsize);

impl Engine for Counted {
    fn ask<'a>(&'a self, question: &'a str) -> BoxFuture<'a, Result<String, Broken>> {
        async move {
            self.0.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok(question.to_owned())
        }
        .boxed()
    }
}

fn link<T>(engine: T) -> Link<T> {
    Link {
        engine,
        dependency: Dependency::new("engine", Settings::default(), Limits::default()),
    }
}

const PLAN: Plan = Plan {
    deadline: Duration::from_secs(4),
    budget: Duration::from_secs(8),
    attempts: 3,
};

#[tokio::test(start_paused = true)]
async fn a_call_may_be_made_from_any_task() {
    let engine: Arc<dyn Engine> = Arc::new(Counted::default());
    let chain = Arc::new(Chain::new(vec![link(engine)]));
    let task = tokio::spawn(async move {
        let question = "hello".to_owned();
        let boxed: BoxFuture<'_, _> = chain.call(PLAN, |engine| engine.ask(&question)).boxed();
        boxed.await.unwrap()
    });
    assert_eq!(task.await.unwrap(), "hello");
}
