//! The line as a telephone sees it, by datagrams, where a real one would take half a minute.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::*;

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// So much shorter than the usual 500 ms.
const T1: Duration = Duration::from_millis(20);

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                     m=audio 4000 RTP/AVP 0\r\n";

struct Telephone {
    socket: UdpSocket,
    rings: mpsc::Receiver<Ring>,
    line: std::sync::Arc<Phone>,
    _end: DropGuard,
}

impl Telephone {
    /// A telephone, and a line that it reaches.
    async fn new() -> Self {
        let free = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let listen = free.local_addr().unwrap();
        drop(free);
        let end = CancellationToken::new();
        let settings = Settings {
            listen,
            public: None,
            t1: T1,
        };
        let open = Phone::open(&settings, Door::default(), end.clone()).await;
        let (line, rings) = open.unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(listen).await.unwrap();
        Self {
            socket,
            rings,
            line,
            _end: end.drop_guard(),
        }
    }

    async fn invites(&self) {
        self.invites_as(1).await;
    }

    /// Begins the call of this number.
    async fn invites_as(&self, n: usize) {
        let own = self.socket.local_addr().unwrap();
        let invite = format!(
            "INVITE sip:ai@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{n}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:alice@{own}>;tag=1\r\nTo: <sip:ai@127.0.0.1>\r\n\
             Call-ID: {n}\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@{own}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{OFFER}",
            OFFER.len()
        );
        self.socket.send(invite.as_bytes()).await.unwrap();
    }

    /// Acknowledges this answer.
    async fn acknowledges(&self, answer: &str) {
        let lines = ["From:", "To:", "Call-ID:"].map(|name| line_of(answer, name).unwrap());
        let own = self.socket.local_addr().unwrap();
        let ack = format!(
            "ACK sip:ai@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKack\r\n\
             Max-Forwards: 70\r\n{}\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
            lines.join("\r\n")
        );
        self.socket.send(ack.as_bytes()).await.unwrap();
    }

    /// Answers this request by 200.
    async fn agrees(&self, request: &str) {
        let names = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
        let lines = names.map(|name| line_of(request, name).unwrap());
        let answer = format!(
            "SIP/2.0 200 OK\r\n{}\r\nContent-Length: 0\r\n\r\n",
            lines.join("\r\n")
        );
        self.socket.send(answer.as_bytes()).await.unwrap();
    }

    /// Waits until the line knows of no call.
    async fn is_forgotten(&self) {
        let forgotten = async {
            while self.line.dialogs() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, forgotten).await.expect("nothing is left");
    }

    async fn reads(&self) -> String {
        let mut datagram = [0; 4096];
        let length = timeout(PATIENCE, self.socket.recv(&mut datagram)).await;
        let length = length.expect("something comes").unwrap();
        String::from_utf8_lossy(&datagram[..length]).into_owned()
    }

    async fn reads_beginning_with(&self, start: &str) -> String {
        loop {
            let message = self.reads().await;
            if message.starts_with(start) {
                return message;
            }
        }
    }
}

/// The first line of a message that begins like this.
fn line_of<'a>(message: &'a str, start: &str) -> Option<&'a str> {
    message.lines().find(|line| line.starts_with(start))
}

#[tokio::test]
async fn an_answer_that_is_never_acknowledged_is_repeated_and_the_call_hung_up() {
    let mut telephone = Telephone::new().await;
    telephone.invites().await;
    let ring = timeout(PATIENCE, telephone.rings.recv()).await.unwrap();
    let (_, mut dialog) = ring.unwrap().take().unwrap();
    dialog.answer(OFFER.as_bytes(), Vec::new());
    let first = telephone.reads_beginning_with("SIP/2.0 200").await;
    for _ in 0..3 {
        assert_eq!(telephone.reads_beginning_with("SIP/2.0 200").await, first);
    }
    let ended = async {
        loop {
            if let Event::Ended(ending) = dialog.next().await {
                return ending;
            }
        }
    };
    assert_eq!(timeout(PATIENCE, ended).await.unwrap(), Ending::Vanished);
    // Whoever held the call has forgotten it long before.
    drop(dialog);
    let bye = telephone.reads_beginning_with("BYE ").await;
    telephone.agrees(&bye).await;
    telephone.is_forgotten().await;
}

#[tokio::test]
async fn who_acknowledges_after_the_call_was_given_up_is_hung_up() {
    let mut telephone = Telephone::new().await;
    telephone.invites().await;
    let ring = timeout(PATIENCE, telephone.rings.recv()).await.unwrap();
    let (_, mut dialog) = ring.unwrap().take().unwrap();
    dialog.answer(OFFER.as_bytes(), Vec::new());
    let answer = telephone.reads_beginning_with("SIP/2.0 200").await;
    let ended = timeout(PATIENCE, dialog.next()).await.unwrap();
    assert!(matches!(ended, Event::Ended(Ending::Vanished)));
    drop(dialog);
    telephone.acknowledges(&answer).await;
    let bye = telephone.reads_beginning_with("BYE ").await;
    telephone.agrees(&bye).await;
    telephone.is_forgotten().await;
}

#[tokio::test]
async fn a_call_that_was_taken_is_refused_with_what_is_to_be_said() {
    let mut telephone = Telephone::new().await;
    telephone.invites().await;
    let ring = timeout(PATIENCE, telephone.rings.recv()).await.unwrap();
    let (_, dialog) = ring.unwrap().take().unwrap();
    dialog.early(OFFER.as_bytes());
    let early = telephone.reads_beginning_with("SIP/2.0 183").await;
    dialog.refuse(Refusal::new(503).with("Retry-After", "10"));
    let refused = telephone.reads_beginning_with("SIP/2.0 503").await;
    assert!(refused.contains("\r\nRetry-After: 10\r\n"), "{refused}");
    assert_eq!(line_of(&refused, "To:"), line_of(&early, "To:"));
    assert!(telephone.reads().await == refused, "something else is said");
}

#[tokio::test]
async fn one_source_has_so_many_calls_that_are_not_acknowledged_and_no_more() {
    let mut telephone = Telephone::new().await;
    let mut taken = Vec::new();
    for n in 0..UNACKNOWLEDGED {
        telephone.invites_as(n).await;
        let ring = timeout(PATIENCE, telephone.rings.recv()).await.unwrap();
        taken.push(ring.unwrap().take().unwrap());
    }
    telephone.invites_as(99).await;
    let refused = telephone.reads_beginning_with("SIP/2.0 503").await;
    assert!(refused.contains("\r\nRetry-After: "), "{refused}");
    let (_, dialog) = &mut taken[0];
    dialog.answer(OFFER.as_bytes(), Vec::new());
    let answer = telephone.reads_beginning_with("SIP/2.0 200").await;
    telephone.acknowledges(&answer).await;
    let acknowledged = timeout(PATIENCE, dialog.next()).await.unwrap();
    assert!(matches!(acknowledged, Event::Acknowledged { .. }));
    telephone.invites_as(100).await;
    let ring = timeout(PATIENCE, telephone.rings.recv()).await.unwrap();
    assert!(ring.is_some());
}

/// A request that nothing is wrong with, by TCP.
fn by_tcp(method: &str) -> String {
    format!(
        "{method} sip:ai@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK1\r\n\
         Max-Forwards: 70\r\nFrom: <sip:alice@127.0.0.1>;tag=1\r\nTo: <sip:ai@127.0.0.1>\r\n\
         Call-ID: 1\r\nCSeq: 1 {method}\r\nContact: <sip:alice@127.0.0.1:9>\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

/// Connects, sends this, and reads until the other end has nothing more to say for a while.
async fn told(telephone: &Telephone, sent: &str) -> String {
    let address = telephone.socket.peer_addr().unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let (mut answer, mut bytes) = (Vec::new(), [0; 4096]);
    let moment = Duration::from_millis(300);
    while let Ok(Ok(length @ 1..)) = timeout(moment, stream.read(&mut bytes)).await {
        answer.extend_from_slice(&bytes[..length]);
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn what_the_stack_would_mend_is_refused_by_tcp_as_well() {
    let mut telephone = Telephone::new().await;
    let good = by_tcp("INVITE");
    for (part, broken) in [
        (" SIP/2.0\r\nVia", " SIP/2.0 \r\nVia"),
        ("sip:ai@127.0.0.1 ", "<sip:ai@127.0.0.1> "),
        ("INVITE sip", "invite sip"),
        ("Max-Forwards: 70", "no colon in this line"),
        ("Content-Length: 0\r\n", ""),
    ] {
        let message = good.replacen(part, broken, 1);
        let answer = told(&telephone, &message).await;
        assert!(answer.starts_with("SIP/2.0 400 "), "{message}{answer}");
    }
    assert!(telephone.rings.try_recv().is_err(), "it rings");
}

#[tokio::test]
async fn a_connection_takes_messages_behind_one_another_and_answers_pings() {
    let telephone = Telephone::new().await;
    let broken = by_tcp("OPTIONS").replace("CSeq: 1", "CSeq: one");
    let both = format!("\r\n\r\n{broken}{}", by_tcp("OPTIONS"));
    let answer = told(&telephone, &both).await;
    let statuses: Vec<_> = answer
        .lines()
        .filter(|line| line.starts_with("SIP/2.0 "))
        .collect();
    assert_eq!(statuses, ["SIP/2.0 400 Bad Request", "SIP/2.0 200 OK"]);
    assert!(answer.starts_with("\r\nSIP"), "{answer:?}");
}

#[tokio::test]
async fn a_call_by_tcp_is_to_go_on_by_tcp() {
    let mut telephone = Telephone::new().await;
    let address = telephone.socket.peer_addr().unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let invite = by_tcp("INVITE");
    stream.write_all(invite.as_bytes()).await.unwrap();
    let ring = timeout(PATIENCE, telephone.rings.recv()).await.unwrap();
    let (_, dialog) = ring.unwrap().take().unwrap();
    dialog.answer(OFFER.as_bytes(), Vec::new());
    let mut answer = String::new();
    let mut bytes = [0; 4096];
    while !answer.contains("SIP/2.0 200") {
        let length = timeout(PATIENCE, stream.read(&mut bytes)).await;
        answer.push_str(&String::from_utf8_lossy(&bytes[..length.unwrap().unwrap()]));
    }
    let contact = line_of(&answer, "Contact:").unwrap().to_ascii_lowercase();
    assert!(contact.contains(";transport=tcp>"), "{contact}");
}

#[tokio::test]
async fn an_invitation_that_comes_again_is_one_call_and_answered_alike() {
    let mut telephone = Telephone::new().await;
    telephone.invites().await;
    let ring = timeout(PATIENCE, telephone.rings.recv()).await.unwrap();
    let (_, dialog) = ring.unwrap().take().unwrap();
    dialog.early(OFFER.as_bytes());
    let first = telephone.reads_beginning_with("SIP/2.0 183").await;
    for _ in 0..3 {
        telephone.invites().await;
        assert_eq!(telephone.reads_beginning_with("SIP/2.0 183").await, first);
    }
    assert!(telephone.rings.try_recv().is_err(), "it rings again");
    assert_eq!(telephone.line.dialogs(), 1);
}

#[tokio::test]
async fn a_refusal_says_when_to_come_again() {
    let mut telephone = Telephone::new().await;
    telephone.invites().await;
    let ring = timeout(PATIENCE, telephone.rings.recv()).await.unwrap();
    let refusal = Refusal::new(503).with("Retry-After", "10");
    ring.unwrap().refuse(refusal);
    let answer = telephone.reads_beginning_with("SIP/2.0 503").await;
    assert!(answer.contains("\r\nRetry-After: 10\r\n"), "{answer}");
}
