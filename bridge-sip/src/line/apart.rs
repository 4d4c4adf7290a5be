//! The channel that is made for one call, and the way back to it.

use std::sync::{Arc, Mutex};

use mumble::{ChannelId, Lifetime, Roster};

use super::{Line, lock};
use crate::caller;

/// How channels begin that are made for one call.
const CALL: &str = "Call-";

/// The channel of one call, from the moment when the server has made it: a call may change lines,
/// and comes back to it after an outage. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Apart {
    made: Arc<Mutex<Option<Made>>>,
}

/// By their paths: after a restart of the server another channel may have the number.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Made {
    /// The channel that the call came to.
    below: String,
    /// The one that was made.
    own: String,
}

/// What a call does that is to be in its channel.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Stay,
    Enter(ChannelId),
    Make { below: ChannelId },
}

impl Made {
    /// What a call does that has joined again, and is here. `find` gives channels by their paths.
    fn joined_again(&self, here: ChannelId, find: impl Fn(&str) -> Option<ChannelId>) -> Step {
        // It is there already, or has gone elsewhere by keys, or was put there by somebody.
        if find(&self.below) != Some(here) {
            return Step::Stay;
        }
        self.way_back(find).unwrap_or(Step::Stay)
    }

    /// How to get there; `None` where it cannot be made again.
    fn way_back(&self, find: impl Fn(&str) -> Option<ChannelId>) -> Option<Step> {
        let make = || find(&self.below).map(|below| Step::Make { below });
        find(&self.own).map(Step::Enter).or_else(make)
    }
}

/// The number of the channel of a path.
fn find(roster: &Roster) -> impl Fn(&str) -> Option<ChannelId> {
    |path| roster.find_channel(path).map(|channel| channel.id)
}

impl Line {
    /// Is in the call's own channel from now on: the server has just let it in, or in again. It is
    /// made below the one it is in.
    pub(crate) fn go_apart(&mut self, apart: &Apart) {
        let roster = self.client.roster();
        let Some(here) = roster.me().map(|me| me.channel) else {
            return;
        };
        let made = lock(&apart.made).clone();
        let step = match made {
            Some(made) => made.joined_again(here, find(&roster)),
            None => Step::Make { below: here },
        };
        self.step(apart, step);
    }

    /// Goes back to the call's own channel, which is made again when it is gone; whether there is
    /// one.
    pub(crate) fn go_back_apart(&mut self, apart: &Apart) -> bool {
        let made = lock(&apart.made).clone();
        let roster = self.client.roster();
        let Some(step) = made.and_then(|made| made.way_back(find(&roster))) else {
            return false;
        };
        self.step(apart, step);
        true
    }

    fn step(&mut self, apart: &Apart, step: Step) {
        // It has to be left when the call is over.
        self.used = true;
        match step {
            Step::Stay => {}
            Step::Enter(own) => self.go_into(own),
            Step::Make { below } => {
                let own = self.name().trim_start_matches(caller::PREFIX);
                let (name, apart) = (format!("{CALL}{own}"), apart.clone());
                let client = self.client.clone();
                tokio::spawn(async move {
                    let made = client.create_channel(below, &*name, Lifetime::Temporary);
                    if let Err(error) = made.await {
                        tracing::warn!(
                            "a call has no channel of its own, and stays where it is: {error}"
                        );
                        return;
                    }
                    if let Some(below) = client.roster().path(below) {
                        let own = format!("{below}/{name}");
                        *lock(&apart.made) = Some(Made { below, own });
                    }
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: ChannelId = ChannelId(0);
    const CALLS: ChannelId = ChannelId(1);
    const OWN: ChannelId = ChannelId(2);

    fn made() -> Made {
        Made {
            below: "Root/Calls".to_owned(),
            own: "Root/Calls/Call-alice".to_owned(),
        }
    }

    fn whole(path: &str) -> Option<ChannelId> {
        match path {
            "Root/Calls" => Some(CALLS),
            "Root/Calls/Call-alice" => Some(OWN),
            _ => None,
        }
    }

    fn alone(path: &str) -> Option<ChannelId> {
        whole(path).filter(|channel| *channel != OWN)
    }

    #[test]
    fn who_is_back_where_the_call_came_to_goes_into_its_channel_while_that_is_there() {
        assert_eq!(made().joined_again(CALLS, whole), Step::Enter(OWN));
        let again = Step::Make { below: CALLS };
        assert_eq!(made().joined_again(CALLS, alone), again);
    }

    #[test]
    fn who_is_back_anywhere_else_stays_there() {
        assert_eq!(made().joined_again(OWN, whole), Step::Stay);
        assert_eq!(made().joined_again(ROOT, whole), Step::Stay);
        assert_eq!(made().joined_again(ROOT, |_| None), Step::Stay);
    }

    #[test]
    fn the_way_back_leads_into_the_channel_of_the_call_from_anywhere() {
        assert_eq!(made().way_back(whole), Some(Step::Enter(OWN)));
        assert_eq!(made().way_back(alone), Some(Step::Make { below: CALLS }));
        assert_eq!(made().way_back(|_| None), None);
    }
}
