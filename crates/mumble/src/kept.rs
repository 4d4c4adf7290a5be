//! What a user is to be on every connection, not only on the present one.

use std::collections::BTreeSet;

use secrecy::SecretString;

use crate::act::{Act, Presence};
use crate::event::ChannelId;

/// What was set, and is told to the server anew at each login.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    pub(crate) presence: Option<Presence>,
    pub(crate) comment: Option<String>,
    /// None for those of the configuration.
    pub(crate) tokens: Option<Vec<SecretString>>,
    pub(crate) listened: BTreeSet<ChannelId>,
}

impl Kept {
    /// What to ask of a server that does not know it yet. Tokens go with the login itself.
    pub(crate) fn acts(&self) -> impl Iterator<Item = Act> {
        let presence = self.presence.map(Act::Appear);
        let comment = self.comment.clone().map(Act::Comment);
        let listened = self.listened.iter().map(|&channel| Act::Listen(channel));
        presence.into_iter().chain(comment).chain(listened)
    }
}
