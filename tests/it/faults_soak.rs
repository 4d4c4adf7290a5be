//! Ten people ask while every engine fails at random, for as long as `SOAK_SECONDS` says: afterwards
//! all is as it was, and every turn is accounted for.

use std::time::{Duration, Instant};

use service::health::{Board, Status};
use tokio::runtime::{Builder, Runtime, RuntimeMetrics};
use tokio::time::{interval, sleep};
use world::{Assistant, MumbleOptions, MumbleServer, kernel};

mod askers;
mod count;
mod storm;

use askers::Askers;
use count::Count;
use storm::Storm;

/// How many ask.
const PEOPLE: usize = 10;

/// How many ask again when all is over, one after another.
const AFTERWARDS: usize = 3;

/// How long they do when nothing else is said; `make soak` says ten minutes.
const USUAL_SECONDS: u64 = 60;

/// Until then memory may grow: buffers find their size.
const SETTLING: Duration = Duration::from_secs(15);

/// How much the process's memory may move after that, in bytes. (Other tests run in it as well.)
const STILL: u64 = 48 << 20;

/// How often the run says how far it is.
const A_LINE: Duration = Duration::from_secs(10);

/// How often it is looked whether something has come about.
const A_MOMENT: Duration = Duration::from_millis(50);

/// How long a test waits for something that must happen: far more than it can take.
const PATIENCE: Duration = Duration::from_secs(60);

/// How soon after the last fault every breaker must be closed: the longest wait of a probe, two
/// seconds until a check, the probe itself, and as much again for a machine that is busy.
const RECOVERY: Duration = Duration::from_secs(10);

/// Kept connections to engines and prepared sounds in the making: tasks that come and go with
/// the work and not with its faults.
const COMING_AND_GOING: usize = 16;

/// Short enough that many turns fail, long enough for an engine that answers at once.
const SETTINGS: [(&str, &str); 14] = [
    ("ANSWER", "always"),
    ("FILLER_AFTER_MS", "600"),
    ("WHISPER_DEADLINE_MS", "1000"),
    ("OLLAMA_FIRST_TOKEN_MS", "1000"),
    ("OLLAMA_NEXT_TOKEN_MS", "1000"),
    ("PIPER_DEADLINE_MS", "1000"),
    ("WHISPER_CIRCUIT_THRESHOLD", "3"),
    ("OLLAMA_CIRCUIT_THRESHOLD", "3"),
    ("PIPER_CIRCUIT_THRESHOLD", "3"),
    ("HEALTH_CHECK_INTERVAL", "5"),
    ("RETRY_BASE_DELAY", "1"),
    ("RETRY_MAX_DELAY", "2"),
    ("TURN_QUEUE_MAX", "8"),
    ("TURN_QUEUE_WAIT_S", "10"),
];

#[test]
fn after_any_weather_all_is_well_and_every_turn_is_accounted_for() {
    let seconds = std::env::var("SOAK_SECONDS").ok();
    let seconds = seconds.map_or(USUAL_SECONDS, |text| text.parse().unwrap());
    let time = Duration::from_secs(seconds);
    // The assistant has a runtime of its own, so that its tasks can be counted.
    let (house, outside) = (runtime(), runtime());
    let server = MumbleServer::start(MumbleOptions::default());
    let mut storm = outside.block_on(Storm::brewing());
    let assistant = {
        let _in_the_house = house.enter();
        Assistant::start(&server, &storm.urls(), &SETTINGS)
    };
    let (board, tasks) = (assistant.board().clone(), house.metrics());
    outside.block_on(async {
        let askers = Askers::join(&server, PEOPLE).await;
        until("well at first", || is_well(&board)).await;
        askers.one_asks(0).await;
        until("answered at first", || count(&board).answered() == 1).await;
        let before = tasks.num_alive_tasks();

        let say = |line| println!("{line}");
        let moved = weather(&mut storm, &askers, &board, &tasks, time, say).await;

        let calm = Instant::now();
        until("well again", || is_well(&board)).await;
        let recovered = calm.elapsed();
        until("accounted for", || count(&board).open() == 0).await;
        let after_storm = count(&board);
        println!(
            "{after_storm}; breakers opened {} times, well again after {recovered:?}; memory \
             moved by {moved} kB; {}",
            trips(&board),
            after_storm.reasons()
        );
        assert!(after_storm.begun() >= seconds / 2, "they have asked");
        assert!(after_storm.answered() > 1, "some of it was answered");
        assert!(after_storm.of("apologised") > 0, "some of it was not");
        assert!(trips(&board) > 0, "breakers have opened");
        assert!(recovered <= RECOVERY, "{recovered:?}");
        assert!(moved <= STILL >> 10, "memory stays flat: {moved} kB");

        for person in 0..AFTERWARDS {
            let answered = count(&board).answered();
            askers.one_asks(person).await;
            until("answered", || count(&board).answered() == answered + 1).await;
        }
        let after = count(&board);
        assert_eq!(after.begun(), after_storm.begun() + AFTERWARDS as u64);
        until("quiet", || {
            tasks.num_alive_tasks() <= before + COMING_AND_GOING
        })
        .await;
        assistant.ends().await;
        until("empty", || tasks.num_alive_tasks() == 0).await;
    });
}

/// Lets everybody ask in all weathers for this long. Gives how far the memory moved, in kB.
async fn weather(
    storm: &mut Storm,
    askers: &Askers,
    board: &Board,
    tasks: &RuntimeMetrics,
    time: Duration,
    say: impl Fn(String),
) -> u64 {
    let (begun, mut lines) = (Instant::now(), interval(A_LINE));
    let (mut least, mut most) = (u64::MAX, 0);
    storm.breaks();
    let asking = askers.all_ask();
    while begun.elapsed() < time {
        lines.tick().await;
        let memory = kernel::resident(std::process::id());
        if begun.elapsed() >= SETTLING {
            (least, most) = (least.min(memory), most.max(memory));
        }
        let since = begun.elapsed().as_secs();
        let (turns, tasks) = (count(board), tasks.num_alive_tasks());
        say(format!(
            "{since:>4} s: {turns}, {tasks} tasks, {} MB",
            memory >> 20
        ));
    }
    asking.hush().await;
    storm.calms().await;
    most.saturating_sub(least) >> 10
}

fn runtime() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all();
    builder.build().expect("threads can be started")
}

fn count(board: &Board) -> Count {
    Count::read(&board.metrics())
}

fn is_well(board: &Board) -> bool {
    board.health().status == Status::Healthy
}

/// How often the breakers of all engines have opened.
fn trips(board: &Board) -> u64 {
    let health = board.health();
    health
        .dependencies
        .values()
        .map(|engine| engine.trips)
        .sum()
}

async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < PATIENCE, "not {what} within {PATIENCE:?}");
        sleep(A_MOMENT).await;
    }
}
