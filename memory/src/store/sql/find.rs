//! Finding entries: by words, by name, by what they are.

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::Row as _;
use sqlx::error::Error;

use super::super::place::Dialect;
use super::super::rows::{self, ENTRY, Statement};
use super::super::{Filter, Words};
use super::count;
use crate::entry::{Entry, Kind};
use crate::person::{Company, Person};
use crate::turn::Id;
use crate::words;

/// Longest word that is searched for, in bytes; longer ones are cut.
const LONGEST_WORD: usize = 64;

/// Different words of one text that it is found by; what comes later in it is found by nothing.
const MOST_WORDS: usize = 4_096;

/// Words of one question that are looked for; a question has fewer.
const MOST_ASKED: usize = 64;

/// So much of a person stands before each of their words. That it is nearly always a person's own
/// makes a search quick; that nobody finds another's entries is seen to besides.
const PERSON_MARK: usize = 8;

/// So many times the entries that are asked for are looked up in SQLite, best first: another person
/// whose mark is the same, one in thousands of millions, takes none of the places.
const RANKED_OVER: usize = 4;

/// Entries of one word that are looked at in Postgres, oldest first. A word that more hold tells next
/// to nothing about any of them, and each of them takes a microsecond.
const MOST_HOLDERS: usize = 3_000;

/// The best entries that hold some of the words.
pub(super) async fn search(
    dialect: Dialect,
    db: &mut AnyConnection,
    asked: &Words<'_>,
) -> Result<Vec<(Entry, f32)>, Error> {
    let words = marked(
        asked.person,
        asked.terms.iter().map(String::as_str),
        MOST_ASKED,
    );
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let told = if asked.company == Company::Alone || asked.private_too {
        ""
    } else {
        "AND entries.audience = 'shared'"
    };
    let found = match dialect {
        Dialect::Sqlite => in_sqlite(asked, &words, told),
        Dialect::Postgres => in_postgres(asked, &words, told),
    };
    let score = |row: &_| {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a score orders and no more"
        )]
        let score = sqlx::any::AnyRow::try_get::<f64, _>(row, "score")? as f32;
        Ok((rows::entry(row)?, score))
    };
    found.fetch_all(db).await?.iter().map(score).collect()
}

/// SQLite ranks by Okapi BM25 itself; its best is the lowest. The words come first: that is what a
/// cross join means to SQLite, which would else look up every entry of the person among them.
///
/// Where all may be told, entries are looked up for the best alone: a person of many words has
/// thousands that hold one of them, and looking those up takes as long as ranking them.
fn in_sqlite(asked: &Words<'_>, words: &[String], told: &str) -> Statement {
    let any: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
    let most = if told.is_empty() {
        count(asked.limit.saturating_mul(RANKED_OVER))
    } else {
        i64::MAX
    };
    rows::statement(format!(
        "WITH ranked AS MATERIALIZED (
             SELECT rowid AS number, -bm25(words) AS score FROM words WHERE words MATCH $1
             ORDER BY score DESC, number DESC LIMIT $2),
         hits AS MATERIALIZED (
             SELECT entries.number, entries.at, ranked.score
             FROM ranked CROSS JOIN entries ON entries.number = ranked.number
             WHERE entries.person = $3 {told}
             ORDER BY ranked.score DESC, entries.at DESC LIMIT $4)
         SELECT {ENTRY}, hits.score FROM hits JOIN entries ON entries.number = hits.number
         ORDER BY hits.score DESC, hits.at DESC"
    ))
    .bind(any.join(" OR "))
    .bind(most)
    .bind(rows::key(asked.person))
    .bind(count(asked.limit))
}

/// Postgres' own ranks do not know that a rare word says more than a frequent one, so the same
/// formula stands here: Okapi BM25 with its usual k1 = 1.2 and b = 0.75. No word counts twice in
/// one text.
///
/// The limit on each word also fences off who reads its entries: knowing of the person too, the
/// server would first gather everything of theirs, once for each word, which takes longer than all
/// the rest.
fn in_postgres(asked: &Words<'_>, words: &[String], told: &str) -> Statement {
    // All in one value, so that questions of any length are one statement, planned once.
    let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
    rows::statement(format!(
        "WITH hits AS MATERIALIZED (
             SELECT asked.place, entries.number, entries.at, entries.size
             FROM unnest(string_to_array($3, ' ')) WITH ORDINALITY AS asked (word, place)
             CROSS JOIN LATERAL (
                 SELECT number, person, audience, at, length(words)::float8 AS size
                 FROM entries WHERE words @@ asked.word::tsquery LIMIT $4) AS entries
             WHERE entries.person = $1 {told}),
         word AS (
             SELECT place, ln(1 + sum(count(*)) OVER () / count(*)::float8) AS weight
             FROM hits GROUP BY place),
         usual AS (SELECT avg(size) AS size FROM hits),
         best AS (
             SELECT hits.number, hits.at,
                 sum(word.weight * 2.2 / (1 + 1.2 * (0.25 + 0.75 * hits.size / usual.size)))
                     AS score
             FROM hits JOIN word ON word.place = hits.place, usual
             GROUP BY hits.number, hits.at ORDER BY score DESC, hits.at DESC LIMIT $2)
         SELECT {ENTRY}, best.score FROM best JOIN entries ON entries.number = best.number
         ORDER BY best.score DESC, best.at DESC"
    ))
    .bind(rows::key(asked.person))
    .bind(count(asked.limit))
    .bind(quoted.join(" "))
    .bind(count(MOST_HOLDERS))
}

/// The words by which an entry is found, as they stand in its row.
pub(super) fn terms(person: &Person, text: &str) -> String {
    let words = words::terms(text);
    marked(person, words.iter().map(String::as_str), MOST_WORDS).join(" ")
}

/// Words of a person, each once: nothing but letters, digits and the mark's colon, so that they
/// mean nothing else to either database.
fn marked<'a>(person: &Person, words: impl Iterator<Item = &'a str>, most: usize) -> Vec<String> {
    let plain = |text: &str| {
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .collect::<String>()
    };
    let mark: String = plain(person.as_str()).chars().take(PERSON_MARK).collect();
    let mut seen = std::collections::HashSet::new();
    words
        .map(plain)
        .filter(|word| !word.is_empty())
        .map(|word| word[..word.floor_char_boundary(LONGEST_WORD)].to_owned())
        .filter(|word| seen.insert(word.clone()))
        .take(most)
        .map(|word| format!("{mark}:{word}"))
        .collect()
}

/// These entries.
pub(super) async fn entries(
    dialect: Dialect,
    db: &mut AnyConnection,
    ids: &[Id],
) -> Result<Vec<Entry>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = ids.iter().map(Id::to_string).collect();
    // All in one value: however many they are, it is one statement, planned once.
    let (names, value) = match dialect {
        Dialect::Sqlite => (
            "IN (SELECT value FROM json_each($1))",
            format!("[\"{}\"]", ids.join("\",\"")),
        ),
        Dialect::Postgres => ("= ANY (string_to_array($1, ' '))", ids.join(" ")),
    };
    let some = rows::statement(format!("SELECT {ENTRY} FROM entries WHERE id {names}"));
    listed(db, some.bind(value)).await
}

/// Entries of a person, by what they are.
pub(super) async fn list(db: &mut AnyConnection, filter: &Filter<'_>) -> Result<Vec<Entry>, Error> {
    let kinds = if filter.kinds.is_empty() {
        &Kind::ALL[..]
    } else {
        filter.kinds
    };
    let mut sql = format!(
        "SELECT {ENTRY} FROM entries WHERE person = $1 AND kind IN ({})",
        rows::places(3, kinds.len())
    );
    if !filter.ended_too {
        sql.push_str(" AND ended IS NULL");
    }
    let mut dues = Vec::new();
    for (bound, sign) in [(filter.due_from, ">="), (filter.due_until, "<")] {
        if let Some(bound) = bound {
            dues.push(rows::time(bound));
            let place = kinds.len() + 2 + dues.len();
            sql.push_str(&format!(" AND due {sign} ${place}"));
        }
    }
    sql.push_str(if dues.is_empty() {
        " ORDER BY at DESC, id DESC LIMIT $2"
    } else {
        " ORDER BY due, id LIMIT $2"
    });
    let mut list = rows::statement(sql)
        .bind(rows::key(filter.person))
        .bind(count(filter.limit));
    for kind in kinds {
        list = list.bind(kind.word());
    }
    for due in dues {
        list = list.bind(due);
    }
    listed(db, list).await
}

/// The sides of turns from one moment to another.
pub(super) async fn around(
    db: &mut AnyConnection,
    person: &Person,
    from: Timestamp,
    until: Timestamp,
    limit: usize,
) -> Result<Vec<Entry>, Error> {
    let sides = rows::statement(format!(
        "SELECT {ENTRY} FROM entries
         WHERE person = $1 AND kind IN ($2, $3) AND at >= $4 AND at <= $5
         ORDER BY at, id LIMIT $6"
    ))
    .bind(rows::key(person))
    .bind(Kind::Said.word())
    .bind(Kind::Heard.word())
    .bind(rows::time(from))
    .bind(rows::time(until))
    .bind(count(limit));
    listed(db, sides).await
}

/// Reminders that are due and were not told.
pub(super) async fn due(
    db: &mut AnyConnection,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Entry>, Error> {
    let due = rows::statement(format!(
        "SELECT {ENTRY} FROM entries WHERE kind = 'reminder' AND due <= $1
         AND told IS NULL AND ended IS NULL ORDER BY due, id LIMIT $2"
    ));
    listed(db, due.bind(rows::time(now)).bind(count(limit))).await
}

/// The entries that a statement gives.
pub(super) async fn listed(
    db: &mut AnyConnection,
    statement: Statement,
) -> Result<Vec<Entry>, Error> {
    let rows = statement.fetch_all(db).await?;
    rows.iter().map(rows::entry).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_word_means_anything_to_a_database(person in ".*", words in prop::collection::vec(".*", 0..8)) {
            let person = Person::new(person);
            let marked = marked(&person, words.iter().map(String::as_str), 4);
            prop_assert!(marked.len() <= 4);
            for word in marked {
                prop_assert!(word.chars().all(|c| c.is_alphanumeric() || c == ':'), "{word}");
            }
        }
    }
}
