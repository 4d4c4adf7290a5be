//! Whom somebody means who types a name, a hash, or the start of one.

use memory::Person;
use memory::store::Listed;

/// Hex digits of a certificate's hash (SHA-1).
const HASH: usize = 40;

/// The shortest start of a hash that is looked at, in hex digits; shorter ones are names.
const SHORTEST: usize = 4;

/// Why it is not clear who is meant.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Nobody {
    #[error("nobody who is remembered is called `{0}`: see mumble-ai memory list")]
    Unknown(String),
    #[error("`{named}` can be {}: give the start of the hash", hashes.join(" or "))]
    Several { named: String, hashes: Vec<String> },
}

/// Whether this is a certificate's hash from its first to its last digit.
pub(super) fn is_whole_hash(text: &str) -> bool {
    text.len() == HASH && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The person whose hash this is, or whose hash alone begins like this, or who alone is called
/// so. A name goes before the start of a hash: some people are called Ada or Bea.
pub(super) fn find(people: &[Listed], text: &str) -> Result<Person, Nobody> {
    let text = text.trim();
    let hash = text.to_lowercase();
    let all = |is: &dyn Fn(&Listed) -> bool| -> Vec<Person> {
        let found = people.iter().filter(|listed| is(listed));
        found.map(|listed| listed.profile.person.clone()).collect()
    };
    let exact = all(&|listed| listed.profile.person.as_str() == hash);
    let called = all(&|listed| listed.profile.name.to_lowercase() == hash);
    let begins =
        all(&|listed| hash.len() >= SHORTEST && listed.profile.person.as_str().starts_with(&hash));
    let found = [exact, called, begins];
    let found = found.into_iter().find(|found| !found.is_empty());
    match found.as_deref() {
        None => Err(Nobody::Unknown(text.to_owned())),
        Some([one]) => Ok(one.clone()),
        Some(several) => Err(Nobody::Several {
            named: text.to_owned(),
            hashes: several.iter().map(super::table::start).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use memory::store::Profile;

    use super::*;

    fn listed(hash: &str, name: &str) -> Listed {
        Listed {
            profile: Profile {
                person: Person::new(hash),
                name: name.to_owned(),
                time_zone: None,
                private_aloud: false,
                off_record: false,
                first_seen: Timestamp::UNIX_EPOCH,
                last_seen: Timestamp::UNIX_EPOCH,
            },
            turns: 0,
            entries: 0,
        }
    }

    fn people() -> Vec<Listed> {
        vec![
            listed("abcd01", "Ann"),
            listed("abcd02", "Ben"),
            listed("ef0103", "ben"),
            listed("0104ff", "abcd"),
        ]
    }

    fn found(text: &str) -> Result<String, Nobody> {
        find(&people(), text).map(|person| person.as_str().to_owned())
    }

    #[test]
    fn a_hash_or_its_start_or_a_name_tells_who_is_meant() {
        assert_eq!(found("ABCD01").unwrap(), "abcd01");
        assert_eq!(found("ef01").unwrap(), "ef0103");
        assert_eq!(found("ann").unwrap(), "abcd01");
        assert_eq!(found("abcd").unwrap(), "0104ff", "a name goes first");
    }

    #[test]
    fn two_of_the_same_name_are_told_apart_by_their_hashes() {
        let Err(Nobody::Several { hashes, .. }) = found("Ben") else {
            panic!("there are two");
        };
        assert_eq!(hashes, ["abcd02", "ef0103"]);
        assert!(matches!(found("abcd0"), Err(Nobody::Several { .. })));
    }

    #[test]
    fn nobody_is_meant_by_the_start_of_nothing() {
        for text in ["", "  ", "e", "Zoe", "ef0103ff", "'; DROP TABLE people"] {
            assert!(matches!(found(text), Err(Nobody::Unknown(_))), "{text}");
        }
    }
}
