//! Forgetting: turns, all that comes from them, and who said them.

use jiff::Timestamp;
use sqlx::AnyConnection;
use sqlx::error::Error;

use super::super::connections::note_traces;
use super::super::place::Dialect;
use super::super::rows::{self, Statement};
use super::super::{Forget, Forgotten};
use super::{AT_ONCE, count, outbox};
use crate::person::Person;
use crate::turn::Id;

/// From so many entries on, their words are taken out of SQLite's index of words all at once: one
/// by one, each word of each entry is looked up and its page written anew, which took 20,000 entries
/// a quarter of a minute.
const MANY: usize = 100;

/// Words are marked as gone, and the marks and what they mark dropped by merging the whole index.
const MARK_WORDS: &str = "INSERT INTO words (words, rank) VALUES ('secure-delete', 0)";
const MERGE_WORDS: &str = "INSERT INTO words (words) VALUES ('optimize')";
const OVERWRITE_WORDS: &str = "INSERT INTO words (words, rank) VALUES ('secure-delete', 1)";

/// Forgets, and has the index told.
pub(super) async fn forget(
    dialect: Dialect,
    db: &mut AnyConnection,
    what: &Forget,
) -> Result<Forgotten, Error> {
    let mut forgotten = Forgotten::default();
    let mut besides = 0;
    match what {
        Forget::Turns(person, turns) => {
            for turns in turns.chunks(AT_ONCE) {
                let doomed = Doomed::turns(person, turns);
                doomed
                    .forget(dialect, db, Return::Never, &mut forgotten)
                    .await?;
            }
        }
        Forget::Entries(person, entries) => {
            for entries in entries.chunks(AT_ONCE) {
                single(db, person, entries, &mut forgotten).await?;
            }
        }
        Forget::Since(person, from, until) => {
            let doomed = Doomed::since(person, *from, *until);
            doomed
                .forget(dialect, db, Return::Never, &mut forgotten)
                .await?;
        }
        Forget::Person(person, until) => {
            let doomed = Doomed::person(person, *until);
            doomed
                .forget(dialect, db, Return::Never, &mut forgotten)
                .await?;
            let gone = "DELETE FROM people WHERE person = $1 AND last_seen <= $2";
            besides += doomed.run(db, UNSEEN).await?;
            besides += doomed.run(db, gone).await?;
            doomed.run(db, AS_NEW).await?;
        }
        Forget::Before(moment) => {
            let doomed = Doomed::before(*moment);
            doomed.run(db, STILL_DUE).await?;
            doomed
                .forget(dialect, db, Return::Welcome, &mut forgotten)
                .await?;
            doomed
                .run(db, "DELETE FROM forgotten WHERE at < $1")
                .await?;
            besides += doomed.run(db, UNHEARD_OF).await?;
        }
        Forget::Everything(until) => {
            let doomed = Doomed::everything(*until);
            doomed
                .forget(dialect, db, Return::Never, &mut forgotten)
                .await?;
            let gone = "DELETE FROM people WHERE last_seen <= $1";
            besides += doomed.run(db, gone).await?;
            doomed.run(db, ALL_AS_NEW).await?;
        }
    }
    if forgotten.turns + forgotten.count + besides > 0 {
        note_traces(dialect, db).await?;
    }
    Ok(forgotten)
}

/// The person was never there when others spoke.
const UNSEEN: &str = "DELETE FROM witnesses WHERE person = $1
     AND turn IN (SELECT id FROM turns WHERE at <= $2)";

/// Who has been heard again since is as somebody who came then.
const AS_NEW: &str = "UPDATE people SET time_zone = NULL, private = 'quiet', first_seen = $2 + 1
     WHERE person = $1 AND first_seen <= $2";

const ALL_AS_NEW: &str = "UPDATE people SET time_zone = NULL, private = 'quiet',
     first_seen = $1 + 1 WHERE first_seen <= $1";

/// What is still due, or was said again, outlives the turn that it comes from.
const STILL_DUE: &str = "UPDATE entries SET turn = NULL
     WHERE turn IN (SELECT id FROM turns WHERE at < $1)
     AND (at >= $1 OR (due >= $1 AND ended IS NULL))";

/// Of whom nothing is left is gone too, but for those who do not want to be remembered: that must
/// be remembered.
const UNHEARD_OF: &str = "DELETE FROM people WHERE last_seen < $1 AND record = 'on'
     AND NOT EXISTS (SELECT 1 FROM turns WHERE turns.person = people.person)
     AND NOT EXISTS (SELECT 1 FROM entries WHERE entries.person = people.person)";

/// Whether a turn that was forgotten may come again, from a journal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Return {
    Never,
    /// It will be forgotten again.
    Welcome,
}

/// What is to go.
struct Doomed {
    /// Which turns, in SQL; it names all of `values`.
    turns: String,
    /// Which entries besides those that come from the turns.
    entries: &'static str,
    values: Vec<Value>,
}

enum Value {
    Text(String),
    Time(i64),
}

impl Doomed {
    fn turns(person: &Person, turns: &[Id]) -> Self {
        let mut values = vec![Value::Text(rows::key(person))];
        values.extend(turns.iter().map(|turn| Value::Text(turn.to_string())));
        Self {
            turns: format!("person = $1 AND id IN ({})", rows::places(2, turns.len())),
            entries: "false",
            values,
        }
    }

    fn since(person: &Person, from: Timestamp, until: Timestamp) -> Self {
        let which = "person = $1 AND at >= $2 AND at <= $3";
        let times = [from, until].map(|at| Value::Time(rows::time(at)));
        Self {
            turns: which.to_owned(),
            entries: which,
            values: [Value::Text(rows::key(person))]
                .into_iter()
                .chain(times)
                .collect(),
        }
    }

    fn person(person: &Person, until: Timestamp) -> Self {
        let which = "person = $1 AND at <= $2";
        Self {
            turns: which.to_owned(),
            entries: which,
            values: vec![
                Value::Text(rows::key(person)),
                Value::Time(rows::time(until)),
            ],
        }
    }

    fn before(moment: Timestamp) -> Self {
        Self {
            turns: "at < $1".to_owned(),
            entries: "at < $1 AND (due IS NULL OR due < $1 OR ended IS NOT NULL)",
            values: vec![Value::Time(rows::time(moment))],
        }
    }

    fn everything(until: Timestamp) -> Self {
        Self {
            turns: "at <= $1".to_owned(),
            entries: "at <= $1",
            values: vec![Value::Time(rows::time(until))],
        }
    }

    /// Takes out the turns and all that comes from them. A summary goes with the first of its
    /// turns; the others are summed up anew.
    async fn forget(
        &self,
        dialect: Dialect,
        db: &mut AnyConnection,
        again: Return,
        forgotten: &mut Forgotten,
    ) -> Result<(), Error> {
        let Self { turns, entries, .. } = self;
        let gone = format!(
            "SELECT id FROM entries WHERE turn IN (SELECT id FROM turns WHERE {turns})
             UNION SELECT summary FROM turns WHERE {turns} AND summary IS NOT NULL
             UNION SELECT id FROM entries WHERE {entries}"
        );
        let left = Forgotten::MOST_NAMED - forgotten.entries.len();
        let named = self.bound(format!(
            "SELECT id FROM ({gone}) AS gone LIMIT {}",
            count(left)
        ));
        let named = named.fetch_all(&mut *db).await?;
        for row in &named {
            forgotten.entries.push(rows::id(row, "id")?);
        }
        let at_once = dialect == Dialect::Sqlite && named.len() >= MANY;
        if at_once {
            sqlx::raw_sql(MARK_WORDS).execute(&mut *db).await?;
        }
        self.run(db, &outbox::put_all(&format!("id IN ({gone})")))
            .await?;
        self.run(
            db,
            &format!("UPDATE turns SET state = 'read' WHERE summary IN ({gone})"),
        )
        .await?;
        forgotten.count += self
            .run(db, &format!("DELETE FROM entries WHERE id IN ({gone})"))
            .await?;
        if at_once {
            for step in [MERGE_WORDS, OVERWRITE_WORDS] {
                sqlx::raw_sql(step).execute(&mut *db).await?;
            }
        }
        if again == Return::Never {
            self.run(
                db,
                &format!(
                    "INSERT INTO forgotten (turn, at) SELECT id, at FROM turns WHERE {turns}
                     ON CONFLICT (turn) DO NOTHING"
                ),
            )
            .await?;
        }
        forgotten.turns += self
            .run(db, &format!("DELETE FROM turns WHERE {turns}"))
            .await?;
        Ok(())
    }

    fn bound(&self, sql: String) -> Statement {
        let mut statement = rows::statement(sql);
        for value in &self.values {
            statement = match value {
                Value::Text(text) => statement.bind(text.clone()),
                Value::Time(at) => statement.bind(*at),
            };
        }
        statement
    }

    async fn run(&self, db: &mut AnyConnection, sql: &str) -> Result<u64, Error> {
        let done = self.bound(sql.to_owned()).execute(db).await?;
        Ok(done.rows_affected())
    }
}

/// Single entries. A side of a turn is taken out of the turn as well.
async fn single(
    db: &mut AnyConnection,
    person: &Person,
    ids: &[Id],
    forgotten: &mut Forgotten,
) -> Result<(), Error> {
    let which = format!("person = $1 AND id IN ({})", rows::places(2, ids.len()));
    let bound = |sql: String| {
        let statement = rows::statement(sql).bind(rows::key(person));
        ids.iter()
            .fold(statement, |statement, id| statement.bind(id.to_string()))
    };
    let found = bound(format!("SELECT id FROM entries WHERE {which}"));
    for row in found.fetch_all(&mut *db).await? {
        forgotten.count += 1;
        if forgotten.entries.len() < Forgotten::MOST_NAMED {
            forgotten.entries.push(rows::id(&row, "id")?);
        }
    }
    for side in ["said", "heard"] {
        let emptied = bound(format!(
            "UPDATE turns SET {side} = '' WHERE id IN (
                 SELECT turn FROM entries WHERE {which} AND kind = '{side}')"
        ));
        emptied.execute(&mut *db).await?;
    }
    bound(outbox::put_all(&which)).execute(&mut *db).await?;
    bound(format!("DELETE FROM entries WHERE {which}"))
        .execute(db)
        .await?;
    Ok(())
}
