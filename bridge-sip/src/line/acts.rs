//! What a line does on the server: comes, goes aside, tells who calls.

use mumble::{ActError, ChannelId, Event, Events, Lifetime, Presence};

use super::{Line, Want};

/// The root of all channels (a server's first).
const ROOT: ChannelId = ChannelId(0);

/// What a line tells of itself that waits.
const NOBODY: &str = "A telephone line; nobody is calling.";

impl Line {
    /// It has joined the server: where that is, is where it belongs without a channel.
    pub(crate) fn arrived(&mut self) {
        let roster = self.client.roster();
        self.home = self.home.or_else(|| roster.me().map(|me| me.channel));
    }

    /// Tells others who calls. What becomes of it nobody waits for.
    pub(crate) fn tell(&mut self, comment: String) {
        self.commented = true;
        // Whoever has the line next is not who this says: it has to be taken back before.
        self.used = true;
        let client = self.client.clone();
        tokio::spawn(async move {
            if let Err(error) = client.set_comment(comment).await {
                tracing::debug!("a caller's comment was not set: {error}");
            }
        });
    }

    /// Goes to a channel in the middle of a call, by its path; `None` is where the server put it.
    /// Whether there is such a channel; whether it may be entered is seen by others.
    pub(crate) fn go(&self, path: Option<&str>) -> bool {
        let roster = self.client.roster();
        let channel = match path {
            Some(path) => roster.find_channel(path).map(|channel| channel.id),
            None => Some(self.home.unwrap_or(ROOT)),
        };
        let Some(channel) = channel else {
            return false;
        };
        self.go_into(channel);
        true
    }

    /// Goes to a channel; what becomes of it nobody waits for.
    pub(super) fn go_into(&self, channel: ChannelId) {
        let client = self.client.clone();
        tokio::spawn(async move {
            if let Err(error) = client.enter(channel).await {
                tracing::info!("a caller could not change channels: {error}");
            }
        });
    }

    /// Comes to where a call wants it; whether it could.
    pub(super) async fn come(&mut self, want: &Want) -> bool {
        self.used = false;
        if self.deaf {
            let client = self.client.clone();
            if !self.act(client.set_presence(Presence::Open)).await {
                return false;
            }
            self.deaf = false;
        }
        let roster = self.client.roster();
        let wanted = want.channel.as_deref();
        let wanted = wanted.and_then(|path| roster.find_channel(path));
        let channel = wanted.map(|channel| channel.id).or(self.home);
        self.enter(channel.unwrap_or(ROOT)).await
    }

    /// Goes where nobody talks, hears nothing, and tells nothing of its last caller; whether it
    /// could.
    pub(super) async fn go_aside(&mut self) -> bool {
        let client = self.client.clone();
        let there = match self.lines.shared.parking.clone() {
            Some(path) => {
                let roster = self.client.roster();
                match roster.find_channel(&path).map(|channel| channel.id) {
                    Some(channel) => self.enter(channel).await,
                    None => {
                        self.lines
                            .warn_once("there is no channel SIP_PARKING_CHANNEL");
                        false
                    }
                }
            }
            None => {
                let name = format!("{}-parked", self.name());
                let made = client.create_channel(ROOT, name, Lifetime::Temporary);
                let made = self.act(made).await;
                if !made {
                    self.lines.warn_once(
                        "they may not make a temporary channel; set SIP_PARKING_CHANNEL to one \
                         that they may enter and nobody talks in",
                    );
                }
                made
            }
        };
        if !there {
            return false;
        }
        if self.commented {
            if !self.act(client.set_comment(NOBODY)).await {
                return false;
            }
            self.commented = false;
        }
        if !self.deaf {
            self.deaf = self.act(client.set_presence(Presence::Deaf)).await;
        }
        true
    }

    async fn enter(&mut self, channel: ChannelId) -> bool {
        let here = self.client.roster().me().map(|me| me.channel);
        let client = self.client.clone();
        here == Some(channel) || self.act(client.enter(channel)).await
    }

    /// Acts; what happens meanwhile is nobody's concern, but has to be read.
    async fn act<T>(&mut self, act: impl Future<Output = Result<T, ActError>>) -> bool {
        tokio::select! {
            done = act => {
                if let Err(error) = &done {
                    tracing::debug!("a line could not do what it was to: {error}");
                }
                done.is_ok()
            }
            () = lost(&mut self.events) => false,
        }
    }
}

/// Reads what happens until the connection is gone.
async fn lost(events: &mut Events) {
    while let Some(event) = events.next().await {
        if matches!(event, Event::Lost { .. }) {
            return;
        }
    }
}
