//! A telephone calls: whoever is in the channel is heard and hears the caller.

use std::time::Duration;

use audio::Pcm;
use world::question::{self, CAPITAL_OF_FRANCE};
use world::{Assistant, Bridge, Caller, MumbleServer, Phone, PhoneCodec, Release, Urls};

/// A sound with silence before and behind it.
fn padded(sound: &Pcm, before: Duration, behind: Duration) -> Pcm {
    let mut whole = Pcm::silence(sound.rate(), before);
    whole.extend_from_slice(sound.samples());
    whole.extend_from_slice(Pcm::silence(sound.rate(), behind).samples());
    whole
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_by_telephone_is_answered_there() {
    let server = MumbleServer::of(Release::V1_5);
    let _assistant = Assistant::start(&server, &Urls::real(), &[("ANSWER", "always")]);
    let bridge = Bridge::start(&server, &[]);
    let listener = Caller::join(&server, "Ann").await;
    listener.meets(Assistant::NAME).await;

    let question = question::spoken(CAPITAL_OF_FRANCE).await;
    let says = padded(&question, Duration::from_secs(2), Duration::from_secs(12));
    let mut phone = Phone::start("alice", PhoneCodec::G722, &says);
    phone.dial(&bridge.address());
    phone.waits_for("CALL_ESTABLISHED");
    listener.meets("Phone-alice").await;
    phone.waits_for("CALL_CLOSED");

    let asked = question::understood(&listener.heard_of("Phone-alice")[0].sound).await;
    assert_eq!(question::words(&asked), question::words(CAPITAL_OF_FRANCE));
    let heard = question::understood(&phone.heard()).await;
    assert!(
        question::words(&heard).contains(&"paris".to_owned()),
        "{heard}"
    );
}
