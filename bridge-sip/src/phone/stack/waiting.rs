//! The time between an answer and its acknowledgement, in which a caller may have gone.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rsipstack::dialog::dialog::{DialogState, DialogStateReceiver};
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::dialog::invite_dialog::InviteDialog;
use tokio::time::timeout;

use super::{Phone, Share};
use crate::phone::Invitation;

/// A caller who has not acknowledged the answer after so many T1, 8 s, is given up: the answer was
/// sent five times by then. RFC 3261 section 13.3.1.4 has the answer repeated for 64 T1, and a call
/// hung up no sooner; so that is done, but the call has neither a port nor a user meanwhile.
const GIVEN_UP: u32 = 16;

/// How long the end of a call may take that was given up: 64 T1 twice, and some.
const LONGEST_END: u32 = 150;

/// A call that waits for its answer, or has one that was not acknowledged yet.
pub(super) struct Waiting {
    phone: Arc<Phone>,
    source: std::net::SocketAddr,
    due: Cell<Option<Instant>>,
    share: Option<Share>,
}

/// How long after its answer a call is given up.
pub(super) fn given_up_after(t1: Duration) -> Duration {
    t1 * GIVEN_UP
}

impl Waiting {
    pub(super) fn new(phone: &Arc<Phone>, invitation: &Invitation, share: Option<Share>) -> Self {
        Self {
            phone: Arc::clone(phone),
            source: invitation.source,
            due: Cell::new(None),
            share,
        }
    }

    /// The call was answered.
    pub(super) fn answered(&self, now: Instant) {
        self.due.set(now.checked_add(given_up_after(self.phone.t1)));
    }

    /// When the call is to be given up.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due.get()
    }

    /// Goes on with the signalling alone: whoever acknowledges the answer now is hung up.
    pub(super) fn give_up(
        self,
        dialog: InviteDialog,
        mut changes: DialogStateReceiver,
        layer: Arc<DialogLayer>,
    ) {
        self.phone.strike(self.source);
        let longest = self.phone.t1 * LONGEST_END;
        tokio::spawn(async move {
            let _held = self.share;
            let ended = async {
                while let Some(state) = changes.recv().await {
                    match state {
                        DialogState::Confirmed(..) => {
                            let _ = dialog.bye().await;
                            return;
                        }
                        DialogState::Terminated(..) => return,
                        _ => {}
                    }
                }
            };
            let _ = timeout(longest, ended).await;
            layer.remove_dialog(&dialog.id());
        });
    }
}
