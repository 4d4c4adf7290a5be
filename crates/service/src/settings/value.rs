//! The types that a setting can have, and how the environment writes them.

use toml::Value;

/// The type of a setting, taken from its default or its example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A string.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Float,
    /// `true` or `false`.
    Boolean,
    /// Strings; separated by commas in the environment, and a file may do the same in one text.
    List,
}

impl Kind {
    /// The type of a value; `None` for what no setting is (a date, a table, a list of numbers).
    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(_) => Some(Self::Text),
            Value::Integer(_) => Some(Self::Integer),
            Value::Float(_) => Some(Self::Float),
            Value::Boolean(_) => Some(Self::Boolean),
            Value::Array(items) => items.iter().all(Value::is_str).then_some(Self::List),
            Value::Datetime(_) | Value::Table(_) => None,
        }
    }

    /// A value from an environment variable's text; `None` when it is not of this type.
    pub(super) fn parse(self, text: &str) -> Option<Value> {
        let word = text.trim();
        match self {
            Self::Text => Some(Value::String(text.to_owned())),
            Self::Integer => word.parse().ok().map(Value::Integer),
            Self::Float => word
                .parse()
                .ok()
                .filter(|x: &f64| x.is_finite())
                .map(Value::Float),
            Self::Boolean => match word.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Some(Value::Boolean(true)),
                "false" | "no" | "off" | "0" => Some(Value::Boolean(false)),
                _ => None,
            },
            Self::List => {
                let items = text
                    .split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty());
                Some(Value::Array(
                    items.map(|item| Value::String(item.to_owned())).collect(),
                ))
            }
        }
    }

    /// A value from a file, a whole number made a float where one is wanted and a text made a
    /// list; `None` when it is not of this type.
    pub(super) fn check(self, value: Value) -> Option<Value> {
        match (self, &value) {
            (Self::Float, Value::Integer(whole)) => {
                whole.to_string().parse().ok().map(Value::Float)
            }
            (Self::Float, Value::Float(number)) => number.is_finite().then_some(value),
            (Self::List, Value::String(text)) => self.parse(text),
            _ => (Self::of(&value) == Some(self)).then_some(value),
        }
    }

    /// What is expected of a value of this type, in words.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Text => "expected text (in quotes in a file)",
            Self::Integer => "expected a whole number",
            Self::Float => "expected a number",
            Self::Boolean => "expected true or false",
            Self::List => {
                "expected a list of texts ([\"a\", \"b\"] in a file, a,b in the environment)"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_in_the_environment_is_separated_by_commas() {
        let expected = Value::Array(vec!["Ada".into(), "Computer".into()]);
        assert_eq!(Kind::List.parse(" Ada, Computer,,"), Some(expected));
    }

    #[test]
    fn a_text_in_a_file_is_a_list_where_one_is_wanted() {
        let one = Value::Array(vec!["http://a".into()]);
        assert_eq!(Kind::List.check("http://a".into()), Some(one));
        assert_eq!(Kind::List.check(Value::Integer(1)), None);
    }

    #[test]
    fn a_number_that_is_none_is_refused() {
        assert_eq!(Kind::Integer.parse("12 apples"), None);
        assert_eq!(Kind::Integer.parse("0.5"), None);
        assert_eq!(Kind::Float.parse("NaN"), None);
        assert_eq!(Kind::Float.parse("inf"), None);
        assert_eq!(Kind::Boolean.parse("maybe"), None);
        assert_eq!(Kind::Float.check(Value::Float(f64::INFINITY)), None);
    }

    #[test]
    fn a_whole_number_in_a_file_is_a_float_where_one_is_wanted() {
        assert_eq!(
            Kind::Float.check(Value::Integer(1)),
            Some(Value::Float(1.0))
        );
        assert_eq!(Kind::Integer.check(Value::Float(1.0)), None);
    }

    proptest! {
        #[test]
        fn what_is_parsed_is_of_its_kind(text in ".{0,40}") {
            for kind in [Kind::Text, Kind::Integer, Kind::Float, Kind::Boolean, Kind::List] {
                if let Some(value) = kind.parse(&text) {
                    prop_assert_eq!(Kind::of(&value), Some(kind));
                }
            }
        }
    }
}
