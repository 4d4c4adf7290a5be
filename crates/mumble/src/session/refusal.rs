//! What a server's refusals mean, in this crate's words.

use crate::config::Config;
use crate::denied::{Denied, Permission};
use crate::error::JoinError;
use crate::event::{ChannelId, SessionId};
use crate::proto::control::{PermissionDenied, Reject};
use crate::roster::Roster;
use crate::text;

/// What servers of 1.3 to 1.5 say, without naming anybody, to a connection that another one of
/// the same user replaces.
const DISPLACEMENT: &str = "You connected to the server from another device";

/// Whether a removal by nobody means that another connection has taken this one's place.
pub(super) fn is_displacement(reason: &str) -> bool {
    reason == DISPLACEMENT
}

/// Why the login failed.
pub(super) fn rejected(config: &Config, reject: Reject) -> JoinError {
    let username = config.username.clone();
    let reason = match text::plain(&reject.reason.unwrap_or_default()) {
        reason if reason.is_empty() => "no reason given".to_owned(),
        reason => reason,
    };
    // The numbers are those of `Reject.RejectType` in the protocol.
    match reject.r#type.unwrap_or_default() {
        2 => JoinError::InvalidName { username, reason },
        3 | 4 => JoinError::WrongPassword { username, reason },
        5 => JoinError::NameInUse { username },
        6 => JoinError::ServerFull,
        7 => JoinError::CertificateRejected(reason),
        8 | 9 => JoinError::NotNow(reason),
        _ => JoinError::Rejected(reason),
    }
}

/// What the server did not allow.
pub(super) fn denied(roster: &Roster, denied: &PermissionDenied) -> Denied {
    let reason = denied.reason.as_deref().map(text::plain);
    let reason = reason.filter(|reason| !reason.is_empty());
    // The numbers are those of `PermissionDenied.DenyType` in the protocol.
    match (denied.r#type.unwrap_or_default(), reason) {
        (1, _) => Denied::Permission {
            permission: Permission::from_bits(denied.permission.unwrap_or_default()),
            channel: denied
                .channel_id
                .and_then(|id| roster.path(ChannelId(id)))
                .unwrap_or_else(|| "a channel".to_owned()),
            who: who(roster, denied.session.map(SessionId)),
        },
        (2, _) => Denied::SuperUser,
        (3, _) => Denied::ChannelName,
        (4, _) => Denied::TextTooLong,
        (6, _) => Denied::TemporaryChannel,
        (7, _) => Denied::MissingCertificate,
        (8, _) => Denied::UserName(denied.name.clone().unwrap_or_default()),
        (9, _) => Denied::ChannelFull,
        (10, _) => Denied::NestingLimit,
        (11, _) => Denied::ChannelCountLimit,
        (12, _) => Denied::ChannelListenerLimit,
        (13, _) => Denied::UserListenerLimit,
        (_, Some(reason)) => Denied::Other(reason),
        (kind, None) => Denied::Other(format!("it gave no reason (kind {kind})")),
    }
}

fn who(roster: &Roster, session: Option<SessionId>) -> String {
    let other = session.filter(|&session| roster.me().is_none_or(|me| me.session != session));
    match other.map(|session| roster.user(session)) {
        None => "this user".to_owned(),
        Some(Some(user)) => user.name.clone(),
        Some(None) => "somebody who left".to_owned(),
    }
}
