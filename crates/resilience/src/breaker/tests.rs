use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn calls(breaker: &mut Breaker, outcome: Outcome, times: u32, now: Instant) {
    for _ in 0..times {
        let ticket = breaker.admit().expect("it is closed");
        breaker.ended(ticket, outcome, now);
    }
}

fn errand(breaker: &mut Breaker, expected: Errand, outcome: Outcome, now: Instant) {
    let (errand, ticket) = breaker.set_out(now).expect("an errand is due");
    assert_eq!(errand, expected);
    breaker.came_back(ticket, outcome, now);
}

#[test]
fn it_opens_after_so_many_failures_in_a_row() {
    let now = Instant::now();
    let mut breaker = Breaker::new(Settings::default(), now);
    calls(&mut breaker, Outcome::Failed, 4, now);
    calls(&mut breaker, Outcome::Succeeded, 1, now);
    calls(&mut breaker, Outcome::Failed, 4, now);
    assert_eq!(breaker.state(), State::Closed);
    calls(&mut breaker, Outcome::Failed, 1, now);
    assert_eq!(breaker.state(), State::Open);
    assert_eq!(breaker.admit(), None);
}

#[test]
fn the_first_check_that_finds_the_engine_sends_the_probe_that_closes_it() {
    let mut now = Instant::now();
    let mut breaker = Breaker::new(Settings::default(), now);
    calls(&mut breaker, Outcome::Failed, 5, now);
    for _ in 0..3 {
        assert_eq!(breaker.set_out(now), None, "two seconds lie between");
        now += CHECK_EVERY;
        errand(&mut breaker, Errand::Check, Outcome::Failed, now);
    }
    now += CHECK_EVERY;
    errand(&mut breaker, Errand::Check, Outcome::Succeeded, now);
    let (probe, ticket) = breaker.set_out(now).expect("at once");
    assert_eq!((probe, breaker.state()), (Errand::Probe, State::HalfOpen));
    assert_eq!(breaker.admit(), None);
    assert_eq!(
        breaker.set_out(now + 100 * SECOND),
        None,
        "there is one probe"
    );
    breaker.came_back(ticket, Outcome::Succeeded, now + SECOND);
    assert_eq!(breaker.state(), State::Closed);
    assert!(breaker.admit().is_some());
}
