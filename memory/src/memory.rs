//! The memory: what it is made of, and its settings.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use llm::{Chat, Embed};

use crate::cache::Cache;
use crate::calibration::Calibration;
use crate::index::Index;
use crate::recall::{Counts, Desk};
use crate::remember::Keeping;
use crate::reminders::Told;
use crate::store::Store;

/// What memory stands on. All of it may be away at any time.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The truth.
    pub store: Arc<dyn Store>,
    /// What lies near in meaning; derived.
    pub index: Arc<dyn Index>,
    /// What is at hand; derived.
    pub cache: Arc<dyn Cache>,
    /// Makes texts into vectors.
    pub embed: Arc<dyn Embed>,
    /// Reads finished turns and sums up old ones, when nobody speaks.
    pub chat: Arc<dyn Chat>,
}

/// How memory behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Turns of the present session that a prompt is given.
    pub short_term: usize,
    /// Entries from earlier that a prompt is given at most.
    pub long_term: usize,
    /// How near in meaning an entry must be, 0 to 1, on the calibrated scale.
    pub threshold: f32,
    /// From cosines of the embedding model to that scale.
    pub calibration: Calibration,
    /// A session is idle after this long without a turn.
    pub idle_after: Duration,
    /// An idle session is taken up again within this time of becoming idle.
    pub again_within: Duration,
    /// How long turns are kept; none is for ever.
    pub retention: Option<Duration>,
    /// The time zone of people who told none.
    pub time_zone: TimeZone,
    /// Folder for the journal and the list of the forgotten.
    pub folder: PathBuf,
    /// The journal takes no more turns beyond this size, in bytes.
    pub journal_max: u64,
    /// How the model is asked to read turns and to sum them up.
    pub reading: llm::Options,
}

/// What is remembered, and what of it to recall; a clone is the same memory.
#[derive(Clone, Debug)]
pub struct Memory {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    parts: Parts,
    settings: Settings,
    keeping: Keeping,
    desk: Desk,
    told: Told,
}

impl Memory {
    /// Memory over these parts. Nothing is asked of them yet; the list of the forgotten is read.
    #[must_use]
    pub fn new(parts: Parts, settings: Settings) -> Self {
        let keeping = Keeping::new(&settings.folder, settings.journal_max);
        let desk = Desk::new(&settings);
        Self {
            inner: Arc::new(Inner {
                parts,
                settings,
                keeping,
                desk,
                told: Told::default(),
            }),
        }
    }

    /// What is on its way to the store, and what must not come back.
    pub(crate) fn keeping(&self) -> &Keeping {
        &self.inner.keeping
    }

    /// Reminders that were told and that the store does not know of yet.
    pub(crate) fn told_lately(&self) -> &Told {
        &self.inner.told
    }

    /// What it stands on.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.inner.parts
    }

    /// How it behaves.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// How recall has fared since the start.
    #[must_use]
    pub fn recall_counts(&self) -> Counts {
        self.inner.desk.counts.now()
    }

    /// What is at hand between questions.
    pub(crate) fn desk(&self) -> &Desk {
        &self.inner.desk
    }
}
