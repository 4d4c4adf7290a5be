//! Why a call is not in Mumble, in fixed words.

use mumble::JoinError;

/// What is wrong, and which setting mends it. The error's own words would name the caller.
pub fn trouble(error: &JoinError) -> &'static str {
    match error {
        JoinError::Unreachable { .. } => {
            "nobody answers at MUMBLE_HOST and MUMBLE_PORT; is the server running?"
        }
        JoinError::NotMumble { .. } => {
            "what is at MUMBLE_HOST and MUMBLE_PORT does not speak the Mumble protocol"
        }
        JoinError::HungUp { .. } | JoinError::Banned(_) => {
            "the server turns this address or its certificate away, as after a ban"
        }
        JoinError::PinMismatch { .. } => {
            "the server shows another certificate than before; `mumble-ai trust` accepts it"
        }
        JoinError::State(_) => "STATE_DIR cannot be used",
        JoinError::WrongPassword { .. } => "the server does not accept MUMBLE_PASSWORD",
        JoinError::NameInUse { .. } | JoinError::InvalidName { .. } => {
            "the server does not take the caller's name"
        }
        JoinError::CertificateRejected(_) => "the server does not take the callers' certificate",
        JoinError::ServerFull => "the server is full",
        JoinError::NotNow(_) | JoinError::TooOften { .. } => {
            "too many connections in a short time; it waits"
        }
        JoinError::Rejected(_) => "the server does not let callers in",
        JoinError::UnknownChannel { .. } => "SIP_CHANNEL names no channel of the server",
        JoinError::ChannelRefused { .. } => "the server does not let callers into SIP_CHANNEL",
        JoinError::Kicked { .. } | JoinError::Displaced { .. } => "the caller was put out",
        JoinError::TimedOut { .. } => "the server did not answer in time",
        JoinError::Broken { .. } => "the connection to the server broke",
    }
}
