//! REGISTER by the SIP stack, with its answer to the challenge.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rsipstack::Error;
use rsipstack::dialog::authenticate::Credential;
use rsipstack::dialog::registration::Registration;
use rsipstack::sip::prelude::HasHeaders as _;
use rsipstack::sip::typed::Contact;
use rsipstack::sip::{self, Param, Response, StatusCode, Uri};
use secrecy::ExposeSecret as _;

use super::{Phone, header};
use crate::phone::registrar::{Account, Outcome, Transport};

/// The registration of one account, from its first REGISTER to its last.
pub(in crate::phone) struct Registering {
    phone: Arc<Phone>,
    account: Account,
    registration: Registration,
}

impl Registering {
    pub(in crate::phone) fn new(phone: &Arc<Phone>, account: &Account) -> Self {
        let credential = Credential {
            username: account.user.clone(),
            password: account.password.expose_secret().to_owned(),
            realm: None,
            auth_username: None,
        };
        let endpoint = Arc::clone(&phone.layer.endpoint);
        Self {
            phone: Arc::clone(phone),
            account: account.clone(),
            registration: Registration::new(endpoint, Some(credential)),
        }
    }

    /// Asks to be registered for `expires`; nothing ends it. Looks the PBX up each time: it may
    /// have moved.
    pub(in crate::phone) async fn ask(&mut self, expires: Duration) -> Outcome {
        let local = self.phone.local.ip();
        let pbx = match self.account.domain.resolve(local).await {
            Ok(pbx) => pbx,
            Err(error) => return Outcome::Failed(error.to_string()),
        };
        // Whom the settings name is believed, or its answers would not get in.
        self.phone.doorkeeper.trust(pbx.ip());
        let (Some(server), Some(contact)) = (self.server(), self.contact(pbx.ip())) else {
            return Outcome::Failed("it cannot be addressed".to_owned());
        };
        if self.account.transport == Transport::Tcp {
            self.phone.streams.reach(pbx).await;
        }
        self.registration.contact = Some(contact);
        self.registration.outbound_proxy = Some(pbx);
        let seconds = u32::try_from(expires.as_secs()).unwrap_or(u32::MAX);
        match self.registration.register(server, Some(seconds)).await {
            Ok(response) => self.outcome(&response, expires),
            Err(Error::DialogError(
                ..,
                StatusCode::Unauthorized | StatusCode::ProxyAuthenticationRequired,
            )) => {
                Outcome::Failed("it asks for the password neither by SHA-256 nor by MD5".to_owned())
            }
            Err(error) => {
                tracing::trace!("a REGISTER went wrong: {error}");
                Outcome::Failed("it does not answer".to_owned())
            }
        }
    }

    fn outcome(&self, response: &Response, asked: Duration) -> Outcome {
        match u16::from(response.status_code.clone()) {
            200..300 => {
                let granted = self
                    .registration
                    .granted_expires
                    .filter(|&granted| granted > 0);
                let granted = granted.map(|granted| Duration::from_secs(granted.into()));
                Outcome::Granted(granted.unwrap_or(asked))
            }
            status @ (401 | 403 | 404 | 407) => Outcome::Denied(status),
            423 => {
                let least = header(response.headers(), "Min-Expires", "Min-Expires");
                let least = least
                    .and_then(|least| least.parse().ok())
                    .unwrap_or_default();
                Outcome::TooBrief(Duration::from_secs(least))
            }
            408 => Outcome::Failed("it does not answer".to_owned()),
            status => Outcome::Failed(format!("it answers {status}")),
        }
    }

    fn server(&self) -> Option<Uri> {
        let uri = format!("sip:{}", self.account.domain);
        let mut uri = Uri::try_from(uri.as_str()).ok()?;
        let tcp = self.transport() == sip::Transport::Tcp;
        uri.params
            .extend(tcp.then_some(Param::Transport(sip::Transport::Tcp)));
        Some(uri)
    }

    /// Where the PBX sends calls to.
    fn contact(&self, pbx: IpAddr) -> Option<Contact> {
        let mut uri = self.phone.contact(pbx, self.transport())?;
        uri.auth = Some(sip::Auth {
            user: self.account.user.clone(),
            password: None,
        });
        Some(Contact {
            display_name: None,
            uri,
            params: Vec::new(),
        })
    }

    fn transport(&self) -> sip::Transport {
        match self.account.transport {
            Transport::Tcp => sip::Transport::Tcp,
            Transport::Udp => sip::Transport::Udp,
        }
    }
}
