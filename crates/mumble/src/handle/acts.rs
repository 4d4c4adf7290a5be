//! What a client can ask of the server beyond sound and texts.

use secrecy::SecretString;
use tokio::sync::{mpsc::error::TrySendError, oneshot};

use super::Client;
use crate::act::{Act, ActError, Asked, Done, Lifetime, Presence};
use crate::event::{ChannelId, SessionId};

/// Acts are asked one at a time, in the order of their calls, no faster than a server takes
/// them by default, and each is answered within 5 s of its turn ([`ActError::NoAnswer`]
/// otherwise). Dropping the future before its turn takes the act back.
///
/// What is marked as kept is told to the server again after each reconnect, and as soon as
/// there is a connection if there is none ([`ActError::NotJoined`]) or if the server refuses it;
/// what it refuses then is told by [`Event::Denied`](crate::Event::Denied).
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
            Done::That | Done::Read(_) => Err(ActError::ConnectionLost),
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

    /// Hears these channels too, one after the other until one is refused. Kept.
    ///
    /// # Errors
    /// See [`ActError`]; it is [`ActError::NotSupported`] before Mumble 1.4.
    pub async fn listen(
        &self,
        channels: impl IntoIterator<Item = ChannelId>,
    ) -> Result<(), ActError> {
        for channel in channels {
            self.shared.keep(|kept| kept.listened.insert(channel));
            self.ask(Act::Listen(channel)).await?;
        }
        Ok(())
    }

    /// Hears these channels no more.
    ///
    /// # Errors
    /// See [`ActError`].
    pub async fn stop_listening(
        &self,
        channels: impl IntoIterator<Item = ChannelId>,
    ) -> Result<(), ActError> {
        for channel in channels {
            self.shared.keep(|kept| kept.listened.remove(&channel));
            self.ask(Act::StopListening(channel)).await?;
        }
        Ok(())
    }

    /// Mutes or deafens the own user, or opens it again. Kept.
    ///
    /// # Errors
    /// See [`ActError`].
    pub async fn set_presence(&self, presence: Presence) -> Result<(), ActError> {
        self.shared.keep(|kept| kept.presence = Some(presence));
        self.ask(Act::Appear(presence)).await.map(drop)
    }

    /// Tells about the own user, as plain text that others can read; empty for nothing. Kept.
    ///
    /// # Errors
    /// See [`ActError`].
    pub async fn set_comment(&self, plain: impl Into<String>) -> Result<(), ActError> {
        let plain = plain.into();
        self.shared.keep(|kept| kept.comment = Some(plain.clone()));
        self.ask(Act::Comment(plain)).await.map(drop)
    }

    /// Has these access tokens from now on, instead of those before. Kept.
    ///
    /// # Errors
    /// See [`ActError`].
    pub async fn set_tokens(&self, tokens: Vec<SecretString>) -> Result<(), ActError> {
        self.shared.keep(|kept| kept.tokens = Some(tokens.clone()));
        self.ask(Act::Tokens(tokens)).await.map(drop)
    }

    /// Registers the own user: the server keeps its name for its certificate, and what it is
    /// allowed goes with it.
    ///
    /// # Errors
    /// See [`ActError`].
    pub async fn register(&self) -> Result<(), ActError> {
        self.ask(Act::Register).await.map(drop)
    }

    /// What somebody tells about itself, as plain text; asked of the server where it is long.
    /// Longer than a mebibyte it is not read.
    ///
    /// # Errors
    /// See [`ActError`].
    pub async fn comment_of(&self, user: SessionId) -> Result<String, ActError> {
        match self.ask(Act::ReadComment(user)).await? {
            Done::Read(text) => Ok(text),
            Done::That | Done::Made(_) => Err(ActError::ConnectionLost),
        }
    }

    async fn ask(&self, act: Act) -> Result<Done, ActError> {
        if self.roster().me().is_none() {
            return Err(ActError::NotJoined);
        }
        let (answer, answered) = oneshot::channel();
        self.acts
            .try_send(Asked {
                act,
                answer: Some(answer),
            })
            .map_err(|error| match error {
                TrySendError::Full(_) => ActError::Full,
                TrySendError::Closed(_) => ActError::NotJoined,
            })?;
        answered.await.unwrap_or(Err(ActError::ConnectionLost))
    }
}
