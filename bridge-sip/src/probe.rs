//! What can be found out about the phone line without opening it: its ports, and its PBX.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::config::Config;
use crate::phone::registrar::{Account, Transport};
use crate::phone::{OpenError, Unknown};

/// How long a PBX may take for an answer, all that is sent again included.
const PATIENCE: Duration = Duration::from_secs(4);

/// A datagram is sent again after so long, and then after twice as long (RFC 3261 section
/// 17.1.2.1).
const T1: Duration = Duration::from_millis(500);

/// As much of an answer is read: its first line tells enough.
const READ: usize = 2048;

/// How an answer of whoever speaks SIP begins.
const SIP: &[u8] = b"SIP/2.0 ";

/// A PBX cannot be reached.
#[derive(Debug, Error)]
pub enum Away {
    /// Its name leads nowhere.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// It is elsewhere, and the line is bound to an address that leads nowhere else.
    #[error(
        "{0} cannot be reached from SIP_BIND, which is this computer alone; set SIP_BIND=0.0.0.0"
    )]
    OnlyHere(SocketAddr),
    /// Nobody listens there, or no way leads there.
    #[error("{0}: {1}; is the PBX running there?")]
    Nobody(SocketAddr, io::Error),
    /// Whoever is there says nothing, or nothing of SIP.
    #[error(
        "{0} does not answer OPTIONS within {seconds} s; is it the PBX, and does its firewall let \
         this computer through?",
        seconds = PATIENCE.as_secs()
    )]
    Silent(SocketAddr),
}

/// Looks whether calls could be listened for, by UDP and TCP.
///
/// # Errors
/// When the port is taken, or the address is not one of this computer.
pub fn signalling(config: &Config) -> Result<(), OpenError> {
    let address = config.listen();
    let listen = |transport| {
        move |source| OpenError::Listen {
            address,
            transport,
            source,
        }
    };
    UdpSocket::bind(address).map_err(listen("UDP"))?;
    TcpListener::bind(address).map_err(listen("TCP"))?;
    Ok(())
}

/// How many ports of the range for sound are free at this moment: so many calls could begin.
pub fn free_ports(config: &Config) -> usize {
    let sip = &config.sip;
    let is_free = |port: &u16| UdpSocket::bind((sip.bind, *port)).is_ok();
    (sip.rtp_port_min..=sip.rtp_port_max)
        .filter(is_free)
        .count()
}

/// Asks the PBX of this account, from `local`, what it can do (OPTIONS, RFC 3261 section 11). Any
/// answer will do: many a PBX answers strangers by a refusal.
///
/// # Errors
/// See [`Away`].
pub async fn pbx(account: &Account, local: IpAddr) -> Result<SocketAddr, Away> {
    let address = account.domain.resolve(local).await?;
    if local.is_loopback() && !address.ip().is_loopback() {
        return Err(Away::OnlyHere(address));
    }
    let own = SocketAddr::new(local, 0);
    let asked = async {
        match account.transport {
            Transport::Udp => by_udp(account, own, address).await,
            Transport::Tcp => by_tcp(account, address).await,
        }
    };
    match timeout(PATIENCE, asked).await {
        Ok(Ok(answer)) if answer.starts_with(SIP) => Ok(address),
        Ok(Ok(_)) | Err(_) => Err(Away::Silent(address)),
        Ok(Err(error)) => Err(Away::Nobody(address, error)),
    }
}

async fn by_udp(account: &Account, own: SocketAddr, to: SocketAddr) -> io::Result<Vec<u8>> {
    let socket = tokio::net::UdpSocket::bind(own).await?;
    socket.connect(to).await?;
    let question = question(account, "UDP", socket.local_addr()?);
    let mut answer = vec![0; READ];
    let mut wait = T1;
    loop {
        socket.send(question.as_bytes()).await?;
        if let Ok(read) = timeout(wait, socket.recv(&mut answer)).await {
            answer.truncate(read?);
            return Ok(answer);
        }
        wait *= 2;
    }
}

async fn by_tcp(account: &Account, to: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(to).await?;
    let question = question(account, "TCP", stream.local_addr()?);
    stream.write_all(question.as_bytes()).await?;
    let mut answer = vec![0; SIP.len()];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// An OPTIONS of nobody in particular.
fn question(account: &Account, transport: &str, own: SocketAddr) -> String {
    let (domain, id) = (&account.domain, own.port());
    format!(
        "OPTIONS sip:{domain} SIP/2.0\r\nVia: SIP/2.0/{transport} {own};rport;branch=z9hG4bK{id}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:doctor@{own}>;tag={id}\r\nTo: <sip:{domain}>\r\n\
         Call-ID: doctor-{id}@{own}\r\nCSeq: 1 OPTIONS\r\nAccept: application/sdp\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn account(domain: &str, transport: Transport) -> Account {
        Account {
            domain: domain.parse().unwrap(),
            user: "77".to_owned(),
            password: "unused".to_owned().into(),
            transport,
            expires: Duration::from_secs(300),
        }
    }

    #[tokio::test]
    async fn a_refusal_of_a_pbx_is_an_answer_also_when_the_first_question_is_lost() {
        let server = tokio::net::UdpSocket::bind((HERE, 0)).await.unwrap();
        let address = server.local_addr().unwrap();
        let answers = async {
            let mut asked = [0; READ];
            server.recv_from(&mut asked).await.unwrap();
            let (length, from) = server.recv_from(&mut asked).await.unwrap();
            assert!(asked[..length].starts_with(b"OPTIONS sip:127.0.0.1:"));
            let refusal = b"SIP/2.0 403 Forbidden\r\n\r\n";
            server.send_to(refusal, from).await.unwrap();
        };
        let account = account(&address.to_string(), Transport::Udp);
        let (found, ()) = tokio::join!(pbx(&account, HERE), answers);
        assert_eq!(found.unwrap(), address);
    }

    #[tokio::test]
    async fn what_speaks_no_sip_is_no_pbx() {
        let server = tokio::net::TcpListener::bind((HERE, 0)).await.unwrap();
        let address = server.local_addr().unwrap();
        let answers = async {
            let (mut stream, _) = server.accept().await.unwrap();
            assert!(stream.read(&mut [0; READ]).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 400 Bad\r\n").await.unwrap();
        };
        let account = account(&address.to_string(), Transport::Tcp);
        let (found, ()) = tokio::join!(pbx(&account, HERE), answers);
        assert!(matches!(found, Err(Away::Silent(_))), "{found:?}");
    }

    #[tokio::test]
    async fn a_pbx_elsewhere_is_not_reached_from_this_computer_alone() {
        let account = account("192.0.2.1", Transport::Udp);
        let found = pbx(&account, HERE).await;
        assert!(matches!(found, Err(Away::OnlyHere(_))), "{found:?}");
    }

    #[tokio::test]
    async fn where_nobody_listens_is_no_pbx() {
        // Port 1 of this machine is for an extinct service.
        for transport in [Transport::Udp, Transport::Tcp] {
            let found = pbx(&account("127.0.0.1:1", transport), HERE).await;
            assert!(matches!(found, Err(Away::Nobody(..))), "{found:?}");
        }
    }
}
