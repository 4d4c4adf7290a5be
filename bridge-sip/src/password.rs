//! The password of callers: who calls from an address that is not believed has to know it.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use secrecy::{ExposeSecret as _, SecretString};

use crate::digest::{Algorithm, Credentials, Malformed, Server, Settings, Verdict};
use crate::phone::{Phone, Refusal, Ring};

/// Where a telephone says that the password is asked for.
const REALM: &str = "mumble-ai";

/// The one name and password that all callers share.
#[derive(Debug)]
pub struct Password {
    user: String,
    password: SecretString,
    server: Mutex<Server>,
}

/// What becomes of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// The caller knows the password.
    Known,
    /// The caller has not said it yet, or its nonce has expired: 401, which costs nothing.
    Asked(Refusal),
    /// What the caller said is wrong or broken: 401 or 400, and it counts against the source.
    Wrong(Refusal),
}

impl Password {
    /// A password asked for with these hashes, the preferred one first. `secret` is random, and
    /// seals the nonces of this process.
    pub fn new(
        user: String,
        password: SecretString,
        algorithms: Vec<Algorithm>,
        secret: [u8; 32],
        now: Instant,
    ) -> Self {
        let settings = Settings {
            realm: REALM.to_owned(),
            algorithms,
            ..Settings::default()
        };
        Self {
            user,
            password,
            server: Mutex::new(Server::new(settings, secret, now)),
        }
    }

    /// Judges the values of the `Authorization` headers of an INVITE (RFC 3261 section 22.2).
    /// `random` makes the nonce of a challenge unlike any other.
    pub fn judge(&self, now: Instant, random: [u8; 8], authorization: &[String]) -> Judged {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ours = None;
        for value in authorization {
            match Credentials::read(value) {
                // Those for others on the way are theirs to judge (RFC 3261 section 22.3).
                Ok(credentials) if credentials.realm() != REALM => {}
                Ok(credentials) => ours = Some(credentials),
                Err(Malformed::Scheme) => {}
                Err(_) => return Judged::Wrong(Refusal::new(400)),
            }
        }
        let Some(credentials) = ours else {
            return Judged::Asked(challenge(&server, now, random, false));
        };
        let password = |user: &str| (user == self.user).then(|| self.password.expose_secret());
        match server.verify(now, "INVITE", &credentials, password) {
            Verdict::Accepted(_) => Judged::Known,
            Verdict::Stale => Judged::Asked(challenge(&server, now, random, true)),
            Verdict::Denied => Judged::Wrong(challenge(&server, now, random, false)),
        }
    }

    /// The ring, if its caller may call; else it is refused, and a wrong password held against
    /// where it came from.
    pub(crate) fn ask(&self, phone: &Phone, ring: Ring) -> Option<Ring> {
        if ring.invitation.believed {
            return Some(ring);
        }
        let mut random = [0; 8];
        if getrandom::fill(&mut random).is_err() {
            ring.refuse(Refusal::new(500));
            return None;
        }
        let source = ring.invitation.source;
        match self.judge(Instant::now(), random, &ring.invitation.authorization) {
            Judged::Known => {
                phone.forgive(source);
                Some(ring)
            }
            Judged::Asked(refusal) => {
                ring.refuse(refusal);
                None
            }
            Judged::Wrong(refusal) => {
                tracing::debug!("a caller was turned away: the password is wrong");
                phone.strike(source);
                ring.refuse(refusal);
                None
            }
        }
    }
}

fn challenge(server: &Server, now: Instant, random: [u8; 8], stale: bool) -> Refusal {
    let challenges = server.challenge(now, random, stale).into_iter();
    challenges.fold(Refusal::new(401), |refusal, challenge| {
        refusal.with("WWW-Authenticate", challenge)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn password(now: Instant) -> Password {
        let algorithms = Algorithm::ALL.to_vec();
        Password::new(
            "phone".to_owned(),
            "geheim".into(),
            algorithms,
            [7; 32],
            now,
        )
    }

    /// What a telephone answers to the challenge of this hash.
    fn answer(refusal: &Refusal, algorithm: Algorithm, user: &str, password: &str) -> String {
        let name = format!("algorithm={}", algorithm.as_str());
        let mut challenges = refusal.headers.iter().map(|(_, challenge)| challenge);
        let challenge = challenges.find(|text| text.contains(&name)).unwrap();
        let nonce = challenge.split("nonce=\"").nth(1).unwrap();
        let nonce = nonce.split('"').next().unwrap();
        let hash = |parts: &[&str]| algorithm.hash(parts);
        let (who, what) = (
            hash(&[user, REALM, password]),
            hash(&["INVITE", "sip:ai@192.0.2.1"]),
        );
        let response = hash(&[&who, nonce, "00000001", "c", "auth", &what]);
        format!(
            "Digest username=\"{user}\", realm=\"{REALM}\", nonce=\"{nonce}\", \
             uri=\"sip:ai@192.0.2.1\", response=\"{response}\", cnonce=\"c\", nc=00000001, \
             qop=auth, {name}"
        )
    }

    fn asked(judged: Judged) -> Refusal {
        match judged {
            Judged::Asked(refusal) => refusal,
            other => panic!("expected to be asked, found {other:?}"),
        }
    }

    #[test]
    fn a_call_without_credentials_is_asked_by_each_hash() {
        let now = Instant::now();
        let refusal = asked(password(now).judge(now, [1; 8], &[]));
        assert_eq!(refusal.status, 401);
        let names = refusal.headers.iter().map(|(name, _)| *name);
        assert_eq!(names.collect::<Vec<_>>(), ["WWW-Authenticate"; 2]);
        assert!(refusal.headers[0].1.contains("algorithm=SHA-256"));
    }

    #[test]
    fn the_right_password_opens_once_with_each_hash_and_a_wrong_one_never() {
        let now = Instant::now();
        for algorithm in Algorithm::ALL {
            let password = password(now);
            let refusal = asked(password.judge(now, [1; 8], &[]));
            let right = [answer(&refusal, algorithm, "phone", "geheim")];
            assert_eq!(password.judge(now, [2; 8], &right), Judged::Known);
            // Somebody who has listened sends the same again.
            asked(password.judge(now, [3; 8], &right));
            for (user, secret) in [("phone", "gehein"), ("ann", "geheim"), ("phone", "")] {
                let wrong = [answer(&refusal, algorithm, user, secret)];
                let judged = password.judge(now, [4; 8], &wrong);
                assert!(matches!(judged, Judged::Wrong(refusal) if refusal.status == 401));
            }
        }
    }

    #[test]
    fn an_old_nonce_is_asked_anew_without_counting() {
        let now = Instant::now();
        let password = password(now);
        let refusal = asked(password.judge(now, [1; 8], &[]));
        let right = [answer(&refusal, Algorithm::Md5, "phone", "geheim")];
        let later = now + Duration::from_secs(3600);
        let again = asked(password.judge(later, [2; 8], &right));
        assert!(again.headers[0].1.contains("stale=true"));
    }

    #[test]
    fn credentials_for_others_are_not_judged_and_broken_ones_are_refused() {
        let now = Instant::now();
        let password = password(now);
        asked(password.judge(now, [1; 8], &["Basic cGhvbmU6Z2VoZWlt".to_owned()]));
        let judged = password.judge(now, [1; 8], &["Digest username=\"phone".to_owned()]);
        assert_eq!(judged, Judged::Wrong(Refusal::new(400)));
    }

    #[test]
    fn the_password_is_not_shown() {
        let shown = format!("{:?}", password(Instant::now()));
        assert!(!shown.contains("geheim"), "{shown}");
    }
}
