//! A world to try the house in: real servers, scripted engines, recorded questions, a caller.
//!
//! - [`Engines`]: the real faster-whisper, Ollama and Piper, one set for a test process.
//! - [`Instance`]: one more of them, which a test may end and start again.
//! - [`MumbleServer`]: a real murmurd; each one has its own port, folder and certificate.
//! - [`Store`]: a real Postgres, Redis or Chroma.
//! - [`Proxy`]: a bad network between a user and its server, or an assistant and its engines.
//! - [`scripted`]: engines that do what a test tells them, for trouble and for time.
//! - [`question`]: sentences as sound, spoken by the real Piper.
//! - [`Assistant`]: the one that is tried, in the test's own process.
//! - [`stage`]: an assistant with scripted engines on a server of its own.
//! - [`Caller`]: a Mumble user that asks and listens.
//! - [`Bridge`]: the phone line that is tried, in the test's own process.
//! - [`Phone`]: a real telephone.
//! - [`Pbx`]: a real telephone system.
//! - [`handset`]: a telephone that is nothing but packets, and bad lines.
//! - [`Sipp`]: a real tester of telephone exchanges.
//! - [`program`]: the real executable, in a process of its own.
//! - [`figures`]: what the tables of the benchmarks need.
//! - [`talkers`]: fifty users who talk at once, in a process of their own.
//! - [`remembered`]: conversations of earlier days, and whether they are recalled.
//! - [`leashed`]: a program that is asked by lines and ends with its standard input.
//! - [`kernel`]: what the system knows of processes.
//!
//! Everything listens on 127.0.0.1 and ends with the test process, however that ends.

mod served;
mod engines;
mod murmur;
mod stores;
mod chance;
mod proxy;
mod elsewhere;
pub mod scripted;
pub mod question;
mod assistant;
pub mod stage;
mod caller;
mod bridge;
mod phone;
mod pbx;
pub mod handset;
pub mod pitch;
mod sipp;
pub mod program;
pub mod figures;
pub mod leashed;
pub mod remembered;
pub mod kernel;
pub mod talkers;

pub use assistant::{Assistant, Urls};
pub use bridge::Bridge;
pub use caller::{Caller, Utterance};
pub use chance::Chance;
pub use elsewhere::Elsewhere;
pub use engines::{EMBEDDING_MODEL, Engines, Instance, SMALL_MODEL, embedding_folder};
pub use murmur::{Autoban, MumbleServer, Options as MumbleOptions, Release};
pub use pbx::Pbx;
pub use phone::{Phone, PhoneCodec};
pub use proxy::{Datagram, Direction, Fault, Faults, Proxy, Request, Tcp, Udp};
pub use served::{free_port, free_range};
pub use sipp::{Sipp, Via};
pub use stores::Store;
