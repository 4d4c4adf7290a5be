//! Many Mumble users who talk at once, in a process of their own: what they cost is not counted
//! with those who hear them.

use std::process::Command;
use std::thread;
use std::time::Duration;

use audio::ogg;
use audio::opus::Encoder;
use tokio::sync::mpsc;

use crate::leashed::Leashed;

/// Where the talkers sit. They shout into the root channel, where their listeners are, and hear
/// nothing themselves. (Deafened users could not do it: servers mute whom they deafen.)
pub const STAGE: &str = "Stage";

/// The length of a packet.
pub const PACKET: Duration = Duration::from_millis(20);

/// The stored speech: sentences of one voice, with its pauses.
const STORED: [&[u8]; 3] = [
    include_bytes!("../../config/sounds/no-thought.opus"),
    include_bytes!("../../config/sounds/no-voice.opus"),
    include_bytes!("../../config/sounds/not-heard.opus"),
];

/// Users who say the stored speech over and over. They end when this is dropped, and when the
/// process that holds it ends.
#[derive(Debug)]
pub struct Talkers(Leashed);

/// What a user has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Their name.
    pub name: String,
    /// How many packets they have sent, the last one marked.
    pub packets: u64,
}

impl Talkers {
    /// Starts `program` (the executable `talkers` of this package) and waits until `count` users
    /// talk on the server at `port`, which has the channel [`STAGE`].
    pub fn start(program: &str, port: u16, count: usize) -> Self {
        let arguments = [port.to_string(), count.to_string()];
        Self(Leashed::start(
            Command::new(program).args(arguments),
            "talking",
        ))
    }

    /// Lets everybody say what they have begun and release the talk key, and gives what they
    /// have said.
    pub fn hush(&mut self) -> Vec<Said> {
        let answer = self.0.ask("hush");
        let said = answer.as_object().expect("they answer by name");
        said.iter()
            .map(|(name, packets)| Said {
                name: name.clone(),
                packets: packets.as_u64().expect("packets are counted"),
            })
            .collect()
    }
}

/// The stored speech as a Mumble client sends it: packets of 20 ms at 40 kbit/s, with FEC. The
/// same ones at every call.
pub fn packets() -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(mumble::DEFAULT_BITRATE).expect("libopus knows this rate");
    let speech = STORED.map(|file| ogg::read(file).expect("stored sounds are whole"));
    let samples: Vec<i16> = speech
        .iter()
        .flat_map(|pcm| pcm.samples().to_vec())
        .collect();
    let (frames, _) = samples.as_chunks::<960>();
    let encode = |frame: &[i16; 960]| encoder.encode(frame).expect("960 samples are a frame");
    frames.iter().map(encode).collect()
}

/// The lines of standard input, until it ends. (A thread of their own waits for them: it is
/// idle, and does not hold up the end of the process.)
pub fn lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    lines
}
