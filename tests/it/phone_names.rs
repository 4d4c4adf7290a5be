//! What callers are called where the server does not take every name.

use std::net::SocketAddr;

use tokio::net::UdpSocket;
use world::{Bridge, Caller, MumbleOptions, MumbleServer};

/// Calls as this; nobody acknowledges the answer, which is how long it takes to look.
async fn call(bridge: &Bridge, display: &str, number: &str) -> UdpSocket {
    bridge.opens();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let own = socket.local_addr().unwrap();
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
               m=audio 4000 RTP/AVP 0\r\n";
    let invite = format!(
        "INVITE sip:ai@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {own};rport;branch=z9hG4bKa\r\n\
         Max-Forwards: 70\r\nFrom: \"{display}\" <sip:{number}@{own}>;tag=t\r\n\
         To: <sip:ai@127.0.0.1>\r\nCall-ID: {own}\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:{number}@{own}>\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    );
    let address = SocketAddr::from(([127, 0, 0, 1], bridge.port()));
    socket.send_to(invite.as_bytes(), address).await.unwrap();
    socket
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_server_does_not_take_a_name_the_caller_has_a_plainer_one() {
    for (allowed, name) in [
        ("[-A-Za-z0-9_.]+", "Phone-4915770042"),
        ("[-A-Za-z_.]+", "Phone-unknown"),
    ] {
        let server = MumbleServer::start(MumbleOptions {
            settings: vec![format!("username={allowed}")],
            ..MumbleOptions::default()
        });
        let bridge = Bridge::start(&server, &[]);
        let ann = Caller::join(&server, "Ann").await;
        let _phone = call(&bridge, "Jürgen", "4915770042").await;
        ann.meets(name).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_somebody_has_registered_is_not_insisted_on() {
    let server = MumbleServer::start(MumbleOptions::default());
    let owner = Caller::join(&server, "Phone-Eve").await;
    owner.client().register().await.unwrap();
    drop(owner);
    let bridge = Bridge::start(&server, &[]);
    let ann = Caller::join(&server, "Ann").await;
    let _phone = call(&bridge, "Eve", "4915770042").await;
    ann.meets("Phone-4915770042").await;
}
