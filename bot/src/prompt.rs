//! The prompt: who the assistant is, what was talked about, what is remembered, the question.

use jiff::Zoned;
use llm::{Message, Role};
use memory::{Asker, Recalled};

/// Told to the model while somebody is off the record, so that it does not promise to remember.
const OFF_RECORD: &str =
    "This person is off the record: nothing that they say now will be remembered later.";

/// The prompt for what `asker` says now: system message, the talk so far, oldest first, and the
/// question, behind what is remembered for it.
///
/// What is remembered stands in the question's own message. Above the talk it would change the
/// beginning from turn to turn, and the model's prompt cache could keep nothing of it; as a system
/// message of its own it would come to stand there too, for many servers gather all of those at
/// the top. Names stand before what people said as soon as more than one person takes part.
pub(crate) fn prompt(
    system: &str,
    recalled: &Recalled,
    asker: &Asker,
    says: &str,
    now: &Zoned,
) -> Vec<Message> {
    let mut messages = talk(system, recalled, asker);
    let question = named(recalled, asker, &asker.name, says);
    let message = match note(recalled, now) {
        Some(note) => format!("{note}\n\n{question}"),
        None => question,
    };
    messages.push(Message::new(Role::User, message));
    messages
}

/// How the next prompt of `asker` begins, as far as that can be known before they say anything.
pub(crate) fn beginning(
    system: &str,
    recalled: &Recalled,
    asker: &Asker,
    now: &Zoned,
) -> Vec<Message> {
    let mut messages = talk(system, recalled, asker);
    let note = note(recalled, now);
    messages.extend(note.map(|note| Message::new(Role::User, note)));
    messages
}

fn talk(system: &str, recalled: &Recalled, asker: &Asker) -> Vec<Message> {
    let mut messages = vec![Message::new(Role::System, system)];
    for said in &recalled.talk {
        let words = named(recalled, asker, &said.name, &said.said);
        messages.push(Message::new(Role::User, words));
        if !said.heard.is_empty() {
            messages.push(Message::new(Role::Assistant, said.heard.as_str()));
        }
    }
    messages
}

fn named(recalled: &Recalled, asker: &Asker, name: &str, text: &str) -> String {
    if recalled.talk.iter().any(|said| said.who != asker.who) {
        format!("{name}: {text}")
    } else {
        text.to_owned()
    }
}

fn note(recalled: &Recalled, now: &Zoned) -> Option<String> {
    let off = recalled.profile.as_ref().is_some_and(|who| who.off_record);
    let notes = [off.then(|| OFF_RECORD.to_owned()), recalled.note(now)];
    let note: Vec<String> = notes.into_iter().flatten().collect();
    (!note.is_empty()).then(|| note.join("\n"))
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

    fn texts(recalled: &Recalled, says: &str) -> Vec<String> {
        let now = Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC);
        let messages = prompt("be kind", recalled, &ann(), says, &now);
        messages.into_iter().map(|m| m.content).collect()
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
    fn what_is_noted_stands_before_the_question_and_begins_as_it_can_be_read_ahead() {
        let mut profile = memory::store::Profile::new(Person::new("a1"), Timestamp::UNIX_EPOCH);
        profile.off_record = true;
        let recalled = Recalled {
            talk: vec![said(ann().who, "Ann", "q1", "a1")],
            profile: Some(profile),
            ..Recalled::default()
        };
        let texts = texts(&recalled, "q2");
        assert_eq!(texts[..3], ["be kind", "q1", "a1"]);
        assert_eq!(texts[3], format!("{OFF_RECORD}\n\nq2"));
        let now = Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC);
        let begins = beginning("be kind", &recalled, &ann(), &now);
        let begins: Vec<_> = begins.into_iter().map(|m| m.content).collect();
        assert_eq!(begins[..3], texts[..3]);
        assert!(texts[3].starts_with(&begins[3]), "{begins:?}");
    }
}
