//! The stack in containers, read: docker-compose.yml, the Dockerfiles and `.env.example` agree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;
use service::settings::Settings;

mod checks;

/// Which services wait for which: each phase waits until the one before it is healthy.
const INFRASTRUCTURE: &[&str] = &["postgres", "redis", "chromadb"];
const CORE: &[&str] = &["mumble-server", "faster-whisper", "piper", "ollama"];
const APPLICATION: &[&str] = &["bot"];

/// Runs only for those who ask for it, and needs the Mumble server alone.
const PHONE: &str = "bridge-sip";

/// All that the host is asked to listen on.
const PORTS: &[(&str, &str)] = &[
    ("mumble-server", "48000:64738/tcp"),
    ("mumble-server", "48000:64738/udp"),
    ("bot", "127.0.0.1:8082:8080"),
    (PHONE, "${SIP_PORT:-5060}:${SIP_PORT:-5060}/udp"),
    (PHONE, "${SIP_PORT:-5060}:${SIP_PORT:-5060}/tcp"),
    (
        PHONE,
        "${RTP_PORT_MIN:-10000}-${RTP_PORT_MAX:-10010}:\
         ${RTP_PORT_MIN:-10000}-${RTP_PORT_MAX:-10010}/udp",
    ),
    (PHONE, "127.0.0.1:8083:8080"),
];

/// What outlives a container. The last four hold models, and who assistant and callers are.
const VOLUMES: &[&str] = &[
    "mumble-data",
    "postgres-data",
    "redis-data",
    "chromadb-data",
    "piper-voices",
    "whisper-models",
    "ollama-models",
    "assistant-state",
    "phone-state",
];

const DOCKERFILES: &[&str] = &[
    "Dockerfile",
    "docker/piper/Dockerfile",
    "docker/faster-whisper/Dockerfile",
    "docker/ollama/Dockerfile",
];

/// The text of a file, named from the root of the repository.
fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn compose() -> Value {
    serde_saphyr::from_str(&text("docker-compose.yml")).expect("it is YAML")
}

/// The services by name.
fn services() -> BTreeMap<String, Value> {
    let services = compose()["services"].take();
    serde_json::from_value(services).expect("services are a table")
}

/// The texts of a list.
fn texts(list: &Value) -> Vec<&str> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    items
        .iter()
        .map(|item| item.as_str().expect("a text"))
        .collect()
}

/// Every `${NAME...}` of the compose file, with what stands behind the name.
fn variables() -> Vec<(String, String)> {
    let file = text("docker-compose.yml");
    let uses = file.split("${").skip(1);
    uses.map(|rest| {
        let inside = rest.split_once('}').expect("a brace is closed").0;
        let end = inside.find(':').unwrap_or(inside.len());
        (inside[..end].to_owned(), inside[end..].to_owned())
    })
    .collect()
}

/// Every variable of the example with its value, whether or not behind a `#`.
fn example() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for line in text(".env.example").lines() {
        let bare = line.strip_prefix('#').unwrap_or(line);
        let Some((name, value)) = bare.split_once('=') else {
            continue;
        };
        let proper = |c: char| c.is_ascii_uppercase() || c == '_';
        if !name.is_empty() && name.chars().all(proper) {
            let before = found.insert(name.to_owned(), value.to_owned());
            assert!(before.is_none(), "{name} stands in .env.example twice");
        }
    }
    found
}

/// Every variable that `mumble-ai config` shows, with its default.
fn reference() -> BTreeMap<String, Option<String>> {
    let settings = Settings::load(mumble_ai::REFERENCE, None, &|_| None).expect("it is in order");
    let written = |value| match serde_json::to_value(value).expect("settings are plain") {
        Value::String(text) => text,
        Value::Array(items) => texts(&Value::Array(items)).join(","),
        other => other.to_string(),
    };
    settings
        .lines()
        .map(|line| (line.variable, line.value.map(written)))
        .collect()
}

#[test]
fn each_phase_waits_until_the_one_before_it_is_healthy() {
    let mut services = services();
    let phone = services.remove(PHONE).expect("there is a phone line");
    let waits = phone["depends_on"].as_object().expect("it waits");
    assert_eq!(waits.keys().collect::<Vec<_>>(), ["mumble-server"]);
    let named: BTreeSet<&str> = services.keys().map(String::as_str).collect();
    let phases = [INFRASTRUCTURE, CORE, APPLICATION];
    assert_eq!(named, phases.concat().into_iter().collect());
    for (phase, members) in phases.iter().enumerate() {
        let awaited: BTreeSet<&str> = match phase {
            0 => BTreeSet::new(),
            1 => INFRASTRUCTURE.iter().copied().collect(),
            _ => [INFRASTRUCTURE, CORE].concat().into_iter().collect(),
        };
        for member in *members {
            let waits = services[*member]["depends_on"].as_object();
            let names = waits.into_iter().flatten().map(|(name, how)| {
                assert_eq!(how["condition"], "service_healthy", "{member} → {name}");
                name.as_str()
            });
            assert_eq!(names.collect::<BTreeSet<_>>(), awaited, "{member}");
        }
    }
}

#[test]
fn every_service_has_a_check_and_limits_and_comes_back() {
    for (name, service) in services() {
        let check = &service["healthcheck"];
        assert!(!texts(&check["test"]).is_empty(), "{name} has no check");
        for key in ["interval", "timeout", "retries", "start_period"] {
            assert!(!check[key].is_null(), "{name}: healthcheck.{key}");
        }
        let limits = &service["deploy"]["resources"]["limits"];
        assert!(limits["memory"].is_string(), "{name}: no limit of memory");
        assert!(limits["pids"].is_u64(), "{name}: no limit of processes");
        assert_eq!(service["restart"], "unless-stopped", "{name}");
        assert_eq!(texts(&service["networks"]), ["mumble-ai-network"], "{name}");
        assert!(service["logging"]["options"]["max-size"].is_string());
    }
}

#[test]
fn the_assistant_gets_a_minute_to_start_and_is_asked_by_its_own_command() {
    let check = services()["bot"]["healthcheck"].clone();
    assert_eq!(check["start_period"], "60s");
    assert_eq!(texts(&check["test"]), ["CMD", "mumble-ai", "health"]);
}

#[test]
fn who_wants_no_telephone_gets_none() {
    for (name, service) in services() {
        let profiles = texts(&service["profiles"]);
        let expected: &[&str] = if name == PHONE { &["phone"] } else { &[] };
        assert_eq!(profiles, expected, "{name}");
    }
    let phone = services().remove(PHONE).expect("there is a phone line");
    assert_eq!(texts(&phone["command"]), ["bridge-sip"]);
    assert_eq!(phone["image"], services()["bot"]["image"]);
    assert_eq!(phone["environment"]["SIP_BIND"], "0.0.0.0");
    let check = texts(&phone["healthcheck"]["test"]);
    assert_eq!(check, ["CMD", "mumble-ai", "health"]);
}

#[test]
fn only_the_named_ports_are_published() {
    let services = services();
    let published: Vec<(&str, &str)> = services
        .iter()
        .flat_map(|(name, service)| {
            let ports = texts(&service["ports"]).into_iter();
            ports.map(|port| (name.as_str(), port))
        })
        .collect();
    let mut expected = PORTS.to_vec();
    expected.sort_unstable();
    let mut found = published;
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn project_network_and_volumes_have_their_names() {
    let compose = compose();
    assert_eq!(compose["name"], "mumble-ai");
    let network = &compose["networks"]["mumble-ai-network"];
    assert_eq!(network["name"], "mumble-ai-network");
    assert_eq!(network["ipam"]["config"][0]["subnet"], "172.20.0.0/16");
    let volumes = compose["volumes"].as_object().expect("a table");
    let declared: BTreeSet<&str> = volumes.keys().map(String::as_str).collect();
    assert_eq!(declared, VOLUMES.iter().copied().collect());
    // Each is used by exactly one service, and no path of the host by any.
    let mut used = Vec::new();
    for (name, service) in services() {
        for volume in texts(&service["volumes"]) {
            let source = volume.split(':').next().unwrap_or_default();
            assert!(declared.contains(source), "{name} mounts {volume}");
            used.push(source.to_owned());
        }
    }
    used.sort_unstable();
    assert_eq!(used, declared.into_iter().collect::<Vec<_>>());
}

/// Whether an image is named with a version.
fn pinned(image: &str) -> bool {
    let tag = image.rsplit_once(':').map(|(_, tag)| tag);
    tag.is_some_and(|tag| tag.contains('.') && tag.contains(|c: char| c.is_ascii_digit()))
}

#[test]
fn every_image_is_pinned() {
    for (name, service) in services() {
        let image = service["image"].as_str().expect("an image has a name");
        assert!(pinned(image), "{name}: {image}");
        if !service["build"].is_null() {
            let version = concat!(":", env!("CARGO_PKG_VERSION"));
            assert!(image.ends_with(version), "{name}: {image} is not {version}");
        }
    }
    for file in DOCKERFILES {
        for line in text(file).lines() {
            if let Some(base) = line.strip_prefix("FROM ") {
                let image = base.split(' ').next().unwrap_or_default();
                assert!(pinned(image), "{file}: {line}");
            }
        }
    }
}

#[test]
fn what_python_runs_is_pinned_to_the_versions_that_are_tested() {
    let tested = text("scripts/install.sh");
    for file in DOCKERFILES {
        for word in text(file).split_whitespace() {
            let word = word.trim_matches('\'');
            if word.contains("==") {
                assert!(
                    tested.contains(word),
                    "{file}: {word} is not what is tested"
                );
            }
        }
    }
    let chroma = services()["chromadb"]["image"].as_str().map(str::to_owned);
    let version = chroma.expect("it has an image");
    let version = version.rsplit(':').next().unwrap_or_default();
    assert!(tested.contains(&format!("chromadb=={version}")));
}

#[test]
fn every_image_of_ours_has_the_check_of_its_service() {
    for (name, service) in services() {
        let Some(folder) = service["build"].as_str() else {
            continue;
        };
        let dockerfile = text(&format!("{folder}/Dockerfile"));
        let (_, rest) = dockerfile
            .split_once("\nHEALTHCHECK ")
            .unwrap_or_else(|| panic!("{name}: no HEALTHCHECK"));
        let line = rest.lines().next().unwrap_or_default();
        let (options, command) = line.split_once(" CMD ").expect("a check has a command");
        let command: Vec<String> = serde_json::from_str(command).expect("its words are a list");
        let check = &service["healthcheck"];
        let mut expected = texts(&check["test"]);
        // What compose hands to a shell, the image names the shell for.
        let shell = expected.remove(0) == "CMD-SHELL";
        let expected: Vec<String> = match shell {
            true => vec!["sh".into(), "-c".into(), expected[0].replace("$$", "$")],
            false => expected.into_iter().map(str::to_owned).collect(),
        };
        assert_eq!(command, expected, "{name}");
        for (option, key) in [
            ("interval", "interval"),
            ("timeout", "timeout"),
            ("start-period", "start_period"),
        ] {
            let value = check[key].as_str().expect("a duration");
            assert!(
                options.contains(&format!("--{option}={value}")),
                "{name}: {options} has another {option} than {value}"
            );
        }
        assert!(dockerfile.contains("\nUSER ") || name == "ollama", "{name}");
    }
}

#[test]
fn every_variable_of_compose_is_in_the_example_and_known_to_the_program() {
    let (example, reference) = (example(), reference());
    let variables = variables();
    assert!(variables.len() > 10, "{variables:?}");
    for (name, _) in variables {
        assert!(example.contains_key(&name), "{name} is not in .env.example");
        assert!(
            reference.contains_key(&name),
            "{name} is not in config/assistant.toml"
        );
    }
}

#[test]
fn the_example_has_every_setting_with_the_value_that_is_in_force() {
    let (example, reference) = (example(), reference());
    let names = |map: Vec<&String>| map.into_iter().cloned().collect::<BTreeSet<_>>();
    let known = names(reference.keys().collect());
    let shown = names(example.keys().collect());
    let missing: Vec<_> = known.difference(&shown).collect();
    assert!(missing.is_empty(), "add to .env.example: {missing:?}");
    let strange: Vec<_> = shown.difference(&known).collect();
    assert!(strange.is_empty(), "no setting is called {strange:?}");

    let services = services();
    let of = |name: &str| services[name]["environment"].as_object().expect("a table");
    let fixed = of(PHONE).iter().chain(of("bot"));
    // What is blank is kept from a part whose business it is not; the other one has it.
    let fixed: BTreeMap<_, _> = fixed.filter(|(_, value)| *value != "").collect();
    let of_compose: BTreeMap<String, String> = variables().into_iter().collect();
    for (name, shown) in example {
        let expected = match (of_compose.get(&name), fixed.get(&name), &reference[&name]) {
            (Some(rest), _, _) => rest.strip_prefix(":-").unwrap_or_default(),
            (None, Some(fixed), _) => fixed.as_str().expect("a text"),
            (None, None, Some(default)) => default,
            // Nothing is in force; what is shown is an example.
            (None, None, None) => continue,
        };
        assert_eq!(shown, expected, "{name} in .env.example");
    }
}

#[test]
fn no_default_of_compose_contradicts_itself() {
    let mut seen = BTreeMap::new();
    for (name, rest) in variables() {
        let before = seen.insert(name.clone(), rest.clone());
        assert!(
            before.is_none_or(|before| before == rest),
            "{name} has two defaults"
        );
    }
}
