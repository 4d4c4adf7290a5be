//! The phone line: whether it runs, or could, and who could call then.

use std::net::SocketAddr;

use bridge_sip::board::{Answer, Link};
use bridge_sip::phone::registrar::Account;
use bridge_sip::{Config, probe};
use service::health::Status;
use service::settings::{Origin, Settings};

use super::{Finding, Health};
use crate::health;

/// Tries what telephone calls need. Whoever has set nothing of it and runs no phone line is told
/// that there is none.
pub(super) async fn look(settings: &Settings) -> Vec<Finding> {
    let config = match Config::from_settings(settings) {
        Ok(config) => config,
        Err(error) => return vec![finding("phone", Health::Wrong(error.to_string()))],
    };
    let running = running(&config).await;
    if running.is_none() && !is_wanted(settings) {
        let off = "off (SIP_ENABLED); `mumble-ai bridge-sip` runs it alone".to_owned();
        return vec![finding("phone", Health::Fine(off))];
    }
    let mut findings = match &running {
        Some((place, answer)) => vec![finding("phone", of_running(&config, *place, answer))],
        None => vec![
            finding("phone", of_port(&config)),
            finding("sound", of_sound(&config)),
        ],
    };
    findings.push(finding("callers", of_callers(&config)));
    if let Some(account) = config.account() {
        let told = running.and_then(|(_, answer)| answer.registration);
        findings.push(finding("pbx", of_pbx(&config, &account, told).await));
    }
    findings
}

fn finding(part: &'static str, health: Health) -> Finding {
    Finding { part, health }
}

/// Whether anything about telephones was set at all.
fn is_wanted(settings: &Settings) -> bool {
    let of_it = |key: &str| key.starts_with("sip.");
    let mut lines = settings.lines();
    lines.any(|line| of_it(&line.key) && line.origin != Origin::Default)
}

/// A phone line that runs here with these settings, beside an assistant or alone, and what it says.
async fn running(config: &Config) -> Option<(SocketAddr, Answer)> {
    for place in [config.health_beside(), config.health] {
        if let Some(answer) = health::of_phone_line(place).await {
            return Some((place, answer));
        }
    }
    None
}

fn of_running(config: &Config, place: SocketAddr, answer: &Answer) -> Health {
    let listen = config.listen();
    if probe::signalling(config).is_ok() {
        return Health::Wrong(format!(
            "the phone line that answers at {place} does not listen on {listen}: start it again, \
             with SIP_PORT and SIP_BIND as they are here"
        ));
    }
    match answer.status {
        Status::Healthy => Health::Fine(format!(
            "open on {listen}; {} calls, {} of {} ports free",
            answer.calls.now, answer.ports.free, answer.ports.all
        )),
        Status::Degraded | Status::Unhealthy => Health::Wrong(answer.reasons.join("; ")),
    }
}

fn of_port(config: &Config) -> Health {
    let listen = config.listen();
    match probe::signalling(config) {
        Ok(()) => Health::Fine(format!("{listen} is free, by UDP and TCP")),
        Err(error) => Health::Wrong(format!(
            "{error}. No phone line answers at SIP_HEALTH_PORT or HEALTH_PORT: another program has \
             the port, or the address is not one of this computer's"
        )),
    }
}

fn of_sound(config: &Config) -> Health {
    let (first, last) = (config.sip.rtp_port_min, config.sip.rtp_port_max);
    let (all, free) = (usize::from(last - first) + 1, probe::free_ports(config));
    let set = "RTP_PORT_MIN and RTP_PORT_MAX";
    if free < all {
        return Health::Wrong(format!(
            "{} of the {all} ports from {first} to {last} are in use by other programs, and each \
             is a call less; set {set}",
            all - free
        ));
    }
    let more = if all == 1 {
        format!(": others are turned away meanwhile; set {set} for more")
    } else {
        String::new()
    };
    let calls = if all == 1 { "call" } else { "calls" };
    Health::Fine(format!("{first} to {last}, {all} {calls} at a time{more}"))
}

fn of_callers(config: &Config) -> Health {
    let sip = &config.sip;
    let listed = match sip.allow.len() {
        0 => None,
        1 => Some("one address or network (SIP_ALLOW)".to_owned()),
        count => Some(format!("{count} addresses or networks (SIP_ALLOW)")),
    };
    let (by_list, by_password) = (listed, sip.caller_password.is_some());
    match (by_list, by_password) {
        (Some(list), true) => Health::Fine(format!("{list}, and whoever knows the password")),
        (Some(list), false) => Health::Fine(list),
        (None, true) => Health::Fine("whoever knows the password".to_owned()),
        (None, false) if sip.bind.is_loopback() => {
            Health::Fine("this computer alone (SIP_BIND)".to_owned())
        }
        (None, false) => Health::Wrong(format!(
            "everybody who can reach {} may call; name your PBX or your network in SIP_ALLOW, or \
             set SIP_CALLER_PASSWORD",
            config.listen()
        )),
    }
}

/// What the line itself says of its PBX, or else whether that can be reached.
async fn of_pbx(config: &Config, account: &Account, told: Option<Link>) -> Health {
    let domain = &account.domain;
    match told {
        Some(Link { up: true, .. }) => Health::Fine(format!("registered at {domain}")),
        Some(Link { error, .. }) => Health::Wrong(format!(
            "not registered at {domain}: {} (SIP_DOMAIN)",
            error.unwrap_or_default()
        )),
        None => match probe::pbx(account, config.sip.bind).await {
            Ok(address) => Health::Fine(format!(
                "{address} answers; whether it knows SIP_USERNAME shows when the line runs"
            )),
            Err(away) => Health::Wrong(format!("{away} (SIP_DOMAIN)")),
        },
    }
}
