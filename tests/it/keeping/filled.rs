//! The stores, filled and looked at: what is seen of one that was filled is the same wherever its
//! data are.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use world::Store;

use super::text_of;

/// The output of a program that must succeed.
fn output(program: &str, arguments: &[&str]) -> String {
    let ran = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{program} {arguments:?}: {errors}");
    String::from_utf8(ran.stdout).expect("it is text")
}

pub(super) fn sql(store: &Store, database: &str, statement: &str) -> String {
    let at = format!("postgres://postgres@127.0.0.1:{}/{database}", store.port());
    let quiet = ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", &at];
    output("psql", &[&quiet[..], &["-c", statement]].concat())
}

pub(super) fn fill_postgres(store: &Store) {
    sql(store, "postgres", "create database mumble_ai");
    sql(
        store,
        "mumble_ai",
        "create table said (id bigserial primary key, who text, words jsonb, at timestamptz);
         insert into said (who, words, at)
            select 'Zoë ' || n, jsonb_build_object('n', n, 'q', 'quote '' \" \\ ✓'),
                timestamptz '2026-01-01' + n * interval '1 hour' from generate_series(1, 2000) n;
         create index on said using gin (words);
         create view lately as select * from said where id > 1990",
    );
}

pub(super) fn seen_in_postgres(store: &Store) -> String {
    sql(
        store,
        "mumble_ai",
        "select md5(string_agg(said::text, '|' order by id)), count(*), max(id),
            (select count(*) from lately), (select last_value from said_id_seq),
            (select count(*) from pg_indexes where tablename = 'said') from said",
    )
}

pub(super) fn redis(store: &Store, words: &[&str]) -> String {
    let port = store.port().to_string();
    output("redis-cli", &[&["-p", port.as_str()], words].concat())
}

pub(super) fn fill_redis(store: &Store) {
    let all = "for n = 1, 1000 do redis.call('set', 'key:' .. n, 'Grüße ' .. n) end
        redis.call('hset', 'hash', 'a', '1', 'b', '2')
        redis.call('rpush', 'list', 'x', 'y', 'z')
        redis.call('set', 'passing', 'soon gone', 'ex', 86400)";
    redis(store, &["eval", all, "0"]);
}

pub(super) fn seen_in_redis(store: &Store) -> String {
    let all = "local seen = {}
        for n = 1, 1000 do seen[#seen + 1] = redis.call('get', 'key:' .. n) or '-' end
        return redis.sha1hex(table.concat(seen, '|')) .. ' ' .. redis.call('dbsize') .. ' ' ..
            table.concat(redis.call('hmget', 'hash', 'a', 'b'), ',') .. ' ' ..
            table.concat(redis.call('lrange', 'list', 0, -1), ',') .. ' ' ..
            tostring(redis.call('ttl', 'passing') > 80000)";
    redis(store, &["eval", all, "0"])
}

/// Asks Chroma's database of databases.
fn chroma(store: &Store, path: &str, body: &Value) -> Value {
    let url = format!(
        "http://127.0.0.1:{}/api/v2/tenants/default_tenant/databases/default_database/{path}",
        store.port()
    );
    let body = body.to_string();
    let json = "Content-Type: application/json";
    let answer = output(
        "curl",
        &[
            "-sS",
            "--fail",
            "--noproxy",
            "*",
            "-H",
            json,
            "-d",
            &body,
            &url,
        ],
    );
    serde_json::from_str(&answer).expect("it answers in JSON")
}

fn collection(store: &Store) -> String {
    let wanted = json!({"name": "conversations", "get_or_create": true});
    let made = chroma(store, "collections", &wanted);
    made["id"].as_str().expect("it has an id").to_owned()
}

/// The vector of a memory, unlike that of any other.
fn vector(n: u32) -> Vec<f64> {
    (0..8)
        .map(|i| (f64::from(n) * 0.37 + f64::from(i)).sin())
        .collect()
}

pub(super) fn fill_chroma(store: &Store) {
    let ids: Vec<String> = (0..50).map(|n| format!("memory-{n}")).collect();
    let body = json!({
        "ids": ids,
        "embeddings": (0..50).map(vector).collect::<Vec<_>>(),
        "documents": ids.iter().map(|id| format!("what {id} says ✓")).collect::<Vec<_>>(),
        "metadatas": ids.iter().map(|id| json!({"of": id})).collect::<Vec<_>>(),
    });
    chroma(
        store,
        &format!("collections/{}/add", collection(store)),
        &body,
    );
}

pub(super) fn seen_in_chroma(store: &Store) -> Value {
    let at = format!("collections/{}", collection(store));
    let all = chroma(
        store,
        &format!("{at}/get"),
        &json!({"include": ["embeddings", "documents", "metadatas"]}),
    );
    let near = chroma(
        store,
        &format!("{at}/query"),
        &json!({"query_embeddings": [vector(17)], "n_results": 5, "include": ["distances"]}),
    );
    json!([
        all["ids"],
        all["embeddings"],
        all["documents"],
        all["metadatas"],
        near["ids"],
        near["distances"]
    ])
}

/// Every statement that would make the Mumble server's database anew.
pub(super) fn seen_in_mumble(folder: &Path) -> String {
    let program = "import sqlite3, sys
for line in sqlite3.connect(sys.argv[1]).iterdump(): print(line)";
    let database = text_of(&folder.join("database.sqlite"));
    output("python3", &["-c", program, &database])
}
