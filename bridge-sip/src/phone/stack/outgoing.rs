//! INVITE by the SIP stack: a call that this end makes.

use std::net::SocketAddr;
use std::sync::Arc;

use rsipstack::dialog::authenticate::Credential;
use rsipstack::dialog::invitation::InviteOption;
use rsipstack::sip::{Param, Transport, Uri};
use rsipstack::transport::SipAddr;
use secrecy::ExposeSecret as _;
use tokio::sync::oneshot;

use super::{Call, Phone};
use crate::phone::registrar::Account;
use crate::phone::{Dialog, Domain};

/// What this end is called where it has no account.
const NAME: &str = "mumble-ai";

/// Whom to call, as it was looked up.
#[derive(Clone)]
pub struct Called {
    uri: Uri,
    /// The user part of the address.
    pub number: Option<String>,
    /// Where the call is sent.
    pub address: SocketAddr,
}

impl Phone {
    /// Looks an address up, such as `sip:alice@192.0.2.7:5060`. `None` where it is none, or its
    /// host is not known.
    pub async fn look_up(&self, address: &str) -> Option<Called> {
        let uri = Uri::try_from(address).ok()?;
        if !address.to_ascii_lowercase().starts_with("sip:") {
            return None;
        }
        let domain: Domain = uri.host_with_port.to_string().parse().ok()?;
        let resolved = domain.resolve(self.local.ip()).await.ok()?;
        Some(Called {
            number: uri.auth.as_ref().map(|auth| auth.user.clone()),
            uri,
            address: resolved,
        })
    }

    /// Calls somebody and offers this description; an account proves who calls, where the other
    /// end asks. `None` when it could not be sent at all.
    pub async fn dial(
        self: &Arc<Self>,
        called: &Called,
        account: Option<&Account>,
        offer: Vec<u8>,
    ) -> Option<Box<dyn Dialog>> {
        self.doorkeeper.trust(called.address.ip());
        let tcp = |param: &Param| *param == Param::Transport(Transport::Tcp);
        let transport = if called.uri.params.iter().any(tcp) {
            self.streams.reach(called.address).await;
            Transport::Tcp
        } else {
            Transport::Udp
        };
        let contact = self.contact(called.address.ip(), transport)?;
        let caller = match account {
            Some(account) => format!("sip:{}@{}", account.user, account.domain),
            None => format!("sip:{NAME}@{}", contact.host_with_port),
        };
        let credential = account.map(|account| Credential {
            username: account.user.clone(),
            password: account.password.expose_secret().to_owned(),
            realm: None,
            auth_username: None,
        });
        let mut destination = SipAddr::from(called.address);
        if transport == Transport::Tcp {
            destination.r#type = Some(transport);
        }
        let option = InviteOption {
            caller: Uri::try_from(caller.as_str()).ok()?,
            callee: called.uri.clone(),
            destination: Some(destination),
            offer: Some(offer),
            contact,
            credential,
            ..InviteOption::default()
        };
        let (states, changes) = self.layer.new_dialog_state_channel();
        let (dialog, inviting) = self.layer.do_invite_async(option, states).ok()?;
        let (gone, failed) = oneshot::channel();
        tokio::spawn(async move {
            // An end without any answer is not a change of the stack's state.
            if !matches!(inviting.await, Ok(Ok((_, Some(_))))) {
                let _ = gone.send(());
            }
        });
        Some(Box::new(Call {
            dialog,
            changes,
            layer: Arc::clone(&self.layer),
            acknowledged: None,
            answered: false,
            failed: Some(failed),
            waiting: None,
            answers: None,
            over: false,
            given_up: false,
        }))
    }
}
