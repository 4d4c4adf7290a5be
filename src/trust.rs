//! `mumble-ai trust HOST:PORT`: accepts the certificate that a Mumble server shows now.

use std::process::ExitCode;
use std::str::FromStr;

use service::settings::Settings;

use crate::out;

/// Which server to trust.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The server, as the settings name it: `talk.example:64738`; without a port, 64738.
    #[arg(value_name = "HOST:PORT")]
    server: Address,
}

/// Fetches the server's certificate and keeps it in place of the one known before.
///
/// # Errors
/// When the server cannot be reached, or the state folder cannot be written.
pub async fn run(args: &Args, settings: &Settings) -> anyhow::Result<ExitCode> {
    let service: service::Config = settings.room("service")?;
    let Address { host, port } = &args.server;
    let fingerprint = mumble::trust::accept(host, *port, &service.state_dir).await?;
    out::line(format_args!(
        "{host}:{port} is trusted from now on: SHA-256 {fingerprint}"
    ));
    Ok(ExitCode::SUCCESS)
}

/// A server's host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Address {
    host: String,
    port: u16,
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "expected HOST:PORT, such as talk.example:64738 or [2001:db8::1]:64738";
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            // More than one colon without brackets is an IPv6 address alone.
            None if text.matches(':').count() == 1 => {
                let (host, port) = text.split_once(':').ok_or(wrong)?;
                (host, Some(port))
            }
            None => (text, None),
        };
        let port = port
            .map_or(Ok(mumble::DEFAULT_PORT), str::parse)
            .map_err(|_| wrong)?;
        if host.is_empty() || port == 0 {
            return Err(wrong);
        }
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_with_or_without_its_port() {
        for (text, host, port) in [
            ("talk.example:1234", "talk.example", 1234),
            ("talk.example", "talk.example", 64738),
            ("[2001:db8::1]:1234", "2001:db8::1", 1234),
            ("2001:db8::1", "2001:db8::1", 64738),
        ] {
            assert_eq!(
                text.parse(),
                Ok(Address {
                    host: host.into(),
                    port
                }),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for text in [
            "",
            ":1234",
            "host:",
            "host:x",
            "host:0",
            "host:70000",
            "[]:1",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
