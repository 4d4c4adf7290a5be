//! Tests of where the database is.

use proptest::prelude::*;

use super::*;

fn server(address: &str) -> Result<Door, StoreError> {
    Door::new(&Where::Postgres(Postgres::Address(address.into())))
}

#[test]
fn a_place_is_shown_without_user_and_password() {
    for (address, name) in [
        ("postgres://ann:secret@db:6000/talk", "db:6000/talk"),
        ("postgresql://db/talk", "db:5432/talk"),
        (
            "postgresql+asyncpg://ann:se%40cret@[::1]/talk",
            "[::1]:5432/talk",
        ),
    ] {
        let door = server(address).unwrap();
        assert_eq!(door.name, name);
        assert!(!format!("{door:?}").contains("cret"));
    }
}

#[test]
fn an_address_of_something_else_is_refused_without_being_shown() {
    for address in [
        "",
        "secret",
        "mysql://ann:secret@db/talk",
        "postgres://ann:sec ret@:x/",
    ] {
        let error = server(address).unwrap_err();
        assert!(matches!(&error, StoreError::Refused { .. }), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn a_file_of_any_name_is_that_file() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["memory.db", "a b?c#d%20.db", "ünï.db", "..db"] {
        let file = folder.path().join(name);
        let door = Door::new(&Where::File(file.clone())).unwrap();
        let options: sqlx::sqlite::SqliteConnectOptions =
            door.options.database_url.as_str().parse().unwrap();
        assert_eq!(options.get_filename(), file);
    }
}

proptest! {
    #[test]
    fn no_address_is_too_strange_to_be_read(address in ".*", rest in ".*") {
        let _ = server(&address);
        let _ = server(&format!("postgres://{rest}"));
    }

    #[test]
    fn single_settings_mean_what_they_say(
        user in "[^\0]{1,12}",
        password in "[^\0]{1,12}",
        database in "[^\0/.]{1,12}",
        port in 1_u16..,
    ) {
        let place = Where::Postgres(Postgres::Settings {
            host: "db.example".to_owned(),
            port,
            database: database.clone(),
            user: user.clone(),
            password: Some(password.into()),
        });
        let door = Door::new(&place).unwrap();
        let options: sqlx::postgres::PgConnectOptions =
            door.options.database_url.as_str().parse().unwrap();
        prop_assert_eq!(options.get_username(), user);
        prop_assert_eq!(options.get_database(), Some(database.as_str()));
        prop_assert_eq!(options.get_port(), port);
        prop_assert_eq!(options.get_host(), "db.example");
    }
}
