//! What the stores hold, saved and brought back: real Postgres, Redis, Chroma and Mumble.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use world::{MumbleServer, Release, Store};

mod containers;
mod filled;
mod forgotten;

use filled::{
    fill_chroma, fill_postgres, fill_redis, redis, seen_in_chroma, seen_in_mumble,
    seen_in_postgres, seen_in_redis, sql,
};

/// Exit codes of sysexits.h.
const USAGE: i32 = 64;
const DAMAGED: i32 = 65;
const UNAVAILABLE: i32 = 69;

/// What a script did.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    said: String,
}

/// Runs a script of ours, with these variables and no others that name a store.
fn script(name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../scripts")
        .join(name);
    let mut command = Command::new(path);
    command.arg("--plain").args(arguments);
    for named in [
        "DATABASE_URL",
        "DB_HOST",
        "REDIS_URL",
        "REDIS_DATA",
        "CHROMADB_DATA",
        "CHROMADB_STOP",
        "CHROMADB_START",
        "MUMBLE_DATA",
        "STATE_DIR",
        "PHONE_STATE_DIR",
    ] {
        command.env_remove(named);
    }
    let output = command
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("the script can be started");
    let said = [output.stdout, output.stderr].concat();
    Ran {
        code: output.status.code(),
        said: String::from_utf8_lossy(&said).into_owned(),
    }
}

/// The whole backups in `folder`.
fn backups(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is ours");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    paths
        .filter(|path| path.is_dir() && path.extension().is_none())
        .collect()
}

/// The only whole backup in `folder`.
fn only_backup(folder: &Path) -> String {
    let found = backups(folder);
    assert_eq!(found.len(), 1, "{found:?}");
    text_of(&found[0])
}

fn text_of(path: &Path) -> String {
    path.to_str().expect("it is plain text").to_owned()
}

// --- saved and brought back ------------------------------------------------------------------

#[test]
fn what_was_saved_comes_back_the_same() {
    let home = TempDir::new().unwrap();
    let names = ["kept", "redis", "chroma", "state", "phone"];
    let [kept, of_redis, of_chroma, state, phone] = names.map(|name| {
        let folder = home.path().join(name);
        fs::create_dir(&folder).unwrap();
        folder
    });
    let postgres = Store::postgres();
    let cache = Store::redis(&of_redis, "no");
    let index = Store::chroma(&of_chroma);
    let mut mumble = MumbleServer::of(Release::default());
    fill_postgres(&postgres);
    fill_redis(&cache);
    fill_chroma(&index);
    for folder in [&state, &phone] {
        fs::write(folder.join("identity.pem"), "a key").unwrap();
    }

    let before = (
        seen_in_postgres(&postgres),
        seen_in_redis(&cache),
        seen_in_chroma(&index),
        seen_in_mumble(mumble.folder()),
    );
    assert!(before.0.contains("|2000|2000|10|2000|2"), "{}", before.0);
    assert!(before.1.contains(" 1003 1,2 x,y,z true"), "{}", before.1);
    assert_eq!(before.2[4][0].as_array().map(Vec::len), Some(5));

    let database = format!(
        "postgres://postgres@127.0.0.1:{}/mumble_ai",
        postgres.port()
    );
    let cache_at = format!("redis://127.0.0.1:{}", cache.port());
    let [redis_data, chroma_data] = [&of_redis, &of_chroma].map(|f| text_of(&f.join("data")));
    let [mumble_data, state_data, phone_data] = [mumble.folder(), &state, &phone].map(text_of);
    let named = [
        ("DATABASE_URL", database.as_str()),
        ("REDIS_URL", &cache_at),
        ("REDIS_DATA", &redis_data),
        ("CHROMADB_DATA", &chroma_data),
        ("MUMBLE_DATA", &mumble_data),
        ("STATE_DIR", &state_data),
        ("PHONE_STATE_DIR", &phone_data),
    ];
    drop(index);
    let saved = script("backup.sh", &[&text_of(&kept)], &named);
    assert_eq!(saved.code, Some(0), "{saved:?}");
    let backup = only_backup(&kept);

    // Everything changes, and everything ends, but for the database's server.
    sql(
        &postgres,
        "mumble_ai",
        "drop view lately; drop table said; create table strange (x int)",
    );
    redis(&cache, &["flushall"]);
    redis(&cache, &["set", "strange", "1"]);
    drop(cache);
    mumble.stop();
    fs::remove_file(mumble.folder().join("database.sqlite")).unwrap();
    fs::remove_dir_all(&chroma_data).unwrap();
    for folder in [&state, &phone] {
        fs::write(folder.join("identity.pem"), "another key").unwrap();
        fs::write(folder.join("strange"), "").unwrap();
    }

    // The second time onto what the first one brought back, and with a log of changes.
    for log in ["no", "yes"] {
        let restored = script("restore.sh", &[&backup], &named);
        assert_eq!(restored.code, Some(0), "{restored:?}");
        let cache = Store::redis(&of_redis, log);
        assert_eq!(seen_in_redis(&cache), before.1, "appendonly {log}");
        assert_eq!(redis(&cache, &["exists", "strange"]).trim(), "0");
        assert_eq!(seen_in_postgres(&postgres), before.0);
        let index = Store::chroma(&of_chroma);
        assert_eq!(seen_in_chroma(&index), before.2);
        for folder in [&state, &phone] {
            let key = fs::read_to_string(folder.join("identity.pem")).unwrap();
            assert_eq!(key, "a key");
            assert!(!folder.join("strange").exists());
        }
    }
    let others = "select string_agg(datname, ',') from pg_database where datname ~ 'mumble'";
    assert_eq!(sql(&postgres, "postgres", others).trim(), "mumble_ai");
    assert_eq!(seen_in_mumble(mumble.folder()), before.3);
    // And it is a server's folder still, its owner's and no other's.
    mumble.start_again();
}

#[test]
fn a_log_that_goes_on_after_a_restore_keeps_both() {
    let home = TempDir::new().unwrap();
    let (data, kept) = (home.path().join("redis"), home.path().join("kept"));
    let at = data.join("data");
    let cache = Store::redis(&data, "yes");
    redis(&cache, &["set", "old", "1"]);
    let url = format!("redis://127.0.0.1:{}", cache.port());
    let named = [
        ("REDIS_URL", url.as_str()),
        ("REDIS_DATA", at.to_str().unwrap()),
    ];
    assert_eq!(
        script("backup.sh", &[&text_of(&kept)], &named).code,
        Some(0)
    );
    drop(cache);
    let restored = script("restore.sh", &[&only_backup(&kept)], &named);
    assert_eq!(restored.code, Some(0), "{restored:?}");
    let cache = Store::redis(&data, "yes");
    redis(&cache, &["set", "new", "2"]);
    drop(cache);
    let cache = Store::redis(&data, "yes");
    assert_eq!(redis(&cache, &["mget", "old", "new"]), "1\n2\n");
}

// --- a backup that is no backup ---------------------------------------------------------------

/// A backup of two small files, with the variables that made it.
struct Kept {
    home: TempDir,
    backup: PathBuf,
}

impl Kept {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        let state = home.path().join("state");
        fs::create_dir(&state).unwrap();
        fs::write(state.join("identity.pem"), "a key").unwrap();
        let kept = home.path().join("kept");
        let saved = script(
            "backup.sh",
            &[&text_of(&kept)],
            &[("STATE_DIR", &text_of(&state))],
        );
        assert_eq!(saved.code, Some(0), "{saved:?}");
        let backup = PathBuf::from(only_backup(&kept));
        fs::write(state.join("identity.pem"), "as it is now").unwrap();
        Self { home, backup }
    }

    /// Asserts that it is refused, and that nothing was touched.
    fn is_refused(&self, word: &str) {
        let state = self.home.path().join("state");
        let restored = script(
            "restore.sh",
            &[&text_of(&self.backup)],
            &[("STATE_DIR", &text_of(&state))],
        );
        assert_eq!(restored.code, Some(DAMAGED), "{restored:?}");
        assert!(restored.said.contains(word), "{restored:?}");
        let now = fs::read_to_string(state.join("identity.pem")).unwrap();
        assert_eq!(now, "as it is now");
    }
}

#[test]
fn a_damaged_backup_is_refused() {
    let kept = Kept::new();
    let file = kept.backup.join("assistant.tar");
    let mut bytes = fs::read(&file).unwrap();
    bytes[600] ^= 1;
    fs::write(&file, bytes).unwrap();
    kept.is_refused("assistant.tar");
}

#[test]
fn a_backup_with_a_file_less_or_more_is_refused() {
    let kept = Kept::new();
    fs::write(kept.backup.join("redis.rdb"), "REDIS").unwrap();
    kept.is_refused("redis.rdb");
    let kept = Kept::new();
    fs::remove_file(kept.backup.join("assistant.tar")).unwrap();
    kept.is_refused("assistant.tar");
    let kept = Kept::new();
    fs::remove_file(kept.backup.join("MANIFEST")).unwrap();
    kept.is_refused("MANIFEST");
}

#[test]
fn a_backup_that_was_broken_off_is_never_taken_for_a_whole_one() {
    let mut kept = Kept::new();
    let whole = kept.backup.parent().unwrap().to_owned();
    fs::remove_dir_all(&kept.backup).unwrap();
    // Nobody listens at port 1.
    let state = text_of(&kept.home.path().join("state"));
    let named = [
        ("STATE_DIR", state.as_str()),
        ("REDIS_URL", "redis://127.0.0.1:1"),
    ];
    let saved = script("backup.sh", &[&text_of(&whole)], &named);
    assert_eq!(saved.code, Some(UNAVAILABLE), "{saved:?}");
    assert_eq!(backups(&whole), Vec::<PathBuf>::new());
    let part = fs::read_dir(&whole)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut part = part.filter(|path| path.is_dir());
    kept.backup = part
        .next()
        .expect("what was saved until then is still there");
    kept.is_refused("broken off");
}

#[test]
fn nobody_else_can_read_a_backup() {
    let kept = Kept::new();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&kept.backup), 0o700);
    for file in ["MANIFEST", "assistant.tar"] {
        assert_eq!(mode(&kept.backup.join(file)), 0o600, "{file}");
    }
}

#[test]
fn without_a_store_there_is_nothing_to_save_and_that_is_said() {
    let home = TempDir::new().unwrap();
    let saved = script("backup.sh", &[&text_of(home.path())], &[]);
    assert_eq!(saved.code, Some(USAGE), "{saved:?}");
    assert_eq!(
        fs::read_dir(home.path()).unwrap().count(),
        1,
        "its lock alone"
    );
}

// --- what runs is left alone ------------------------------------------------------------------

/// Asserts that a restore into this store is refused with a line that names `word`.
fn refused(kept: &Path, named: &[(&str, &str)], word: &str) {
    let restored = script("restore.sh", &[&only_backup(kept)], named);
    assert_eq!(restored.code, Some(UNAVAILABLE), "{restored:?}");
    assert!(restored.said.contains(word), "{restored:?}");
}

#[test]
fn a_restore_refuses_a_running_redis_and_a_running_chroma() {
    let home = TempDir::new().unwrap();
    let [of_redis, of_chroma] = ["redis", "chroma"].map(|name| home.path().join(name));
    let kept = home.path().join("kept");
    let [redis_data, chroma_data] = [&of_redis, &of_chroma].map(|f| text_of(&f.join("data")));
    let cache = Store::redis(&of_redis, "yes");
    redis(&cache, &["set", "it", "is there"]);
    let url = format!("redis://127.0.0.1:{}", cache.port());
    let named = [
        ("REDIS_URL", url.as_str()),
        ("REDIS_DATA", &redis_data),
        ("CHROMADB_DATA", &chroma_data),
    ];
    // A Chroma that runs is not saved either, unless it may be stopped.
    let index = Store::chroma(&of_chroma);
    let saved = script("backup.sh", &[&text_of(&kept)], &named);
    assert_eq!(saved.code, Some(UNAVAILABLE), "{saved:?}");
    assert!(saved.said.contains("CHROMADB_STOP"), "{saved:?}");
    let pid = text_of(&of_chroma.join("pid"));
    let [stop, started] = [
        format!("kill $(cat {pid})"),
        text_of(&home.path().join("started")),
    ];
    let start = format!("touch {started}");
    let hooks = [("CHROMADB_STOP", stop.as_str()), ("CHROMADB_START", &start)];
    let saved = script(
        "backup.sh",
        &[&text_of(&kept)],
        &[&named[..], &hooks].concat(),
    );
    assert_eq!(saved.code, Some(0), "{saved:?}");
    assert!(Path::new(&started).exists(), "it was not started again");
    drop(index);

    refused(&kept, &named, &redis_data);
    assert_eq!(redis(&cache, &["get", "it"]).trim(), "is there");
    drop(cache);
    let _index = Store::chroma(&of_chroma);
    refused(&kept, &named, &chroma_data);
}

/// A program that is ended when this is dropped.
struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_restore_refuses_a_database_that_somebody_uses() {
    let home = TempDir::new().unwrap();
    let postgres = Store::postgres();
    fill_postgres(&postgres);
    let port = postgres.port().to_string();
    let named = [
        ("DB_HOST", "127.0.0.1"),
        ("DB_PORT", port.as_str()),
        ("DB_NAME", "mumble_ai"),
        ("DB_USER", "postgres"),
    ];
    let saved = script("backup.sh", &[&text_of(home.path())], &named);
    assert_eq!(saved.code, Some(0), "{saved:?}");
    let before = seen_in_postgres(&postgres);

    // It says so when it is connected, and stays until its input ends.
    let at = format!("postgres://postgres@127.0.0.1:{port}/mumble_ai");
    let mut user = Command::new("psql")
        .args(["-X", "-A", "-t", "-d", &at])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("psql can be started");
    let mut input = user.stdin.take().expect("it is piped");
    std::io::Write::write_all(&mut input, b"select 'connected';\n").unwrap();
    let mut line = String::new();
    let answer = user.stdout.as_mut().expect("it is piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(answer), &mut line).unwrap();
    assert_eq!(line.trim(), "connected");
    let user = Held(user);
    refused(home.path(), &named, "mumble_ai");
    drop(user);
    assert_eq!(seen_in_postgres(&postgres), before);
}
