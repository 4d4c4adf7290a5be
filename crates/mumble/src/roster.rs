//! Who is on the server, and in which channel.

use std::collections::BTreeMap;

use crate::event::{ChannelId, RosterChange, SessionId};
use crate::proto::control::{ChannelState, UserState};

/// Users and channels of the server, as last told by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    me: Option<SessionId>,
    users: BTreeMap<SessionId, User>,
    channels: BTreeMap<ChannelId, Channel>,
}

/// A user on the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// Its number in this session.
    pub session: SessionId,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub channel: ChannelId,
    /// SHA-1 of its certificate in lower-case hex; none without a certificate.
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
    /// Says that it records.
    pub recording: bool,
    /// What it tells about itself, in HTML, where that is short.
    pub comment: Option<String>,
}

/// A channel of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Channel {
    /// Its number; 0 is the root.
    pub id: ChannelId,
    /// The channel that it lies in; none for the root.
    pub parent: Option<ChannelId>,
    /// Its name.
    pub name: String,
}

/// More users and channels than a Mumble server can serve; what is beyond is not kept, so that
/// no server can fill the memory.
const MOST_ENTRIES: usize = 20_000;

/// Deeper than the nesting limit of servers (10); ends the walk in a circle of parents.
const DEEPEST_CHANNEL: usize = 32;

impl Roster {
    /// A roster of these users and channels, `me` being the own user.
    pub fn new(
        me: Option<SessionId>,
        users: impl IntoIterator<Item = User>,
        channels: impl IntoIterator<Item = Channel>,
    ) -> Self {
        Self {
            me,
            users: users.into_iter().map(|user| (user.session, user)).collect(),
            channels: channels
                .into_iter()
                .map(|channel| (channel.id, channel))
                .collect(),
        }
    }

    /// The own user; none while there is no connection.
    pub fn me(&self) -> Option<&User> {
        self.user(self.me?)
    }

    /// A user by its number.
    pub fn user(&self, session: SessionId) -> Option<&User> {
        self.users.get(&session)
    }

    /// All users, by their numbers; the own one too.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values()
    }

    /// A channel by its number.
    pub fn channel(&self, id: ChannelId) -> Option<&Channel> {
        self.channels.get(&id)
    }

    /// All channels, by their numbers.
    pub fn channels(&self) -> impl Iterator<Item = &Channel> {
        self.channels.values()
    }

    /// The channel that the own user is in.
    pub fn my_channel(&self) -> Option<&Channel> {
        self.channel(self.me()?.channel)
    }

    /// The users that share the own user's channel, without the own one.
    pub fn others_in_my_channel(&self) -> impl Iterator<Item = &User> {
        let mine = self.me().map(|me| me.channel);
        self.users()
            .filter(move |user| Some(user.channel) == mine && Some(user.session) != self.me)
    }

    /// Finds a channel by its path from the root.
    ///
    /// `Root/AI/Quiet` and `AI/Quiet` are the same; names differ by case only if two channels
    /// beside each other do.
    pub fn find_channel(&self, path: &str) -> Option<&Channel> {
        let names: Vec<&str> = path
            .split('/')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .collect();
        let root = self.channel(ROOT)?;
        let below_root = match names.split_first() {
            Some((first, below)) if same_name(first, &root.name) || same_name(first, "Root") => {
                Some(below)
            }
            _ => None,
        };
        below_root
            .and_then(|names| self.walk(root, names))
            .or_else(|| {
                // A channel may bear the name of the root that it lies in.
                Some(names.as_slice())
                    .filter(|names| !names.is_empty())
                    .and_then(|names| self.walk(root, names))
            })
    }

    /// The path of a channel from the root, as [`Roster::find_channel`] takes it.
    pub fn path(&self, id: ChannelId) -> Option<String> {
        let mut names = Vec::new();
        let mut at = Some(id);
        while let Some(id) = at.filter(|_| names.len() < DEEPEST_CHANNEL) {
            let channel = self.channel(id)?;
            names.push(channel.name.as_str());
            at = channel.parent;
        }
        names.reverse();
        Some(names.join("/"))
    }

    fn walk<'a>(&'a self, from: &'a Channel, names: &[&str]) -> Option<&'a Channel> {
        names.iter().try_fold(from, |parent, name| {
            let children = || {
                self.channels()
                    .filter(|child| child.parent == Some(parent.id))
            };
            children()
                .find(|child| child.name == *name)
                .or_else(|| children().find(|child| same_name(&child.name, name)))
        })
    }

    pub(crate) fn set_me(&mut self, me: SessionId) {
        self.me = Some(me);
    }

    /// Takes in what the server says about a user; none when it changes nothing that is kept.
    pub(crate) fn update_user(&mut self, state: UserState) -> Option<RosterChange> {
        let session = SessionId(state.session?);
        let Some(user) = self.users.get_mut(&session) else {
            // The first word about a user has its name; anything else is of one that left.
            let name = state.name.clone()?;
            if self.users.len() >= MOST_ENTRIES {
                return None;
            }
            let mut user = User {
                session,
                name,
                channel: ROOT,
                ..User::default()
            };
            user.update(state);
            self.users.insert(session, user);
            return Some(RosterChange::UserJoined { session });
        };
        let before = user.clone();
        user.update(state);
        if user.channel != before.channel {
            Some(RosterChange::UserMoved { session })
        } else if *user != before {
            Some(RosterChange::UserChanged { session })
        } else {
            None
        }
    }

    /// Forgets a user that left.
    pub(crate) fn remove_user(&mut self, session: SessionId) -> Option<RosterChange> {
        self.users
            .remove(&session)
            .map(|_| RosterChange::UserLeft { session })
    }

    /// Takes in what the server says about a channel.
    pub(crate) fn update_channel(&mut self, state: ChannelState) -> Option<RosterChange> {
        let id = ChannelId(state.channel_id?);
        if !self.channels.contains_key(&id) && self.channels.len() >= MOST_ENTRIES {
            return None;
        }
        let channel = self.channels.entry(id).or_insert_with(|| Channel {
            id,
            ..Channel::default()
        });
        let before = channel.clone();
        if let Some(name) = state.name {
            channel.name = name;
        }
        // The root tells itself as its own parent in some servers' words.
        if let Some(parent) = state.parent.map(ChannelId).filter(|&parent| parent != id) {
            channel.parent = Some(parent);
        }
        (*channel != before).then_some(RosterChange::ChannelChanged { channel: id })
    }

    /// Forgets a channel that was removed.
    pub(crate) fn remove_channel(&mut self, id: ChannelId) -> Option<RosterChange> {
        self.channels
            .remove(&id)
            .map(|_| RosterChange::ChannelRemoved { channel: id })
    }
}

impl User {
    /// Takes over each field that the server mentions.
    fn update(&mut self, state: UserState) {
        fn set<T>(field: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *field = value;
            }
        }
        set(&mut self.name, state.name);
        set(&mut self.channel, state.channel_id.map(ChannelId));
        set(&mut self.mute, state.mute);
        set(&mut self.deaf, state.deaf);
        set(&mut self.self_mute, state.self_mute);
        set(&mut self.self_deaf, state.self_deaf);
        set(&mut self.suppress, state.suppress);
        set(&mut self.recording, state.recording);
        self.user_id = state.user_id.or(self.user_id);
        self.hash = state
            .hash
            .filter(|hash| !hash.is_empty())
            .or_else(|| self.hash.take());
        self.comment = state.comment.or_else(|| self.comment.take());
    }
}

/// The channel that every other one lies in.
const ROOT: ChannelId = ChannelId(0);

fn same_name(a: &str, b: &str) -> bool {
    a == b || a.to_lowercase() == b.to_lowercase()
}

impl Default for SessionId {
    /// No user has this number.
    fn default() -> Self {
        Self(0)
    }
}

impl Default for ChannelId {
    /// The root.
    fn default() -> Self {
        ROOT
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn channel(id: u32, parent: Option<u32>, name: &str) -> Channel {
        Channel {
            id: ChannelId(id),
            parent: parent.map(ChannelId),
            name: name.into(),
        }
    }

    fn house() -> Roster {
        let channels = [
            channel(0, None, "Our house"),
            channel(1, Some(0), "AI"),
            channel(2, Some(1), "Quiet"),
            channel(3, Some(0), "ai"),
            channel(4, Some(0), "Root"),
        ];
        Roster::new(None, [], channels)
    }

    fn found(path: &str) -> Option<u32> {
        house().find_channel(path).map(|channel| channel.id.0)
    }

    #[test]
    fn a_channel_is_found_by_path_with_or_without_the_root() {
        assert_eq!(found("Root/AI/Quiet"), Some(2));
        assert_eq!(found("Our house/AI"), Some(1));
        assert_eq!(found("/AI/Quiet/"), Some(2));
        assert_eq!(found("our HOUSE"), Some(0));
        assert_eq!(found("quiet"), None);
        assert_eq!(found("AI/Loud"), None);
        assert_eq!(found(""), None);
    }

    #[test]
    fn case_matters_only_between_neighbours() {
        assert_eq!(found("ai"), Some(3));
        assert_eq!(found("Ai/quiet"), Some(2));
    }

    #[test]
    fn a_path_leads_back_to_its_channel() {
        let roster = house();
        for channel in roster.channels() {
            let path = roster.path(channel.id).expect("every channel has a path");
            assert_eq!(
                roster.find_channel(&path).map(|found| found.id),
                Some(channel.id),
                "{path}"
            );
        }
    }

    #[test]
    fn each_word_about_a_user_is_one_change() {
        let mut roster = house();
        let session = SessionId(7);
        let state = |edit: fn(&mut UserState)| {
            let mut state = UserState {
                session: Some(7),
                ..UserState::default()
            };
            edit(&mut state);
            state
        };
        assert_eq!(roster.update_user(state(|s| s.mute = Some(true))), None);
        assert_eq!(
            roster.update_user(state(|s| s.name = Some("Ann".into()))),
            Some(RosterChange::UserJoined { session })
        );
        assert_eq!(
            roster.update_user(state(|s| s.channel_id = Some(1))),
            Some(RosterChange::UserMoved { session })
        );
        assert_eq!(
            roster.update_user(state(|s| s.self_mute = Some(true))),
            Some(RosterChange::UserChanged { session })
        );
        assert_eq!(
            roster.update_user(state(|s| s.self_mute = Some(true))),
            None
        );
        assert_eq!(
            roster.remove_user(session),
            Some(RosterChange::UserLeft { session })
        );
        assert_eq!(roster.remove_user(session), None);
    }

    #[test]
    fn others_in_my_channel_are_neither_me_nor_elsewhere() {
        let user = |session, channel| User {
            session: SessionId(session),
            channel: ChannelId(channel),
            ..User::default()
        };
        let roster = Roster::new(Some(SessionId(1)), [user(1, 0), user(2, 0), user(3, 1)], []);
        let others: Vec<u32> = roster
            .others_in_my_channel()
            .map(|user| user.session.0)
            .collect();
        assert_eq!(others, [2]);
    }

    proptest! {
        #[test]
        fn parents_in_a_circle_do_not_hang_it(parents in prop::collection::vec(0_u32..6, 6)) {
            let channels: Vec<Channel> = parents
                .iter()
                .enumerate()
                .map(|(id, parent)| channel(id as u32, Some(*parent), "x"))
                .collect();
            let roster = Roster::new(None, [], channels);
            for id in 0..6 {
                roster.path(ChannelId(id));
            }
            roster.find_channel("x/x/x/x/x/x/x/x");
        }
    }
}
