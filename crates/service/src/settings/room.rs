//! Reads one room's values into its `Config`, remembering which key was refused.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use toml::Value;

/// A value or a whole room that the `Config` did not take.
#[derive(Debug)]
pub(super) struct Refused {
    /// The key, when it is known.
    pub(super) key: Option<String>,
    /// What is wrong, such as "expected a number".
    pub(super) problem: String,
}

/// Reads keys and values into a `Config`.
pub(super) fn read<'a, T: DeserializeOwned>(
    values: impl Iterator<Item = (&'a str, Value)>,
) -> Result<T, Refused> {
    let values: Vec<(&str, Value)> = values.collect();
    let keys: Vec<&str> = values.iter().map(|(key, _)| *key).collect();
    T::deserialize(Room {
        values: values.into_iter(),
        current: None,
    })
    .map_err(|refused| refused.with_key_of_message(&keys))
}

struct Room<'a, I> {
    values: I,
    current: Option<(&'a str, Value)>,
}

impl<'a, 'de, I: Iterator<Item = (&'a str, Value)>> de::Deserializer<'de> for Room<'a, I> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_map(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

impl<'a, 'de, I: Iterator<Item = (&'a str, Value)>> MapAccess<'de> for Room<'a, I> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Refused> {
        self.current = self.values.next();
        let Some((key, _)) = &self.current else {
            return Ok(None);
        };
        let name: StrDeserializer<'_, Refused> = (*key).into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refused> {
        let (key, value) = self
            .current
            .take()
            .ok_or_else(|| de::Error::custom("a value without a key"))?;
        seed.deserialize(value).map_err(|error| Refused {
            key: Some(key.to_owned()),
            problem: expectation(error.message()),
        })
    }
}

impl Refused {
    /// A check over the whole room names its key at the beginning of its message: `key: …`.
    fn with_key_of_message(mut self, keys: &[&str]) -> Self {
        if self.key.is_none()
            && let Some((key, rest)) = self.problem.split_once(": ")
            && keys.contains(&key)
        {
            (self.key, self.problem) = (Some(key.to_owned()), expectation(rest));
        }
        self
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for Refused {}

impl de::Error for Refused {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            key: None,
            problem: message.to_string(),
        }
    }
}

/// What a message says beside what was found, in words for people who do not write Rust.
///
/// What was found is shown apart, and for a secret not at all.
fn expectation(message: &str) -> String {
    let message = message.replace('\n', " ");
    let Some((_, expected)) = message.split_once("expected ") else {
        return message;
    };
    let expected = expected
        .split_once(", found ")
        .map_or(expected, |(expected, _)| expected);
    let plain = match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number, not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a smaller whole number",
        "f32" | "f64" => "a number",
        "a string" => "text",
        "a boolean" => "true or false",
        other => other,
    };
    format!("expected {plain}")
}
