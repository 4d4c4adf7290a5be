//! The codecs that a call can be held in, as descriptions name them.

use crate::sdp::{FIRST_DYNAMIC, Format, Map};

/// A codec that the bridge can speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// Opus (RFC 7587), always written as 48000 Hz and two channels.
    Opus,
    /// G.722 (RFC 3551 section 4.5.2): samples at 16000 Hz, timestamps at 8000 Hz.
    G722,
    /// G.711 A-law, 8000 Hz.
    Pcma,
    /// G.711 µ-law, 8000 Hz.
    Pcmu,
}

/// What Opus is offered as when nobody has named a number yet; many phones use the same.
const OPUS: u8 = 111;

impl Codec {
    /// All of them, the one that sounds best first: the default order.
    pub const ALL: [Self; 4] = [Self::Opus, Self::G722, Self::Pcma, Self::Pcmu];

    /// Ticks of its RTP timestamp in a second, in Hz.
    pub fn clock(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::G722 | Self::Pcma | Self::Pcmu => 8_000,
        }
    }

    /// What `a=rtpmap` says of it.
    pub fn map(self) -> Map {
        let mut map = Map::new(self.name(), self.clock());
        if self == Self::Opus {
            map.channels = 2;
        }
        map
    }

    /// The codec that a format stands for, if it is one of these.
    pub fn of(format: &Format) -> Option<Self> {
        let map = format.map.as_ref()?;
        format.payload_type()?;
        Self::ALL.into_iter().find(|codec| {
            let ours = codec.map();
            map.is(&ours.name, ours.clock, ours.channels)
        })
    }

    /// The number it is offered under.
    pub(super) fn payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
            Self::G722 => 9,
            Self::Opus => OPUS,
        }
    }

    /// Whether its number means it in every description.
    pub(super) fn is_static(self) -> bool {
        self.payload_type() < FIRST_DYNAMIC
    }

    /// What is asked of the other end's encoder: Opus with what is needed to repair a loss.
    pub(super) fn fmtp(self) -> Option<String> {
        (self == Self::Opus).then(|| "useinbandfec=1".to_owned())
    }

    fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::G722 => "G722",
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
        }
    }
}
