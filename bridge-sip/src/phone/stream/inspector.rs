//! The look at connections that the SIP stack has opened by itself, which it reads by itself too.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use rsipstack::transaction::endpoint::TransportEventInspector;
use rsipstack::transport::stream::StreamConnection as _;
use rsipstack::transport::{SipConnection, TransportEvent};

use crate::phone::doorkeeper::{Doorkeeper, Look};

/// Looks at what the stack has cut out of a stream: it leads to somebody whom this end has called,
/// and who has given another address for the rest of the call.
pub(in crate::phone) struct Inspector(pub(in crate::phone) Arc<Doorkeeper>);

#[async_trait]
impl TransportEventInspector for Inspector {
    async fn handle(&self, event: TransportEvent) -> Option<TransportEvent> {
        let TransportEvent::Incoming(message, SipConnection::Tcp(connection), source) = &event
        else {
            return Some(event);
        };
        // Of a connection that is read here, the reading half is locked: it was judged before.
        if connection.inner.read_half.try_lock().is_err() {
            return Some(event);
        }
        let address = source.get_socketaddr().ok()?;
        let now = Instant::now();
        if !self.0.admits(now, address.ip()) {
            return None;
        }
        match self.0.look(now, address.ip(), &message.to_bytes()) {
            Look::Pass => Some(event),
            Look::Answer(answer) => {
                let _ = connection.send_raw(&answer).await;
                None
            }
            Look::Drop => None,
        }
    }
}
