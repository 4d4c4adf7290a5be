//! Who gets in, who has to try again, and who does not get in.

use proptest::prelude::*;

use super::*;

const PASSWORD: &str = "Circle of Life";

fn server(settings: Settings, now: Instant) -> Server {
    Server::new(settings, [7; 32], now)
}

fn nonce(challenge: &str) -> String {
    let (_, rest) = challenge.split_once("nonce=\"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

/// What a phone answers to a challenge.
fn header(algorithm: Algorithm, nonce: &str, count: u32, password: &str) -> String {
    let who = algorithm.hash(&["ann", "mumble-ai", password]);
    let what = algorithm.hash(&["REGISTER", "sip:example.org"]);
    let nc = format!("{count:08x}");
    let response = algorithm.hash(&[&who, nonce, &nc, "c", "auth", &what]);
    let name = algorithm.as_str();
    format!(
        "Digest username=\"ann\", realm=\"mumble-ai\", nonce=\"{nonce}\", \
         uri=\"sip:example.org\", response=\"{response}\", algorithm={name}, \
         cnonce=\"c\", qop=auth, nc={nc}"
    )
}

fn try_in(server: &mut Server, now: Instant, header: &str) -> Verdict {
    let credentials = Credentials::read(header).unwrap();
    let password = |name: &str| (name == "ann").then_some(PASSWORD);
    server.verify(now, "REGISTER", &credentials, password)
}

fn accepted() -> Verdict {
    Verdict::Accepted("ann".to_owned())
}

#[test]
fn the_example_of_the_rfc_is_computed_right() {
    // RFC 7616 section 3.9.1.
    for (algorithm, response) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        (
            "SHA-256",
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
    ] {
        let header = format!(
            "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", \
             algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
             nc=00000001, cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, \
             response=\"{response}\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        );
        let credentials = Credentials::read(&header).unwrap();
        assert_eq!(credentials.expected("GET", PASSWORD), response);
    }
}

#[test]
fn whoever_knows_the_password_gets_in_with_either_hash() {
    let now = Instant::now();
    let mut server = server(Settings::default(), now);
    for algorithm in Algorithm::ALL {
        let challenges = server.challenge(now, [algorithm.digits() as u8; 8], false);
        let named = format!("algorithm={}", algorithm.as_str());
        let challenge = challenges
            .iter()
            .find(|text| text.contains(&named))
            .unwrap();
        assert!(!challenge.contains("stale"));
        let header = header(algorithm, &nonce(challenge), 1, PASSWORD);
        assert_eq!(try_in(&mut server, now, &header), accepted());
    }
}

#[test]
fn a_wrong_password_an_unknown_name_and_another_method_are_denied() {
    let now = Instant::now();
    let mut server = server(Settings::default(), now);
    let nonce = nonce(&server.challenge(now, [1; 8], false)[0]);
    let wrong = header(Algorithm::Md5, &nonce, 1, "circle of life");
    assert_eq!(try_in(&mut server, now, &wrong), Verdict::Denied);
    let right = header(Algorithm::Md5, &nonce, 1, PASSWORD);
    let credentials = Credentials::read(&right).unwrap();
    assert_eq!(
        server.verify(now, "REGISTER", &credentials, |_| None),
        Verdict::Denied
    );
    let method = server.verify(now, "INVITE", &credentials, |_| Some(PASSWORD));
    assert_eq!(method, Verdict::Denied);
    let empty = header(Algorithm::Md5, &nonce, 1, "");
    let empty = Credentials::read(&empty).unwrap();
    assert_eq!(
        server.verify(now, "REGISTER", &empty, |_| None),
        Verdict::Denied
    );
    assert_eq!(
        server.nonces.remembered_now(),
        0,
        "what was denied fills nothing"
    );
    assert_eq!(try_in(&mut server, now, &right), accepted());
}

#[test]
fn a_hash_that_is_not_offered_is_not_taken() {
    let now = Instant::now();
    let algorithms = vec![Algorithm::Sha256];
    let mut server = server(
        Settings {
            algorithms,
            ..Settings::default()
        },
        now,
    );
    let challenges = server.challenge(now, [1; 8], false);
    assert_eq!(challenges.len(), 1);
    let nonce = nonce(&challenges[0]);
    let weak = header(Algorithm::Md5, &nonce, 1, PASSWORD);
    assert_eq!(try_in(&mut server, now, &weak), Verdict::Denied);
    let strong = header(Algorithm::Sha256, &nonce, 1, PASSWORD);
    assert_eq!(try_in(&mut server, now, &strong), accepted());
}

#[test]
fn the_secret_of_the_nonces_is_not_shown() {
    let shown = format!("{:?}", server(Settings::default(), Instant::now()));
    assert!(!shown.contains("7, 7"), "{shown}");
}

#[test]
fn nothing_is_accepted_twice() {
    let now = Instant::now();
    let mut server = server(Settings::default(), now);
    let nonce = nonce(&server.challenge(now, [1; 8], false)[0]);
    let mut with = |count| {
        let header = header(Algorithm::Sha256, &nonce, count, PASSWORD);
        try_in(&mut server, now, &header)
    };
    for (count, verdict) in [
        (1, accepted()),
        (1, Verdict::Stale),
        (0x0a, accepted()),
        (3, accepted()),
        (3, Verdict::Stale),
        (0x100, accepted()),
        (0x0b, Verdict::Stale),
        (u32::MAX, accepted()),
        (0x100, Verdict::Stale),
    ] {
        assert_eq!(with(count), verdict, "{count}");
    }
}

#[test]
fn a_nonce_that_is_old_or_foreign_is_stale_for_who_knows_the_password() {
    let start = Instant::now();
    let mut server = server(Settings::default(), start);
    let nonce = nonce(&server.challenge(start, [1; 8], false)[0]);
    let used = header(Algorithm::Md5, &nonce, 1, PASSWORD);
    assert_eq!(try_in(&mut server, start, &used), accepted());
    let late = start + Settings::default().lifetime + Duration::from_millis(1);
    let header_late = header(Algorithm::Md5, &nonce, 2, PASSWORD);
    assert_eq!(try_in(&mut server, late, &header_late), Verdict::Stale);
    assert_eq!(server.nonces.remembered_now(), 0);
    for foreign in [
        "",
        "abc",
        &"0".repeat(64),
        "dcd98b7102dd2f0e8b11d0f600bfb0c093",
    ] {
        let header = header(Algorithm::Md5, foreign, 1, PASSWORD);
        assert_eq!(try_in(&mut server, late, &header), Verdict::Stale);
    }
    let challenge = server.challenge(late, [2; 8], true).remove(0);
    assert!(challenge.ends_with("stale=true"), "{challenge}");
}

#[test]
fn what_was_forgotten_for_want_of_room_stays_spent() {
    let start = Instant::now();
    let settings = Settings {
        remembered: 3,
        ..Settings::default()
    };
    let mut server = server(settings, start);
    let mut first = None;
    for index in 0..10 {
        let now = start + Duration::from_millis(index);
        let nonce = nonce(&server.challenge(now, [index as u8; 8], false)[0]);
        let header = header(Algorithm::Md5, &nonce, 1, PASSWORD);
        assert_eq!(try_in(&mut server, now, &header), accepted());
        first.get_or_insert(header);
        assert!(server.nonces.remembered_now() <= 3);
    }
    let now = start + Duration::from_millis(20);
    assert_eq!(try_in(&mut server, now, &first.unwrap()), Verdict::Stale);
}

#[test]
fn any_order_and_any_quoting_is_read() {
    let response = "8ca523f5e9506fed4657c9700eebdbec";
    let header = format!(
        " dIgEsT\tNC = 0000000A ,qop=\"auth\",, cnonce=x , Response={response}, x=\"a,b=c\",\
         URI=\"sip:bob@example.org;a=b\",algorithm=\"md5\", nonce=n, realm=r,username=\"a\\\"b\""
    );
    let credentials = Credentials::read(&header).unwrap();
    assert_eq!(credentials.username, "a\"b");
    assert_eq!(credentials.count, 10);
    assert_eq!(credentials.realm, "r");
}

#[test]
fn credentials_that_cannot_be_judged_say_why() {
    let good = header(Algorithm::Md5, "n", 1, PASSWORD);
    let with = |from: &str, to: &str| Credentials::read(&good.replace(from, to)).unwrap_err();
    assert_eq!(with("Digest ", "Basic "), Malformed::Scheme);
    assert_eq!(Credentials::read("Digest").unwrap_err(), Malformed::Scheme);
    assert_eq!(with("Digest ", "Digest x, "), Malformed::Syntax);
    assert_eq!(with("qop=auth", "qop=auth-int"), Malformed::Unusable("qop"));
    assert_eq!(with("qop=auth, ", ""), Malformed::Missing("qop"));
    assert_eq!(
        with("nc=00000001", "nc=00000000"),
        Malformed::Unusable("nc")
    );
    assert_eq!(with("nc=00000001", "nc=+1"), Malformed::Unusable("nc"));
    assert_eq!(with("=MD5", "=MD5-sess"), Malformed::Unusable("algorithm"));
    assert_eq!(with("=MD5", "=SHA-256"), Malformed::Unusable("response"));
    assert_eq!(with("qop=auth", "qop=auth, qop=auth"), Malformed::Twice);
    assert_eq!(with("\"c\"", "\"c"), Malformed::Syntax);
    assert_eq!(with("\"c\"", "\"c\"x"), Malformed::Syntax);
    let long = "x=1,".repeat(MOST_PARAMETERS + 1);
    assert_eq!(
        with("Digest ", &format!("Digest {long}")),
        Malformed::TooLong
    );
    assert_eq!(with("\"c\"", &"c".repeat(LONGEST)), Malformed::TooLong);
}

#[test]
fn a_realm_cannot_break_out_of_its_quotes() {
    let now = Instant::now();
    let realm = "a\"\r\nX: \\b".to_owned();
    let server = server(
        Settings {
            realm,
            ..Settings::default()
        },
        now,
    );
    let challenge = server.challenge(now, [1; 8], false).remove(0);
    assert!(
        challenge.starts_with("Digest realm=\"aX: b\", nonce="),
        "{challenge}"
    );
}

proptest! {
    #[test]
    fn no_header_makes_it_panic(value in "\\PC*", tail in "[a-z=\", \\\\]*") {
        let _ = Credentials::read(&value);
        let _ = Credentials::read(&format!("Digest {tail}"));
    }

    #[test]
    fn no_nonce_makes_it_panic_or_gets_in(nonce in "\\PC*", count: u32) {
        let now = Instant::now();
        let mut server = server(Settings::default(), now);
        prop_assert_eq!(server.nonces.spend(now, &nonce, count), Use::Stale);
    }

    #[test]
    fn each_count_is_fresh_at_most_once(counts in prop::collection::vec(1_u32..200, 1..200)) {
        let now = Instant::now();
        let mut server = server(Settings::default(), now);
        let nonce = nonce(&server.challenge(now, [1; 8], false)[0]);
        let mut fresh = std::collections::BTreeSet::new();
        for count in counts {
            if server.nonces.spend(now, &nonce, count) == Use::Fresh {
                prop_assert!(fresh.insert(count));
            }
        }
    }
}
