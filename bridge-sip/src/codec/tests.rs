//! Sound there and back through every codec, and payloads that are none.

use proptest::prelude::*;

use super::*;

/// A second of a tone with a swell, at -6 dB.
fn tone(hz: f64, rate: u32) -> Vec<i16> {
    (0..rate)
        .map(|n| {
            let t = f64::from(n) / f64::from(rate);
            let swell = 0.6 + 0.4 * (t * 3.0 * std::f64::consts::TAU).sin();
            ((t * hz * std::f64::consts::TAU).sin() * swell * 16_000.0) as i16
        })
        .collect()
}

/// Power of the sound over that of the error, in dB; `delay` is the codec's own, in samples.
fn snr(sound: &[i16], decoded: &[i16], delay: usize) -> f64 {
    let pairs = sound.iter().zip(&decoded[delay..]);
    let (mut power, mut error) = (0.0, 0.0);
    for (&sound, &decoded) in pairs {
        power += f64::from(sound).powi(2);
        error += (f64::from(sound) - f64::from(decoded)).powi(2);
    }
    10.0 * (power / error.max(1.0)).log10()
}

/// Those that pack every sample for itself.
const PLAIN: [Codec; 3] = [Codec::G722, Codec::Pcma, Codec::Pcmu];

fn frame(codec: Codec) -> usize {
    codec.pcm_hz() as usize / 50
}

fn through(codec: Codec, sound: &[i16]) -> Vec<i16> {
    let mut transcoder = codec.open().unwrap();
    let mut decoded = Vec::new();
    for frame in sound.chunks(frame(codec)) {
        let payload = transcoder.encode(frame);
        assert_eq!(codec.duration(&payload), Some(160));
        assert_eq!(payload.len(), 160, "20 ms at 64 kbit/s");
        decoded.extend(transcoder.decode(&payload));
    }
    assert_eq!(decoded.len(), sound.len());
    decoded
}

#[test]
fn what_goes_through_a_codec_comes_out_nearly_the_same() {
    for codec in PLAIN {
        for hz in [300.0, 440.0, 1000.0, 3000.0] {
            let sound = tone(hz, codec.pcm_hz());
            let decoded = through(codec, &sound);
            // Both filter banks of G.722 together delay by 22 samples.
            let (delay, least) = match codec {
                Codec::G722 => (22, 20.0),
                Codec::Opus | Codec::Pcma | Codec::Pcmu => (0, 35.0),
            };
            let snr = snr(&sound, &decoded, delay);
            assert!(snr > least, "{codec:?} at {hz} Hz: {snr:.1} dB");
        }
    }
}

#[test]
fn g722_carries_what_g711_cannot() {
    let sound = tone(6000.0, 16_000);
    let decoded = through(Codec::G722, &sound);
    let snr = snr(&sound, &decoded, 22);
    assert!(snr > 8.0, "{snr:.1} dB");
}

#[test]
fn silence_stays_silence() {
    for codec in PLAIN {
        let decoded = through(codec, &vec![0; frame(codec) * 50]);
        let loudest = decoded.iter().map(|s| s.unsigned_abs()).max();
        assert!(loudest <= Some(16), "{codec:?}: {loudest:?}");
    }
}

#[test]
fn opus_carries_a_voice_and_goes_on_where_a_packet_is_missing() {
    let sound = tone(440.0, Codec::Opus.pcm_hz());
    let mut transcoder = Codec::Opus.open().unwrap();
    let mut decoded = Vec::new();
    for (n, frame) in sound.chunks(frame(Codec::Opus)).enumerate() {
        let payload = transcoder.encode(frame);
        assert_eq!(Codec::Opus.duration(&payload), Some(960));
        decoded.extend(match n % 10 {
            9 => transcoder.conceal(960),
            _ => transcoder.decode(&payload),
        });
    }
    let power = |pcm: &[i16]| pcm.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>();
    let kept = power(&decoded) / power(&sound);
    assert!(
        (0.7..1.3).contains(&kept),
        "{kept:.2} of the power is there"
    );
}

/// What is made of a lost packet, by the codec and the packet behind it.
type Lose<'a> = &'a dyn Fn(&mut dyn Transcoder, &[u8]) -> Vec<i16>;

/// A gliding voice with a syllable's rhythm, for so many seconds.
fn voice(rate: u32, seconds: u32) -> Vec<i16> {
    let mut phase = 0.0;
    (0..rate * seconds)
        .map(|n| {
            let t = f64::from(n) / f64::from(rate);
            let pitch = 130.0 + 40.0 * (t * 1.3 * std::f64::consts::TAU).sin();
            phase += pitch * std::f64::consts::TAU / f64::from(rate);
            let loudness = 0.55 + 0.45 * (t * 3.1 * std::f64::consts::TAU).sin();
            let tone: f64 = (1..20)
                .map(|k| (phase * f64::from(k)).sin() / f64::from(k))
                .sum();
            (tone * loudness * 6000.0) as i16
        })
        .collect()
}

#[test]
fn opus_is_nearer_the_truth_where_the_packet_behind_a_loss_repairs_it() {
    for length in [10, 20, 40, 60] {
        let mut phone = Codec::Opus.open().unwrap();
        let frame = length * 48;
        let packets: Vec<_> = voice(48_000, 12)
            .chunks_exact(frame)
            .map(|frame| phone.encode(frame))
            .collect();
        let heard = |lose: Lose<'_>| {
            let mut transcoder = Codec::Opus.open().unwrap();
            let heard = packets
                .windows(2)
                .enumerate()
                .map(|(n, pair)| match n % 20 {
                    13 => lose(transcoder.as_mut(), &pair[1]),
                    _ => transcoder.decode(&pair[0]),
                });
            heard.collect::<Vec<_>>().concat()
        };
        let mut lossless = Codec::Opus.open().unwrap();
        let decoded = packets.iter().map(|packet| lossless.decode(packet));
        let decoded = decoded.collect::<Vec<_>>().concat();
        let off = |heard: Vec<i16>| {
            let pairs = heard.iter().zip(&decoded);
            let errors = pairs.map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
            errors.sum::<f64>()
        };
        let recovered = off(heard(&|codec, next| codec.recover(next, frame)));
        let concealed = off(heard(&|codec, _| codec.conceal(frame)));
        assert!(
            recovered < 0.7 * concealed,
            "{length} ms: {recovered:.2e}, concealed {concealed:.2e}"
        );
    }
}

proptest! {
    #[test]
    fn any_bytes_are_some_sound(payload in prop::collection::vec(any::<u8>(), 0..4000)) {
        for codec in PLAIN {
            let samples = codec.open().unwrap().decode(&payload).len();
            let whole = payload.len().min(LONGEST_PAYLOAD) * frame(codec) / 160;
            prop_assert_eq!(samples, whole);
        }
        let sound = Codec::Opus.open().unwrap().decode(&payload);
        prop_assert!(sound.len() <= 5760, "120 ms at most");
        for codec in Codec::ALL {
            let sound = codec.open().unwrap().recover(&payload, 960);
            prop_assert_eq!(sound.len(), 960);
        }
    }

    #[test]
    fn any_sound_is_encoded(pcm in prop::collection::vec(any::<i16>(), 0..700)) {
        for codec in PLAIN {
            let mut transcoder = codec.open().unwrap();
            let payload = transcoder.encode(&pcm);
            prop_assert_eq!(payload.len(), (pcm.len() * 160).div_ceil(frame(codec)));
            transcoder.decode(&payload);
        }
    }
}
