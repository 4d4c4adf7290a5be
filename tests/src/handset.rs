//! A telephone of our own that is nothing but packets: for what has to be exact to the millisecond,
//! and for lines that are bad on purpose.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use audio::Pcm;
use bridge_sip::offer::Codec;
use bridge_sip::rtp::{self, Header};
use tokio::net::UdpSocket;
use tokio::time::{sleep_until, timeout};

use crate::Chance;

/// How long the other end may take for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// One packet of sound.
const FRAME: Duration = Duration::from_millis(20);

/// Ticks and samples of it: G.711 at 8 kHz.
const SAMPLES: usize = 160;

/// A call that stands, in G.711 A-law.
#[derive(Debug)]
pub struct Handset {
    sip: UdpSocket,
    rtp: UdpSocket,
    /// What requests within the call begin and end with.
    dialog: Dialog,
    media: SocketAddr,
    header: Header,
    heard: Vec<HeardPacket>,
}

#[derive(Debug)]
struct Dialog {
    bridge: SocketAddr,
    own: SocketAddr,
    user: String,
    call_id: String,
    to: String,
}

/// A packet that came.
#[derive(Clone, Debug)]
pub struct HeardPacket {
    /// When.
    pub at: Instant,
    /// Its header.
    pub header: Header,
    /// The encoded sound.
    pub payload: Vec<u8>,
}

/// How bad the line to the other end is.
#[derive(Clone, Debug)]
pub struct Line {
    /// How many packets in a hundred are lost.
    pub loss: f64,
    /// The most that a packet is late.
    pub jitter: Duration,
    /// Chance by a seed.
    pub chance: Chance,
}

impl Line {
    /// One on which nothing is lost or late.
    pub fn good() -> Self {
        Self {
            loss: 0.0,
            jitter: Duration::ZERO,
            chance: Chance::of(1),
        }
    }
}

impl Handset {
    /// Calls as `user` and waits until somebody has answered.
    pub async fn call(bridge: SocketAddr, user: &str) -> Self {
        let bind = || UdpSocket::bind("127.0.0.1:0");
        let sip = bind().await.expect("loopback has a free port");
        let rtp = bind().await.expect("loopback has a free port");
        let own = sip.local_addr().expect("it is bound");
        let port = rtp.local_addr().expect("it is bound").port();
        let mut dialog = Dialog {
            bridge,
            own,
            user: user.to_owned(),
            call_id: format!("{user}-{}", own.port()),
            to: format!("<sip:ai@{bridge}>"),
        };
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=rtcp-mux\r\n"
        );
        let invite = dialog.request("INVITE", 1, &sdp);
        let sent = sip.send_to(invite.as_bytes(), bridge).await;
        sent.expect("loopback takes packets");
        let answer = timeout(PATIENCE, answered(&sip)).await;
        let answer = answer.expect("somebody answers in time");
        dialog.to = line_of(&answer, "To").expect("an answer repeats To");
        let media = media_of(&answer).expect("an answer describes the sound");
        let ack = dialog.request("ACK", 1, "");
        let sent = sip.send_to(ack.as_bytes(), bridge).await;
        sent.expect("loopback takes packets");
        Self {
            sip,
            rtp,
            dialog,
            media,
            header: Header {
                marker: true,
                payload_type: 8,
                sequence: 0,
                timestamp: 0,
                ssrc: own.port().into(),
            },
            heard: Vec::new(),
        }
    }

    /// Where the other end takes sound.
    pub fn media(&self) -> SocketAddr {
        self.media
    }

    /// Says `sound` in its own time over `line`, and keeps what it hears meanwhile. Gives when
    /// the first packet left.
    pub async fn say(&mut self, sound: &Pcm, line: &mut Line) -> Instant {
        let sound = sound.resampled(8000);
        let mut codec = Codec::Pcma.open().expect("G.711 needs nothing");
        let begun = Instant::now();
        // Packets that are on their way, by when they arrive.
        let mut on_the_way: BTreeMap<(Instant, u16), Vec<u8>> = BTreeMap::new();
        for (n, frame) in sound.samples().chunks(SAMPLES).enumerate() {
            let mut frame = frame.to_vec();
            frame.resize(SAMPLES, 0);
            let packet = rtp::write(self.header, &codec.encode(&frame));
            let due = begun + FRAME * n as u32;
            if !line.chance.happens(line.loss) {
                let late = line.chance.between(Duration::ZERO, line.jitter);
                on_the_way.insert((due + late, self.header.sequence), packet);
            }
            self.header.marker = false;
            self.header.sequence = self.header.sequence.wrapping_add(1);
            self.header.timestamp = self.header.timestamp.wrapping_add(SAMPLES as u32);
            self.until(due + FRAME, &mut on_the_way).await;
        }
        while let Some(&(last, _)) = on_the_way.keys().next_back() {
            self.until(last, &mut on_the_way).await;
        }
        begun
    }

    /// Listens for so long without a word.
    pub async fn listen(&mut self, length: Duration) {
        self.until(Instant::now() + length, &mut BTreeMap::new())
            .await;
    }

    /// Sends what is due and keeps what comes, until `end`.
    async fn until(&mut self, end: Instant, on_the_way: &mut BTreeMap<(Instant, u16), Vec<u8>>) {
        let mut datagram = [0; 2048];
        loop {
            let next = on_the_way
                .keys()
                .next()
                .map_or(end, |(due, _)| (*due).min(end));
            tokio::select! {
                biased;
                received = self.rtp.recv_from(&mut datagram) => {
                    let Ok((length, _)) = received else { continue };
                    if let Ok(packet) = rtp::read(&datagram[..length])
                        && rtp::kind(&datagram[..length]) == rtp::Kind::Rtp
                    {
                        self.heard.push(HeardPacket {
                            at: Instant::now(),
                            header: packet.header,
                            payload: packet.payload.to_vec(),
                        });
                    }
                }
                () = sleep_until(next.into()) => {
                    let now = Instant::now();
                    while let Some(first) = on_the_way.first_entry()
                        && first.key().0 <= now
                    {
                        let sent = self.rtp.send_to(&first.remove(), self.media).await;
                        sent.expect("loopback takes packets");
                    }
                    if now >= end {
                        return;
                    }
                }
            }
        }
    }

    /// Everything it has heard, oldest first.
    pub fn packets(&self) -> &[HeardPacket] {
        &self.heard
    }

    /// The same as sound at 8 kHz, each packet at its place in time.
    pub fn heard(&self) -> Pcm {
        let mut codec = Codec::Pcma.open().expect("G.711 needs nothing");
        let Some(first) = self.heard.first() else {
            return Pcm::new(8000, Vec::new());
        };
        let mut samples = Vec::new();
        for packet in &self.heard {
            let at = packet.header.timestamp.wrapping_sub(first.header.timestamp) as usize;
            let pcm = codec.decode(&packet.payload);
            if samples.len() < at + pcm.len() {
                samples.resize(at + pcm.len(), 0);
            }
            samples[at..at + pcm.len()].copy_from_slice(&pcm);
        }
        Pcm::new(8000, samples)
    }

    /// Hangs up and waits for the answer.
    pub async fn hang_up(self) {
        let bye = self.dialog.request("BYE", 2, "");
        let sent = self.sip.send_to(bye.as_bytes(), self.dialog.bridge).await;
        sent.expect("loopback takes packets");
        let answer = timeout(PATIENCE, answered(&self.sip)).await;
        answer.expect("hanging up is answered");
    }
}

impl Dialog {
    fn request(&self, method: &str, number: u32, sdp: &str) -> String {
        let Self {
            bridge,
            own,
            user,
            call_id,
            to,
        } = self;
        let kind = if sdp.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        format!(
            "{method} sip:ai@{bridge} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {own};rport;branch=z9hG4bK{method}{number}{}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@{own}>;tag={}\r\nTo: {to}\r\n\
             Call-ID: {call_id}\r\nCSeq: {number} {method}\r\nContact: <sip:{user}@{own}>\r\n{kind}\
             Content-Length: {}\r\n\r\n{sdp}",
            own.port(),
            own.port(),
            sdp.len(),
        )
    }
}

/// The next final answer; one that refuses fails the test.
async fn answered(sip: &UdpSocket) -> String {
    let mut datagram = [0; 4096];
    loop {
        let received = sip.recv_from(&mut datagram).await;
        let (length, _) = received.expect("loopback gives packets");
        let answer = String::from_utf8_lossy(&datagram[..length]).into_owned();
        match answer.as_bytes().get(8) {
            Some(b'1') => {}
            Some(b'2') => return answer,
            _ => panic!("refused: {answer}"),
        }
    }
}

fn line_of(answer: &str, name: &str) -> Option<String> {
    let mut lines = answer.lines();
    lines.find_map(|line| {
        Some(
            line.strip_prefix(name)?
                .strip_prefix(':')?
                .trim()
                .to_owned(),
        )
    })
}

fn media_of(answer: &str) -> Option<SocketAddr> {
    let line = |start| answer.lines().find_map(|line| line.strip_prefix(start));
    let ip = line("c=IN IP4 ")?;
    let port = line("m=audio ")?.split(' ').next()?;
    format!("{ip}:{port}").parse().ok()
}
