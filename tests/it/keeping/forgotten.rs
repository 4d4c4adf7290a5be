//! Whom the assistant has forgotten since a backup was taken stays forgotten when it is restored.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use world::program::Program;

use super::{UNAVAILABLE, only_backup, script, text_of};
use crate::remembered::{person, released, remember, said};

/// Between two looks at what must come.
const LOOK: Duration = Duration::from_millis(20);

/// All that is in the memory's folder but for the list of the forgotten.
fn on_disk(state: &Path) -> Vec<u8> {
    let files = fs::read_dir(state.join("memory")).unwrap();
    let paths = files.map(|entry| entry.unwrap().path());
    let but_list = paths.filter(|path| !path.ends_with("forgotten"));
    but_list.flat_map(|path| fs::read(path).unwrap()).collect()
}

fn holds(state: &Path, words: &str) -> bool {
    let bytes = on_disk(state);
    bytes
        .windows(words.len())
        .any(|found| found.eq_ignore_ascii_case(words.as_bytes()))
}

#[tokio::test]
async fn nobody_who_was_forgotten_since_the_backup_comes_back_with_it() {
    let home = TempDir::new().unwrap();
    let (state, kept) = (home.path().join("state"), home.path().join("kept"));
    let (ann, ben) = (person("deadbeef"), person("b0"));
    remember(
        &state.join("memory/memory.db"),
        &[
            said(&ann, "Ann", "my dog is called Rufus"),
            said(&ben, "Ben", "my cat is called Minka"),
        ],
    )
    .await;
    while !released(&state) {
        tokio::time::sleep(LOOK).await;
    }
    let state_dir = text_of(&state);
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!(
        "{}:{path}",
        text_of(Program::executable().parent().unwrap())
    );
    let named = [("STATE_DIR", state_dir.as_str()), ("PATH", &path)];
    let saved = script("backup.sh", &[&text_of(&kept)], &named);
    assert_eq!(saved.code, Some(0), "{saved:?}");

    let program = Program::new(&[("STATE_DIR", &state_dir)]);
    let forgot = program.run(&["memory", "forget", "Ann", "--yes"]).await;
    assert_eq!(
        forgot.stdout, "forgotten: 1 turns and 2 entries\n",
        "{forgot:?}"
    );
    assert!(!holds(&state, "Rufus") && !holds(&state, "deadbeef"));
    assert!(holds(&state, "Minka"));

    // The second time onto what the first one brought back.
    for _ in 0..2 {
        let restored = script("restore.sh", &[&only_backup(&kept)], &named);
        assert_eq!(restored.code, Some(0), "{restored:?}");
        let again = "forgotten again: 3 turns and entries";
        assert!(restored.said.contains(again), "{restored:?}");
        assert!(!holds(&state, "Rufus") && !holds(&state, "deadbeef"));
        assert!(holds(&state, "Minka"));
        let list = fs::read_to_string(state.join("memory/forgotten")).unwrap();
        assert_eq!(list.matches(ann.as_str()).count(), 1, "{list}");
    }
    let lines = fs::read(state.join("memory/forgotten")).unwrap();
    fs::write(
        state.join("memory/forgotten"),
        [b"damaged\n", &*lines].concat(),
    )
    .unwrap();
    let restored = script("restore.sh", &[&only_backup(&kept)], &named);
    assert_eq!(restored.code, Some(UNAVAILABLE), "{restored:?}");
    assert!(restored.said.contains("1 lines of"), "{restored:?}");
    let list = program.run(&["memory", "list", "--json"]).await;
    assert!(
        !list.stdout.contains("Ann") && list.stdout.contains("Ben"),
        "{list:?}"
    );
}
