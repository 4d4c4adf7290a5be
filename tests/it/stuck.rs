//! A real Ollama that holds its model for an answer that nobody waits for any more.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use llm::{Chat, ChatError, Message, Options, Request, Role, Server};
use tokio::task::block_in_place;
use tokio::time::{sleep, timeout};
use world::{Instance, SMALL_MODEL};

type Answer = BoxStream<'static, Result<String, ChatError>>;

/// How long the first token is waited for, as by default.
const DEADLINE: Duration = Duration::from_secs(8);

/// Ending, starting and loading takes less than this, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// So many answers are left in their middle at most; one of some thirty does it.
const MOST_LEFT: usize = 300;

/// The first token of an answer, and what follows it; `None` if it does not come in time.
async fn begun(chat: &Arc<dyn Chat>, within: Duration) -> Option<Answer> {
    let mut answer = chat.chat(request());
    let first = timeout(within, answer.next()).await.ok()?;
    assert!(matches!(first, Some(Ok(_))), "{first:?}");
    Some(answer)
}

fn request() -> Request {
    Request {
        messages: vec![Message::new(
            Role::User,
            "Tell me a long story about a fox.",
        )],
        options: Options {
            model: SMALL_MODEL.to_owned(),
            num_predict: Some(40),
            ..Options::default()
        },
    }
}

/// Leaves answers while the next tokens wait behind a server that stands still, until it answers
/// nobody any more. Whether it came to that: it does not on an Ollama without the fault.
#[expect(
    clippy::print_stdout,
    reason = "shown with --nocapture: whether there was anything to mend"
)]
async fn gets_stuck(ollama: &Instance, chat: &Arc<dyn Chat>) -> bool {
    for left in 0..MOST_LEFT {
        let Some(answer) = begun(chat, DEADLINE).await else {
            println!("nobody is answered after {left} answers were left");
            return true;
        };
        block_in_place(|| ollama.freeze());
        sleep(Duration::from_millis(100)).await;
        drop(answer);
        sleep(Duration::from_millis(10)).await;
        block_in_place(|| ollama.thaw());
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_ollama_that_answers_nobody_any_more_is_had_again() {
    service::tls::install();
    let ollama = block_in_place(|| Instance::start("ollama"));
    let server = Server {
        url: ollama.url(),
        api_key: None,
        model: SMALL_MODEL.to_owned(),
    };
    let chat = llm::open("ollama", server).expect("it is an address");
    drop(begun(&chat, PATIENCE).await.expect("it works"));
    if gets_stuck(&ollama, &chat).await {
        let answer = begun(&chat, PATIENCE).await;
        drop(answer.expect("its model was loaded anew"));
    }
}
