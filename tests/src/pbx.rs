//! A real telephone system: kamailio, which keeps who is registered and passes calls on to them.

use std::fs;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::served::{Served, free_port};

/// How long a registration may take to come or go; longer than kamailio needs to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long one question may be without an answer.
const ANSWER: Duration = Duration::from_secs(2);

/// For how long it grants a registration, in s: it is refreshed within a test.
const GRANTED: u32 = 4;

/// A running telephone system with one password for all names. It ends when it is dropped.
#[derive(Debug)]
pub struct Pbx {
    port: u16,
    folder: TempDir,
    served: Option<Served>,
}

impl Pbx {
    /// Starts one that asks for the password by MD5, as they mostly do.
    pub fn start(password: &str) -> Self {
        Self::routing(password, "")
    }

    /// Starts one that asks for it by SHA-256, and by MD5 only after that and in vain.
    pub fn start_with_sha_256(password: &str) -> Self {
        Self::start_with(password, "SHA-256", TWO_CHALLENGES, "")
    }

    /// Starts one that does this, in words of kamailio, with each call before it looks for whom
    /// it is.
    pub fn routing(password: &str, route: &str) -> Self {
        Self::start_with(password, "MD5", CHALLENGE, route)
    }

    fn start_with(password: &str, hash: &str, challenge: &str, route: &str) -> Self {
        let (port, folder) = (free_port(), TempDir::new().expect("there is room"));
        let settings = settings(port, password, hash, challenge, route);
        fs::write(folder.path().join("kamailio.cfg"), settings).expect("the folder is writable");
        let mut pbx = Self {
            port,
            folder,
            served: None,
        };
        pbx.restart();
        pbx
    }

    /// Ends it. Whoever was registered is forgotten.
    pub fn stop(&mut self) {
        self.served = None;
    }

    /// Starts it again on the same port.
    pub fn restart(&mut self) {
        self.stop();
        let folder = Some(self.folder.path());
        self.served = Some(Served::start("kamailio", self.port, folder, &[]));
    }

    /// Host and port.
    pub fn domain(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What is dialled to reach somebody who is registered there.
    pub fn address(&self, user: &str) -> String {
        format!("sip:{user}@{}", self.domain())
    }

    /// Waits until somebody of this name is registered and answers, or, with `false`, until nobody
    /// of this name is.
    pub fn waits_for(&self, user: &str, there: bool) {
        let until = Instant::now() + PATIENCE;
        while self.reaches(user) != there {
            let log = self.log();
            assert!(Instant::now() < until, "{user}: not {there}:\n{log}");
            std::thread::park_timeout(Duration::from_millis(100));
        }
    }

    /// Waits until it has refused a password.
    pub fn waits_for_a_wrong_password(&self) {
        let until = Instant::now() + PATIENCE;
        while !self.log().contains("a wrong password") {
            assert!(Instant::now() < until, "{}", self.log());
            std::thread::park_timeout(Duration::from_millis(100));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Whether an OPTIONS that it passes on is answered.
    fn reaches(&self, user: &str) -> bool {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has a free port");
        let own = socket.local_addr().expect("it is bound");
        let (to, call) = (self.address(user), own.port());
        let question = format!(
            "OPTIONS {to} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{call}\r\n\
             Max-Forwards: 10\r\nFrom: <sip:test@{own}>;tag=1\r\nTo: <{to}>\r\n\
             Call-ID: {call}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        let _ = socket.set_read_timeout(Some(ANSWER));
        let mut answer = [0; 2048];
        let asked = socket.send_to(question.as_bytes(), ("127.0.0.1", self.port));
        asked.is_ok()
            && socket
                .recv(&mut answer)
                .is_ok_and(|length| answer[..length].starts_with(b"SIP/2.0 200"))
    }
}

/// Asks who registers for the password.
const CHALLENGE: &str = r#"www_challenge("$fd", "1");"#;

/// Asks by the hash that is set, and then by MD5 with a nonce that is good for nothing.
const TWO_CHALLENGES: &str = r#"auth_get_www_authenticate("$fd", "1", "$var(first)");
            append_to_reply("$var(first)");
            append_to_reply("WWW-Authenticate: Digest realm=\"$fd\", nonce=\"no\", algorithm=MD5\r\n");
            sl_send_reply("401", "Unauthorized");"#;

fn settings(port: u16, password: &str, hash: &str, challenge: &str, route: &str) -> String {
    format!(
        r#"#!KAMAILIO
debug=1
log_stderror=yes
children=2
tcp_children=2
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "xlog.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("auth", "algorithm", "{hash}")
modparam("registrar", "min_expires", 1)
modparam("registrar", "max_expires", {GRANTED})

request_route {{
    if (!mf_process_maxfwd_header("10")) {{
        sl_send_reply("483", "Too Many Hops");
        exit;
    }}
    if (is_method("CANCEL")) {{
        if (t_check_trans()) t_relay();
        exit;
    }}
    if (has_totag()) {{
        if (loose_route() || (is_method("ACK") && t_check_trans())) t_relay();
        else if (!is_method("ACK")) sl_send_reply("404", "Not Here");
        exit;
    }}
    if (is_method("REGISTER")) {{
        if (!pv_www_authenticate("$fd", "{password}", "0")) {{
            $var(why) = $rc;
            if ($var(why) == -2) xlog("L_ERR", "a wrong password\n");
            {challenge}
            exit;
        }}
        if (!save("location")) sl_reply_error();
        exit;
    }}
    record_route();
    {route}
    if (!lookup("location")) {{
        sl_send_reply("404", "Not Found");
        exit;
    }}
    t_relay();
}}
"#
    )
}
