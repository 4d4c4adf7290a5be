//! One look at each dependency.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bot::engines::{self, At};
use bot::{Config, EngineError};
use futures::future::join_all;
use llm::Chat;
use speech::stt::Stt;
use speech::tts::Tts;

use super::Health;
use crate::ask::{self, AskError};

/// How long an engine may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn whisper(config: &Config) -> Vec<Health> {
    let check = |stt: Arc<dyn Stt>| async move { stt.check().await };
    each(engines::stt(&config.whisper), "WHISPER_URL", "", check).await
}

pub(super) async fn ollama(config: &Config) -> Vec<Health> {
    let check = |chat: Arc<dyn Chat>| async move { chat.check().await };
    let model = format!(", model {}", config.ollama.model);
    each(engines::chat(&config.ollama), "OLLAMA_URL", &model, check).await
}

pub(super) async fn piper(config: &Config) -> Vec<Health> {
    let check = |tts: Arc<dyn Tts>| async move { tts.check().await };
    each(engines::tts(&config.piper), "PIPER_URL", "", check).await
}

/// Tries an engine at each of its addresses, all at once. Those behind the first are spares.
async fn each<T: ?Sized, E: Display>(
    engines: Result<Vec<At<T>>, EngineError>,
    variable: &str,
    detail: &str,
    check: impl AsyncFn(Arc<T>) -> Result<(), E>,
) -> Vec<Health> {
    let engines = match engines {
        Ok(engines) => engines,
        Err(error) => return vec![Health::Wrong(error.to_string())],
    };
    let looks = engines.into_iter().enumerate().map(|(at, engine)| {
        let check = &check;
        async move {
            let spare = if at == 0 { "" } else { "spare " };
            match one(engine, detail, check).await {
                Ok(found) => Health::Fine(format!("{spare}{found}")),
                Err(trouble) => Health::Wrong(format!("{spare}{trouble} ({variable})")),
            }
        }
    });
    join_all(looks).await
}

/// Tries an engine or a store at its address: what was found there, or what is wrong with it.
pub(super) async fn one<T: ?Sized, E: Display>(
    At { address, engine }: At<T>,
    detail: &str,
    check: impl AsyncFn(Arc<T>) -> Result<(), E>,
) -> Result<String, String> {
    match tokio::time::timeout(PATIENCE, check(engine)).await {
        Ok(Ok(())) => Ok(format!("{address}{detail}")),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!(
            "{address} does not answer within {} s; is it busy?",
            PATIENCE.as_secs()
        )),
    }
}

pub(super) async fn mumble(config: &Config) -> Health {
    let host = format!("{}:{}", config.mumble.host, config.mumble.port);
    let name = &config.mumble.username;
    let state = match ask::borrowed_state(&config.state_dir) {
        Ok(state) => state,
        Err(error) => return Health::Wrong(error.to_string()),
    };
    let user = ask::user(config, ask::guest_name("Doctor"), state.path());
    match ask::Caller::join(user, name).await {
        Ok(caller) => {
            let server = caller.server().clone();
            let present = caller.leave().await;
            let channel = config
                .mumble
                .channel
                .as_deref()
                .unwrap_or("the server's default channel");
            let there = if present { "is" } else { "is not" };
            Health::Fine(format!(
                "{host}, Mumble {}, in {channel}; {name} {there} there",
                server.release
            ))
        }
        Err(AskError::Join(error)) => Health::Wrong(error.to_string()),
        Err(error) => Health::Wrong(format!("{host}: {error} (MUMBLE_HOST, MUMBLE_PORT)")),
    }
}

pub(super) fn state(folder: &Path) -> Health {
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| tempfile::NamedTempFile::new_in(folder).map(drop));
    match written {
        Ok(()) => Health::Fine(folder.display().to_string()),
        Err(error) => Health::Wrong(format!(
            "{} cannot be written: {error}; make it writable, or set STATE_DIR",
            folder.display()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_folder_is_made_and_left_empty() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        assert!(!state(&folder).is_wrong());
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    }

    #[test]
    fn a_state_folder_that_cannot_be_made_names_its_variable() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let health = state(&file.path().join("below a file"));
        assert!(
            health.is_wrong() && health.to_string().ends_with("set STATE_DIR"),
            "{health}"
        );
    }
}
