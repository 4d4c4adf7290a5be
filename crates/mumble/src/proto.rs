//! The messages of the protocol, as generated from the schemas in `proto/`.

/// Control messages (TCP).
#[expect(unreachable_pub, reason = "the generator makes everything public")]
pub(crate) mod control {
    include!(concat!(env!("OUT_DIR"), "/mumble.rs"));
}

/// Voice and pings since Mumble 1.5 (UDP and tunnel).
#[expect(unreachable_pub, reason = "the generator makes everything public")]
pub(crate) mod udp {
    include!(concat!(env!("OUT_DIR"), "/mumble_udp.rs"));
}
