//! A user and a channel, as the server tells of them: field by field, and bounded.

use std::collections::BTreeSet;

use crate::act::Lifetime;
use crate::denied::Permission;
use crate::event::{ChannelId, SessionId};
use crate::proto::control::{ChannelState, UserState};

/// Names are cut to this many characters: the most that servers allow.
const LONGEST_NAME: usize = 512;

/// Servers send comments and descriptions of 128 bytes and more only when asked; a longer one
/// is not kept.
const LONGEST_SHORT: usize = 1024;

/// A user is known to listen to so many channels at most, and a channel to be linked to so many.
const MOST_LINKS: usize = 128;

/// The length of a SHA-1 digest in hex digits.
const HASH_DIGITS: usize = 40;

/// A user on the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// Its number in this session.
    pub session: SessionId,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub channel: ChannelId,
    /// SHA-1 of its certificate in lower-case hex; none without a certificate. It is the same
    /// person as long as it is the same: names can be taken over.
    pub hash: Option<String>,
    /// Its number as a registered user, if it is one.
    pub user_id: Option<u32>,
    /// Muted by an administrator.
    pub mute: bool,
    /// Deafened by an administrator.
    pub deaf: bool,
    /// Has muted itself.
    pub self_mute: bool,
    /// Has deafened itself.
    pub self_deaf: bool,
    /// May not speak in this channel.
    pub suppress: bool,
    /// Others are turned down while it speaks.
    pub priority_speaker: bool,
    /// Says that it records.
    pub recording: bool,
    /// The channels that it hears besides its own.
    pub listens_to: BTreeSet<ChannelId>,
    /// What it tells about itself.
    pub comment: About,
}

/// A channel of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its number; 0 is the root.
    pub id: ChannelId,
    /// The channel that it lies in; none for the root.
    pub parent: Option<ChannelId>,
    /// Its name.
    pub name: String,
    /// Whether it goes when its last user leaves.
    pub lifetime: Lifetime,
    /// Where it stands among its neighbours: lower ones come first, equal ones by name.
    pub position: i32,
    /// The channels that are heard in it, and hear it.
    pub links: BTreeSet<ChannelId>,
    /// What is told about it.
    pub description: About,
    /// How many users it takes; none for the server's own limit.
    pub max_users: Option<u32>,
    /// Whether an access list keeps somebody out. Never with a server before 1.4, which does
    /// not tell.
    pub is_enter_restricted: bool,
    /// Whether the own user may enter; none with a server before 1.4, which does not tell.
    pub can_enter: Option<bool>,
    /// What the own user may do there, as bits, once the server told.
    pub(super) permissions: Option<u32>,
}

/// What a user tells about itself, or what is told about a channel, in HTML.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum About {
    /// Nothing.
    #[default]
    Nothing,
    /// This.
    Short(String),
    /// More than servers send unasked: its SHA-1 digest. See
    /// [`Client::comment_of`](crate::Client::comment_of).
    Long([u8; 20]),
}

impl Channel {
    /// Whether the server's access lists let the own user do something there; none while the
    /// server has not told.
    pub fn may(&self, what: Permission) -> Option<bool> {
        self.permissions.map(|bits| what.is_in(bits))
    }

    /// Takes over each field that the server mentions.
    pub(super) fn update(&mut self, state: ChannelState) {
        set(&mut self.name, state.name.map(cut));
        // The root tells itself as its own parent in some servers' words.
        let parent = state.parent.map(ChannelId);
        if let Some(parent) = parent.filter(|&parent| parent != self.id) {
            self.parent = Some(parent);
        }
        set(
            &mut self.lifetime,
            state.temporary.map(|temporary| match temporary {
                true => Lifetime::Temporary,
                false => Lifetime::Permanent,
            }),
        );
        set(&mut self.position, state.position);
        if !state.links.is_empty() {
            self.links.clear();
        }
        change(&mut self.links, &state.links, &[]);
        change(&mut self.links, &state.links_add, &state.links_remove);
        let description = About::from(state.description, state.description_hash.as_deref());
        set(&mut self.description, description);
        if let Some(most) = state.max_users {
            self.max_users = Some(most).filter(|&most| most > 0);
        }
        set(&mut self.is_enter_restricted, state.is_enter_restricted);
        self.can_enter = state.can_enter.or(self.can_enter);
    }
}

impl Default for Channel {
    /// The root, before the server has told anything of it.
    fn default() -> Self {
        Self {
            id: ChannelId::default(),
            parent: None,
            name: String::new(),
            lifetime: Lifetime::Permanent,
            position: 0,
            links: BTreeSet::new(),
            description: About::Nothing,
            max_users: None,
            is_enter_restricted: false,
            can_enter: None,
            permissions: None,
        }
    }
}

impl User {
    /// Takes over each field that the server mentions.
    pub(super) fn update(&mut self, state: UserState) {
        set(&mut self.name, state.name.map(cut));
        set(&mut self.channel, state.channel_id.map(ChannelId));
        set(&mut self.mute, state.mute);
        set(&mut self.deaf, state.deaf);
        set(&mut self.self_mute, state.self_mute);
        set(&mut self.self_deaf, state.self_deaf);
        set(&mut self.suppress, state.suppress);
        set(&mut self.priority_speaker, state.priority_speaker);
        set(&mut self.recording, state.recording);
        self.user_id = state.user_id.or(self.user_id);
        // What is no digest says nothing about who somebody is.
        let digest = state.hash.filter(|hash| hash.len() == HASH_DIGITS);
        self.hash = digest.or_else(|| self.hash.take());
        change(
            &mut self.listens_to,
            &state.listening_channel_add,
            &state.listening_channel_remove,
        );
        let comment = About::from(state.comment, state.comment_hash.as_deref());
        set(&mut self.comment, comment);
    }
}

impl About {
    /// What a message says; none when it says nothing about it.
    fn from(text: Option<String>, hash: Option<&[u8]>) -> Option<Self> {
        if let Some(hash) = hash {
            return hash.try_into().ok().map(Self::Long);
        }
        text.filter(|text| text.len() <= LONGEST_SHORT)
            .map(|text| match text.is_empty() {
                true => Self::Nothing,
                false => Self::Short(text),
            })
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn change(channels: &mut BTreeSet<ChannelId>, add: &[u32], remove: &[u32]) {
    for &channel in add {
        if channels.len() < MOST_LINKS {
            channels.insert(ChannelId(channel));
        }
    }
    for &channel in remove {
        channels.remove(&ChannelId(channel));
    }
}

fn cut(mut name: String) -> String {
    if let Some((end, _)) = name.char_indices().nth(LONGEST_NAME) {
        name.truncate(end);
        // Else what was cut off would stay in memory.
        name.shrink_to_fit();
    }
    name
}
