//! A real Mumble server of a test's own.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::served::{Served, free_port};

/// A running murmurd on 127.0.0.1. It ends when it is dropped.
#[derive(Debug)]
pub struct MumbleServer {
    options: Options,
    port: u16,
    folder: TempDir,
    /// `None` while it is stopped.
    served: Option<Served>,
}

/// What is not the same for every server.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which murmurd. Default: 1.3.
    pub release: Release,
    /// Password that everybody needs to join. Default: none.
    pub password: Option<String>,
    /// Whether an address that connects often is banned. Default: never.
    pub autoban: Autoban,
    /// Channels under the root; behind a tab the access token that alone opens it, or `+` where
    /// everybody may make temporary channels below. Default: none.
    pub channels: Vec<String>,
    /// Further lines for its settings file, such as `textmessagelength=128`.
    pub settings: Vec<String>,
}

/// A release of murmurd, by what it speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Release {
    /// 1.3.4, of Debian bookworm: voice in the legacy format.
    #[default]
    V1_3,
    /// 1.5.735, of Debian trixie: voice in the protobuf format.
    V1_5,
}

impl Release {
    /// Both, for `for release in Release::ALL`.
    pub const ALL: [Self; 2] = [Self::V1_3, Self::V1_5];

    /// What the server says of its version: major, minor, patch.
    pub fn version(self) -> (u16, u16, u16) {
        match self {
            Self::V1_3 => (1, 3, 4),
            Self::V1_5 => (1, 5, 735),
        }
    }

    /// As `scripts/serve.sh` calls it.
    fn name(self) -> &'static str {
        match self {
            Self::V1_3 => "1.3",
            Self::V1_5 => "1.5",
        }
    }
}

/// Whether murmurd bans addresses that connect often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Autoban {
    /// Never, so that tests can connect as they like.
    #[default]
    Off,
    /// As murmurd is shipped: 10 attempts in 120 s are answered by a ban of 300 s.
    AsShipped,
}

impl MumbleServer {
    /// The name of the user who may do everything; see [`MumbleServer::superuser_password`].
    pub const SUPERUSER: &str = "SuperUser";

    /// Starts a server and waits until it answers.
    #[expect(
        clippy::print_stdout,
        reason = "seen only when a test fails that tries several"
    )]
    pub fn start(options: Options) -> Self {
        println!("a Mumble server {} is started", options.release.name());
        let folder = TempDir::new().expect("there is room for temporary files");
        let mut server = Self {
            options,
            port: free_port(),
            folder,
            served: None,
        };
        server.start_again();
        server
    }

    /// Starts a server of this release, with nothing else unusual.
    pub fn of(release: Release) -> Self {
        Self::start(Options {
            release,
            ..Options::default()
        })
    }

    /// Which release it is.
    pub fn release(&self) -> Release {
        self.options.release
    }

    /// Where it listens, TCP and UDP.
    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    /// Where it listens, TCP and UDP.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its data lie.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The password of the user `SuperUser`.
    pub fn superuser_password(&self) -> &'static str {
        "of this test alone"
    }

    /// Wants this password of everybody, from the next [`MumbleServer::start_again`] on.
    pub fn set_password(&mut self, password: &str) {
        self.options.password = Some(password.to_owned());
    }

    /// Stops it; it comes back by [`MumbleServer::start_again`] as the same server.
    pub fn stop(&mut self) {
        self.served = None;
    }

    /// Starts it again after [`MumbleServer::stop`]: same port, same certificate, same users.
    pub fn start_again(&mut self) {
        self.stop();
        // Left to itself, 1.5 measures for a second how often it should hash a password.
        let mut settings = vec!["kdfiterations=1000".to_owned()];
        if let Some(password) = &self.options.password {
            settings.push(format!("serverpassword={password}"));
        }
        if self.options.autoban == Autoban::Off {
            settings.push("autobanAttempts=0".into());
            // As shipped, one message in a second and five at once.
            settings.push("messagelimit=100".into());
            settings.push("messageburst=100".into());
        }
        settings.extend(self.options.settings.iter().cloned());
        let environment = [
            ("MUMBLE_RELEASE", self.options.release.name().to_owned()),
            ("MUMBLE_INI_EXTRA", settings.join("\n")),
            ("MUMBLE_CHANNELS", self.options.channels.join("\n")),
            (
                "MUMBLE_SUPERUSER_PASSWORD",
                self.superuser_password().to_owned(),
            ),
        ];
        let environment = environment
            .each_ref()
            .map(|(name, value)| (*name, &**value));
        let served = Served::start("mumble", self.port, Some(self.folder.path()), &environment);
        self.served = Some(served);
    }

    /// Replaces it by another server on the same port: nobody is known to it, and it shows
    /// another certificate.
    pub fn start_as_another(&mut self) {
        self.stop();
        for entry in fs::read_dir(self.folder.path()).expect("the folder is ours") {
            let path = entry.expect("the folder is ours").path();
            fs::remove_file(path).expect("the folder is ours");
        }
        self.start_again();
    }

    /// Stops it from doing anything, as a machine that hangs does: connections stay open and
    /// nothing is answered until [`MumbleServer::thaw`].
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on after [`MumbleServer::freeze`].
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn signal(&self, signal: &str) {
        let pid = fs::read_to_string(self.folder.path().join("pid")).expect("it is running");
        let status = Command::new("kill").args([signal, pid.trim()]).status();
        assert!(status.is_ok_and(|status| status.success()), "it is running");
    }
}

impl Drop for MumbleServer {
    fn drop(&mut self) {
        // A frozen server would not end by itself.
        if self.served.is_some() {
            self.thaw();
        }
    }
}
