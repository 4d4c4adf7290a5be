//! What all synthesisers over HTTP do alike: one text up, a body of sound back, given on while
//! it arrives.

use audio::{Pcm, wav};
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt as _, TryStreamExt as _, empty, once, try_unfold};
use reqwest::Response;

use super::TtsError;
use crate::ServerError;
use crate::http::body;

/// Bytes of sound that are read at most: six minutes at 22,050 Hz, far more than any sentence.
const MAX_SOUND: usize = 16 << 20;

/// How the body of an answer holds its sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// A WAV file.
    Wav,
    /// Nothing but mono samples, signed 16-bit little-endian, at this rate in Hz.
    Raw(u32),
}

/// The sound of `text`, for which `request` asks; nothing at all for a blank text.
pub(super) fn sound_of<F, R>(text: &str, request: F) -> BoxStream<'static, Result<Pcm, TtsError>>
where
    F: FnOnce(String) -> R,
    R: Future<Output = Result<(Response, Encoding), ServerError>> + Send + 'static,
{
    let text = text.trim().to_owned();
    if text.is_empty() {
        return empty().boxed();
    }
    let asked = request(text.clone());
    let answer = async move {
        let (response, encoding) = asked.await.map_err(|error| error.without(&text))?;
        Ok::<_, TtsError>(decoded(response, encoding))
    };
    once(answer).try_flatten().boxed()
}

fn decoded(response: Response, encoding: Encoding) -> BoxStream<'static, Result<Pcm, TtsError>> {
    let url = response.url().to_string();
    let decoder = Decoder::new(encoding);
    let start = (body(response, MAX_SOUND), decoder, Heard::Nothing);
    let pieces = try_unfold(start, move |(mut chunks, mut decoder, mut heard)| {
        let url = url.clone();
        async move {
            while let Some(chunk) = chunks.try_next().await? {
                let pcm = decoder.push(&chunk).map_err(|error| error.at(&url))?;
                if !pcm.is_empty() {
                    heard = Heard::Something;
                    return Ok(Some((pcm, (chunks, decoder, heard))));
                }
            }
            decoder.finish().map_err(|error| error.at(&url))?;
            match heard {
                Heard::Something => Ok(None),
                Heard::Nothing => Err(TtsError::EmptyAudio { url }),
            }
        }
    });
    pieces.boxed()
}

enum Heard {
    Nothing,
    Something,
}

enum Decoder {
    Wav(wav::Reader),
    /// With the first byte of a sample whose second has not come.
    Raw(u32, Option<u8>),
}

impl Decoder {
    fn new(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Wav => Self::Wav(wav::Reader::new()),
            Encoding::Raw(rate) => Self::Raw(rate, None),
        }
    }

    fn push(&mut self, chunk: &Bytes) -> Result<Pcm, BadSound> {
        match self {
            Self::Wav(reader) => {
                let samples = reader.push(chunk)?;
                Ok(Pcm::new(reader.rate().unwrap_or_default(), samples))
            }
            Self::Raw(rate, half) => {
                let bytes: Vec<u8> = half
                    .take()
                    .into_iter()
                    .chain(chunk.iter().copied())
                    .collect();
                let samples = bytes
                    .chunks_exact(2)
                    .map(|s| i16::from_le_bytes([s[0], s[1]]));
                let pcm = Pcm::new(*rate, samples.collect());
                *half = bytes.chunks_exact(2).remainder().first().copied();
                Ok(pcm)
            }
        }
    }

    fn finish(self) -> Result<(), BadSound> {
        match self {
            Self::Wav(reader) => Ok(reader.finish()?),
            Self::Raw(_, None) => Ok(()),
            Self::Raw(_, Some(_)) => Err(BadSound::Half("the last sample is cut".to_owned())),
        }
    }
}

/// A body that is not the sound it should be.
enum BadSound {
    Garbage(String),
    Half(String),
}

impl BadSound {
    fn at(self, url: &str) -> ServerError {
        let url = url.to_owned();
        match self {
            Self::Garbage(reason) => ServerError::Garbage { url, reason },
            Self::Half(reason) => ServerError::HalfAnswer { url, reason },
        }
    }
}

impl From<wav::WavError> for BadSound {
    fn from(error: wav::WavError) -> Self {
        match error {
            wav::WavError::Truncated { .. } => Self::Half(error.to_string()),
            wav::WavError::NotWav | wav::WavError::Unsupported { .. } => {
                Self::Garbage(error.to_string())
            }
        }
    }
}
