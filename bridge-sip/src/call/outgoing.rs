//! A call that this end makes: from then on it is held as any other.

use std::sync::Arc;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::mouth::Mouth;
use super::taking::{media_address, random};
use super::{Call, End, LOOK, Progress, keys};
use crate::bridge::House;
use crate::dtmf::{Keys, Once};
use crate::menu::Menu;
use crate::offer::{Negotiation, Ours};
use crate::outgoing::CallError;
use crate::phone::registrar::Account;
use crate::phone::{Called, Ending, Invitation, Phone};
use crate::timer::{self, Timer};
use crate::voices::Voices;

/// Calls somebody and holds the call until it ends.
pub(crate) async fn dial(
    phone: &Arc<Phone>,
    called: Called,
    account: Option<&Account>,
    house: Arc<House>,
    keys: Keys,
    shutdown: CancellationToken,
) -> Result<(), CallError> {
    let mut call = Call::dial(phone, called, account, house).await?;
    call.to_press = keys;
    match call.hold(shutdown).await {
        End::Theirs(Ending::Declined(486 | 600)) => Err(CallError::Busy),
        // What the stack says itself when the time is over, as a proxy does in its place.
        End::Theirs(Ending::Declined(408)) => Err(CallError::Nobody),
        End::Theirs(Ending::Declined(status)) => Err(CallError::Declined(status)),
        End::Theirs(Ending::Vanished) => Err(CallError::Nobody),
        End::NoChannel => Err(CallError::NoChannel),
        End::Broken => Err(CallError::Broken),
        End::Theirs(Ending::Cancelled | Ending::HungUp | Ending::Ours)
        | End::NoSound
        | End::Expired
        | End::TooLong
        | End::Key
        | End::Shutdown => Ok(()),
    }
}

impl Call {
    async fn dial(
        phone: &Arc<Phone>,
        called: Called,
        account: Option<&Account>,
        house: Arc<House>,
    ) -> Result<Self, CallError> {
        let now = Instant::now();
        let socket = house.ports.take().ok().flatten().ok_or(CallError::NoPort)?;
        let media = media_address(&house, called.address.ip(), &socket);
        let media = media.map_err(|_| CallError::Broken)?;
        let start = random().ok_or(CallError::Broken)?;
        let mut negotiation = Negotiation::new(Ours {
            codecs: house.codecs.clone(),
            media,
            session_id: u64::from(start.timestamp) << 16 | u64::from(start.sequence),
        });
        let described = negotiation.offer().to_string().into_bytes();
        let dialog = phone.dial(&called, account, described.clone()).await;
        let dialog = dialog.ok_or(CallError::Broken)?;
        let mut call = Self {
            voices: Voices::new(audio::SPEECH_HZ),
            seen: house.board.call(now),
            look: now + LOOK,
            seat: None,
            line: None,
            keys: keys::Keys::new(Menu::new(house.pin.clone())),
            beat: house.beat.follow(),
            house,
            dialog,
            invitation: Invitation {
                display: None,
                number: called.number,
                dialled: None,
                source: called.address,
                offer: Vec::new(),
                timer: timer::Asked::default(),
                authorization: Vec::new(),
                // Whoever is called says where its sound goes.
                believed: true,
            },
            negotiation,
            described,
            socket,
            sound: None,
            timer: Timer::new(timer::Settings::default()),
            refreshing: None,
            taken: Vec::new(),
            told: false,
            progress: Progress::Joining,
            ours: true,
            to_press: Keys::default(),
            answered: false,
            mouth: Mouth::default(),
            resampler: None,
            once: Once::default(),
            granted: None,
            begun: now,
            said: 0,
        };
        call.ask_for_a_line();
        Ok(call)
    }
    /// Presses what is to be pressed, now that somebody listens.
    pub(super) fn press_keys(&mut self) {
        let keys = std::mem::take(&mut self.to_press);
        if keys.is_empty() {
            return;
        }
        if !self.sound.as_mut().is_some_and(|sound| sound.press(&keys)) {
            tracing::warn!("no keys were sent: the other end takes none among its sound");
        }
    }
}
