//! What we seal and write is, byte for byte, what another implementation of Mumble's voice
//! makes of the same input, and each opens what the other has sealed.

use std::marker::PhantomData;

use bytes::{Bytes, BytesMut};
use mumble_protocol_2x::{
    crypt::{ClientCryptState, ServerCryptState},
    voice::{Clientbound, Serverbound, VoicePacket, VoicePacketPayload},
};
use proptest::prelude::*;

use crate::crypt::Crypt;
use crate::datagram::{self, Dialect, Received, Voice};
use crate::event::{Scope, SessionId};

/// Key, nonce from client to server, nonce from server to client.
type Secrets = ([u8; 16], [u8; 16], [u8; 16]);

/// From here on there are two ways to write a number, and they choose the other one. No sequence
/// and no timestamp gets there.
const NEVER: u64 = 1 << 63;

fn theirs_to_server(voice: &Voice) -> VoicePacket<Serverbound> {
    VoicePacket::Audio {
        _dst: PhantomData,
        target: 0,
        session_id: (),
        seq_num: voice.sequence,
        payload: VoicePacketPayload::Opus(voice.opus.clone(), voice.last),
        position_info: None,
    }
}

fn theirs_to_client(voice: &Voice, position: Option<Bytes>) -> VoicePacket<Clientbound> {
    VoicePacket::Audio {
        _dst: PhantomData,
        target: 0,
        session_id: voice.speaker.0,
        seq_num: voice.sequence,
        payload: VoicePacketPayload::Opus(voice.opus.clone(), voice.last),
        position_info: position,
    }
}

fn voices() -> impl Strategy<Value = Vec<Voice>> {
    let opus = prop::collection::vec(any::<u8>(), 0..300);
    let voice = (any::<u32>(), 0..NEVER, opus, any::<bool>()).prop_map(
        |(speaker, sequence, opus, last)| Voice {
            speaker: SessionId(speaker),
            scope: Scope::Normal,
            sequence,
            opus: opus.into(),
            last,
        },
    );
    prop::collection::vec(voice, 1..40)
}

proptest! {
    #[test]
    fn what_we_send_is_what_they_would_send((key, up, down) in any::<Secrets>(), voices in voices()) {
        let mut ours = Crypt::new(key, up, down);
        let mut theirs = ClientCryptState::new_from(key, up, down);
        let mut server = ServerCryptState::new_from(key, down, up);
        for voice in &voices {
            let sealed = ours.seal(&datagram::write_voice(Dialect::Legacy, 0, voice));
            let mut expected = BytesMut::new();
            theirs.encrypt(theirs_to_server(voice), &mut expected);
            prop_assert_eq!(&sealed[..], &expected[..]);
            let opened = server.decrypt(&mut sealed.as_slice().into());
            let packet = opened.expect("it is genuine").expect("it is well formed");
            prop_assert_eq!(packet, theirs_to_server(voice));
        }
    }

    #[test]
    fn we_hear_what_they_send((key, up, down) in any::<Secrets>(), voices in voices(), position: Option<[u8; 12]>) {
        let mut ours = Crypt::new(key, up, down);
        let mut server = ServerCryptState::new_from(key, down, up);
        for voice in &voices {
            let position = position.map(|position| Bytes::copy_from_slice(&position));
            let mut sealed = BytesMut::new();
            server.encrypt(theirs_to_client(voice, position), &mut sealed);
            let plain = ours.open(&sealed).expect("it is genuine");
            let read = datagram::read(Dialect::Legacy, plain.into());
            prop_assert_eq!(read, Ok(Received::Voice(voice.clone())));
        }
        prop_assert_eq!(ours.stats().good as usize, voices.len());
    }

    #[test]
    fn pings_are_the_same(timestamp in 0..NEVER, (key, up, down) in any::<Secrets>()) {
        let mut expected = BytesMut::new();
        ClientCryptState::new_from(key, up, down).encrypt(VoicePacket::Ping { timestamp }, &mut expected);
        let sealed = Crypt::new(key, up, down).seal(&datagram::write_ping(Dialect::Legacy, timestamp));
        prop_assert_eq!(&sealed[..], &expected[..]);
    }

    #[test]
    fn loss_and_reordering_are_counted_as_they_count_them(
        (key, up, down) in any::<Secrets>(),
        fates in prop::collection::vec(prop_oneof![3 => Just(0_usize), 1 => Just(1), 1 => 2_usize..20], 1..150),
    ) {
        // A fate is lost (1), or by how many later datagrams one is overtaken.
        // They take a nonce with a zero here for one that they have seen when they have not.
        let mut down = down;
        down[1] = down[1] % 200 + 1;
        let mut server = ServerCryptState::new_from(key, down, up);
        let mut theirs = ClientCryptState::new_from(key, up, down);
        let mut ours = Crypt::new(key, up, down);
        let mut arriving: Vec<(usize, BytesMut)> = Vec::new();
        for (at, fate) in fates.iter().enumerate() {
            let mut sealed = BytesMut::new();
            server.encrypt(VoicePacket::Ping { timestamp: at as u64 }, &mut sealed);
            if *fate != 1 {
                arriving.push((at + fate, sealed));
            }
        }
        arriving.sort_by_key(|(arrival, _)| *arrival);
        for (_, mut sealed) in arriving {
            let opened = ours.open(&sealed);
            prop_assert_eq!(opened.is_ok(), theirs.decrypt(&mut sealed).is_ok());
        }
        let stats = ours.stats();
        prop_assert_eq!((stats.good, stats.late), (theirs.get_good(), theirs.get_late()));
    }
}
