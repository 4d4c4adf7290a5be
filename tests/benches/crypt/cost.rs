//! The cost of a packet, by its size.

use std::hint::black_box;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use mumble::crypt::{Crypt, OVERHEAD};
use mumble_protocol_2x::crypt::{ClientCryptState, ServerCryptState};
use mumble_protocol_2x::voice::{Serverbound, VoiceCodec, VoicePacket, VoicePacketPayload};
use tokio_util::codec::{Decoder, Encoder};
use world::figures::median;

use crate::SECRETS;

/// Bytes of a packet before it is sealed: from the least that a voice at 8 kbit/s needs to more
/// than one at 96 kbit/s does, 20 ms each.
const SIZES: [usize; 6] = [20, 50, 100, 150, 250, 400];

/// Packets in a round: about as many as one voice has in half a minute.
const PACKETS: u32 = 1500;

/// Rounds of each size. They go in turn, so that noise on the machine meets both; the middle one
/// counts.
const ROUNDS: usize = 15;

/// One size of packets.
pub(crate) struct Row {
    pub(crate) bytes: usize,
    pub(crate) ours: Cost,
    pub(crate) theirs: Cost,
}

/// What a packet costs.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) seal: Duration,
    pub(crate) open: Duration,
}

pub(crate) fn measure() -> Vec<Row> {
    SIZES
        .map(|bytes| {
            let packet = packet_of(bytes);
            let (mut ours, mut theirs, mut codec) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                ours.push(our_round(&packet));
                theirs.push(their_round(&packet));
                codec.push(codec_round(&packet));
            }
            Row {
                bytes,
                ours: middle(&ours),
                theirs: middle(&theirs).without(middle(&codec)),
            }
        })
        .into()
}

/// A packet that is so long when it is written.
fn packet_of(bytes: usize) -> VoicePacket<Serverbound> {
    let of_sound = |sound: usize| VoicePacket::Audio {
        _dst: PhantomData,
        target: 0,
        session_id: (),
        seq_num: 5000,
        payload: VoicePacketPayload::Opus(vec![0xa7; sound].into(), false),
        position_info: None,
    };
    (0..bytes)
        .rev()
        .map(of_sound)
        .find(|packet| written(packet).len() == bytes)
        .expect("some length of sound fits")
}

fn written(packet: &VoicePacket<Serverbound>) -> BytesMut {
    let mut out = BytesMut::new();
    codec()
        .encode(packet.clone(), &mut out)
        .expect("any packet can be written");
    out
}

fn codec() -> VoiceCodec<Serverbound, Serverbound> {
    VoiceCodec::default()
}

fn our_round(packet: &VoicePacket<Serverbound>) -> Cost {
    let (key, up, down) = SECRETS;
    let mut client = Crypt::new(key, up, down);
    let mut server = Crypt::new(key, down, up);
    let plain = [&[0; OVERHEAD], written(packet).as_ref()].concat();
    timed(
        || plain.clone(),
        |mut datagram| {
            client.seal_in_place(&mut datagram);
            datagram
        },
        |mut datagram| {
            server.open_in_place(&mut datagram).expect("it is genuine");
        },
    )
}

fn their_round(packet: &VoicePacket<Serverbound>) -> Cost {
    let (key, up, down) = SECRETS;
    let mut client = ClientCryptState::new_from(key, up, down);
    let mut server = ServerCryptState::new_from(key, down, up);
    timed(
        || packet.clone(),
        |packet| {
            let mut datagram = BytesMut::with_capacity(512);
            client.encrypt(packet, &mut datagram);
            datagram
        },
        |mut datagram| {
            let opened = server.decrypt(&mut datagram).expect("it is genuine");
            drop(black_box(opened));
        },
    )
}

/// What they do besides, sealing or opening: write and read the packet's fields.
fn codec_round(packet: &VoicePacket<Serverbound>) -> Cost {
    let mut codec = codec();
    let mut reader = self::codec();
    timed(
        || packet.clone(),
        |packet| {
            let mut datagram = BytesMut::with_capacity(512);
            codec
                .encode(packet, &mut datagram)
                .expect("any packet can be written");
            datagram
        },
        |mut datagram| {
            let read = reader.decode(&mut datagram);
            drop(black_box(read));
        },
    )
}

fn timed<P, S>(
    mut plain: impl FnMut() -> P,
    mut seal: impl FnMut(P) -> S,
    mut open: impl FnMut(S),
) -> Cost {
    let packets: Vec<P> = (0..PACKETS).map(|_| plain()).collect();
    let begun = Instant::now();
    let sealed: Vec<S> = packets
        .into_iter()
        .map(|plain| black_box(seal(plain)))
        .collect();
    let between = Instant::now();
    for datagram in sealed {
        open(datagram);
    }
    let ended = Instant::now();
    Cost {
        seal: (between - begun) / PACKETS,
        open: (ended - between) / PACKETS,
    }
}

fn middle(rounds: &[Cost]) -> Cost {
    let seal: Vec<Duration> = rounds.iter().map(|cost| cost.seal).collect();
    let open: Vec<Duration> = rounds.iter().map(|cost| cost.open).collect();
    Cost {
        seal: median(&seal),
        open: median(&open),
    }
}

impl Cost {
    /// Without what is not asked about.
    fn without(self, other: Self) -> Self {
        Self {
            seal: self.seal.saturating_sub(other.seal),
            open: self.open.saturating_sub(other.open),
        }
    }
}
