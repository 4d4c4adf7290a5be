//! Promises about text that means harm, or is merely strange.

use super::*;

pub(super) async fn text_of_every_kind_comes_back(store: &dyn Store) {
    let texts = [
        "it's \"quoted\"; -- and 'more' \\ $1 %s ?",
        "👩‍👩‍👧 says 🇫🇷",
        "שלום עולם \u{202e}reversed\u{202c}",
        "tab\tnew\nline\r\u{7}",
    ];
    for (n, text) in texts.into_iter().enumerate() {
        let turn = said("ann", text, i64::try_from(n).unwrap());
        store.record(&turn).await.unwrap();
    }
    assert_eq!(turns(store).await, texts);
    let nul = said("ann", "a\0b", 9);
    store.record(&nul).await.unwrap();
    assert_eq!(turns(store).await.last().unwrap(), "ab");
}

pub(super) async fn too_much_is_cut_at_a_sign(store: &dyn Store) {
    let turn = said("ann", &"é語 ".repeat(500_000), 0);
    store.record(&turn).await.unwrap();
    let kept = turns(store).await.pop().unwrap();
    assert!(kept.len() <= 64 * 1024 && kept.len() > 64 * 1024 - 4);
    assert!(turn.said.starts_with(&kept));
    assert_eq!(drained(store).await.len(), 2);
}

pub(super) async fn sql_in_a_name_is_a_name(store: &dyn Store) {
    let name = "'); DROP TABLE people; --";
    let mut turn = said(name, "hello", 0);
    turn.name = format!("{name}\0");
    turn.witnesses = vec![Who::Known(person(name)), Who::Known(Person::new("a\nb\0"))];
    store.record(&turn).await.unwrap();
    let mut profile = store.profile(&person(name)).await.unwrap().unwrap();
    assert_eq!(profile.name, name);
    profile.time_zone = Some(name.to_owned());
    store.save_profile(&profile).await.unwrap();
    let kept = store.unread(later(), 9).await.unwrap();
    let witnesses = [Who::Known(person(name)), Who::Known(Person::new("ab"))];
    assert_eq!(kept[0].witnesses, witnesses);
    assert_eq!(
        forget(store, Forget::Person(person(name), at(9))).await,
        (1, 2)
    );
    assert_eq!(store.people().await.unwrap(), []);
}

pub(super) async fn a_question_of_anything_is_answered(store: &dyn Store) {
    store.record(&said("ann", "bello", 0)).await.unwrap();
    for word in [
        "'",
        "\"",
        "*",
        "a:b",
        "NEAR(",
        "be*",
        "bello'|'x",
        "",
        "\0",
        "👩‍👩‍👧",
        "-bello",
        "!",
        "&",
    ] {
        let found = found(store, "ann", Company::Alone, &[word, "bello"]).await;
        assert_eq!(found, ["bello"], "{word:?}");
    }
    let long = "long".repeat(100_000);
    assert_eq!(found(store, "ann", Company::Alone, &[&long]).await, [""; 0]);
    let many: Vec<_> = (0..10_000).map(|n| format!("word{n}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert_eq!(found(store, "ann", Company::Alone, &many).await, [""; 0]);
}
