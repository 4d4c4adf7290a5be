//! What was said until a pause, before it is known whether more follows.

use super::*;

#[test]
fn a_draft_is_the_whole_turn_when_only_silence_follows() {
    for how in [Room::hush, Room::nothing, |room: &mut Room, _| {
        room.release();
    }] {
        let mut room = Room::new();
        room.say(600);
        room.hush(260);
        let (revision, draft) = room.draft();
        how(&mut room, 1_000);
        let turn = room.turn();
        assert_eq!((turn.revision, turn.pcm), (revision, draft));
    }
}

#[test]
fn a_draft_made_before_the_tail_was_heard_is_still_the_whole_turn() {
    let mut room = Room::new();
    room.say(600);
    room.nothing(250);
    let (revision, draft) = room.draft();
    room.hush(600);
    assert_eq!((room.turn().revision, room.turn().pcm), (revision, draft));
}

#[test]
fn a_draft_is_void_when_the_speaker_goes_on() {
    let mut room = Room::new();
    room.say(600);
    room.hush(300);
    let (revision, draft) = room.draft();
    room.say(400);
    room.hush(700);
    assert_eq!(
        room.told(),
        ["started", "paused", "resumed", "paused", "ended"]
    );
    let turn = room.turn();
    assert_ne!(turn.revision, revision);
    assert_eq!(turn.pcm.samples()[..draft.len()], *draft.samples());
    assert!(near(turn.voiced, 1_000 * MS), "{turn:?}");
    assert_eq!(room.draft(), (turn.revision, turn.pcm));
}

#[test]
fn a_click_in_the_silence_neither_resumes_nor_keeps_the_turn_open() {
    let mut room = Room::new();
    room.say(600);
    room.hush(300);
    room.say(20);
    room.hush(290);
    assert_eq!(room.told(), ["started", "paused", "ended"]);
}

#[test]
fn revisions_never_come_back() {
    let mut room = Room::new();
    for _ in 0..5 {
        room.say(500);
        room.hush(700);
    }
    let revisions: Vec<_> = room.turns().map(|turn| turn.revision).collect();
    assert!(
        revisions.len() == 5 && revisions.is_sorted_by(|a, b| a < b),
        "{revisions:?}"
    );
}
