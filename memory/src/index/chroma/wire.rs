//! What Chroma says, read: both versions give the same JSON, and put their errors differently.
//!
//! Source: observation of servers 0.5.0 and 1.5.9.

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::index::Hit;

/// Characters of a server's own words that are passed on.
const MAX_REASON: usize = 200;

/// A collection, as the server lists it.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Collection {
    /// By which it is asked. Read as what it is, since it becomes part of an address.
    pub(super) id: Uuid,
    pub(super) name: String,
    #[serde(default)]
    pub(super) metadata: Option<Value>,
}

impl Collection {
    /// A word that it was made with.
    pub(super) fn word(&self, key: &str) -> Option<&str> {
        self.metadata.as_ref()?.get(key)?.as_str()
    }
}

/// What an error of the server means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no such collection.
    Gone,
    /// The collection holds vectors of another length.
    Dimensions(String),
    /// This is no address of the server: it speaks the other version, or is no Chroma.
    NoSuchAddress,
    /// A name and a password, or other ones, are asked for.
    KeyRefused,
    /// The disk is full.
    Full,
    /// It does not want this, and will not tomorrow.
    Refused(String),
    /// It is not well.
    Sick(String),
}

/// Reads the answer to a request that failed.
pub(super) fn refusal(status: StatusCode, body: &[u8]) -> Refusal {
    let text = String::from_utf8_lossy(body);
    let json: Option<Value> = serde_json::from_slice(body).ok();
    let part = |key| json.as_ref().and_then(|json| json.get(key)?.as_str());
    let error = part("error").unwrap_or_default();
    let reason = one_line(part("message").or_else(|| part("error")).unwrap_or(&text));
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Refusal::KeyRefused,
        StatusCode::NOT_FOUND if error == "NotFoundError" => Refusal::Gone,
        StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::METHOD_NOT_ALLOWED => {
            Refusal::NoSuchAddress
        }
        _ if error == "InvalidCollection" || is_about_a_lost_collection(error) => Refusal::Gone,
        _ if error == "InvalidDimension" || reason.contains("with dimension of") => {
            Refusal::Dimensions(reason)
        }
        StatusCode::INSUFFICIENT_STORAGE => Refusal::Full,
        _ if text.contains("disk is full") || text.contains("No space left") => Refusal::Full,
        _ if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => {
            Refusal::Refused(format!("HTTP {}: {reason}", status.as_u16()))
        }
        _ => Refusal::Sick(format!("HTTP {}: {reason}", status.as_u16())),
    }
}

/// Server 0.5.0 says so with a status of 500: by name the first, by number the second.
fn is_about_a_lost_collection(error: &str) -> bool {
    (error.starts_with("ValueError('Collection ") && error.contains("does not exist"))
        || error == "RuntimeError('coroutine raised StopIteration')"
}

/// Reads one collection.
pub(super) fn collection(body: &[u8]) -> Option<Collection> {
    serde_json::from_slice(body).ok()
}

/// Reads a list of them. Those that are not readable are none of ours, but count.
pub(super) fn collections(body: &[u8]) -> Option<(usize, Vec<Collection>)> {
    let all: Vec<Value> = serde_json::from_slice(body).ok()?;
    let count = all.len();
    let read = |value| serde_json::from_value(value).ok();
    Some((count, all.into_iter().filter_map(read).collect()))
}

/// Reads how many points there are.
pub(super) fn count(body: &[u8]) -> Option<u64> {
    serde_json::from_slice(body).ok()
}

/// Reads the answer to a query for one vector. Points that are none of ours are left out.
pub(super) fn hits(body: &[u8]) -> Option<Vec<Hit>> {
    #[derive(Deserialize)]
    struct Answer {
        ids: Vec<Vec<String>>,
        distances: Vec<Vec<Option<f32>>>,
    }
    let Answer { ids, distances } = serde_json::from_slice(body).ok()?;
    let (ids, distances) = (ids.into_iter().next()?, distances.into_iter().next()?);
    let hit = |(id, distance): (String, Option<f32>)| {
        Some(Hit {
            id: id.parse().ok()?,
            // In cosine space the distance is what the cosine lacks of 1.
            cosine: (1.0 - distance.filter(|distance| distance.is_finite())?).clamp(-1.0, 1.0),
        })
    };
    Some(ids.into_iter().zip(distances).filter_map(hit).collect())
}

/// Reads the first vector of an answer.
pub(super) fn vector(body: &[u8]) -> Option<Vec<f32>> {
    #[derive(Deserialize)]
    struct Answer {
        embeddings: Option<Vec<Vec<f32>>>,
    }
    let answer: Answer = serde_json::from_slice(body).ok()?;
    answer.embeddings?.into_iter().next()
}

fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars()
        .filter(|c| !c.is_control())
        .take(MAX_REASON)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn said(status: u16, body: &str) -> Refusal {
        refusal(StatusCode::from_u16(status).unwrap(), body.as_bytes())
    }

    #[test]
    fn a_lost_collection_is_known_in_the_words_of_both_servers() {
        for (status, body) in [
            (
                404,
                r#"{"error":"NotFoundError","message":"Collection [a] does not exist"}"#,
            ),
            (
                400,
                r#"{"error":"InvalidCollection","message":"Collection a does not exist."}"#,
            ),
            (
                500,
                r#"{"error":"ValueError('Collection a does not exist.')"}"#,
            ),
            (
                500,
                r#"{"error":"RuntimeError('coroutine raised StopIteration')"}"#,
            ),
        ] {
            assert_eq!(said(status, body), Refusal::Gone, "{body}");
        }
    }

    #[test]
    fn other_trouble_is_told_apart_from_it() {
        for (status, body) in [
            (
                410,
                r#"{"error":"Unimplemented","message":"The v1 API is deprecated."}"#,
            ),
            (404, r#"{"detail":"Not Found"}"#),
            (404, "<html>"),
        ] {
            assert_eq!(said(status, body), Refusal::NoSuchAddress, "{body}");
        }
        for body in [
            r#"{"error":"InvalidDimension","message":"Embedding dimension 2 does not match collection dimensionality 3"}"#,
            r#"{"error":"InvalidArgumentError","message":"Collection expecting embedding with dimension of 3, got 2"}"#,
        ] {
            assert!(matches!(said(400, body), Refusal::Dimensions(_)), "{body}");
        }
        let locked = said(500, r#"{"error":"OperationalError('database is locked')"}"#);
        assert!(matches!(locked, Refusal::Sick(_)));
        let full = said(
            500,
            r#"{"error":"OperationalError('database or disk is full')"}"#,
        );
        assert_eq!(full, Refusal::Full);
        assert!(matches!(said(422, "{}"), Refusal::Refused(_)));
    }

    #[test]
    fn a_hit_that_is_none_of_ours_is_left_out() {
        let ours = "018f0000-0000-7000-8000-000000000001";
        let body = format!(
            r#"{{"ids":[["{ours}","theirs","{ours}"]],"distances":[[0.25,0.0,null]],"documents":null}}"#
        );
        let hits = hits(body.as_bytes()).unwrap();
        assert_eq!(hits.len(), 1);
        assert_eq!(hits[0].cosine, 0.75);
    }

    proptest! {
        #[test]
        fn nothing_that_a_server_says_is_too_strange(
            status in 100_u16..1000,
            body in prop_oneof![
                vec(any::<u8>(), 0..200),
                r#"(\{|\[|\]|\}|"ids":|"distances":|"embeddings":|"id":|"name":|1e99|-1|,|null|"a"|"error":|"message":){0,20}"#
                    .prop_map(String::into_bytes),
            ],
        ) {
            let _ = refusal(StatusCode::from_u16(status).unwrap(), &body);
            let _ = collection(&body);
            let _ = collections(&body);
            let _ = count(&body);
            let _ = vector(&body);
            for hit in hits(&body).unwrap_or_default() {
                prop_assert!(hit.cosine.abs() <= 1.0);
            }
        }
    }
}
