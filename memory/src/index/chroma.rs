//! Chroma as an index: for each person one collection of what may be told before others, and one of
//! what may not.
//!
//! Both versions of Chroma take a hundred times longer to search with a filter than without, so no
//! search has one: whose a vector is and before whom it may be found is told by the collection in
//! which it lies. No text is given to Chroma, nor anything about an entry but its name.
//!
//! A Chroma belongs to one memory: what carries our mark in it is ours.

mod server;
mod wire;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, try_join_all};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use self::server::{Failure, Server};
use self::wire::Collection;
use super::{Hit, Index, Near, Point, word};
use crate::person::{Company, Person};
use crate::store::StoreError;
use crate::turn::{Audience, Id};

/// Where it is, and how long it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `http://HOST:PORT`.
    pub url: String,
    /// The embedding model. Each model has collections of its own.
    pub model: String,
    /// How long one request may take.
    pub deadline: Duration,
}

/// Points in one request. Servers take 5,461 at most; so many of 384 numbers are a megabyte.
const BATCH: usize = 250;

/// Collections in one page of the list.
const PAGE: usize = 500;

/// Collections whose numbers are remembered; beyond them, all are asked for again.
const MOST_KNOWN: usize = 20_000;

/// How often a collection is made that is gone again when points are to be put into it.
const TRIES: usize = 3;

/// How many candidates the server looks at in a search, and when it places a new point. Server
/// 0.5.0 would take 10, and miss some of the nearest.
const CANDIDATES: u32 = 200;

/// Longest part of a model's name in that of a collection, of which 0.5.0 takes 63 letters.
const MODEL_LETTERS: usize = 18;

/// The mark of our collections.
const MARK: &str = "mumble_ai_model";

/// What the names of collections are made from.
const NAMES: Uuid = Uuid::from_u128(0x6d75_6d62_6c65_2d61_692d_6368_726f_6d61);

const AUDIENCES: [Audience; 2] = [Audience::Shared, Audience::Private];

/// The index.
#[derive(Debug)]
pub(super) struct Chroma {
    server: Server,
    model: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    known: HashMap<(Person, Audience), Uuid>,
    /// All that was known is gone; it stays so until it is cleared.
    lost: Option<StoreError>,
}

impl Chroma {
    /// Nothing is asked yet.
    pub(super) fn new(settings: Settings) -> Result<Self, StoreError> {
        Ok(Self {
            server: Server::new(&settings.url, settings.deadline)?,
            model: settings.model,
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is locked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name of a collection: the model for those who look, and a number that no other person,
    /// model or audience has.
    fn name(&self, person: &Person, audience: Audience) -> String {
        let letters = self.model.chars().map(|c| match c {
            c if c.is_ascii_alphanumeric() => c.to_ascii_lowercase(),
            _ => '_',
        });
        let letters: String = letters.take(MODEL_LETTERS).collect();
        let model = Uuid::new_v5(&NAMES, self.model.as_bytes());
        let number = Uuid::new_v5(&model, person.as_str().as_bytes());
        let audience = &word(audience)[..1];
        format!("mumble_ai_{letters}_{}_{audience}", number.simple())
    }

    /// The number of a collection; none if there is no such collection.
    async fn find(&self, person: &Person, audience: Audience) -> Result<Option<Uuid>, StoreError> {
        if let Some(id) = self.known(person, audience)? {
            return Ok(Some(id));
        }
        let path = format!("/{}", self.name(person, audience));
        match self.server.ask(Method::GET, &path, None).await {
            Ok(body) => self.learn(person, audience, &body).map(Some),
            Err(Failure::Gone) => Ok(None),
            Err(Failure::Other(error)) => Err(error),
        }
    }

    /// The number of a collection, made if it is not there.
    async fn make(&self, person: &Person, audience: Audience) -> Result<Uuid, StoreError> {
        if let Some(id) = self.known(person, audience)? {
            return Ok(id);
        }
        let body = json!({
            "name": self.name(person, audience),
            "get_or_create": true,
            "metadata": {
                "hnsw:space": "cosine",
                "hnsw:search_ef": CANDIDATES,
                "hnsw:construction_ef": CANDIDATES,
                MARK: self.model,
                "person": person.as_str(),
                "audience": word(audience),
            },
        });
        let made = self.server.ask(Method::POST, "", Some(body)).await;
        let body = made.map_err(|failure| self.plain(failure))?;
        self.learn(person, audience, &body)
    }

    fn known(&self, person: &Person, audience: Audience) -> Result<Option<Uuid>, StoreError> {
        let state = self.state();
        match &state.lost {
            Some(lost) => Err(lost.clone()),
            None => Ok(state.known.get(&(person.clone(), audience)).copied()),
        }
    }

    fn learn(&self, person: &Person, audience: Audience, body: &[u8]) -> Result<Uuid, StoreError> {
        let found = wire::collection(body).ok_or_else(|| self.server.garbage())?;
        let mut state = self.state();
        if state.known.len() >= MOST_KNOWN {
            state.known.clear();
        }
        state.known.insert((person.clone(), audience), found.id);
        Ok(found.id)
    }

    /// A collection that was known is gone. When others of ours are left, somebody forgot this
    /// person from elsewhere; when none is, everything is lost.
    async fn missed(&self, person: &Person, audience: Audience) -> Result<(), StoreError> {
        let left = self.ours().await?;
        let mut state = self.state();
        if state.known.remove(&(person.clone(), audience)).is_none() || !left.is_empty() {
            return Ok(());
        }
        state.known.clear();
        let lost = StoreError::Lost {
            reason: format!(
                "all collections of {} in the Chroma at {} are gone: they are built anew",
                self.model,
                self.server.shown()
            ),
        };
        state.lost = Some(lost.clone());
        Err(lost)
    }

    /// Asks for something in a collection; none if the collection is gone, but not everything.
    async fn within(
        &self,
        (person, audience, id): (&Person, Audience, Uuid),
        what: &str,
        body: Option<Value>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let method = if body.is_some() {
            Method::POST
        } else {
            Method::GET
        };
        match self
            .server
            .ask(method, &format!("/{id}/{what}"), body)
            .await
        {
            Ok(body) => Ok(Some(body)),
            Err(Failure::Gone) => self.missed(person, audience).await.map(|()| None),
            Err(Failure::Other(error)) => Err(error),
        }
    }

    /// All collections with our mark, of every model.
    async fn marked(&self) -> Result<Vec<Collection>, StoreError> {
        let mut marked = Vec::new();
        for page in 0.. {
            let path = format!("?limit={PAGE}&offset={}", page * PAGE);
            let body = self.server.ask(Method::GET, &path, None).await;
            let body = body.map_err(|failure| self.plain(failure))?;
            let (count, page) = wire::collections(&body).ok_or_else(|| self.server.garbage())?;
            marked.extend(page.into_iter().filter(|one| one.word(MARK).is_some()));
            if count < PAGE {
                break;
            }
        }
        Ok(marked)
    }

    async fn ours(&self) -> Result<Vec<Collection>, StoreError> {
        let mut marked = self.marked().await?;
        marked.retain(|one| one.word(MARK) == Some(&self.model));
        Ok(marked)
    }

    async fn drop_all(&self, collections: Vec<Collection>) -> Result<(), StoreError> {
        for collection in collections {
            let path = format!("/{}", collection.name);
            match self.server.ask(Method::DELETE, &path, None).await {
                Ok(_) | Err(Failure::Gone) => {}
                Err(Failure::Other(error)) => return Err(error),
            }
        }
        Ok(())
    }

    fn plain(&self, failure: Failure) -> StoreError {
        match failure {
            Failure::Gone => self.server.garbage(),
            Failure::Other(error) => error,
        }
    }

    async fn put(
        &self,
        person: &Person,
        audience: Audience,
        points: &[Point],
    ) -> Result<(), StoreError> {
        // Whatever was of another audience before must not be found there any more.
        let ids: Vec<Id> = points.iter().map(|point| point.id).collect();
        let other = match audience {
            Audience::Shared => Audience::Private,
            Audience::Private => Audience::Shared,
        };
        self.take_out(person, other, &ids).await?;
        for points in points.chunks(BATCH) {
            let names: Vec<String> = points.iter().map(|point| point.id.to_string()).collect();
            let vectors: Vec<&[f32]> = points.iter().map(|point| &*point.vector).collect();
            self.put_batch(
                person,
                audience,
                &json!({"ids": names, "embeddings": vectors}),
            )
            .await?;
        }
        Ok(())
    }

    /// A collection that somebody dropped meanwhile is made again.
    async fn put_batch(
        &self,
        person: &Person,
        audience: Audience,
        body: &Value,
    ) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let id = self.make(person, audience).await?;
            let place = (person, audience, id);
            let put = self.within(place, "upsert", Some(body.clone())).await?;
            if put.is_some() {
                return Ok(());
            }
        }
        Err(self.server.garbage())
    }

    async fn take_out(
        &self,
        person: &Person,
        audience: Audience,
        ids: &[Id],
    ) -> Result<(), StoreError> {
        let Some(id) = self.find(person, audience).await? else {
            return Ok(());
        };
        for ids in ids.chunks(BATCH) {
            let names: Vec<String> = ids.iter().map(Id::to_string).collect();
            let body = json!({"ids": names});
            let place = (person, audience, id);
            self.within(place, "delete", Some(body)).await?;
        }
        Ok(())
    }

    async fn near(&self, near: &Near<'_>, audience: Audience) -> Result<Vec<Hit>, StoreError> {
        let person = near.person;
        let Some(id) = self.find(person, audience).await? else {
            return Ok(Vec::new());
        };
        let body = json!({
            "query_embeddings": [near.vector],
            "n_results": near.limit,
            "include": ["distances"],
        });
        let place = (person, audience, id);
        let Some(answer) = self.within(place, "query", Some(body)).await? else {
            return Ok(Vec::new());
        };
        wire::hits(&answer).ok_or_else(|| self.server.garbage())
    }

    /// Searches once for something that is there, so that the server reads the collection in.
    async fn warm_up(&self, person: &Person, audience: Audience) -> Result<(), StoreError> {
        let Some(id) = self.find(person, audience).await? else {
            return Ok(());
        };
        let place = (person, audience, id);
        let body = json!({"limit": 1, "include": ["embeddings"]});
        let Some(answer) = self.within(place, "get", Some(body)).await? else {
            return Ok(());
        };
        let Some(vector) = wire::vector(&answer) else {
            return Ok(());
        };
        let near = Near {
            person,
            company: Company::Alone,
            private_too: true,
            vector: &vector,
            limit: 1,
        };
        self.near(&near, audience).await.map(drop)
    }

    async fn count_in(&self, id: Uuid) -> Result<u64, StoreError> {
        let path = format!("/{id}/count");
        match self.server.ask(Method::GET, &path, None).await {
            Ok(body) => wire::count(&body).ok_or_else(|| self.server.garbage()),
            Err(Failure::Gone) => Ok(0),
            Err(Failure::Other(error)) => Err(error),
        }
    }
}

impl Index for Chroma {
    fn upsert(&self, points: Vec<Point>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            if points
                .iter()
                .any(|point| !super::has_direction(&point.vector))
            {
                return Err(super::no_direction());
            }
            let mut groups: BTreeMap<_, Vec<Point>> = BTreeMap::new();
            for point in points {
                let place = (point.person.clone(), word(point.audience));
                groups.entry(place).or_default().push(point);
            }
            for ((person, _), points) in groups {
                self.put(&person, points[0].audience, &points).await?;
            }
            Ok(())
        })
    }

    fn nearest<'a>(&'a self, near: Near<'a>) -> BoxFuture<'a, Result<Vec<Hit>, StoreError>> {
        Box::pin(async move {
            if !super::has_direction(near.vector) {
                return Err(super::no_direction());
            }
            if near.limit == 0 {
                return Ok(Vec::new());
            }
            let audiences = AUDIENCES
                .into_iter()
                .filter(|audience| audience.may_be_told(near.company, near.private_too));
            let found = try_join_all(audiences.map(|audience| self.near(&near, audience))).await?;
            let mut hits = found.concat();
            hits.sort_by(|a, b| b.cosine.total_cmp(&a.cosine));
            hits.truncate(near.limit);
            Ok(hits)
        })
    }

    fn delete<'a>(
        &'a self,
        person: &'a Person,
        ids: &'a [Id],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            for audience in AUDIENCES {
                self.take_out(person, audience, ids).await?;
            }
            Ok(())
        })
    }

    fn delete_person<'a>(&'a self, person: &'a Person) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            for audience in AUDIENCES {
                self.state().known.remove(&(person.clone(), audience));
            }
            let mut theirs = self.marked().await?;
            theirs.retain(|one| one.word("person") == Some(person.as_str()));
            self.drop_all(theirs).await
        })
    }

    fn clear(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            let all = self.marked().await?;
            self.drop_all(all).await?;
            *self.state() = State::default();
            Ok(())
        })
    }

    fn count<'a>(&'a self, person: Option<&'a Person>) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move {
            let mut ids = Vec::new();
            if let Some(person) = person {
                for audience in AUDIENCES {
                    ids.extend(self.find(person, audience).await?);
                }
            } else {
                ids.extend(self.ours().await?.into_iter().map(|one| one.id));
            }
            let counts = try_join_all(ids.into_iter().map(|id| self.count_in(id))).await?;
            Ok(counts.iter().sum())
        })
    }

    fn warm<'a>(&'a self, person: &'a Person) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            try_join_all(AUDIENCES.map(|audience| self.warm_up(person, audience)))
                .await
                .map(drop)
        })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.server.check())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chroma(model: &str) -> Chroma {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Chroma::new(Settings {
            url: "http://127.0.0.1:1".to_owned(),
            model: model.to_owned(),
            deadline: Duration::from_secs(1),
        })
        .unwrap()
    }

    #[test]
    fn a_collection_has_a_name_that_both_versions_take() {
        let ann = Person::new("a".repeat(40));
        for model in ["all-minilm", "mxbai-embed-large:335m-v1-fp16", "é", ""] {
            let name = chroma(model).name(&ann, Audience::Private);
            assert!(name.starts_with("mumble_ai_") && name.len() <= 63, "{name}");
            assert!(
                name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'),
                "{name}"
            );
        }
    }

    #[test]
    fn no_two_people_models_or_audiences_share_a_collection() {
        let long = "nomic-embed-text-version";
        let models = [long.to_owned(), format!("{long}-2")];
        let people = ["a", "b"].map(Person::new);
        let mut names = Vec::new();
        for model in &models {
            for person in &people {
                names.extend(AUDIENCES.map(|one| chroma(model).name(person, one)));
            }
        }
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_told_at_once() {
        let error = chroma("all-minilm").check().await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
        assert!(error.to_string().contains("refused"), "{error}");
    }
}
