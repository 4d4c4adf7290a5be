//! The same in containers, as far as that can be tried without an engine: a stand-in for `docker`
//! does what the scripts ask of it with real stores.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use world::Store;

use super::filled::{fill_postgres, fill_redis, redis, seen_in_postgres, seen_in_redis, sql};
use super::{Ran, UNAVAILABLE, only_backup, text_of};

/// Volumes that hold a folder of files, the phone line's with it.
const FOLDERS: [&str; 4] = [
    "mumble-data",
    "chromadb-data",
    "assistant-state",
    "phone-state",
];

/// What a machine with the stack on it has.
struct Machine {
    home: TempDir,
    postgres: Store,
    cache: Option<Store>,
}

impl Machine {
    /// Every service runs, and every volume has something in it.
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        let at = |name: &str| home.path().join(name);
        fs::create_dir_all(at("bin")).unwrap();
        let docker = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripted_docker.sh");
        symlink(docker, at("bin/docker")).unwrap();
        let cache = Store::redis(&at("redis"), "yes");
        for volume in FOLDERS {
            fs::create_dir_all(at("volumes").join(volume)).unwrap();
            fs::write(at("volumes").join(volume).join("file"), volume).unwrap();
        }
        symlink(at("redis/data"), at("volumes/redis-data")).unwrap();
        fs::write(
            at("running"),
            "postgres\nredis\nchromadb\nmumble-server\nbot\nbridge-sip\n",
        )
        .unwrap();
        Self {
            postgres: Store::postgres(),
            cache: Some(cache),
            home,
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Runs a script of ours with this machine's `docker`.
    fn script(&self, name: &str, argument: &Path) -> Ran {
        let path = std::env::var("PATH").unwrap_or_default();
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../scripts")
            .join(name);
        let cache = self.cache.as_ref().map_or(1, Store::port);
        let output = Command::new(script)
            .arg("--compose")
            .arg(argument)
            .env("PATH", format!("{}:{path}", text_of(&self.at("bin"))))
            .env("SCRIPTED_VOLUMES", self.at("volumes"))
            .env("SCRIPTED_RUNNING", self.at("running"))
            .env("SCRIPTED_LOG", self.at("log"))
            .env("POSTGRES_PORT", self.postgres.port().to_string())
            .env("REDIS_PORT", cache.to_string())
            .stdin(Stdio::null())
            .output()
            .expect("the script can be started");
        Ran {
            code: output.status.code(),
            said: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        }
    }

    fn running(&self) -> Vec<String> {
        let text = fs::read_to_string(self.at("running")).unwrap();
        let mut names: Vec<String> = text.lines().map(str::to_owned).collect();
        names.sort_unstable();
        names
    }
}

#[test]
fn volumes_are_saved_while_the_stack_runs_and_brought_back_when_it_is_down() {
    let mut machine = Machine::new();
    let cache = machine.cache.as_ref().expect("it runs");
    fill_postgres(&machine.postgres);
    fill_redis(cache);
    let list = machine.at("volumes/assistant-state/memory/forgotten");
    fs::create_dir(list.parent().unwrap()).unwrap();
    fs::write(&list, "Ann\nBen\n").unwrap();
    let before = (seen_in_postgres(&machine.postgres), seen_in_redis(cache));
    let services = machine.running();
    let kept = machine.at("kept");
    let saved = machine.script("backup.sh", &kept);
    assert_eq!(saved.code, Some(0), "{saved:?}");
    assert_eq!(machine.running(), services, "all that ran runs again");
    let asked = fs::read_to_string(machine.at("log")).unwrap();
    assert!(asked.contains("stop chromadb"), "it was saved while it ran");

    let backup = PathBuf::from(only_backup(&kept));
    let refused = machine.script("restore.sh", &backup);
    assert_eq!(refused.code, Some(UNAVAILABLE), "{refused:?}");
    for word in ["mumble-server", "bridge-sip", "--profile phone down"] {
        assert!(refused.said.contains(word), "{refused:?}");
    }

    sql(&machine.postgres, "mumble_ai", "drop table said cascade");
    redis(cache, &["flushall"]);
    machine.cache = None;
    fs::write(&list, "Ann\nZoe\n").unwrap();
    fs::write(machine.at("running"), "").unwrap();
    for volume in FOLDERS {
        fs::write(machine.at("volumes").join(volume).join("file"), "spoilt").unwrap();
    }
    let restored = machine.script("restore.sh", &backup);
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert_eq!(
        machine.running(),
        Vec::<String>::new(),
        "what was down is down"
    );
    let again = "the bot was run: memory apply-forgotten";
    assert!(restored.said.contains(again), "{restored:?}");
    assert_eq!(fs::read_to_string(&list).unwrap(), "Ann\nZoe\nBen\n");
    assert_eq!(seen_in_postgres(&machine.postgres), before.0);
    let cache = Store::redis(&machine.at("redis"), "yes");
    assert_eq!(seen_in_redis(&cache), before.1);
    for volume in FOLDERS {
        let file = machine.at("volumes").join(volume).join("file");
        assert_eq!(fs::read_to_string(file).unwrap(), volume);
    }
}

#[test]
fn a_stack_without_a_phone_line_is_saved_and_brought_back_without_one() {
    let mut machine = Machine::new();
    fill_postgres(&machine.postgres);
    let phone = machine.at("volumes/phone-state");
    fs::remove_dir_all(&phone).unwrap();
    let kept = machine.at("kept");
    let saved = machine.script("backup.sh", &kept);
    assert_eq!(saved.code, Some(0), "{saved:?}");
    let backup = PathBuf::from(only_backup(&kept));
    assert!(!backup.join("phone.tar").exists());
    machine.cache = None;
    fs::write(machine.at("running"), "").unwrap();
    let restored = machine.script("restore.sh", &backup);
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert!(!phone.exists(), "nobody has asked for it");
}
