//! The sounds at hand: the built-in ones, and over them those made in the configured voice.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use audio::Pcm;
use audio::ogg::{self, OggError};
use sha2::{Digest as _, Sha256};

use super::{Made, Sound};

/// The shortest and the longest sound that can be one of these sentences.
const LENGTHS: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(15)];

/// A sound that is nowhere louder than this (of 32 768) is silence, whatever made it.
const SILENCE: u16 = 500;

/// The longest file that is read, in bytes: four times [`LENGTHS`] at 64 kbit/s.
const LONGEST_FILE: u64 = 512 * 1024;

/// Bytes of the digest in a file's name: enough to tell some voices apart.
const DIGEST: usize = 8;

/// Every prepared sound, decoded. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Sounds {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    /// What makes a voice another one: its settings, in any notation.
    voice: String,
    at_hand: RwLock<HashMap<Sound, AtHand>>,
}

#[derive(Clone, Debug)]
enum AtHand {
    BuiltIn(Pcm),
    Own(Pcm),
}

/// Why a sound was not kept; the built-in one is used instead.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    /// A synthesiser gave nothing that could be the sentence.
    #[error("{0:?} of sound cannot be the sentence, or it is silent")]
    NotTheSentence(Duration),
    /// It cannot be encoded.
    #[error(transparent)]
    Ogg(#[from] OggError),
    /// It cannot be written; it is used until the program ends.
    #[error("cannot be kept: {0}")]
    Write(#[from] io::Error),
}

impl Sounds {
    /// The built-in sounds, and those of `voice` that are kept in `folder`. A file that is
    /// broken counts as absent.
    pub(crate) fn open(folder: PathBuf, voice: String) -> Self {
        let shared = Shared {
            folder,
            voice,
            at_hand: RwLock::default(),
        };
        let own = |sound: Sound| match sound.made() {
            Made::Spoken(_) => kept(&shared.path(sound)).map(AtHand::Own),
            Made::Tone(_) => None,
        };
        let at_hand = Sound::ALL.into_iter().filter_map(|sound| {
            let pcm = own(sound).or_else(|| sound.built_in().map(AtHand::BuiltIn));
            Some((sound, pcm?))
        });
        let at_hand = at_hand.collect();
        *shared
            .at_hand
            .write()
            .unwrap_or_else(PoisonError::into_inner) = at_hand;
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The sound; `None` when there is none that can be played, which no build has.
    pub(crate) fn pcm(&self, sound: Sound) -> Option<Pcm> {
        self.shared.at_hand(sound).map(|at_hand| match at_hand {
            AtHand::BuiltIn(pcm) | AtHand::Own(pcm) => pcm,
        })
    }

    /// The sentences that were not made in the configured voice yet.
    pub(crate) fn missing(&self) -> Vec<(Sound, &'static str)> {
        let foreign = |sound: Sound| match (sound.made(), self.shared.at_hand(sound)) {
            (Made::Tone(_), _) | (_, Some(AtHand::Own(_))) => None,
            (Made::Spoken(sentence), _) => Some((sound, sentence)),
        };
        Sound::ALL.into_iter().filter_map(foreign).collect()
    }

    /// Takes a sentence in the configured voice, for now and for the next start. It blocks on
    /// the disk.
    pub(crate) fn keep(&self, sound: Sound, pcm: &Pcm) -> Result<(), KeepError> {
        if !is_speech(pcm) {
            return Err(KeepError::NotTheSentence(pcm.duration()));
        }
        let file = ogg::write(pcm)?;
        let own = AtHand::Own(pcm.resampled(audio::MUMBLE_HZ));
        self.shared
            .at_hand
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(sound, own);
        self.shared.write(sound, &file)?;
        Ok(())
    }
}

impl Shared {
    fn at_hand(&self, sound: Sound) -> Option<AtHand> {
        let at_hand = self.at_hand.read();
        let at_hand = at_hand.unwrap_or_else(PoisonError::into_inner);
        at_hand.get(&sound).cloned()
    }

    /// A file for this voice and sentence alone: another voice finds nothing there.
    fn path(&self, sound: Sound) -> PathBuf {
        let digest = Sha256::new()
            .chain_update(&self.voice)
            .chain_update([0])
            .chain_update(sound.sentence())
            .finalize();
        let mut name = format!("{}-", sound.stem());
        for byte in &digest[..DIGEST] {
            // Writing into a string cannot fail.
            write!(name, "{byte:02x}").ok();
        }
        self.folder.join(name).with_extension("opus")
    }

    /// Writes the file whole or not at all, and removes what other voices left in its place.
    fn write(&self, sound: Sound, file: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let path = self.path(sound);
        let unfinished = path.with_extension("unfinished");
        fs::write(&unfinished, file)?;
        fs::rename(&unfinished, &path)?;
        for entry in fs::read_dir(&self.folder)?.flatten() {
            let name = entry.file_name();
            let digest = name.to_str().and_then(|name| {
                let rest = name.strip_prefix(sound.stem())?.strip_prefix('-')?;
                rest.strip_suffix(".opus")
            });
            let of_this_sound = digest.is_some_and(|digest| digest.len() == 2 * DIGEST);
            if of_this_sound && entry.path() != path {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

fn kept(path: &Path) -> Option<Pcm> {
    let length = fs::metadata(path).ok()?.len();
    let file = (length <= LONGEST_FILE).then(|| fs::read(path))?.ok()?;
    ogg::read(&file).ok().filter(is_speech)
}

fn is_speech(pcm: &Pcm) -> bool {
    let loud = |sample: &i16| sample.unsigned_abs() > SILENCE;
    let [shortest, longest] = LENGTHS;
    (shortest..=longest).contains(&pcm.duration()) && pcm.samples().iter().any(loud)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(millis: u32) -> Pcm {
        let wave = |at: u32| if at % 100 < 50 { 9_000 } else { -9_000 };
        Pcm::new(22_050, (0..22_050 * millis / 1_000).map(wave).collect())
    }

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("there is room for temporary files")
    }

    fn files(folder: &Path) -> usize {
        fs::read_dir(folder).map_or(0, Iterator::count)
    }

    #[test]
    fn without_any_synthesiser_every_sound_is_at_hand() {
        let folder = folder();
        let sounds = Sounds::open(folder.path().join("sounds"), "any".into());
        for sound in Sound::ALL {
            assert_eq!(sounds.pcm(sound), sound.built_in());
        }
        let sentences = sounds.missing();
        assert_eq!(sentences.len(), Sound::ALL.len() - 1, "all but the tone");
    }

    #[test]
    fn what_was_made_in_the_own_voice_is_there_after_a_restart() {
        let folder = folder();
        let open = |voice: &str| Sounds::open(folder.path().to_owned(), voice.to_owned());
        let sounds = open("joe");
        sounds.keep(Sound::NoVoice, &noise(700)).unwrap();
        for sounds in [sounds, open("joe")] {
            let length = sounds.pcm(Sound::NoVoice).unwrap().duration();
            assert_eq!(length.as_millis(), 700);
            assert!(!sounds.missing().iter().any(|(s, _)| *s == Sound::NoVoice));
        }
        assert_eq!(
            open("amy").pcm(Sound::NoVoice),
            Sound::NoVoice.built_in(),
            "another voice speaks for itself"
        );
    }

    #[test]
    fn only_the_latest_voice_is_kept() {
        let folder = folder();
        for voice in ["joe", "amy", "kay"] {
            let sounds = Sounds::open(folder.path().to_owned(), voice.to_owned());
            sounds.keep(Sound::NoVoice, &noise(700)).unwrap();
            sounds.keep(Sound::Moment, &noise(700)).unwrap();
        }
        assert_eq!(files(folder.path()), 2);
    }

    #[test]
    fn a_broken_file_gives_way_to_the_built_in_sound() {
        let folder = folder();
        let open = || Sounds::open(folder.path().to_owned(), "joe".into());
        open().keep(Sound::NotHeard, &noise(700)).unwrap();
        let path = open().shared.path(Sound::NotHeard);
        let whole = fs::read(&path).unwrap();
        for broken in [&whole[..whole.len() / 2], b"", &vec![7; 600_000]] {
            fs::write(&path, broken).unwrap();
            let sounds = open();
            assert_eq!(sounds.pcm(Sound::NotHeard), Sound::NotHeard.built_in());
            assert!(sounds.missing().iter().any(|(s, _)| *s == Sound::NotHeard));
        }
    }

    #[test]
    fn silence_and_endless_sound_are_no_sentence() {
        let folder = folder();
        let sounds = Sounds::open(folder.path().to_owned(), "joe".into());
        let silence = Pcm::silence(22_050, Duration::from_secs(1));
        for bad in [silence, noise(100), noise(16_000), Pcm::new(8_000, vec![])] {
            let refused = sounds.keep(Sound::Moment, &bad);
            assert!(matches!(refused, Err(KeepError::NotTheSentence(_))));
        }
        assert_eq!(files(folder.path()), 0);
    }

    #[test]
    fn a_folder_that_cannot_be_written_costs_nothing_but_the_next_start() {
        let folder = folder();
        let file = folder.path().join("a file");
        fs::write(&file, "").unwrap();
        let sounds = Sounds::open(file, "joe".into());
        let kept = sounds.keep(Sound::Moment, &noise(700));
        assert!(matches!(kept, Err(KeepError::Write(_))));
        assert_eq!(
            sounds.pcm(Sound::Moment).unwrap().duration().as_millis(),
            700
        );
    }
}
