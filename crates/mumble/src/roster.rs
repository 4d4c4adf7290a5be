//! Who is on the server, and in which channel.

mod entry;

use std::{collections::BTreeMap, sync::Arc};

use crate::event::{ChannelId, RosterChange, SessionId};
use crate::proto::control::{ChannelState, PermissionQuery, UserState};

pub use entry::{About, Channel, User};

/// Users and channels of the server, as last told by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    me: Option<SessionId>,
    // Counted, so that a change of one copies one and not all for those who look on.
    users: BTreeMap<SessionId, Arc<User>>,
    channels: BTreeMap<ChannelId, Arc<Channel>>,
}

/// More users and channels than a Mumble server can serve; what is beyond is not kept, so that
/// no server can fill the memory.
const MOST_ENTRIES: usize = 10_000;

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
            users: users
                .into_iter()
                .map(|user| (user.session, Arc::new(user)))
                .collect(),
            channels: channels
                .into_iter()
                .map(|channel| (channel.id, Arc::new(channel)))
                .collect(),
        }
    }

    /// The own user; none while there is no connection.
    pub fn me(&self) -> Option<&User> {
        self.user(self.me?)
    }

    /// A user by its number.
    pub fn user(&self, session: SessionId) -> Option<&User> {
        self.users.get(&session).map(|user| &**user)
    }

    /// All users, by their numbers; the own one too.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values().map(|user| &**user)
    }

    /// A channel by its number.
    pub fn channel(&self, id: ChannelId) -> Option<&Channel> {
        self.channels.get(&id).map(|channel| &**channel)
    }

    /// All channels, by their numbers.
    pub fn channels(&self) -> impl Iterator<Item = &Channel> {
        self.channels.values().map(|channel| &**channel)
    }

    /// The channel that the own user is in.
    pub fn my_channel(&self) -> Option<&Channel> {
        self.channel(self.me()?.channel)
    }

    /// Whether others hear the own user where it is: nobody has muted it, and it may speak
    /// there.
    pub fn may_speak(&self) -> bool {
        self.me()
            .is_some_and(|me| !(me.mute || me.suppress || me.self_mute))
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
            state.name.as_ref()?;
            if self.users.len() >= MOST_ENTRIES {
                return None;
            }
            let mut user = User {
                session,
                channel: ROOT,
                ..User::default()
            };
            user.update(state);
            self.users.insert(session, Arc::new(user));
            return Some(RosterChange::UserJoined { session });
        };
        let before = Arc::clone(user);
        Arc::make_mut(user).update(state);
        if user.channel != before.channel {
            Some(RosterChange::UserMoved { session })
        } else if **user != *before {
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
        let channel = self.channels.entry(id).or_insert_with(|| {
            Arc::new(Channel {
                id,
                ..Channel::default()
            })
        });
        let before = Arc::clone(channel);
        Arc::make_mut(channel).update(state);
        (**channel != *before).then_some(RosterChange::ChannelChanged { channel: id })
    }

    /// Takes in what the server says the own user may do.
    pub(crate) fn update_permissions(&mut self, query: PermissionQuery) {
        if query.flush == Some(true) {
            for channel in self.channels.values_mut() {
                if channel.permissions.is_some() {
                    Arc::make_mut(channel).permissions = None;
                }
            }
        }
        let channel = query.channel_id.map(ChannelId);
        if let Some(channel) = channel.and_then(|id| self.channels.get_mut(&id))
            && query.permissions.is_some()
        {
            Arc::make_mut(channel).permissions = query.permissions;
        }
    }

    /// Forgets a channel that was removed.
    pub(crate) fn remove_channel(&mut self, id: ChannelId) -> Option<RosterChange> {
        self.channels
            .remove(&id)
            .map(|_| RosterChange::ChannelRemoved { channel: id })
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
mod tests;
