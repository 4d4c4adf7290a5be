//! A call as the SIP stack holds it, behind [`Dialog`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, FutureExt as _, OptionFuture};
use rsipstack::dialog::dialog::{
    DialogState, DialogStateReceiver, TerminatedReason, TransactionHandle,
};
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::param::Tag;
use rsipstack::sip::prelude::{HasHeaders as _, HeadersExt as _};
use rsipstack::sip::{Header, Method, Response, StatusCode};
use rsipstack::transaction::key::TransactionRole;
use rsipstack::transaction::transaction::{TransactionEvent, TransactionEventSender};
use tokio::sync::oneshot;
use tokio::time::sleep_until;

use super::Waiting;
use super::headers::{header, headers, timer_asked, value};
use crate::phone::{Dialog, Ending, Event, Refreshed, Refusal, Reply, Request};
use crate::timer::{self, SessionExpires, read_min_se};

/// How often it is looked whether a call that was cancelled is over.
const CANCELLING: Duration = Duration::from_millis(20);

/// How long an answer to a sign of life may take, beyond what the stack itself waits (64 T1).
const LONGEST_ANSWER: Duration = Duration::from_secs(35);

/// A call that was taken.
pub(super) struct Call {
    pub(super) dialog: InviteDialog,
    pub(super) changes: DialogStateReceiver,
    pub(super) layer: Arc<DialogLayer>,
    /// The number of the last request that was acknowledged.
    pub(super) acknowledged: Option<u32>,
    /// Whether a call of this end was answered.
    pub(super) answered: bool,
    /// A call of this end has ended without an answer.
    pub(super) failed: Option<oneshot::Receiver<()>>,
    /// What a call of the other end waits for, until its answer is acknowledged.
    pub(super) waiting: Option<Waiting>,
    /// By this a call of the other end is answered, past what the stack has words for.
    pub(super) answers: Option<TransactionEventSender>,
    pub(super) over: bool,
    /// What is left of the call is somebody else's.
    pub(super) given_up: bool,
}

impl Call {
    /// Whether this end has made the call.
    fn ours(&self) -> bool {
        self.dialog.role() == TransactionRole::Client
    }

    /// The answer that refuses the call.
    fn refused(&self, refusal: Refusal) -> Option<Response> {
        let request = self.dialog.initial_request();
        let status = StatusCode::from(refusal.status);
        let endpoint = &self.layer.endpoint;
        let mut response = endpoint.make_response(&request, status, None);
        // Of the dialog that may have begun with early sound.
        let tag = Tag::new(self.dialog.id().local_tag);
        let to = request.to_header().ok()?.clone().with_tag(tag);
        response.headers.unique_push(to.into());
        response.headers.extend(headers(refusal.headers));
        Some(response)
    }

    /// The answer is not acknowledged: the call is over for whoever holds it.
    fn give_up(&mut self) {
        self.over = true;
        self.given_up = true;
        let (_, nothing) = self.layer.new_dialog_state_channel();
        let changes = std::mem::replace(&mut self.changes, nothing);
        if let Some(waiting) = self.waiting.take() {
            waiting.give_up(self.dialog.clone(), changes, Arc::clone(&self.layer));
        }
    }

    /// What a change of the stack's state means, if it means anything here.
    fn event(&mut self, state: DialogState) -> Option<Event> {
        match state {
            DialogState::Early(_, response) if self.ours() && !response.body.is_empty() => {
                Some(Event::Answered {
                    answer: response.body,
                    early: true,
                })
            }
            DialogState::Confirmed(_, response) if self.ours() && !self.answered => {
                self.answered = true;
                Some(Event::Answered {
                    answer: response.body,
                    early: false,
                })
            }
            DialogState::Confirmed(..) => {
                // Told after other requests as well: an acknowledgement is one with a new number.
                let ack = self.dialog.last_remote_ack()?;
                let number = ack.cseq_header().ok()?.seq().ok()?;
                if self.acknowledged.replace(number) == Some(number) {
                    return None;
                }
                self.waiting = None;
                Some(Event::Acknowledged { answer: ack.body })
            }
            DialogState::Updated(_, request, handle) => {
                let change = Request::Change {
                    invites: request.method == Method::Invite,
                    timer: timer_asked(&request),
                    offer: request.body,
                };
                Some(Event::Asked(change, reply(handle)))
            }
            DialogState::Info(_, request, handle) => {
                let info = Request::Info {
                    content_type: value(&request, "Content-Type").unwrap_or_default(),
                    body: request.body,
                };
                Some(Event::Asked(info, reply(handle)))
            }
            DialogState::Options(_, _, handle) => {
                Some(Event::Asked(Request::Options, reply(handle)))
            }
            DialogState::Refer(_, _, handle)
            | DialogState::Message(_, _, handle)
            | DialogState::Notify(_, _, handle)
            | DialogState::Publish(_, _, handle) => {
                Some(Event::Asked(Request::Other, reply(handle)))
            }
            DialogState::Terminated(_, reason) => {
                self.over = true;
                Some(Event::Ended(ending(&reason, self.ours())))
            }
            DialogState::Calling(_)
            | DialogState::Trying(_)
            | DialogState::Early(..)
            | DialogState::WaitAck(..) => None,
        }
    }
}

impl Dialog for Call {
    fn next(&mut self) -> BoxFuture<'_, Event> {
        async move {
            loop {
                if self.over {
                    return std::future::pending().await;
                }
                let failed = OptionFuture::from(self.failed.as_mut());
                let due = self.waiting.as_ref().and_then(Waiting::due);
                let late = OptionFuture::from(due.map(|due| sleep_until(due.into())));
                let state = tokio::select! {
                    biased;
                    state = self.changes.recv() => state,
                    Some(failed) = failed => {
                        self.failed = None;
                        if failed.is_ok() {
                            self.over = true;
                            return Event::Ended(Ending::Vanished);
                        }
                        continue;
                    }
                    Some(()) = late => {
                        self.give_up();
                        return Event::Ended(Ending::Vanished);
                    }
                };
                let Some(state) = state else {
                    self.over = true;
                    return Event::Ended(Ending::Vanished);
                };
                if let Some(event) = self.event(state) {
                    return event;
                }
            }
        }
        .boxed()
    }

    fn early(&self, description: &[u8]) {
        let headers = vec![Header::ContentType("application/sdp".into())];
        // Whoever has hung up meanwhile is told nothing.
        let _ = self
            .dialog
            .ringing(Some(headers), Some(description.to_vec()));
    }

    fn answer(&self, description: &[u8], more: Vec<(&'static str, String)>) {
        if let Some(waiting) = &self.waiting {
            waiting.answered(Instant::now());
        }
        let mut headers = headers(more);
        headers.push(Header::ContentType("application/sdp".into()));
        let _ = self
            .dialog
            .accept(Some(headers), Some(description.to_vec()));
    }

    fn refuse(&self, refusal: Refusal) {
        let status = StatusCode::from(refusal.status);
        if let (Some(answers), Some(refused)) = (&self.answers, self.refused(refusal)) {
            // The stack has no words for headers. A call is refused once: its own is not sent.
            let _ = answers.send(TransactionEvent::Respond(refused));
        }
        let _ = self.dialog.reject(Some(status), None);
    }

    fn hang_up(&self) -> BoxFuture<'static, ()> {
        let (dialog, ours) = (self.dialog.clone(), self.ours());
        async move {
            if let Err(error) = dialog.hangup().await {
                tracing::trace!("hanging up went wrong: {error}");
            }
            // What was cancelled is over when the other end has said so.
            while ours && !matches!(dialog.state(), DialogState::Terminated(..)) {
                tokio::time::sleep(CANCELLING).await;
            }
        }
        .boxed()
    }

    fn refresh(&self, asked: timer::Asked, description: Vec<u8>) -> BoxFuture<'static, Refreshed> {
        let dialog = self.dialog.clone();
        async move {
            let mut headers = vec![Header::Supported("timer".into())];
            headers.extend(
                asked
                    .expires
                    .map(|expires| Header::Other("Session-Expires".into(), expires.to_string())),
            );
            headers.extend(
                asked
                    .min_se
                    .map(|least| Header::Other("Min-SE".into(), least.to_string())),
            );
            headers.push(Header::ContentType("application/sdp".into()));
            let sent = dialog.reinvite(Some(headers), Some(description));
            let answered = tokio::time::timeout(LONGEST_ANSWER, sent).await;
            match answered {
                Ok(Ok(Some(response))) => refreshed(&response),
                _ => Refreshed::Failed(timer::Failed::Gone),
            }
        }
        .boxed()
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.given_up {
            self.layer.remove_dialog(&self.dialog.id());
        }
    }
}

fn refreshed(response: &Response) -> Refreshed {
    match u16::from(response.status_code.clone()) {
        200..300 => {
            let expires = header(response.headers(), "Session-Expires", "x");
            Refreshed::Granted(expires.and_then(|value| SessionExpires::read(&value).ok()))
        }
        408 | 481 => Refreshed::Failed(timer::Failed::Gone),
        422 => {
            let least = header(response.headers(), "Min-SE", "Min-SE");
            let least = least.and_then(|value| read_min_se(&value).ok());
            let failed = least.map_or(timer::Failed::Refused, timer::Failed::TooSmall);
            Refreshed::Failed(failed)
        }
        _ => Refreshed::Failed(timer::Failed::Refused),
    }
}

fn ending(reason: &TerminatedReason, ours: bool) -> Ending {
    match reason {
        TerminatedReason::UasOther(status) if ours => Ending::Declined(u16::from(status.clone())),
        TerminatedReason::ProxyAuthRequired if ours => Ending::Declined(401),
        TerminatedReason::UasBye if ours => Ending::HungUp,
        TerminatedReason::UacBye if ours => Ending::Ours,
        TerminatedReason::UacCancel => Ending::Cancelled,
        TerminatedReason::UacBye => Ending::HungUp,
        TerminatedReason::Timeout => Ending::Vanished,
        TerminatedReason::UasBye
        | TerminatedReason::UacBusy
        | TerminatedReason::UasBusy
        | TerminatedReason::UasDecline
        | TerminatedReason::ProxyError(_)
        | TerminatedReason::ProxyAuthRequired
        | TerminatedReason::UacOther(_)
        | TerminatedReason::UasOther(_) => Ending::Ours,
    }
}

fn reply(handle: TransactionHandle) -> Reply {
    Reply::new(move |status, more, body| {
        tokio::spawn(async move {
            let mut headers = headers(more);
            if !body.is_empty() {
                headers.push(Header::ContentType("application/sdp".into()));
            }
            let body = (!body.is_empty()).then_some(body);
            let _ = handle
                .respond(StatusCode::from(status), Some(headers), body)
                .await;
        });
    })
}
