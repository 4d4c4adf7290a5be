//! The messages of the protocol, as generated from the schemas in `proto/`.

use std::fmt;

/// Control messages (TCP).
#[expect(unreachable_pub, reason = "the generator makes everything public")]
pub(crate) mod control {
    include!(concat!(env!("OUT_DIR"), "/mumble.rs"));
}

/// Voice and pings since Mumble 1.5 (UDP and tunnel).
#[expect(unreachable_pub, reason = "the generator makes everything public")]
pub(crate) mod udp {
    include!(concat!(env!("OUT_DIR"), "/mumble_udp.rs"));
}

impl fmt::Debug for control::Authenticate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticate")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for control::CryptSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CryptSetup")
            .field("has_key", &self.key.is_some())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for control::TextMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextMessage")
            .field("actor", &self.actor)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::control::{Authenticate, CryptSetup, TextMessage};

    #[test]
    fn neither_secrets_nor_words_show_in_debug_output() {
        let secret = || Some("hunter2".to_owned());
        let login = Authenticate {
            password: secret(),
            tokens: vec!["hunter2".into()],
            ..Default::default()
        };
        let text = TextMessage {
            message: secret(),
            ..Default::default()
        };
        let key = CryptSetup {
            key: Some(b"hunter2"[..].into()),
            ..Default::default()
        };
        let shown = format!("{login:?} {text:?} {key:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
