//! What the states of services come to.

use proptest::prelude::*;

use super::*;

/// What an index says of vectors that another model made.
const WRONG_SHAPE: &str =
    "it holds vectors of 384 numbers, not 768: run `mumble-ai memory reindex`";

#[test]
fn all_that_is_configured_is_well_or_it_is_not_healthy() {
    let well = || vec![server("http://a")];
    let ill = || vec![away("http://a")];
    assert_eq!(status(vec![]), Status::Healthy);
    assert_eq!(
        status(vec![("whisper", well()), ("ollama", well())]),
        Status::Healthy
    );
    for service in [
        "whisper",
        "piper",
        "database",
        "sqlite",
        "redis",
        "cache",
        "chromadb",
        "vectors",
        "embedding",
        "reader",
    ] {
        for sick in [away("http://a"), unfit("http://a", WRONG_SHAPE)] {
            let services = vec![("ollama", well()), (service, vec![sick])];
            assert_eq!(status(services), Status::Degraded, "{service}");
        }
    }
    assert_eq!(status(vec![("ollama", ill())]), Status::Unhealthy);
    assert_eq!(
        status(vec![("ollama", vec![unfit("http://a", WRONG_SHAPE)])]),
        Status::Unhealthy
    );
    assert_eq!(
        status(vec![("ollama", ill()), ("piper", ill())]),
        Status::Unhealthy
    );
}

#[test]
fn a_spare_that_is_well_keeps_its_service_well() {
    let both = vec![away("http://a"), server("http://b")];
    assert_eq!(status(vec![("ollama", both)]), Status::Healthy);
}

#[test]
fn a_server_that_cannot_be_reached_is_away_before_its_breaker_opens() {
    let missing = Snapshot {
        reachable: Some(false),
        ..server("http://a")
    };
    assert_eq!(status(vec![("piper", vec![missing])]), Status::Degraded);
}

#[test]
fn what_cannot_be_used_says_what_to_do_until_it_can_and_a_spare_takes_its_place() {
    let began = Instant::now();
    let index = |servers: Vec<Snapshot>| view(began, vec![("chromadb", servers)]);
    let alone = answer(&index(vec![unfit("http://a", WRONG_SHAPE)]), Duration::ZERO);
    let expected = format!("chromadb cannot be used: {WRONG_SHAPE}");
    assert_eq!(alone.reasons, [expected]);
    assert_eq!(alone.services["chromadb"], Some(false));
    // Nobody left it alone: it is no fault that trying again could mend.
    assert_eq!(alone.dependencies["chromadb"].state, "closed");
    assert!(!alone.dependencies["chromadb"].instances[0].up);
    let both = vec![unfit("http://a", WRONG_SHAPE), server("http://b")];
    assert_eq!(answer(&index(both), Duration::ZERO).status, Status::Healthy);
    // One that has gone since is away, whatever it said before.
    let gone = Snapshot {
        reachable: Some(false),
        last_error: Some((began, "connection refused".to_owned())),
        ..unfit("http://a", WRONG_SHAPE)
    };
    let gone = answer(&index(vec![gone]), Duration::ZERO);
    assert_eq!(gone.reasons, ["chromadb is away: connection refused"]);
    let mended = Snapshot {
        unfit: false,
        ..unfit("http://a", WRONG_SHAPE)
    };
    let mended = answer(&index(vec![mended]), Duration::ZERO);
    assert_eq!((mended.status, mended.reasons.len()), (Status::Healthy, 0));
}

#[test]
fn a_missing_model_for_vectors_says_what_to_do_and_people_are_answered() {
    let why = "the model server at http://a has no model `all-minilm`; \
               `ollama pull all-minilm` fetches it";
    let missing = Snapshot {
        reachable: Some(false),
        last_error: Some((Instant::now(), why.to_owned())),
        ..server("http://a")
    };
    let services = vec![
        ("ollama", vec![server("http://a")]),
        ("embedding", vec![missing]),
    ];
    let answer = answer(&view(Instant::now(), services), Duration::ZERO);
    assert_eq!(answer.status, Status::Degraded);
    assert_eq!(answer.reasons, [format!("embedding is away: {why}")]);
}

#[test]
fn memory_that_loses_what_is_said_is_told_and_what_only_waits_is_not() {
    let memory = |memory: Memory| {
        let view = View {
            memory: Some(memory),
            ..view(Instant::now(), vec![])
        };
        answer(&view, Duration::ZERO)
    };
    let waiting = memory(Memory {
        waiting: 900,
        late: 3,
        ..Memory::default()
    });
    assert_eq!(
        (waiting.status, waiting.reasons.len()),
        (Status::Healthy, 0)
    );
    let full = memory(Memory {
        journal: Some("no space left on the device".to_owned()),
        lost: 2,
        ..Memory::default()
    });
    assert_eq!(full.status, Status::Degraded);
    assert_eq!(
        full.reasons,
        [
            "turns cannot be kept on this disk: no space left on the device",
            "2 turns were not remembered"
        ]
    );
}

#[test]
fn nobody_is_answered_by_who_is_not_in_mumble_or_is_stuck() {
    let began = Instant::now();
    let mut view = view(began, vec![]);
    assert_eq!(answer(&view, STUCK_AFTER).status, Status::Healthy);
    let stuck = answer(&view, STUCK_AFTER + Duration::from_secs(1));
    assert_eq!(stuck.status, Status::Unhealthy);
    assert_eq!(
        stuck.reasons,
        ["the assistant has been stuck for 61 s; it needs a restart"]
    );
    view.presence = Presence::Away {
        since: began,
        why: "the server is full".to_owned(),
        failures: 3,
    };
    let alone = answer(&view, Duration::ZERO);
    assert_eq!(alone.status, Status::Unhealthy);
    assert_eq!(alone.reasons, ["not in Mumble: the server is full"]);
    assert_eq!(alone.services["mumble"], Some(false));
}

fn a_state() -> impl Strategy<Value = State> {
    prop_oneof![
        Just(State::Closed),
        Just(State::HalfOpen),
        Just(State::Open)
    ]
}

proptest! {
    #[test]
    fn the_status_is_never_better_than_its_services(
        states in proptest::collection::vec((0..6_usize, a_state()), 0..12),
        joined in any::<bool>(),
    ) {
        let names = ["whisper", "ollama", "piper", "database", "redis", "chromadb"];
        let services = names.iter().enumerate().map(|(n, name)| {
            let of = |(of, state): &(usize, State)| (*of == n).then_some(Snapshot {
                state: *state,
                ..server(name)
            });
            (*name, states.iter().filter_map(of).collect::<Vec<_>>())
        });
        let services = services.filter(|(_, servers)| !servers.is_empty()).collect();
        let mut view = view(Instant::now(), services);
        if !joined {
            let since = view.started;
            view.presence = Presence::Away { since, why: String::new(), failures: 1 };
        }
        let answer = answer(&view, Duration::ZERO);
        let all_well = answer.services.values().all(|up| *up != Some(false));
        prop_assert_eq!(answer.status == Status::Healthy, all_well);
        let helpless = !joined || answer.services["ollama"] == Some(false);
        prop_assert_eq!(answer.status == Status::Unhealthy, helpless);
        prop_assert_eq!(answer.reasons.is_empty(), all_well);
    }
}
