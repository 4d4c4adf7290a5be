//! How long a turn may be, and what is too little for one.

use super::*;

#[test]
fn who_never_stops_is_cut_at_the_quietest_point_and_goes_on() {
    let mut room = Room::with(Config {
        max: 10_000 * MS,
        ..Config::default()
    });
    room.say(8_500);
    room.murmur(160);
    room.say(5_000);
    room.release();
    assert_eq!(room.told(), ["started", "ended", "started", "ended"]);
    let turns: Vec<_> = room.turns().collect();
    assert_eq!(
        (turns[0].reason, turns[1].reason),
        (Reason::TooLong, Reason::Released)
    );
    assert!(near(turns[0].pcm.duration(), 8_580 * MS), "{:?}", turns[0]);
    let whole = turns[0].pcm.duration() + turns[1].pcm.duration();
    assert!(
        near(whole, 13_660 * MS),
        "nothing is lost and nothing comes twice: {whole:?}"
    );
    assert_ne!(turns[0].revision, turns[1].revision);
}

#[test]
fn no_turn_is_longer_than_the_maximum() {
    let mut room = Room::new();
    room.say(95_000);
    room.release();
    let turns: Vec<_> = room.turns().collect();
    assert!(turns.len() >= 4);
    assert!(turns.iter().all(|turn| turn.pcm.duration() <= 30_016 * MS));
    let whole: Duration = turns.iter().map(|turn| turn.pcm.duration()).sum();
    assert!(near(whole, 95_000 * MS), "{whole:?}");
}

#[test]
fn after_a_release_the_next_turn_is_a_new_one() {
    let mut room = Room::new();
    room.say(500);
    room.release();
    room.nothing(60_000);
    room.say(500);
    room.release();
    assert_eq!(room.told(), ["started", "ended", "started", "ended"]);
    assert!(
        near(room.turn().pcm.duration(), 500 * MS),
        "{:?}",
        room.turn()
    );
}

#[test]
fn ten_seconds_of_noise_are_no_turn() {
    for level in [100.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0] {
        for (seed, silent_packets) in [(1, 0), (7, 0), (2, 50), (9, 50)] {
            let mut endpointer = Endpointer::new(Config::default());
            let (mut now, mut seed) = (Instant::now(), seed);
            let mut events = Vec::new();
            for packet in 0..550 {
                let level = if packet < silent_packets { 0.0 } else { level };
                let noise: Vec<_> = (0..320)
                    .map(|_| (random(&mut seed) * level) as i16)
                    .collect();
                now += PACKET;
                events.extend(endpointer.hear(now, &noise));
            }
            assert_eq!(
                events,
                [],
                "noise of {level} after {silent_packets} silent packets"
            );
        }
    }
}

#[test]
fn ten_seconds_of_silence_are_no_turn() {
    let mut endpointer = Endpointer::new(Config::default());
    let start = Instant::now();
    for i in 0..500 {
        assert_eq!(endpointer.hear(start + i * PACKET, &[0; 320]), []);
    }
}

#[test]
fn vowels_are_a_turn() {
    let mut endpointer = Endpointer::new(Config::default());
    let start = Instant::now();
    let mut sound = vec![0; 8_000];
    sound.extend(vowels(24_000));
    sound.extend([0; 16_000]);
    let mut events = Vec::new();
    for (i, packet) in sound.chunks(320).enumerate() {
        events.extend(endpointer.hear(start + i as u32 * PACKET, packet));
    }
    let turns: Vec<_> = events.iter().filter_map(ended).collect();
    assert_eq!(turns.len(), 1, "{events:?}");
    assert!(turns[0].voiced > 1_000 * MS, "{:?}", turns[0]);
}
