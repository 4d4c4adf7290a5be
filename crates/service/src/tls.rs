//! The one provider of cryptography in the process.

/// Makes *ring* the provider of TLS for everything in this process. Call it before the first
/// connection; calling it again, or after somebody else chose a provider, changes nothing.
pub fn install() {
    // An error says that a provider is already there, which is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
