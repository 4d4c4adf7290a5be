//! `mumble-ai health`: asks the running assistant how it is, for people, scripts and containers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use service::health::{Answer, Condition, Status};
use service::settings::{Settings, without_password};

use crate::out;

mod phone;

/// How long an answer may take. The assistant answers within 50 ms whatever hangs; the rest is
/// for a slow network and a machine that is starting everything at once.
const PATIENCE: Duration = Duration::from_secs(3);

/// How to ask.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Ask there instead of at HEALTH_BIND and HEALTH_PORT.
    #[arg(long, value_name = "ADDRESS")]
    url: Option<String>,
    /// Print what the assistant answers, for machines.
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  mumble-ai health                                the assistant on this computer
  mumble-ai health --url http://127.0.0.1:8082    one in a container
  mumble-ai health --url http://127.0.0.1:8083    the phone line beside an assistant
  mumble-ai health --json                         the same for machines

Exit codes: 0 healthy or degraded (people are answered, calls taken), 1 unhealthy or no answer,
64 the command line or a setting is wrong.";

/// Asks and prints a line for each service; exit code 1 when nobody can be answered.
///
/// # Errors
/// When a setting does not make sense, or no assistant answers.
pub async fn run(args: &Args, settings: &Settings) -> anyhow::Result<ExitCode> {
    let url = match &args.url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => {
            let config = bot::Config::from_settings(settings)?;
            format!("http://{}", reachable(config.health.address()))
        }
    };
    let text = ask(&url).await?;
    let (status, lines) = read(&text).with_context(|| {
        let place = without_password(url.clone());
        format!("{place} is no assistant: set HEALTH_PORT or --url to where one tells its health")
    })?;
    if args.json {
        out::line(text.trim_end());
    } else {
        lines.into_iter().for_each(out::line);
    }
    Ok(match status {
        Status::Healthy | Status::Degraded => ExitCode::SUCCESS,
        Status::Unhealthy => ExitCode::FAILURE,
    })
}

async fn ask(url: &str) -> anyhow::Result<String> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()?;
    let answer = async {
        client
            .get(format!("{url}/health"))
            .send()
            .await?
            .text()
            .await
    };
    answer.await.map_err(|_| {
        let place = without_password(url.to_owned());
        anyhow::anyhow!(
            "no assistant answers at {place}: start it with `mumble-ai up`, or set HEALTH_PORT \
             and HEALTH_BIND as they were set for it"
        )
    })
}

/// What a phone line says that tells its health at `address`; nothing if none does.
pub(crate) async fn of_phone_line(address: SocketAddr) -> Option<bridge_sip::board::Answer> {
    let text = ask(&format!("http://{}", reachable(address))).await.ok()?;
    serde_json::from_str(&text).ok()
}

/// What an answer says, to read: the assistant's, or the phone line's.
fn read(text: &str) -> serde_json::Result<(Status, Vec<String>)> {
    if let Ok(answer) = serde_json::from_str::<bridge_sip::board::Answer>(text) {
        return Ok((answer.status, phone::table(&answer)));
    }
    let answer: Answer = serde_json::from_str(text)?;
    Ok((answer.status, table(&answer)))
}

/// Where to ask for what listens at `address`: everywhere is also here.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The answer as lines to read.
fn table(answer: &Answer) -> Vec<String> {
    let mut lines = vec![answer.status.word().to_owned()];
    lines.extend(answer.reasons.iter().map(|reason| format!("  {reason}")));
    lines.push(String::new());
    for (name, up) in &answer.services {
        let Some(up) = up else {
            lines.push(format!("{name:10}not configured"));
            continue;
        };
        let Some(condition) = answer.dependencies.get(name) else {
            continue;
        };
        lines.push(row(name, *up, condition, answer.timestamp));
        if condition.instances.len() > 1 {
            lines.extend(condition.instances.iter().map(|one| {
                let row = row("", one.up, &one.condition, answer.timestamp);
                format!("{row}  {}", one.address)
            }));
        }
    }
    lines
}

fn row(name: &str, up: bool, condition: &Condition, now: f64) -> String {
    let Condition {
        state,
        since,
        last_error,
        ..
    } = condition;
    let word = if up { "up" } else { "away" };
    let age = age(now - since);
    let error = last_error
        .as_ref()
        .map(|error| {
            format!(
                "  last error {} ago: {}",
                self::age(now - error.at),
                error.text
            )
        })
        .unwrap_or_default();
    format!("{name:10}{word:6}{state:10}for {age:8}{error}")
        .trim_end()
        .to_owned()
}

/// A time in its largest whole unit.
fn age(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_everywhere_is_asked_here() {
        for (bind, expected) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("192.0.2.7:1", "192.0.2.7:1"),
        ] {
            let address = reachable(bind.parse().unwrap());
            assert_eq!(address.to_string(), expected);
        }
    }

    #[test]
    fn a_time_is_told_in_its_largest_whole_unit() {
        let told = [-3.0, 0.4, 119.9, 120.0, 7_300.0, 200_000.0].map(age);
        assert_eq!(told, ["0 s", "0 s", "119 s", "2 min", "2 h", "2 days"]);
    }

    #[test]
    fn a_table_tells_each_service_and_its_servers() {
        let server = serde_json::json!({
            "state": "closed", "since": 1000.0, "last_error": null, "last_success": 1090.0,
            "latency_ms": null, "trips": 0, "calls": 1, "failures": 0, "refused": 0
        });
        let mut spare = server.clone();
        spare["state"] = "open".into();
        spare["since"] = 1080.0.into();
        spare["last_error"] = serde_json::json!({ "at": 1090.0, "text": "nobody listens" });
        let mut whisper = server.clone();
        for (one, address, up) in [(server, "http://a", true), (spare, "http://b", false)] {
            let mut one = one;
            one["address"] = address.into();
            one["up"] = up.into();
            let instances = whisper["instances"].take();
            let mut instances = instances.as_array().cloned().unwrap_or_default();
            instances.push(one);
            whisper["instances"] = instances.into();
        }
        let answer = serde_json::json!({
            "status": "degraded", "reasons": ["piper is away"],
            "services": { "whisper": true, "redis": null },
            "dependencies": { "whisper": whisper }, "timestamp": 1100.0
        });
        let lines = table(&serde_json::from_value(answer).unwrap());
        let expected = [
            "degraded",
            "  piper is away",
            "",
            "redis     not configured",
            "whisper   up    closed    for 100 s",
            "          up    closed    for 100 s  http://a",
            "          away  open      for 20 s      last error 10 s ago: nobody listens  http://b",
        ];
        assert_eq!(lines, expected);
    }
}
