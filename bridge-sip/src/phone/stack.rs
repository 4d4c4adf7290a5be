//! The SIP stack that is used, rsipstack, behind [`Dialog`]: nothing outside `phone` knows its
//! names.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rsipstack::EndpointBuilder;
use rsipstack::dialog::dialog_layer::DialogLayer;
use rsipstack::sip::prelude::HeadersExt as _;
use rsipstack::sip::{Method, Param, StatusCode, Transport, Uri};
use rsipstack::transaction::TransactionReceiver;
use rsipstack::transaction::endpoint::EndpointOption;
use rsipstack::transaction::transaction::Transaction;
use rsipstack::transport::udp::UdpConnection;
use rsipstack::transport::{SipConnection, TransportLayer};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::challenge::Challenges;
use super::doorkeeper::{Door, Doorkeeper, TurnedAway};
use super::shares::{Most, Share, Shares};
use super::socket::Checked;
use super::stream::{Inspector, Streams};
use super::{Dialog, Invitation, OpenError, Refusal, Settings, reached_at};

mod dialog;
mod headers;
mod outgoing;
mod registering;
mod waiting;

use dialog::Call;
use headers::{header, headers, invitation};
pub use outgoing::Called;
pub(super) use registering::Registering;
use waiting::Waiting;

/// Calls that wait to be looked at; one more is refused.
const WAITING: usize = 32;

/// The line to the telephone network. Dropping it does not end calls; cancelling its token does.
pub struct Phone {
    layer: Arc<DialogLayer>,
    doorkeeper: Arc<Doorkeeper>,
    streams: Arc<Streams>,
    /// Calls that nobody has acknowledged yet.
    unacknowledged: Arc<Shares>,
    /// How long an answer may be on its way and back.
    t1: Duration,
    /// What is listened on.
    local: SocketAddr,
    /// The address that others are told, where it is another one.
    public: Option<IpAddr>,
    /// Calls that were refused, by status.
    refused: Mutex<BTreeMap<u16, u64>>,
}

/// A call that comes in. Dropping it refuses it by 500.
pub struct Ring {
    /// What it says of itself.
    pub invitation: Invitation,
    phone: Arc<Phone>,
    transaction: Option<Transaction>,
    /// Its place among the calls that nobody has acknowledged yet.
    share: Option<Share>,
}

impl Phone {
    /// Listens, until `end`. Calls come out of the receiver.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn open(
        settings: &Settings,
        door: Door,
        end: CancellationToken,
    ) -> Result<(Arc<Self>, mpsc::Receiver<Ring>), OpenError> {
        let listen = |transport| {
            move |source| OpenError::Listen {
                address: settings.listen,
                transport,
                source,
            }
        };
        let socket = UdpSocket::bind(settings.listen)
            .await
            .map_err(listen("UDP"))?;
        let address = socket.local_addr().map_err(listen("UDP"))?;
        let listener = TcpListener::bind(address).await.map_err(listen("TCP"))?;
        let unacknowledged = Shares::new(Most {
            of_one: door.unacknowledged,
            of_strangers: usize::MAX,
            of_all: usize::MAX,
        });
        let doorkeeper = Arc::new(Doorkeeper::new(door, Instant::now()));

        let public = settings
            .public
            .map(|ip| SocketAddr::new(ip, address.port()));
        let checked = Arc::new(Checked {
            socket,
            doorkeeper: Arc::clone(&doorkeeper),
        });
        let stack = |error: rsipstack::Error| OpenError::Stack(error.to_string());
        let udp = UdpConnection::from_socket(checked, public, Some(end.child_token()));
        let udp = udp.await.map_err(stack)?;
        let layer = TransportLayer::new(end.child_token());
        layer.add_transport(udp.into());
        let methods = doorkeeper.rules().methods.iter();
        let times = EndpointOption {
            t1: settings.t1,
            t1x64: settings.t1 * 64,
            ..EndpointOption::default()
        };
        let endpoint = EndpointBuilder::new()
            .with_option(times)
            .with_user_agent(concat!("mumble-ai/", env!("CARGO_PKG_VERSION")))
            .with_allows(methods.filter_map(|name| name.parse().ok()).collect())
            .with_cancel_token(end.child_token())
            .with_transport_layer(layer)
            .with_inspector(Box::new(Challenges))
            .with_transport_inspector(Box::new(Inspector(Arc::clone(&doorkeeper))))
            .build();
        let incoming = endpoint.incoming_transactions().map_err(stack)?;
        let inner = Arc::clone(&endpoint.inner);
        let streams = Streams::open(
            Arc::clone(&doorkeeper),
            Arc::clone(&inner),
            address,
            end.child_token(),
        );
        let streams = streams.await.map_err(stack)?;
        tokio::spawn(Arc::clone(&streams).accept(listener));
        let phone = Arc::new(Self {
            layer: Arc::new(DialogLayer::new(inner)),
            doorkeeper,
            streams,
            unacknowledged,
            t1: settings.t1,
            local: address,
            public: settings.public,
            refused: Mutex::default(),
        });
        let (rings, calls) = mpsc::channel(WAITING);
        tokio::spawn(async move { endpoint.serve().await });
        tokio::spawn(Arc::clone(&phone).take(incoming, rings, end));
        Ok((phone, calls))
    }

    /// Messages that did not get in so far.
    pub fn turned_away(&self) -> TurnedAway {
        self.doorkeeper.turned_away()
    }

    /// How `peer` reaches this end by `transport`: where it is not named, UDP is meant (RFC 3263
    /// section 4.1).
    fn contact(&self, peer: IpAddr, transport: Transport) -> Option<Uri> {
        let ip = match self.public {
            Some(public) => public,
            None => reached_at(self.local.ip(), peer).ok()?,
        };
        let address = SocketAddr::new(ip, self.local.port());
        let mut uri = Uri::try_from(format!("sip:{address}").as_str()).ok()?;
        let tcp = transport == Transport::Tcp;
        uri.params
            .extend(tcp.then_some(Param::Transport(transport)));
        Some(uri)
    }

    /// Calls that were refused before they were taken so far, by status.
    pub fn refused(&self) -> BTreeMap<u16, u64> {
        self.count(|refused| refused.clone())
    }

    fn count<T>(&self, with: impl FnOnce(&mut BTreeMap<u16, u64>) -> T) -> T {
        with(&mut self.refused.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A caller has sent a wrong password.
    pub fn strike(&self, source: SocketAddr) {
        self.doorkeeper.strike(Instant::now(), source.ip());
    }

    /// A caller has sent the right password.
    pub fn forgive(&self, source: SocketAddr) {
        self.doorkeeper.forgive(Instant::now(), source.ip());
    }

    /// Dialogs that the stack holds.
    pub fn dialogs(&self) -> usize {
        self.layer.len()
    }

    /// Requests whose answers the stack still has at hand.
    pub fn transactions(&self) -> usize {
        let stats = self.layer.endpoint.get_stats();
        stats.running_transactions + stats.finished_transactions
    }

    async fn take(
        self: Arc<Self>,
        mut incoming: TransactionReceiver,
        rings: mpsc::Sender<Ring>,
        end: CancellationToken,
    ) {
        loop {
            let transaction = tokio::select! {
                biased;
                () = end.cancelled() => return,
                transaction = incoming.recv() => transaction,
            };
            let Some(transaction) = transaction else {
                return;
            };
            self.route(transaction, &rings);
        }
    }

    /// Hands a request to its dialog, or to whoever takes calls, or answers it.
    fn route(self: &Arc<Self>, mut transaction: Transaction, rings: &mpsc::Sender<Ring>) {
        if let Some(rsipstack::dialog::dialog::Dialog::Invite(mut dialog)) =
            self.layer.match_dialog(&transaction)
        {
            tokio::spawn(async move {
                if let Err(error) = dialog.handle(&mut transaction).await {
                    tracing::trace!("a request within a call went wrong: {error}");
                }
            });
            return;
        }
        let in_dialog = transaction
            .original
            .to_header()
            .is_ok_and(|to| matches!(to.tag(), Ok(Some(_))));
        match transaction.original.method {
            Method::Invite if !in_dialog => {
                let Some(invitation) = self.invitation(&transaction) else {
                    answer(transaction, Refusal::new(400));
                    return;
                };
                let source = invitation.source.ip();
                let share = self.unacknowledged.take(source, invitation.believed);
                let ring = Ring {
                    invitation,
                    phone: Arc::clone(self),
                    transaction: Some(transaction),
                    share,
                };
                if ring.share.is_none() {
                    let again = waiting::given_up_after(self.t1).as_secs().max(1);
                    ring.refuse(Refusal::new(503).with("Retry-After", again.to_string()));
                    return;
                }
                if let Err(
                    mpsc::error::TrySendError::Full(ring) | mpsc::error::TrySendError::Closed(ring),
                ) = rings.try_send(ring)
                {
                    ring.refuse(Refusal::new(503).with("Retry-After", "5"));
                }
            }
            Method::Options if !in_dialog => answer(transaction, self.abilities()),
            Method::Ack => {}
            _ => answer(transaction, Refusal::new(481)),
        }
    }

    fn invitation(&self, transaction: &Transaction) -> Option<Invitation> {
        let mut invitation = invitation(transaction)?;
        invitation.believed = self.doorkeeper.believes(invitation.source.ip());
        Some(invitation)
    }

    /// What this end understands (RFC 3261 section 11.2).
    fn abilities(&self) -> Refusal {
        let rules = self.doorkeeper.rules();
        Refusal::new(200)
            .with("Allow", rules.methods.join(", "))
            .with("Accept", "application/sdp")
            .with("Supported", rules.extensions.join(", "))
    }
}

/// Answers a request that belongs to no call.
fn answer(mut transaction: Transaction, answer: Refusal) {
    tokio::spawn(async move {
        let headers = headers(answer.headers);
        let status = StatusCode::from(answer.status);
        if transaction.reply_with(status, headers, None).await.is_ok() {
            // Repeats it until it is acknowledged.
            while transaction.receive().await.is_some() {}
        }
    });
}

impl Ring {
    /// Refuses the call.
    pub fn refuse(mut self, refusal: Refusal) {
        if let Some(transaction) = self.transaction.take() {
            self.phone
                .count(|refused| *refused.entry(refusal.status).or_default() += 1);
            answer(transaction, refusal);
        }
    }

    /// Takes the call; it is not answered by that. `None` when it has gone away meanwhile.
    pub fn take(mut self) -> Option<(Invitation, Box<dyn Dialog>)> {
        let mut transaction = self.transaction.take()?;
        let (states, changes) = self.phone.layer.new_dialog_state_channel();
        let connection = transaction.connection.as_ref();
        let transport = connection.map(SipConnection::transport).unwrap_or_default();
        let contact = self.phone.contact(self.invitation.source.ip(), transport);
        let layer = Arc::clone(&self.phone.layer);
        let dialog = layer
            .get_or_create_server_invite(&transaction, states, None, contact)
            .ok()?;
        let answers = transaction.tu_sender.clone();
        let mut handling = dialog.clone();
        tokio::spawn(async move {
            if let Err(error) = handling.handle(&mut transaction).await {
                tracing::trace!("an invitation went wrong: {error}");
            }
        });
        let invitation = self.invitation.clone();
        let call = Call {
            dialog,
            changes,
            layer,
            acknowledged: None,
            answered: false,
            failed: None,
            waiting: Some(Waiting::new(&self.phone, &invitation, self.share.take())),
            answers: Some(answers),
            over: false,
            given_up: false,
        };
        Some((invitation, Box::new(call)))
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            answer(transaction, Refusal::new(500));
        }
    }
}
