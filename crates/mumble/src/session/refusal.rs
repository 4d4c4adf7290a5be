//! What a server's refusals mean, in this crate's words.

use crate::config::Config;
use crate::error::JoinError;
use crate::proto::control::{PermissionDenied, Reject};
use crate::text;

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
        _ => JoinError::Rejected(reason),
    }
}

/// What the server did not allow, in words.
pub(super) fn denied(denied: PermissionDenied) -> String {
    if let Some(reason) = denied
        .reason
        .map(|reason| text::plain(&reason))
        .filter(|r| !r.is_empty())
    {
        return reason;
    }
    // The numbers are those of `PermissionDenied.DenyType` in the protocol.
    match denied.r#type.unwrap_or_default() {
        1 => format!(
            "no permission to {}",
            permission(denied.permission.unwrap_or_default())
        ),
        4 => "the text is too long for the server".to_owned(),
        7 => "a certificate is needed".to_owned(),
        9 => "the channel is full".to_owned(),
        other => format!("the server gave no reason (kind {other})"),
    }
}

/// The permission that a bit stands for, as the clients' editors call it.
fn permission(bit: u32) -> &'static str {
    match bit {
        0x2 => "traverse the channel",
        0x4 => "enter the channel",
        0x8 => "speak here",
        0x100 => "whisper",
        0x200 => "write text messages here",
        _ => "do that",
    }
}
