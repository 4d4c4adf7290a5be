//! Real telephones: baresip, which calls, plays a recording and records what it hears.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use audio::Pcm;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::served::{free_port, free_range};

/// How long baresip may take for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where Debian keeps its modules.
const MODULES: &str = "/usr/lib/baresip/modules";

/// A codec as baresip names it in an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhoneCodec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722.
    G722,
    /// Opus.
    Opus,
}

impl PhoneCodec {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pcmu, Self::Pcma, Self::G722, Self::Opus];

    fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU/8000/1",
            Self::Pcma => "PCMA/8000/1",
            Self::G722 => "G722/16000/1",
            Self::Opus => "opus/48000/2",
        }
    }

    /// Rate and channels that baresip wants its recording at.
    fn recording(self) -> (u32, usize) {
        match self {
            Self::Pcmu | Self::Pcma => (8000, 1),
            Self::G722 => (16_000, 1),
            Self::Opus => (48_000, 2),
        }
    }
}

/// A running telephone. It hangs up and ends when it is dropped.
#[derive(Debug)]
pub struct Phone {
    address: String,
    folder: TempDir,
    program: Child,
    control: TcpStream,
    unread: Vec<u8>,
}

impl Phone {
    /// A telephone of `user` that will say `sound` as soon as a call stands, and nothing after it.
    /// It hangs up when `sound` is over, so silence has to be part of it.
    pub fn start(user: &str, codec: PhoneCodec, sound: &Pcm) -> Self {
        Self::with(user, codec, sound, "")
    }

    /// The same with further parameters of its account, as baresip writes them: such as
    /// `auth_user=phone;auth_pass=secret`.
    pub fn with(user: &str, codec: PhoneCodec, sound: &Pcm, account: &str) -> Self {
        let folder = TempDir::new().expect("there is room for temporary files");
        let (control, sip) = (free_port(), free_port());
        let address = format!("sip:{user}@127.0.0.1:{sip}");
        let account = format!(
            "<{address};transport=udp>;{account};regint=0;audio_codecs={};answermode=auto;\
             dtmfmode=rtpevent\n",
            codec.name()
        );
        write_settings(folder.path(), &account, sip, control);
        write_recording(&folder.path().join("says.wav"), codec, sound);
        let log = fs::File::create(folder.path().join("log")).expect("the folder is writable");
        let errors = log.try_clone().expect("a file can be shared");
        let program = Command::new("baresip")
            .arg("-f")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .expect("baresip is installed; scripts/install.sh phones installs it");
        let control = connect(control, &folder.path().join("log"));
        Self {
            address,
            folder,
            program,
            control,
            unread: Vec::new(),
        }
    }

    /// What others dial to reach it: it takes every call at once.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Dials an address such as `sip:ai@127.0.0.1:5060`.
    pub fn dial(&mut self, address: &str) {
        self.command("dial", address);
    }

    /// Hangs up.
    pub fn hang_up(&mut self) {
        self.command("hangup", "");
    }

    /// Puts the other side on hold.
    pub fn hold(&mut self) {
        self.command("hold", "");
    }

    /// Takes it from hold.
    pub fn resume(&mut self) {
        self.command("resume", "");
    }

    /// Presses keys, one after another.
    pub fn press(&mut self, keys: &str) {
        for key in keys.chars() {
            self.command("sndcode", &key.to_string());
        }
    }

    /// Waits until something of this name happens to the call, such as `CALL_ESTABLISHED`; gives
    /// what baresip says about it.
    pub fn waits_for(&mut self, event: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let message = self.message(until);
            if message["type"] == event {
                return message;
            }
            assert_ne!(message["type"], "CALL_CLOSED", "not {event}: {message}");
        }
    }

    /// What it has heard so far, mixed to one channel.
    pub fn heard(&self) -> Pcm {
        let recordings = fs::read_dir(self.folder.path()).expect("its folder is there");
        let mut recordings = recordings.filter_map(Result::ok).map(|entry| entry.path());
        let is_heard = |path: &PathBuf| path.to_string_lossy().ends_with("-dec.wav");
        let recording = recordings.find(is_heard).expect("it has recorded a call");
        let bytes = fs::read(recording).expect("the recording can be read");
        audio::wav::read(&bytes).expect("it is a WAV")
    }

    /// What it wrote on its terminal, for the message of a test that fails.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn command(&mut self, command: &str, params: &str) {
        let command = json!({ "command": command, "params": params, "token": "t" }).to_string();
        let framed = format!("{}:{command},", command.len());
        let sent = self.control.write_all(framed.as_bytes());
        sent.expect("baresip takes commands");
    }

    /// The next message, in netstrings of JSON.
    fn message(&mut self, until: Instant) -> Value {
        loop {
            if let Some(message) = netstring(&mut self.unread) {
                return serde_json::from_slice(&message).expect("baresip speaks JSON");
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "baresip says nothing more:\n{}",
                self.log()
            );
            let _ = self.control.set_read_timeout(Some(left));
            let mut bytes = [0; 4096];
            match self.control.read(&mut bytes) {
                Ok(0) => panic!("baresip has ended:\n{}", self.log()),
                Ok(read) => self.unread.extend(&bytes[..read]),
                Err(_) => {}
            }
        }
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.command("quit", "");
        for _ in 0..100 {
            if matches!(self.program.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

fn netstring(unread: &mut Vec<u8>) -> Option<Vec<u8>> {
    let colon = unread.iter().position(|&byte| byte == b':')?;
    let length: usize = std::str::from_utf8(&unread[..colon]).ok()?.parse().ok()?;
    let end = colon + 1 + length;
    if unread.len() <= end {
        return None;
    }
    let message = unread[colon + 1..end].to_vec();
    unread.drain(..=end);
    Some(message)
}

fn connect(port: u16, log: &Path) -> TcpStream {
    let until = Instant::now() + PATIENCE;
    loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(control) => return control,
            Err(error) if Instant::now() > until => {
                let log = fs::read_to_string(log).unwrap_or_default();
                panic!("baresip does not start: {error}\n{log}")
            }
            Err(_) => std::thread::park_timeout(Duration::from_millis(20)),
        }
    }
}

fn write_settings(folder: &Path, account: &str, sip: u16, control: u16) {
    let rtp = free_range(10);
    let folder_name = folder.display();
    let settings = format!(
        "sip_listen 127.0.0.1:{sip}\nnet_interface 127.0.0.1\nrtp_ports {rtp}-{}\n\
         audio_source aufile,{folder_name}/says.wav\naudio_player aubridge,nil\n\
         module_path {MODULES}\nsnd_path {folder_name}\nctrl_tcp_listen 127.0.0.1:{control}\n\
         module g711.so\nmodule g722.so\nmodule opus.so\nmodule aufile.so\nmodule aubridge.so\n\
         module sndfile.so\nmodule_tmp account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n",
        rtp.saturating_add(9)
    );
    for (name, text) in [
        ("config", &*settings),
        ("accounts", account),
        ("contacts", ""),
    ] {
        fs::write(folder.join(name), text).expect("the folder is writable");
    }
}

fn write_recording(path: &Path, codec: PhoneCodec, sound: &Pcm) {
    let (rate, channels) = codec.recording();
    let sound = sound.resampled(rate);
    let spec = hound::WavSpec {
        channels: channels as u16,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).expect("the folder is writable");
    for &sample in sound.samples() {
        for _ in 0..channels {
            writer.write_sample(sample).expect("the disk has room");
        }
    }
    writer.finalize().expect("the disk has room");
}
