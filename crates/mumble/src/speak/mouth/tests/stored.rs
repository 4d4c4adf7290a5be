//! Packets that were stored: they leave as they are.

use super::*;

/// This many packets of 20 ms, each with other sound in it.
fn packets(count: usize) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(40_000).unwrap();
    (0..count)
        .map(|at| {
            let period = 50 + 7 * at;
            let loud = |i| if i / period % 2 == 0 { 7000 } else { -7000 };
            let samples: Vec<i16> = (0..FRAME_SAMPLES).map(loud).collect();
            encoder.encode(&samples).unwrap()
        })
        .collect()
}

#[tokio::test]
async fn stored_packets_leave_as_they_are_on_the_same_clock() {
    let mut talk = Talk::new();
    let stored = packets(5);
    let mut speech = talk.queue.speak(Target::Normal);
    assert_eq!(speech.push_opus(&stored).await, Ok(()));
    let mut playing = speech.finish();
    let frames = talk.run(ms(1000));
    let times: Vec<Duration> = frames.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [ms(0), ms(20), ms(40), ms(60), ms(80)]);
    let sent: Vec<&[u8]> = frames.iter().map(|(_, frame)| &*frame.opus).collect();
    assert_eq!(sent, stored);
    assert_eq!(lasts(&frames), [4]);
    assert_eq!(playing.done().await, Ok(ms(100)));
}

#[tokio::test]
async fn stored_packets_stop_at_once_with_the_end_marked() {
    let mut talk = Talk::new();
    let stored = packets(50);
    let mut speech = talk.queue.speak(Target::Normal);
    assert_eq!(speech.push_opus(&stored).await, Ok(()));
    talk.run(ms(90));
    assert_eq!(speech.stop(), ms(100));
    let end = talk.poll();
    assert_eq!(end.len(), 1);
    assert!(end[0].last);
    assert!(!stored.contains(&end[0].opus.to_vec()));
}

#[tokio::test]
async fn stored_packets_follow_other_sound_after_a_whole_frame() {
    let mut talk = Talk::new();
    let mut speech = talk.say(ms(30));
    assert_eq!(speech.push_opus(&packets(1)).await, Ok(()));
    push(&mut speech, vec![3000; 100]);
    let playing = speech.finish();
    let frames = talk.run(ms(1000));
    assert_eq!(frames.len(), 4);
    assert_eq!(*frames[2].1.opus, packets(1)[0]);
    assert_eq!(lasts(&frames), [3]);
    let samples = Duration::from_micros(100 * 1_000_000 / u64::from(MUMBLE_HZ));
    assert_eq!(playing.heard(), ms(50) + samples);
}

#[tokio::test]
async fn what_is_no_packet_of_20_ms_is_refused_whole() {
    let mut talk = Talk::new();
    let mut encoder = Encoder::new(40_000).unwrap();
    let forty = encoder.encode(&[0; 2 * FRAME_SAMPLES]).unwrap();
    let mut huge = packets(1).remove(0);
    huge.resize(1001, 0);
    let mut speech = talk.queue.speak(Target::Normal);
    for bad in [forty, huge, Vec::new()] {
        let good = packets(1).remove(0);
        let refused = speech.push_opus(&[good, bad]).await;
        assert_eq!(refused, Err(SpeechError::NotAFrame));
    }
    assert_eq!(talk.run(ms(100)), []);
}

#[tokio::test]
async fn stored_packets_wait_for_room_too() {
    let mut talk = Talk::new();
    let mut speech = talk.queue.speak(Target::Normal);
    let stored = packets(200);
    let pushing = tokio::spawn(async move { speech.push_opus(&stored).await.map(|()| speech) });
    tokio::task::yield_now().await;
    assert!(!pushing.is_finished());
    talk.run(ms(1100));
    let mut playing = pushing.await.unwrap().unwrap().finish();
    assert_eq!(talk.run(ms(4000)).len(), 200 - 56);
    assert_eq!(playing.done().await, Ok(ms(4000)));
}
