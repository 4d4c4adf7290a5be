//! Redis as a cache: one key for each value, all of them below `mumble-ai:`.
//!
//! Other programs may use the same server: what is not ours is never touched, and everything of
//! ours can be lost.

use std::fmt;
use std::time::Duration;

use ::redis::aio::{ConnectionManager, ConnectionManagerConfig};
use ::redis::{Client, Cmd, ErrorKind, FromRedisValue, RedisError, cmd};
use futures::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::OnceCell;

use super::{Cache, MOST_BYTES, too_large};
use crate::store::StoreError;

/// Where it is, and how long it may take.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `redis://USER:PASSWORD@HOST:PORT/NUMBER`, or `rediss://` for TLS with a certificate of a
    /// public authority.
    pub url: SecretString,
    /// How long a connection may take to be made, and a command to be answered.
    pub deadline: Duration,
}

/// What all keys of ours begin with.
const OURS: &str = "mumble-ai:";

/// How many keys the server looks at in one step of a search. A step keeps it from others for
/// less than a millisecond.
const STEP: usize = 1_000;

/// Longest that a value is kept, in milliseconds: Redis refuses what its clock cannot count.
const LONGEST_MS: u64 = 1 << 48;

/// The connection is made by the first command and made again after it broke.
pub(super) struct Redis {
    client: Client,
    /// As it may be shown.
    place: String,
    deadline: Duration,
    connection: OnceCell<ConnectionManager>,
}

impl Redis {
    /// Nothing is asked yet.
    pub(super) fn new(settings: &Settings) -> Result<Self, StoreError> {
        let bad = |reason: &dyn fmt::Display| StoreError::Refused {
            reason: format!(
                "REDIS_URL is not the address of a Redis: {reason}; expected \
                 redis://HOST:PORT/0, or rediss:// for TLS"
            ),
        };
        let url = settings.url.expose_secret().trim();
        if url.contains('#') {
            return Err(bad(&"it has a `#`, and a certificate is always checked"));
        }
        let client = Client::open(url).map_err(|error| bad(&shown(&error)))?;
        Ok(Self {
            place: client.get_connection_info().addr().to_string(),
            client,
            deadline: settings.deadline,
            connection: OnceCell::new(),
        })
    }

    /// Asks for something that may be asked for twice. The first command after the server closed
    /// an idle connection only finds that out, so it is sent once more.
    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        match self.ask_once(command).await {
            Err(error) if error.is_connection_dropped() => self.ask_once(command).await,
            other => other,
        }
        .map_err(|error| self.told(&error))
    }

    async fn ask_once<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        let connection = self
            .connection
            .get_or_try_init(|| async {
                let config = ConnectionManagerConfig::new()
                    .set_connection_timeout(Some(self.deadline))
                    .set_response_timeout(Some(self.deadline))
                    // Who is put around us decides when to try again.
                    .set_number_of_retries(0);
                ConnectionManager::new_lazy_with_config(self.client.clone(), config)
            })
            .await?;
        command.query_async(&mut connection.clone()).await
    }

    /// Drops every key that begins so and was there when the search began.
    async fn drop_all(&self, beginning: &str) -> Result<(), StoreError> {
        let pattern = format!("{beginning}*");
        let mut cursor: u64 = 0;
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(&pattern);
            scan.arg("COUNT").arg(STEP);
            let (next, keys): (u64, Vec<Vec<u8>>) = self.ask(&scan).await?;
            if !keys.is_empty() {
                let _: u64 = self.ask(cmd("UNLINK").arg(keys)).await?;
            }
            cursor = next;
            if cursor == 0 {
                return Ok(());
            }
        }
    }

    fn told(&self, error: &RedisError) -> StoreError {
        if error.is_timeout() {
            return StoreError::Late(self.deadline);
        }
        let (place, reason) = (&self.place, shown(error));
        match error.kind() {
            ErrorKind::AuthenticationFailed => StoreError::Refused {
                reason: format!("the Redis at {place} does not accept the password: {reason}"),
            },
            _ => StoreError::Unavailable {
                reason: format!("no answer from the Redis at {place}: {reason}"),
            },
        }
    }
}

/// An error in one line of sane length.
fn shown(error: &RedisError) -> String {
    error
        .to_string()
        .lines()
        .flat_map(str::chars)
        .take(200)
        .collect()
}

/// A name in which everything is escaped that means something in a pattern or parts names.
fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02x}"));
        }
    }
    text
}

fn name(room: &str, key: &str) -> String {
    format!("{OURS}{}:{}", escaped(room), escaped(key))
}

impl Cache for Redis {
    fn get<'a>(
        &'a self,
        room: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, StoreError>> {
        Box::pin(async move { self.ask(cmd("GET").arg(name(room, key))).await })
    }

    fn put<'a>(
        &'a self,
        room: &'a str,
        key: &'a str,
        value: Vec<u8>,
        keep: Duration,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            if value.len() > MOST_BYTES {
                return Err(too_large(value.len()));
            }
            // Redis refuses to keep anything for no time at all.
            let keep = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
            let mut set = cmd("SET");
            set.arg(name(room, key)).arg(value);
            set.arg("PX").arg(keep.clamp(1, LONGEST_MS));
            self.ask(&set).await
        })
    }

    fn empty<'a>(&'a self, room: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.drop_all(&name(room, "")).await })
    }

    fn clear(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.drop_all(OURS))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            let _: String = self.ask(&cmd("PING")).await?;
            Ok(())
        })
    }
}

/// Shows no password.
impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn open(url: &str) -> Result<Redis, StoreError> {
        Redis::new(&Settings {
            url: url.into(),
            deadline: Duration::from_millis(300),
        })
    }

    #[test]
    fn a_bad_address_is_refused_with_the_variable_and_without_the_password() {
        for url in [
            "",
            "nonsense",
            "http://ann:secret@host",
            "redis://:secret@host:port",
            "rediss://:secret@host:6379/#insecure",
        ] {
            let error = open(url).unwrap_err().to_string();
            assert!(error.contains("REDIS_URL"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn tls_is_spoken_where_the_address_says_so() {
        let redis = open("rediss://:secret@cache.example:6380/1").unwrap();
        assert!(!format!("{redis:?}").contains("secret"));
        assert_eq!(redis.place, "cache.example:6380");
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_told_at_once() {
        // Port 1 is for a service that nobody has run for decades.
        let redis = open("redis://127.0.0.1:1").unwrap();
        let error = redis.check().await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
        assert!(error.to_string().contains("refused"), "{error}");
    }

    proptest! {
        #[test]
        fn no_two_names_share_a_key_and_no_room_lies_in_another(
            a in "[a-c:%*?]{0,4}",
            b in "[a-c:%*?]{0,4}",
            c in "[a-c:%*?]{0,4}",
            d in "[a-c:%*?]{0,4}",
        ) {
            prop_assert_eq!(name(&a, &b) == name(&c, &d), (&a, &b) == (&c, &d));
            prop_assert_eq!(name(&a, &b).starts_with(&name(&c, "")), a == c);
        }
    }
}
