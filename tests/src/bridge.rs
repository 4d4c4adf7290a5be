//! The phone line of a test, run in the test's own process.

use std::collections::HashMap;
use std::net::{TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use bridge_sip::dtmf::Keys;
use bridge_sip::{Board, CallError, Config};
use service::settings::Settings;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::MumbleServer;
use crate::served::{free_port, free_range};

/// Ports for sound, as many as by default: other phone lines of other tests have theirs.
const PORTS: u16 = 11;

/// A running phone line. It ends when it is dropped.
#[derive(Debug)]
pub struct Bridge {
    port: u16,
    board: Board,
    /// The first port for sound, unless its settings say otherwise.
    first: u16,
    _task: JoinHandle<()>,
    _shutdown: DropGuard,
    _state: TempDir,
}

impl Bridge {
    /// Starts one; `settings` are environment variables, such as `("SIP_CODECS", "pcma")`.
    pub fn start(server: &MumbleServer, settings: &[(&str, &str)]) -> Self {
        let port = free_port();
        let (config, state) = configured(server, port, settings);
        let first = config.sip.rtp_port_min;
        let shutdown = CancellationToken::new();
        let end = shutdown.clone();
        let board = Board::new(Instant::now());
        let shown = board.clone();
        let task = tokio::spawn(async move {
            bridge_sip::run(config, shown, end)
                .await
                .expect("its ports are free");
        });
        Self {
            port,
            board,
            first,
            _task: task,
            _shutdown: shutdown.drop_guard(),
            _state: state,
        }
    }

    /// Port of its signalling, UDP and TCP.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it writes about itself.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Waits until it takes calls.
    pub fn opens(&self) {
        let until = Instant::now() + Duration::from_secs(15);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < until, "the phone line does not open");
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// How many of its eleven ports for sound no call has at this moment.
    pub fn free_ports(&self) -> usize {
        let ports = self.first..self.first + PORTS;
        let is_free = |port: &u16| UdpSocket::bind(("127.0.0.1", *port)).is_ok();
        ports.filter(is_free).count()
    }

    /// Calls a telephone, in place of `mumble-ai call`, until it is over or `shutdown`.
    pub async fn call(
        server: &MumbleServer,
        address: &str,
        settings: &[(&str, &str)],
        shutdown: CancellationToken,
    ) -> Result<(), CallError> {
        let (config, _state) = configured(server, free_port(), settings);
        bridge_sip::call(config, address, Keys::default(), shutdown).await
    }

    /// The same, and presses `keys` once the telephone has answered, in place of `--dial-keys`.
    pub async fn call_and_press(
        server: &MumbleServer,
        address: &str,
        keys: &str,
        shutdown: CancellationToken,
    ) -> Result<(), CallError> {
        let (config, _state) = configured(server, free_port(), &[]);
        let keys = keys.parse().expect("they are keys");
        bridge_sip::call(config, address, keys, shutdown).await
    }

    /// What a telephone dials.
    pub fn address(&self) -> String {
        format!("sip:ai@127.0.0.1:{}", self.port)
    }
}

fn configured(server: &MumbleServer, port: u16, settings: &[(&str, &str)]) -> (Config, TempDir) {
    service::tls::install();
    let state = TempDir::new().expect("there is room for temporary files");
    let (mumble, sip) = (server.port().to_string(), port.to_string());
    let first = free_range(PORTS);
    let (first, last) = (first.to_string(), (first + PORTS - 1).to_string());
    let mut environment: HashMap<&str, &str> = HashMap::from([
        ("MUMBLE_HOST", server.host()),
        ("MUMBLE_PORT", &*mumble),
        ("SIP_PORT", &*sip),
        ("RTP_PORT_MIN", &*first),
        ("RTP_PORT_MAX", &*last),
        (
            "STATE_DIR",
            state.path().to_str().expect("it is plain text"),
        ),
    ]);
    environment.extend(settings.iter().copied());
    let get = |name: &str| environment.get(name).map(|&value| value.to_owned());
    let settings = Settings::load(mumble_ai::REFERENCE, None, &get);
    let settings = settings.expect("the settings of a test are right");
    let config = Config::from_settings(&settings).expect("the settings of a test are right");
    (config, state)
}
