//! What somebody says at this moment: it leaves when it is pushed.

use super::*;

/// A push of 20 ms that somebody says at this moment, at a telephone's rate.
fn push_live(speech: &mut Speech) {
    let sound = (0..160).map(|at| if at / 20 % 2 == 0 { 9000 } else { -9000 });
    let pushed = speech.push(Pcm::new(8000, sound.collect()));
    assert!(matches!(pushed.now_or_never(), Some(Ok(()))));
}

#[test]
fn what_is_said_live_leaves_when_it_is_pushed_at_its_own_rate() {
    let mut talk = Talk::new();
    let mut speech = talk.queue.speak_live(8000);
    assert_eq!(talk.mouth.deadline(), None);
    // What was said just before is pushed with the first: it leaves at once as well.
    push_live(&mut speech);
    push_live(&mut speech);
    let first = talk.poll();
    assert_eq!(first.len(), 2);
    assert!(first[0].opus.len() > 5, "it is no silence");
    for _ in 0..50 {
        talk.now += ms(20);
        push_live(&mut speech);
        let frames = talk.poll();
        assert_eq!(frames.len(), 1);
        assert!(!frames[0].last);
    }
    assert_eq!(speech.heard(), ms(52 * 20));
    let _ = speech.stop();
    assert!(talk.poll().last().is_some_and(|frame| frame.last));
}

#[test]
fn a_live_voice_that_dries_up_ends_and_comes_back() {
    let mut talk = Talk::new();
    let mut speech = talk.queue.speak_live(8000);
    push_live(&mut speech);
    assert_eq!(talk.poll().len(), 1);
    // A push that is late is waited for: nothing is put in its place.
    talk.now += ms(50);
    assert_eq!(talk.poll().len(), 0);
    push_live(&mut speech);
    assert_eq!(talk.poll().len(), 1);
    let frames = talk.run(ms(2000));
    assert_eq!(frames.len(), 1);
    assert!(frames[0].1.last);
    push_live(&mut speech);
    let frames = talk.poll();
    assert_eq!((frames.len(), frames[0].last), (1, false));
}

#[test]
fn no_burst_of_a_live_voice_runs_far_ahead_of_its_time() {
    let mut talk = Talk::new();
    let mut speech = talk.queue.speak_live(8000);
    for _ in 0..50 {
        push_live(&mut speech);
    }
    assert_eq!(talk.poll().len(), 4, "its own place and 60 ms");
    let frames = talk.run(ms(100));
    assert_eq!(frames.len(), 5, "then one every 20 ms");
}
