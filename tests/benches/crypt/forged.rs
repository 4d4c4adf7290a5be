//! How many of the genuine datagrams open after somebody has sent forged ones.

use bytes::BytesMut;
use mumble::crypt::Crypt;
use mumble_protocol_2x::crypt::{ClientCryptState, ServerCryptState};
use mumble_protocol_2x::voice::VoicePacket;

use crate::SECRETS;

/// Genuine datagrams after the forged ones: six seconds of a voice.
pub(crate) const GENUINE: usize = 300;

/// How many forged datagrams come before.
const FORGED: [usize; 3] = [1, 2, 100];

/// How far each forged nonce is behind the one before. Beyond the window, which is where a
/// receiver must not believe what it has not verified.
const BEHIND: u8 = 100;

/// After so many forged datagrams, so many genuine ones open.
pub(crate) struct Row {
    pub(crate) forged: usize,
    pub(crate) ours: usize,
    pub(crate) theirs: usize,
}

pub(crate) fn measure() -> Vec<Row> {
    FORGED.map(after).into()
}

fn after(forged: usize) -> Row {
    let (key, up, down) = SECRETS;
    let mut server = ServerCryptState::new_from(key, down, up);
    let mut ours = Crypt::new(key, up, down);
    let mut theirs = ClientCryptState::new_from(key, up, down);
    let mut genuine = |timestamp| {
        let mut sealed = BytesMut::new();
        server.encrypt(VoicePacket::Ping { timestamp }, &mut sealed);
        sealed
    };

    // Anybody on the way sees the nonce's lowest byte.
    let seen = genuine(0);
    let mut nonce = seen[0];
    assert!(ours.open(&seen).is_ok() && theirs.decrypt(&mut seen.clone()).is_ok());
    for _ in 0..forged {
        nonce = nonce.wrapping_sub(BEHIND);
        let forgery = [&[nonce][..], &[0x5c; 40]].concat();
        assert!(ours.open(&forgery).is_err());
        assert!(theirs.decrypt(&mut forgery.as_slice().into()).is_err());
    }
    let mut row = Row {
        forged,
        ours: 0,
        theirs: 0,
    };
    for timestamp in 1..=GENUINE as u64 {
        let mut sealed = genuine(timestamp);
        row.ours += usize::from(ours.open(&sealed).is_ok());
        row.theirs += usize::from(theirs.decrypt(&mut sealed).is_ok());
    }
    row
}
