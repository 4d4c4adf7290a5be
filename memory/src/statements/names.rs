//! Names of those around somebody: "my sister Anna".

use super::Draft;
use crate::dates;
use crate::entry::Kind;

/// Who stands by a person, in one word.
const NEAR: [&str; 40] = [
    "sister",
    "brother",
    "mother",
    "father",
    "mum",
    "dad",
    "mom",
    "wife",
    "husband",
    "partner",
    "girlfriend",
    "boyfriend",
    "fiancee",
    "fiance",
    "son",
    "daughter",
    "friend",
    "colleague",
    "boss",
    "neighbour",
    "neighbor",
    "cousin",
    "aunt",
    "uncle",
    "niece",
    "nephew",
    "grandmother",
    "grandfather",
    "grandma",
    "grandpa",
    "dog",
    "cat",
    "horse",
    "teacher",
    "doctor",
    "dentist",
    "flatmate",
    "roommate",
    "manager",
    "trainer",
];

/// At most so many names of one turn.
const MOST: usize = 8;

/// Those who are named in a text, also in a question: it says who they are all the same.
pub(super) fn named(text: &str) -> Vec<Draft> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut found: Vec<Draft> = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let relation = word.to_lowercase();
        let mine = at > 0
            && words[..at]
                .iter()
                .rev()
                .take(2)
                .any(|w| w.eq_ignore_ascii_case("my"));
        if !mine || !NEAR.contains(&relation.as_str()) {
            continue;
        }
        let mut name = Vec::new();
        for next in words[at + 1..].iter().take(2) {
            let bare = next.trim_end_matches(|c: char| !c.is_alphanumeric());
            let bare = bare.strip_suffix("'s").unwrap_or(bare);
            let small = bare.to_lowercase();
            let proper = bare.starts_with(char::is_uppercase) && small != "i";
            if !proper || dates::names_a_day(&small) {
                break;
            }
            name.push(bare);
            if bare.len() < next.len() {
                break;
            }
        }
        let name = name.join(" ");
        if name.is_empty() || found.len() >= MOST {
            continue;
        }
        let draft = Draft::new(Kind::Entity, format!("{name} is their {relation}"));
        if !found.contains(&draft) {
            found.push(draft);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        named(text).into_iter().map(|draft| draft.text).collect()
    }

    #[test]
    fn who_stands_by_somebody_is_known_by_name() {
        assert_eq!(
            names("My sister Anna lives in Rome"),
            ["Anna is their sister"]
        );
        assert_eq!(
            names("yesterday my best friend Zoë Meyer, and my dog Rex's ball"),
            ["Zoë Meyer is their friend", "Rex is their dog"]
        );
    }

    #[test]
    fn days_and_strangers_are_no_names() {
        assert!(names("my sister Monday and my boss I saw").is_empty());
        assert!(names("your sister Anna, the dog Rex, my sister lives").is_empty());
    }
}
