//! What settings of the phone line may not be.

use service::settings::{Line, Settings, SettingsError};

use super::*;

const REFERENCE: &str = include_str!("../../../config/assistant.toml");

/// Numbers that may be nothing: waits that can be left out, and no bound.
const MAY_BE_ZERO: &[&str] = &["SIP_OUTAGE_SECONDS", "SIP_CONNECTIONS"];

fn config(variables: &[(&str, &str)]) -> Result<Config, SettingsError> {
    let env = |name: &str| {
        let set = variables.iter().find(|(variable, _)| *variable == name);
        set.map(|(_, value)| (*value).to_owned())
    };
    Config::from_settings(&Settings::load(REFERENCE, None, &env)?)
}

#[test]
fn a_number_that_is_none_is_refused_for_every_variable() {
    let settings = Settings::load(REFERENCE, None, &|_| None).unwrap();
    let number = |line: Line| line.value?.is_integer().then_some(line.variable);
    let lines = settings.lines().filter(|line| line.key.starts_with("sip."));
    let variables: Vec<String> = lines.filter_map(number).collect();
    assert!(variables.len() > 5, "{variables:?}");
    for variable in &variables {
        let zero = (!MAY_BE_ZERO.contains(&variable.as_str())).then_some("0");
        for nonsense in ["NaN", "inf", "-1", "1.5", "soon", "99999999999999999999"]
            .into_iter()
            .chain(zero)
        {
            let refused = config(&[(variable, nonsense)]).err();
            let error = refused.unwrap_or_else(|| panic!("{variable}={nonsense} was taken"));
            let error = error.to_string();
            assert!(error.starts_with(&format!("{variable} is ")), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}

#[test]
fn what_is_no_address_codec_or_range_is_refused() {
    for (variable, nonsense) in [
        ("SIP_BIND", "everywhere"),
        ("SIP_PUBLIC_ADDRESS", "my.router"),
        ("SIP_ALLOW", "192.0.2.0/24,everybody"),
        ("SIP_CODECS", "g729"),
        ("RTP_PORT_MAX", "9999"),
    ] {
        let error = config(&[(variable, nonsense)]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{variable} is ")), "{error}");
    }
}

#[test]
fn the_defaults_are_those_people_know() {
    let config = config(&[]).unwrap();
    assert_eq!(config.sip.port, 5060);
    assert_eq!(
        (config.sip.rtp_port_min, config.sip.rtp_port_max),
        (10_000, 10_010)
    );
    assert!(config.sip.bind.is_loopback());
    assert!(!config.sip.enabled);
    assert_eq!(config.sip.codecs, Codec::ALL);
}
