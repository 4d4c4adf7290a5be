//! One look at each dependency.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use bot::{Config, EngineError, engines};
use service::settings::without_password;

use super::Health;
use crate::ask::{self, AskError};

/// How long an engine may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn whisper(config: &Config) -> Health {
    let check = async |stt: std::sync::Arc<dyn speech::stt::Stt>| stt.check().await;
    engine(
        &config.whisper.url[0],
        "WHISPER_URL",
        engines::stt(&config.whisper),
        check,
    )
    .await
}

pub(super) async fn ollama(config: &Config) -> Health {
    let check = async |chat: std::sync::Arc<dyn llm::Chat>| chat.check().await;
    let place = format!("{}, model {}", config.ollama.url[0], config.ollama.model);
    engine(&place, "OLLAMA_URL", engines::chat(&config.ollama), check).await
}

pub(super) async fn piper(config: &Config) -> Health {
    let check = async |tts: std::sync::Arc<dyn speech::tts::Tts>| tts.check().await;
    engine(
        &config.piper.url[0],
        "PIPER_URL",
        engines::tts(&config.piper),
        check,
    )
    .await
}

async fn engine<T, E: Display>(
    address: &str,
    variable: &str,
    engine: Result<T, EngineError>,
    check: impl AsyncFnOnce(T) -> Result<(), E>,
) -> Health {
    let place = without_password(address.to_owned());
    let engine = match engine {
        Ok(engine) => engine,
        Err(error) => return Health::Wrong(error.to_string()),
    };
    match tokio::time::timeout(PATIENCE, check(engine)).await {
        Ok(Ok(())) => Health::Fine(place),
        Ok(Err(error)) => Health::Wrong(format!("{error} ({variable})")),
        Err(_) => Health::Wrong(format!(
            "{place} does not answer within {} s; is it busy? ({variable})",
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
