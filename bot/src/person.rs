//! Who somebody is, and in whose company: memory is keyed by the certificate, never by a name.

use memory::{Asker, Audience, Company, Person, Place, Who};
use mumble::{ChannelId, SessionId};

use crate::manner::Manner;

/// What the names of phone callers begin with. They share the certificate of the bridge that
/// brings them, so it tells nothing about who calls.
const PHONE: &str = "Phone-";

/// Whether somebody of this name calls by telephone.
pub(crate) fn is_caller(name: &str) -> bool {
    name.starts_with(PHONE)
}

/// Of whom more is remembered than the present visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remembered {
    /// Everybody who is known again.
    TheKnown,
    /// Nobody: memory is switched off.
    Nobody,
}

/// A moment of a conversation: who asks, where, and who else hears the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scene {
    /// Who asks.
    pub(crate) asker: Asker,
    /// Everybody else who hears it.
    pub(crate) witnesses: Vec<Who>,
}

/// Where something is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spot {
    /// In a channel, for all who hear it.
    Channel(ChannelId),
    /// In a private message, or a whisper.
    Private,
}

impl Remembered {
    /// Who a user of the server is.
    pub(crate) fn who(self, user: &mumble::User) -> Who {
        self.identify(user.session, &user.name, user.hash.as_deref())
    }

    fn identify(self, session: SessionId, name: &str, hash: Option<&str>) -> Who {
        // A caller whose number was verified is to be recognised here, before the name is looked
        // at, as a person of their own.
        match (self, hash) {
            (Self::TheKnown, Some(hash)) if !is_caller(name) => Who::Known(Person::new(hash)),
            _ => Who::Visitor(session.0),
        }
    }

    /// The scene of somebody who asks now, `who` under `name` in this session: everybody on
    /// `roster` who hears a channel is in their company there.
    pub(crate) fn scene(
        self,
        roster: &mumble::Roster,
        session: SessionId,
        (who, name): (&Who, &str),
        spot: Spot,
    ) -> Scene {
        let me = roster.me().map(|me| me.session);
        let others = |user: &&mumble::User| user.session != session && Some(user.session) != me;
        let (place, witnesses): (_, Vec<Who>) = match spot {
            Spot::Private => (Place::Private(who.clone()), Vec::new()),
            Spot::Channel(channel) => {
                let there = roster.users().filter(others);
                let hears = |user: &&mumble::User| hears(roster, user, channel);
                let witnesses = there.filter(hears).map(|user| self.who(user)).collect();
                (Place::Channel(channel.0), witnesses)
            }
        };
        // Whoever has joined twice hears themselves alone.
        let alone = witnesses.iter().all(|witness| witness == who);
        let asker = Asker {
            who: who.clone(),
            name: name.to_owned(),
            place,
            company: if alone {
                Company::Alone
            } else {
                Company::Others
            },
        };
        Scene { asker, witnesses }
    }
}

/// Whether what is said in a channel reaches a user.
fn hears(roster: &mumble::Roster, user: &mumble::User, channel: ChannelId) -> bool {
    let linked = |channel: &mumble::Channel| channel.links.contains(&user.channel);
    user.channel == channel
        || user.listens_to.contains(&channel)
        || roster.channel(channel).is_some_and(linked)
}

impl Spot {
    /// The spot of what was said in this manner while the assistant is in `channel`.
    pub(crate) fn of(manner: Manner, channel: ChannelId) -> Self {
        match manner {
            Manner::Aloud => Self::Channel(channel),
            Manner::Whispered => Self::Private,
        }
    }
}

impl Scene {
    /// Before whom a turn may be spoken of that began in this scene and ended in `end`, and who
    /// heard all of it. What was asked alone stays private, whoever has come meanwhile.
    pub(crate) fn heard_by(&self, end: &Self) -> (Audience, Vec<Who>) {
        let stayed = |witness: &&Who| end.witnesses.contains(witness);
        let witnesses = self.witnesses.iter().filter(stayed).cloned().collect();
        let audience = match self.asker.company {
            Company::Alone => Audience::Private,
            Company::Others => Audience::Shared,
        };
        (audience, witnesses)
    }
}

#[cfg(test)]
mod tests {
    use mumble::{Roster, User};

    use super::*;

    const ME: SessionId = SessionId(1);
    const ANN: SessionId = SessionId(2);
    const HALL: ChannelId = ChannelId(0);
    const BESIDE: ChannelId = ChannelId(4);

    fn user(session: SessionId, name: &str, hash: Option<&str>, channel: ChannelId) -> User {
        User {
            session,
            name: name.into(),
            hash: hash.map(str::to_owned),
            channel,
            ..User::default()
        }
    }

    fn known(hash: &str) -> Who {
        Who::Known(Person::new(hash))
    }

    /// The assistant and Ann in the hall, and these.
    fn hall(others: Vec<User>) -> Roster {
        let mut users = vec![
            user(ME, "AI-Bot", Some("me"), HALL),
            user(ANN, "Ann", Some("a1"), HALL),
        ];
        users.extend(others);
        Roster::new(Some(ME), users, [])
    }

    fn scene(roster: &Roster, spot: Spot) -> Scene {
        Remembered::TheKnown.scene(roster, ANN, (&known("a1"), "Ann"), spot)
    }

    #[test]
    fn a_person_is_a_certificate_whatever_they_are_called() {
        let who = |name, hash| Remembered::TheKnown.who(&user(ANN, name, hash, HALL));
        assert_eq!(who("Ann", Some("A1")), known("a1"));
        assert_eq!(who("Ben", Some("a1")), who("Ann", Some("a1")));
        assert_ne!(who("Ann", Some("b2")), who("Ann", Some("a1")));
    }

    #[test]
    fn a_phone_caller_is_a_visitor_whatever_certificate_brought_them() {
        let who = |name, hash| Remembered::TheKnown.who(&user(ANN, name, hash, HALL));
        assert_eq!(who("Phone-0170", Some("bridge")), Who::Visitor(2));
        assert_eq!(who("Ann", None), Who::Visitor(2));
    }

    #[test]
    fn everybody_is_a_visitor_when_memory_is_switched_off() {
        let ann = user(ANN, "Ann", Some("a1"), HALL);
        assert_eq!(Remembered::Nobody.who(&ann), Who::Visitor(2));
    }

    #[test]
    fn who_is_alone_with_the_assistant_is_in_nobodys_company() {
        let elsewhere = user(SessionId(3), "Ben", Some("b2"), BESIDE);
        let alone = scene(&hall(vec![elsewhere]), Spot::Channel(HALL));
        assert_eq!(alone.asker.company, Company::Alone);
        assert_eq!(alone.asker.place, Place::Channel(0));
        assert!(alone.witnesses.is_empty());
    }

    #[test]
    fn whoever_hears_the_channel_is_company_from_wherever_they_listen() {
        let listener = User {
            listens_to: [HALL].into(),
            ..user(SessionId(3), "Ben", Some("b2"), BESIDE)
        };
        let caller = user(SessionId(4), "Phone-0170", Some("bridge"), HALL);
        let scene = scene(&hall(vec![listener, caller]), Spot::Channel(HALL));
        assert_eq!(scene.asker.company, Company::Others);
        assert_eq!(scene.witnesses, [known("b2"), Who::Visitor(4)]);
    }

    #[test]
    fn a_whisper_is_private_among_whomever() {
        let ben = user(SessionId(3), "Ben", Some("b2"), HALL);
        let scene = scene(&hall(vec![ben]), Spot::Private);
        assert_eq!(scene.asker.company, Company::Alone);
        assert_eq!(scene.asker.place, Place::Private(known("a1")));
        assert!(scene.witnesses.is_empty());
    }

    #[test]
    fn what_was_asked_alone_stays_private_when_somebody_comes_before_the_end() {
        let ben = || user(SessionId(3), "Ben", Some("b2"), HALL);
        let cleo = user(SessionId(4), "Cleo", Some("c3"), HALL);
        let alone = scene(&hall(vec![]), Spot::Channel(HALL));
        let two = scene(&hall(vec![ben()]), Spot::Channel(HALL));
        let three = scene(&hall(vec![ben(), cleo]), Spot::Channel(HALL));
        assert_eq!(alone.heard_by(&two), (Audience::Private, vec![]));
        assert_eq!(two.heard_by(&three), (Audience::Shared, vec![known("b2")]));
        assert_eq!(three.heard_by(&two), (Audience::Shared, vec![known("b2")]));
        assert_eq!(two.heard_by(&alone), (Audience::Shared, vec![]));
    }
}
