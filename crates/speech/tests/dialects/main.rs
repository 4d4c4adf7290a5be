//! Every dialect against servers that behave as documented, and against servers that do not.

#[cfg(test)]
mod server;
#[cfg(test)]
mod stt;
#[cfg(test)]
mod tts;
