//! The phone line that is measured, in a process of its own.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bridge_sip::Config;
use service::settings::Settings;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use world::{MumbleServer, free_port};

/// A running phone line. It is ended when this is dropped.
pub(crate) struct Subject {
    child: Child,
    port: u16,
    _state: TempDir,
}

impl Subject {
    /// Starts it and waits until it takes calls.
    pub(crate) async fn start(server: &MumbleServer) -> Self {
        let state = TempDir::new().expect("there is room for temporary files");
        let port = free_port();
        let child = Command::new(std::env::current_exe().expect("a process knows itself"))
            .args(["line", &server.port().to_string(), &port.to_string()])
            .arg(state.path())
            .stdin(Stdio::null())
            .spawn()
            .expect("this program can be started again");
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self {
            child,
            port,
            _state: state,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Is the phone line, until it is killed.
pub(crate) fn run(args: &[String]) {
    let [_, mumble, port, state] = args else {
        panic!("line MUMBLE-PORT PORT FOLDER");
    };
    service::tls::install();
    let get = |name: &str| match name {
        "MUMBLE_PORT" => Some(mumble.clone()),
        "SIP_PORT" => Some(port.clone()),
        "STATE_DIR" => Some(state.clone()),
        "SIP_CONNECTIONS" => Some("0".to_owned()),
        _ => None,
    };
    let settings = Settings::load(mumble_ai::REFERENCE, None, &get).expect("they are right");
    let config = Config::from_settings(&settings).expect("they are right");
    let runtime = tokio::runtime::Runtime::new().expect("there are threads");
    let board = bridge_sip::Board::new(std::time::Instant::now());
    let line = bridge_sip::run(config, board, CancellationToken::new());
    runtime.block_on(line).expect("its ports are free");
}
