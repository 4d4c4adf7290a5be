//! Keys on a line that loses packets, and what of them may be seen.

use proptest::prelude::*;

use super::*;

const HZ: u32 = 8000;

fn key(character: char) -> Key {
    Key::of(character).unwrap()
}

/// Hears the packets of presses one after another and tells the keys.
fn heard(presses: &[(char, u64)], lost: impl Fn(usize) -> bool) -> String {
    let mut listener = Listener::new();
    let mut start = Instant::now();
    let (mut timestamp, mut count) = (u32::MAX - 3000, 0);
    let mut text = String::new();
    for &(character, ms) in presses {
        let held = Duration::from_millis(ms);
        for packet in press(key(character), held, HZ) {
            count += 1;
            if !lost(count) {
                let at = timestamp.wrapping_add(packet.timestamp_offset);
                let told = listener.hear(start + packet.at, at, &packet.event.write());
                text.extend(told.map(Key::character));
            }
        }
        let pause = held + Duration::from_millis(100);
        start += pause;
        timestamp = timestamp.wrapping_add(pause.as_millis() as u32 * HZ / 1000);
    }
    text
}

#[test]
fn each_press_is_told_once() {
    let presses = [('1', 160), ('1', 160), ('#', 40), ('d', 20), ('*', 300)];
    assert_eq!(heard(&presses, |_| false), "11#D*");
}

#[test]
fn lost_packets_and_lost_ends_change_nothing() {
    let presses = [('7', 160), ('7', 160), ('7', 160)];
    // A press of 160 ms is ten packets; the last three of each are its ends.
    assert_eq!(heard(&presses, |n| n % 10 > 7 || n % 10 == 0), "777");
    assert_eq!(heard(&presses, |n| n % 10 != 0), "777", "one end alone");
    assert_eq!(heard(&presses, |n| n <= 10), "77", "nothing of the first");
}

#[test]
fn a_key_held_for_nine_seconds_is_one_press() {
    let packets = press(key('5'), Duration::from_secs(9), HZ);
    assert_eq!(packets.len(), 452);
    let last = packets.last().unwrap();
    assert_eq!(last.timestamp_offset, SEGMENT);
    let duration = last.event.duration;
    assert_eq!(last.timestamp_offset + u32::from(duration), 9 * HZ);
    assert_eq!(heard(&[('5', 9000), ('5', 100)], |_| false), "55");
}

#[test]
fn the_first_packet_is_marked_and_the_end_comes_three_times() {
    let packets = press(key('0'), Duration::from_millis(100), HZ);
    let marked: Vec<_> = packets.iter().map(|packet| packet.marker).collect();
    assert_eq!(marked, [true, false, false, false, false, false, false]);
    let events = packets.iter().map(|packet| packet.event);
    let ends: Vec<_> = events.map(|event| (event.end, event.duration)).collect();
    let expected = [
        (false, 160),
        (false, 320),
        (false, 480),
        (false, 640),
        (true, 800),
        (true, 800),
        (true, 800),
    ];
    assert_eq!(ends, expected);
}

#[test]
fn a_packet_that_was_overtaken_is_no_press() {
    let mut listener = Listener::new();
    let now = Instant::now();
    let payload = |event| {
        Event {
            event,
            end: true,
            volume: 10,
            duration: 800,
        }
        .write()
    };
    assert!(listener.hear(now, 1000, &payload(1)).is_some());
    assert!(listener.hear(now, 3000, &payload(2)).is_some());
    assert!(listener.hear(now, 1000, &payload(1)).is_none());
    assert!(listener.hear(now, 3000, &payload(2)).is_none());
}

#[test]
fn a_phone_that_never_moves_its_timestamp_is_understood() {
    let mut listener = Listener::new();
    let now = Instant::now();
    let payload = Event {
        event: 4,
        end: true,
        volume: 10,
        duration: 800,
    }
    .write();
    assert!(listener.hear(now, 1000, &payload).is_some());
    assert!(listener.hear(now + EVERY, 1000, &payload).is_none());
    assert!(
        listener
            .hear(now + FORGET_AFTER * 2, 1000, &payload)
            .is_some()
    );
}

#[test]
fn tones_of_the_line_are_no_keys() {
    let payload = Event {
        event: 32,
        end: false,
        volume: 10,
        duration: 160,
    }
    .write();
    assert!(Listener::new().hear(Instant::now(), 0, &payload).is_none());
}

#[test]
fn debug_does_not_show_a_pin() {
    assert_eq!(format!("{:?}", key('7')), "Key");
    let shown: Vec<_> = "17"
        .chars()
        .map(|c| format!("{:?}", press(key(c), EVERY, HZ)))
        .collect();
    assert_eq!(shown[0], shown[1]);
}

proptest! {
    #[test]
    fn an_event_is_read_as_it_was_written(event: u8, end: bool, volume in 0_u8..64, duration: u16) {
        let event = Event { event, end, volume, duration };
        prop_assert_eq!(Event::read(&event.write()), Some(event));
    }

    #[test]
    fn no_payload_makes_it_panic(packets in prop::collection::vec(any::<(u32, Vec<u8>)>(), 0..50)) {
        let mut listener = Listener::new();
        for (timestamp, payload) in packets {
            let _ = listener.hear(Instant::now(), timestamp, &payload);
        }
    }

    #[test]
    fn no_press_makes_it_panic(event in 0_u8..16, ms: u64, clock_hz: u32) {
        let key = Key::of_event(event).unwrap();
        let packets = press(key, Duration::from_millis(ms), clock_hz);
        prop_assert!(packets.len() <= 502);
    }
}
