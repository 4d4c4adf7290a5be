//! One look at each thing that memory stands on.

use std::path::Path;
use std::sync::Arc;

use bot::engines::At;
use bot::stores::{self, Part};
use bot::{Config, EngineError};
use llm::{Chat, Embed};
use memory::cache::Cache;
use memory::index::Index;
use memory::store::Store;

use super::checks::one;
use super::{Finding, Health};

/// What to do when it is away: the assistant works without any of them.
const CACHE_TO_DO: &str = "REDIS_URL: mend it, or unset it to go without";
const INDEX_TO_DO: &str = "CHROMADB_URL: mend it, or unset it to go without";
const EMBEDDING_TO_DO: &str =
    "EMBEDDING_URL, EMBEDDING_MODEL; until then memories are found by words alone";

/// The database is brought up to date by that.
pub(super) async fn database(config: &Config) -> Finding {
    let variable = match (&config.database.url, &config.database.host) {
        (Some(_), _) => Some("DATABASE_URL"),
        (None, Some(_)) => Some("DB_HOST"),
        (None, None) => None,
    };
    let part = match stores::database(config) {
        Ok(part) => part,
        Err(error) => return unusable("database", &error),
    };
    let check = async |store: Arc<dyn Store>| store.check().await;
    stands(part, variable, check).await
}

pub(super) async fn cache(config: &Config) -> Finding {
    let part = match stores::cache(config) {
        Ok(part) => part,
        Err(error) => return unusable("redis", &error),
    };
    let Part { service, at } = part;
    let check = async |cache: Arc<dyn Cache>| cache.check().await;
    found(service, one(at, "", check).await, CACHE_TO_DO)
}

pub(super) async fn index(config: &Config) -> Finding {
    let part = match stores::index(config) {
        Ok(part) => part,
        Err(error) => return unusable("chromadb", &error),
    };
    let to_do = config.chromadb.url.is_some().then_some(INDEX_TO_DO);
    let check = async |index: Arc<dyn Index>| index.check().await;
    stands(part, to_do, check).await
}

pub(super) async fn embedding(config: &Config) -> Finding {
    let Part { service, at } = match stores::embedding(config) {
        Ok(part) => part,
        Err(error) => return unusable("embedding", &error),
    };
    let detail = format!(", model {}", config.embedding.model);
    let check = async |embed: Arc<dyn Embed>| embed.check().await;
    found(service, one(at, &detail, check).await, EMBEDDING_TO_DO)
}

/// The model that reads finished turns; none where that which answers does.
pub(super) async fn reader(config: &Config) -> Option<Finding> {
    let part = match stores::reader(config) {
        Ok(part) => part?,
        Err(error) => return Some(unusable("reader", &error)),
    };
    let detail = config.memory.model.as_ref();
    let detail = detail.map_or_else(String::new, |model| format!(", model {model}"));
    let check = async |chat: Arc<dyn Chat>| chat.check().await;
    let health = one(part.at, &detail, check).await;
    Some(found(part.service, health, "MEMORY_MODEL"))
}

/// Tries a server, with what to do about it, or a file. A file is made by the assistant alone: as
/// long as there is none, that its folder can be written is told of the state.
async fn stands<T: ?Sized, E: std::fmt::Display>(
    Part { service, at }: Part<T>,
    to_do: Option<&str>,
    check: impl AsyncFn(Arc<T>) -> Result<(), E>,
) -> Finding {
    let At { address, .. } = &at;
    if to_do.is_none() && !Path::new(address).exists() {
        let health = Health::Fine(format!("{address} (made when it is needed)"));
        return Finding {
            part: service,
            health,
        };
    }
    found(
        service,
        one(at, "", check).await,
        to_do.unwrap_or("STATE_DIR"),
    )
}

fn found(part: &'static str, look: Result<String, String>, to_do: &str) -> Finding {
    let health = match look {
        Ok(found) => Health::Fine(found),
        Err(trouble) => Health::Wrong(format!("{trouble} ({to_do})")),
    };
    Finding { part, health }
}

fn unusable(part: &'static str, error: &EngineError) -> Finding {
    let health = Health::Wrong(error.to_string());
    Finding { part, health }
}
