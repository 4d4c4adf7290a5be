//! The prompt: who the assistant is, what was talked about, what is remembered, the question.

use jiff::Zoned;
use llm::{Message, Role};
use memory::{Asker, Recalled};

/// Told to the model while somebody is off the record, so that it does not promise to remember.
const OFF_RECORD: &str =
    "This person is off the record: nothing that they say now will be remembered later.";

/// The prompt for what `asker` says now: system message, the talk so far, oldest first, what is
/// remembered from earlier, the question.
///
/// What is remembered stands right before the question and not above the talk, so that the
/// beginning stays the same from turn to turn and the model's prompt cache keeps it. Names stand
/// before what people said as soon as more than one person takes part.
pub(crate) fn prompt(
    system: &str,
    recalled: &Recalled,
    asker: &Asker,
    says: &str,
    now: &Zoned,
) -> Vec<Message> {
    let talk = &recalled.talk;
    let several = talk.iter().any(|said| said.who != asker.who);
    let named = |name: &str, text: &str| {
        if several {
            format!("{name}: {text}")
        } else {
            text.to_owned()
        }
    };
    let mut messages = vec![Message::new(Role::System, system)];
    for said in talk {
        messages.push(Message::new(Role::User, named(&said.name, &said.said)));
        if !said.heard.is_empty() {
            messages.push(Message::new(Role::Assistant, said.heard.as_str()));
        }
    }
    let off = recalled.profile.as_ref().is_some_and(|who| who.off_record);
    let notes = [recalled.note(now), off.then(|| OFF_RECORD.to_owned())];
    let note: Vec<String> = notes.into_iter().flatten().collect();
    if !note.is_empty() {
        messages.push(Message::new(Role::System, note.join("\n")));
    }
    messages.push(Message::new(Role::User, named(&asker.name, says)));
    messages
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use memory::{Company, Id, Person, Place, Said, Who};

    use super::*;

    fn ann() -> Asker {
        let who = Who::Known(Person::new("a1"));
        Asker {
            who,
            name: "Ann".into(),
            place: Place::Channel(0),
            company: Company::Alone,
        }
    }

    fn said(who: Who, name: &str, said: &str, heard: &str) -> Said {
        Said {
            turn: Id::new(),
            who,
            name: name.into(),
            said: said.into(),
            heard: heard.into(),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    fn prompt_of(recalled: &Recalled, says: &str) -> Vec<(Role, String)> {
        let now = Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC);
        let messages = prompt("be kind", recalled, &ann(), says, &now);
        messages.into_iter().map(|m| (m.role, m.content)).collect()
    }

    fn texts(recalled: &Recalled, says: &str) -> Vec<String> {
        let prompt = prompt_of(recalled, says);
        prompt.into_iter().map(|(_, content)| content).collect()
    }

    #[test]
    fn the_talk_stands_oldest_first_before_the_question() {
        let talk = vec![
            said(ann().who, "Ann", "q1", "a1"),
            said(ann().who, "Ann", "q2", "a2"),
        ];
        let recalled = Recalled {
            talk,
            ..Recalled::default()
        };
        assert_eq!(
            texts(&recalled, "q3"),
            ["be kind", "q1", "a1", "q2", "a2", "q3"]
        );
    }

    #[test]
    fn names_stand_there_once_several_people_talk() {
        let recalled = Recalled {
            talk: vec![said(Who::Visitor(7), "Ben", "hello", "hi")],
            ..Recalled::default()
        };
        assert_eq!(
            texts(&recalled, "and me?"),
            ["be kind", "Ben: hello", "hi", "Ann: and me?"]
        );
    }

    #[test]
    fn an_answer_that_nobody_heard_is_not_in_the_prompt() {
        let recalled = Recalled {
            talk: vec![said(ann().who, "Ann", "hello", "")],
            ..Recalled::default()
        };
        assert_eq!(texts(&recalled, "hello?"), ["be kind", "hello", "hello?"]);
    }

    #[test]
    fn what_is_noted_stands_right_before_the_question() {
        let mut profile = memory::store::Profile::new(Person::new("a1"), Timestamp::UNIX_EPOCH);
        profile.off_record = true;
        let recalled = Recalled {
            talk: vec![said(ann().who, "Ann", "q1", "a1")],
            profile: Some(profile),
            ..Recalled::default()
        };
        let prompt = prompt_of(&recalled, "q2");
        let (role, note) = &prompt[prompt.len() - 2];
        assert_eq!(*role, Role::System);
        assert!(note.contains("off the record"), "{note}");
        assert_eq!(prompt.last().unwrap().1, "q2");
    }
}
