//! The phone line's settings: its own room, and what it needs of the Mumble server's.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use service::settings::limits::{
    filled, minutes, number, parsed, refused, seconds, seconds_or_none, some_filled,
};
use service::settings::{Settings, SettingsError};

use crate::digest::Algorithm;
use crate::ingress::Network;
use crate::offer::Codec;
use crate::phone::Domain;
use crate::phone::registrar::{Account, Transport};

/// Everything the phone line is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// The line itself.
    pub sip: Sip,
    /// The Mumble server.
    pub mumble: Mumble,
    /// Where the line tells about its health when it is alone in its process.
    pub health: SocketAddr,
    /// Folder of the certificate that callers share, and of the servers it knows.
    pub state_dir: PathBuf,
}

/// Room `[sip]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sip {
    /// Whether it is run together with the other roles.
    pub enabled: bool,
    /// UDP and TCP port of the signalling.
    #[serde(deserialize_with = "number::<_, 1, 65_535, _>")]
    pub port: u16,
    /// Address listened on.
    #[serde(deserialize_with = "parsed")]
    pub bind: IpAddr,
    /// Port of the pages about health, when it is run together with the other roles.
    #[serde(deserialize_with = "number::<_, 1, 65_535, _>")]
    pub health_port: u16,
    /// Address that telephones are told.
    #[serde(default, deserialize_with = "some_parsed")]
    pub public_address: Option<IpAddr>,
    /// Networks whose calls need no password; without one the only ones that calls are taken from,
    /// unless there are none.
    #[serde(deserialize_with = "all_parsed")]
    pub allow: Vec<Network>,
    /// The name that callers prove themselves with.
    #[serde(deserialize_with = "filled")]
    pub caller_user: String,
    /// The password of callers; without one nobody is asked.
    pub caller_password: Option<SecretString>,
    /// The hashes it is asked for with, the preferred one first.
    #[serde(deserialize_with = "hashes")]
    pub caller_hashes: Vec<Algorithm>,
    /// The PBX to register at.
    #[serde(default, deserialize_with = "some_parsed")]
    pub domain: Option<Domain>,
    /// The name there.
    #[serde(default, deserialize_with = "some_filled")]
    pub username: Option<String>,
    /// Its password.
    pub password: Option<SecretString>,
    /// How the PBX is reached.
    #[serde(deserialize_with = "transport")]
    pub register_transport: Transport,
    /// For how long to register.
    #[serde(rename = "register_expires_s", deserialize_with = "a_while")]
    pub register_expires: Duration,
    /// First port of the sound.
    #[serde(deserialize_with = "number::<_, 1, 65_535, _>")]
    pub rtp_port_min: u16,
    /// Last port of the sound.
    #[serde(deserialize_with = "number::<_, 1, 65_535, _>")]
    pub rtp_port_max: u16,
    /// Codecs, the preferred one first.
    #[serde(deserialize_with = "codecs")]
    pub codecs: Vec<Codec>,
    /// Channel of the callers.
    #[serde(default, deserialize_with = "some_filled")]
    pub channel: Option<String>,
    /// Channels by what was dialled, each with its number before it.
    #[serde(deserialize_with = "numbered")]
    pub channels: Vec<(String, String)>,
    /// Whether each call has a channel of its own, below the one it came to.
    pub channel_per_call: bool,
    /// Channels that callers can go to by keys.
    pub menu_channels: Vec<String>,
    /// What callers verify themselves by.
    #[serde(default, deserialize_with = "pin")]
    pub pin: Option<SecretString>,
    /// Connections that the Mumble server bears in two minutes; 0 for any number.
    #[serde(deserialize_with = "number::<_, 0, 10_000, _>")]
    pub connections: u16,
    /// Channel in which shared lines wait.
    #[serde(default, deserialize_with = "some_filled")]
    pub parking_channel: Option<String>,
    /// Bits per second of what callers say in Mumble.
    #[serde(deserialize_with = "number::<_, 8_000, 510_000, _>")]
    pub bitrate: u32,
    /// The longest call.
    #[serde(rename = "call_max_minutes", deserialize_with = "minutes")]
    pub call_max: Duration,
    /// The longest that nothing may come from a telephone.
    #[serde(rename = "silence_max_s", deserialize_with = "seconds")]
    pub silence_max: Duration,
    /// The longest that Mumble may be away.
    #[serde(rename = "outage_s", deserialize_with = "seconds_or_none")]
    pub outage: Duration,
}

/// What is needed of room `[health]`.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Health {
    #[serde(deserialize_with = "number::<_, 1, 65_535, _>")]
    port: u16,
    #[serde(deserialize_with = "parsed")]
    bind: IpAddr,
}

/// What is needed of room `[mumble]`.
#[derive(Clone, Debug, Deserialize)]
pub struct Mumble {
    /// Host name or address.
    #[serde(deserialize_with = "filled")]
    pub host: String,
    /// TCP and UDP port.
    #[serde(deserialize_with = "number::<_, 1, 65_535, _>")]
    pub port: u16,
    /// The server's password.
    pub password: Option<SecretString>,
    /// Channel path, for callers who have none of their own.
    pub channel: Option<String>,
    /// How the server's certificate is recognised.
    #[serde(deserialize_with = "parsed")]
    pub pin: mumble::Pin,
    /// Whether voice may travel over UDP.
    pub udp: bool,
    /// Access tokens for channels.
    pub tokens: Vec<SecretString>,
}

impl Config {
    /// Reads the rooms of `settings` that the phone line uses.
    ///
    /// # Errors
    /// When a value does not make sense; the message is one line that names it.
    pub fn from_settings(settings: &Settings) -> Result<Self, SettingsError> {
        let health: Health = settings.room("health")?;
        let config = Self {
            health: SocketAddr::new(health.bind, health.port),
            sip: settings.room("sip")?,
            mumble: settings.room("mumble")?,
            state_dir: settings.room::<service::Config>("service")?.state_dir,
        };
        if config.sip.rtp_port_max < config.sip.rtp_port_min {
            let expected = "no less than RTP_PORT_MIN";
            return Err(settings.invalid("sip", "rtp_port_max", expected));
        }
        let sip = &config.sip;
        if sip.domain.is_some() && sip.username.is_none() {
            let expected = "a name, because SIP_DOMAIN is set";
            return Err(settings.invalid("sip", "username", expected));
        }
        if sip.domain.is_some() && sip.password.is_none() {
            let expected = "a password, because SIP_DOMAIN is set";
            return Err(settings.invalid("sip", "password", expected));
        }
        Ok(config)
    }

    /// What to register as, if anything.
    pub fn account(&self) -> Option<Account> {
        let sip = &self.sip;
        Some(Account {
            domain: sip.domain.clone()?,
            user: sip.username.clone()?,
            password: sip.password.clone()?,
            transport: sip.register_transport,
            expires: sip.register_expires,
        })
    }

    /// Where calls come to.
    pub fn listen(&self) -> SocketAddr {
        SocketAddr::new(self.sip.bind, self.sip.port)
    }

    /// Where it tells about its health beside other roles, which have HEALTH_PORT.
    pub fn health_beside(&self) -> SocketAddr {
        SocketAddr::new(self.health.ip(), self.sip.health_port)
    }

    /// The channel of calls for which there is no other.
    pub fn channel(&self) -> Option<String> {
        let own = self.sip.channel.as_ref();
        own.or(self.mumble.channel.as_ref()).cloned()
    }

    /// A Mumble user as callers are, but for its name.
    pub fn user(&self) -> mumble::Config {
        let state = self.state_dir.join("phone");
        let mut user = mumble::Config::new(&*self.mumble.host, self.mumble.port, "", state);
        user.password = self.mumble.password.clone();
        user.tokens = self.mumble.tokens.clone();
        user.channel = self.channel();
        let most = usize::from(self.sip.connections);
        user.limit = user.limit.of((most > 0).then_some(most));
        user.pin = self.mumble.pin;
        user.udp = self.mumble.udp;
        user.bitrate = self.sip.bitrate;
        user
    }
}

fn some_parsed<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    parsed(deserializer).map(Some)
}

fn all_parsed<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let texts = Vec::<String>::deserialize(deserializer)?;
    let parse = |text: String| text.trim().parse().map_err(refused);
    texts.into_iter().map(parse).collect()
}

fn transport<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Transport, D::Error> {
    match String::deserialize(deserializer)?
        .to_ascii_lowercase()
        .as_str()
    {
        "udp" => Ok(Transport::Udp),
        "tcp" => Ok(Transport::Tcp),
        other => Err(refused(format!("expected udp or tcp, found {other:?}"))),
    }
}

fn hashes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Algorithm>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    if names.is_empty() {
        return Err(refused("expected at least one hash, found none"));
    }
    let hash = |name: &String| {
        let found = Algorithm::parse(name.trim());
        found.ok_or_else(|| refused(format!("expected SHA-256 or MD5, found {name:?}")))
    };
    names.iter().map(hash).collect()
}

/// Seconds; a registration for none would be its end.
fn a_while<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    number::<D, 10, 86_400, u64>(deserializer).map(Duration::from_secs)
}

fn codecs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Codec>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    let codec = |name: &String| {
        let mut all = Codec::ALL.into_iter();
        let found = all.find(|codec| codec.map().name.eq_ignore_ascii_case(name.trim()));
        found.ok_or_else(|| refused(format!("expected opus, g722, pcma or pcmu, found {name:?}")))
    };
    if names.is_empty() {
        return Err(refused("expected at least one codec, found none"));
    }
    names.iter().map(codec).collect()
}

/// Numbers and their channels, as `5001=Root/Sales`.
fn numbered<'de, D>(deserializer: D) -> Result<Vec<(String, String)>, D::Error>
where
    D: Deserializer<'de>,
{
    let pairs = Vec::<String>::deserialize(deserializer)?.into_iter();
    pairs
        .map(|pair| match pair.split_once('=') {
            Some((number, channel)) if !number.trim().is_empty() && !channel.trim().is_empty() => {
                Ok((number.trim().to_owned(), channel.trim().to_owned()))
            }
            _ => Err(refused(format!(
                "expected a number and its channel as 5001=Root/Sales, found {pair:?}"
            ))),
        })
        .collect()
}

/// Four to sixteen digits. A wrong one is not shown.
fn pin<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    let digits = String::deserialize(deserializer)?;
    if digits.is_empty() {
        return Ok(None);
    }
    if !(4..=16).contains(&digits.len()) || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(refused("expected 4 to 16 digits"));
    }
    Ok(Some(digits.into()))
}

#[cfg(test)]
mod tests;
