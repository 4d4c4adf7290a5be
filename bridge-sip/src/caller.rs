//! What a caller is called in Mumble: `Phone-` and what the telephone shows of itself.
//!
//! The name proves nothing: anybody can show any number. That is why it has its own beginning,
//! which no certificate goes with.

/// How every caller's name begins.
pub const PREFIX: &str = "Phone-";

/// As much of what a telephone shows is used, in characters: what fits beside others in a list.
const LONGEST: usize = 24;

/// The name of somebody who shows neither a name nor a number.
const UNKNOWN: &str = "unknown";

/// A name for a caller who shows this display name and this user part of an address. Mumble's
/// servers take letters, digits and a few signs by default; everything else becomes `_`.
pub fn name(display: Option<&str>, user: Option<&str>) -> String {
    let shown = [display, user].into_iter().flatten().map(sanitised);
    let shown = shown.into_iter().find(|shown| !shown.is_empty());
    format!("{PREFIX}{}", shown.as_deref().unwrap_or(UNKNOWN))
}

/// Forgets what a name that a server does not take was made of: the display name, then the number.
/// Whether that makes another name.
pub fn plainer(display: &mut Option<String>, user: &mut Option<String>) -> bool {
    let was = name(display.as_deref(), user.as_deref());
    *display = None;
    if name(None, user.as_deref()) != was {
        return true;
    }
    *user = None;
    name(None, None) != was
}

/// The name, or the name and the first number from 2 on that nobody has.
pub fn unique(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2_u32..).map(|number| format!("{name}-{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| !taken(name)).unwrap_or_default()
}

fn sanitised(shown: &str) -> String {
    let allowed = |c: char| c.is_alphanumeric() || "-=[]{}()@|.".contains(c);
    let signs = shown.trim().chars().take(LONGEST);
    let name: String = signs.map(|c| if allowed(c) { c } else { '_' }).collect();
    name.trim_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_display_name_comes_first_and_the_number_where_there_is_none() {
        assert_eq!(name(Some("Alice Ames"), Some("17")), "Phone-Alice_Ames");
        assert_eq!(name(Some(" \"\" "), Some("+49170")), "Phone-49170");
        assert_eq!(name(None, None), "Phone-unknown");
    }

    #[test]
    fn a_name_that_is_taken_gets_a_number() {
        let taken = ["Phone-17", "Phone-17-2"];
        let unique = unique("Phone-17", |name| taken.contains(&name));
        assert_eq!(unique, "Phone-17-3");
    }

    #[test]
    fn a_name_that_is_not_taken_becomes_plainer_until_nothing_is_left() {
        for (display, user, names) in [
            (
                Some("Jürgen"),
                Some("17"),
                &["Phone-17", "Phone-unknown"][..],
            ),
            (None, Some("17"), &["Phone-unknown"]),
            (Some("17"), Some("17"), &["Phone-unknown"]),
            (Some("\"\""), Some("17"), &["Phone-unknown"]),
            (Some("Ann"), None, &["Phone-unknown"]),
            (None, None, &[]),
        ] {
            let (mut display, mut user) = (display.map(str::to_owned), user.map(str::to_owned));
            let mut plainer_names = Vec::new();
            while plainer(&mut display, &mut user) {
                plainer_names.push(name(display.as_deref(), user.as_deref()));
            }
            assert_eq!(plainer_names, names);
        }
    }

    proptest! {
        #[test]
        fn whatever_a_telephone_shows_is_a_name(display: Option<String>, user: Option<String>) {
            let name = name(display.as_deref(), user.as_deref());
            prop_assert!(name.starts_with(PREFIX));
            prop_assert!(name.chars().count() <= PREFIX.len() + LONGEST);
            let odd = name.chars().find(|c| c.is_control() || c.is_whitespace() || "<>\"'&/\\".contains(*c));
            prop_assert_eq!(odd, None);
        }
    }
}
