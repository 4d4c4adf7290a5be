//! The measure: a thread that does nothing but sleep to its deadlines and send a datagram.

use std::net::{Ipv4Addr, UdpSocket};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::arrivals::Arrivals;
use super::table::FRAME;

/// As long as a packet of speech.
const DATAGRAM: [u8; 120] = [0; 120];

/// Half a packet after the user's first one, or so: the two should not wake for the same moment.
const BESIDE: Duration = Duration::from_millis(10);

/// Sends for so long; gives when the datagrams arrived.
pub(crate) fn start(length: Duration) -> JoinHandle<Vec<Duration>> {
    let arrivals = Arrivals::bind(0);
    let to = arrivals.socket.local_addr().expect("it is bound");
    thread::spawn(move || {
        let count = (length.as_millis() / FRAME.as_millis()) as u32;
        let reader = thread::spawn(move || {
            let mut arrived = Vec::new();
            let mut datagram = [0; DATAGRAM.len()];
            while arrived.len() < count as usize {
                // A thread that is starved for longer than a read waits is only late.
                arrived.extend(arrivals.next(&mut datagram).map(|arrived| arrived.at));
            }
            arrived
        });
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let start = Instant::now() + BESIDE;
        for number in 0..count {
            let due = start + FRAME * number;
            #[expect(
                clippy::disallowed_methods,
                reason = "sleeping in a thread of its own is what is measured"
            )]
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let sent = socket.send_to(&DATAGRAM, to);
            sent.expect("this machine takes its own datagrams");
        }
        reader.join().expect("the reader does not panic")
    })
}
