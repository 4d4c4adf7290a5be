//! Whether the configured stores are there: looked at by a connection that asks nothing.
//!
//! Nothing is kept in them yet, so nobody waits for them and no turn depends on them; /health
//! tells whether they could be used.

use std::io;

use resilience::{Checkup, Dependency, Limits, tend};
use secrecy::ExposeSecret as _;
use service::health::Board;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::config::{Circuit, Config};

/// Where a Redis listens that is not said to listen elsewhere.
const REDIS_PORT: u16 = 6379;

/// Watches every store that is configured until `shutdown`, and shows it on `board`.
pub(crate) fn watch(config: &Config, board: &Board, shutdown: &CancellationToken) {
    for Store {
        service,
        places,
        circuit,
    } in stores(config)
    {
        let settings = config.breaker(circuit);
        let servers = places.into_iter().map(|place| {
            let server = Dependency::new(place.name(), settings.clone(), Limits::default());
            tokio::spawn(tend(server.clone(), place, shutdown.clone()));
            server
        });
        board.watch(service, servers.collect());
    }
}

/// One configured store.
#[derive(Debug, PartialEq, Eq)]
struct Store {
    /// As /health calls it.
    service: &'static str,
    places: Vec<Place>,
    circuit: Circuit,
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    host: String,
    port: u16,
}

fn stores(config: &Config) -> Vec<Store> {
    let Config {
        database,
        redis,
        chromadb,
        ..
    } = config;
    let mut stores = Vec::new();
    let mut add = |service, places: Option<Vec<Place>>, circuit| {
        if let Some(places) = places {
            stores.push(Store {
                service,
                places,
                circuit,
            });
        }
    };
    let named = |host: &String| vec![Place::new(host, database.port)];
    let url = database.url.as_ref();
    let places = url
        .map(|url| in_address(url.expose_secret(), database.port))
        .or_else(|| database.host.as_ref().map(named));
    add("database", places, database.circuit());
    let places = redis.url.as_ref();
    let places = places.map(|url| in_address(url.expose_secret(), REDIS_PORT));
    add("redis", places, redis.circuit());
    let places = chromadb.url.as_ref().map(|url| {
        let port = if url.starts_with("https:") { 443 } else { 80 };
        in_address(url, port)
    });
    add("chromadb", places, chromadb.circuit());
    stores
}

/// Where the servers of an address listen: `scheme://user:password@host:port,host:port/name`.
/// An address without a host means this computer.
fn in_address(address: &str, port: u16) -> Vec<Place> {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    // What stands before the last @ is a name and a password, whatever signs are in it.
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let hosts = rest.split(['/', '?', '#']).next().unwrap_or_default();
    hosts.split(',').map(|host| place(host, port)).collect()
}

fn place(text: &str, port: u16) -> Place {
    let (host, port_given) = match text.rsplit_once(':') {
        // A colon inside brackets belongs to the address.
        Some((host, digits)) if !digits.contains(']') => (host, digits.parse().ok()),
        _ => (text, None),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let host = if host.is_empty() { "127.0.0.1" } else { host };
    Place::new(host, port_given.unwrap_or(port))
}

impl Place {
    fn new(host: &str, port: u16) -> Self {
        Self {
            host: host.to_owned(),
            port,
        }
    }

    /// As /health shows it.
    fn name(&self) -> String {
        let Self { host, port } = self;
        if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        }
    }
}

impl Checkup for Place {
    async fn alive(&self) -> Result<(), String> {
        let connected: io::Result<_> = TcpStream::connect((&*self.host, self.port)).await;
        match connected {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("cannot reach {}: {error}", self.name())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use proptest::prelude::*;

    use super::*;

    fn places(address: &str) -> Vec<String> {
        in_address(address, 5432).iter().map(Place::name).collect()
    }

    #[test]
    fn an_address_tells_where_to_look_and_nothing_of_its_password() {
        for (address, expected) in [
            ("postgres://ann:secret@db:6000/talk", "db:6000"),
            ("postgresql://db", "db:5432"),
            ("postgres://ann:se/cr@et?@db/talk?sslmode=off", "db:5432"),
            ("redis://:secret@[::1]:7000/0", "[::1]:7000"),
            ("redis://[fd00::2]/0", "[fd00::2]:5432"),
            ("postgres:///talk", "127.0.0.1:5432"),
        ] {
            assert_eq!(places(address), [expected], "{address}");
        }
        let two = ["first:5432", "second:6000"];
        assert_eq!(places("postgres://ann@first,second:6000/talk"), two);
    }

    #[tokio::test]
    async fn a_store_is_there_while_somebody_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let place = Place::new("127.0.0.1", port);
        assert_eq!(place.alive().await, Ok(()));
        drop(listener);
        let error = place.alive().await.unwrap_err();
        assert!(error.starts_with(&format!("cannot reach 127.0.0.1:{port}: ")));
    }

    proptest! {
        #[test]
        fn no_address_is_too_strange_to_be_read(address in ".*", port in 1_u16..) {
            for place in in_address(&address, port) {
                prop_assert!(!place.host.is_empty());
            }
        }
    }
}
