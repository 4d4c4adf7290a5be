//! What a client can ask of the server beyond sound and texts.

use tokio::sync::{mpsc::error::TrySendError, oneshot};

use super::Client;
use crate::act::{Act, ActError, Asked, Done, Lifetime};
use crate::event::{ChannelId, SessionId};

/// Acts are asked one at a time, in the order of their calls, no faster than a server takes
/// them by default, and each is answered within 5 s of its turn ([`ActError::NoAnswer`]
/// otherwise). Dropping the future before its turn takes the act back.
impl Client {
    /// Goes to a channel.
    ///
    /// # Errors
    /// See [`ActError`].
    pub async fn enter(&self, channel: ChannelId) -> Result<(), ActError> {
        self.ask(Act::Enter(channel)).await.map(drop)
    }

    /// Goes where somebody is at that moment.
    ///
    /// # Errors
    /// See [`ActError`].
    pub async fn follow(&self, user: SessionId) -> Result<(), ActError> {
        self.ask(Act::Follow(user)).await.map(drop)
    }

    /// Makes a channel. A temporary one is entered by it, and is gone when everybody has left.
    ///
    /// # Errors
    /// See [`ActError`].
    pub async fn create_channel(
        &self,
        parent: ChannelId,
        name: impl Into<String>,
        lifetime: Lifetime,
    ) -> Result<ChannelId, ActError> {
        let name = name.into();
        let act = Act::Create {
            parent,
            name,
            lifetime,
        };
        match self.ask(act).await? {
            Done::Made(channel) => Ok(channel),
            Done::That => Err(ActError::ConnectionLost),
        }
    }

    /// Removes a channel with all below it; who is in there is put into its parent.
    ///
    /// # Errors
    /// See [`ActError`].
    pub async fn remove_channel(&self, channel: ChannelId) -> Result<(), ActError> {
        self.ask(Act::Remove(channel)).await.map(drop)
    }

    /// Removes somebody from the server, who may come back.
    ///
    /// # Errors
    /// See [`ActError`].
    pub async fn kick(&self, user: SessionId, reason: impl Into<String>) -> Result<(), ActError> {
        let reason = reason.into();
        self.ask(Act::Kick { user, reason }).await.map(drop)
    }

    /// Removes somebody from the server and keeps certificate and address out from now on.
    ///
    /// # Errors
    /// See [`ActError`].
    pub async fn ban(&self, user: SessionId, reason: impl Into<String>) -> Result<(), ActError> {
        let reason = reason.into();
        self.ask(Act::Ban { user, reason }).await.map(drop)
    }

    /// Puts somebody into a channel.
    ///
    /// # Errors
    /// See [`ActError`].
    pub async fn move_user(&self, user: SessionId, to: ChannelId) -> Result<(), ActError> {
        self.ask(Act::Move { user, to }).await.map(drop)
    }

    /// Lets nobody hear somebody until [`Client::unmute_user`].
    ///
    /// # Errors
    /// See [`ActError`].
    pub async fn mute_user(&self, user: SessionId) -> Result<(), ActError> {
        self.ask(Act::Mute { user, mute: true }).await.map(drop)
    }

    /// Undoes [`Client::mute_user`].
    ///
    /// # Errors
    /// See [`ActError`].
    pub async fn unmute_user(&self, user: SessionId) -> Result<(), ActError> {
        self.ask(Act::Mute { user, mute: false }).await.map(drop)
    }

    async fn ask(&self, act: Act) -> Result<Done, ActError> {
        if self.roster().me().is_none() {
            return Err(ActError::NotJoined);
        }
        let (answer, answered) = oneshot::channel();
        self.acts
            .try_send(Asked { act, answer })
            .map_err(|error| match error {
                TrySendError::Full(_) => ActError::Full,
                TrySendError::Closed(_) => ActError::NotJoined,
            })?;
        answered.await.unwrap_or(Err(ActError::ConnectionLost))
    }
}
