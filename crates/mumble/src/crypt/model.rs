//! The window against a simple model of it: one that remembers every datagram ever opened.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Crypt, Dropped, WINDOW};

/// What happens on the way of datagrams that are numbered as they are sealed, from 1 on.
#[derive(Clone, Debug)]
enum Step {
    /// This many are sealed and, for now, lost.
    Seal(u32),
    /// One is sealed and arrives at once.
    Pass,
    /// One of the last 300 arrives: late, overtaken or repeated.
    Deliver(prop::sample::Index),
    /// One of the last 300 arrives with a bit changed.
    Damage(prop::sample::Index, prop::sample::Index),
    /// The receiver is told the sealer's nonce.
    Resync,
}

/// How far ahead of the newest datagram one may be: the byte of nonce that is sent tells no more.
const FURTHEST_AHEAD: u32 = 127;

/// How far behind one is still known for an old one, for the same reason.
const FURTHEST_BEHIND: u32 = 128;

#[derive(Default)]
struct Model {
    newest: u32,
    opened: BTreeSet<u32>,
    late: u32,
    dropped: u32,
}

impl Model {
    /// Whether a genuine datagram opens; if not, why, where it is certain.
    fn deliver(&mut self, number: u32) -> Result<(), Option<Dropped>> {
        let behind = self.newest.saturating_sub(number);
        let ahead = number.saturating_sub(self.newest);
        let is_known = number == self.newest || self.opened.contains(&number);
        let verdict = if ahead > FURTHEST_AHEAD || behind > FURTHEST_BEHIND {
            Err(None)
        } else if behind > WINDOW || is_known {
            Err(Some(Dropped::Repeated))
        } else {
            Ok(())
        };
        if verdict.is_ok() {
            self.opened.insert(number);
            self.late += u32::from(number < self.newest);
            self.newest = self.newest.max(number);
        } else {
            self.dropped += 1;
        }
        verdict
    }

    /// How many never arrived, up to the newest.
    fn lost(&self) -> u32 {
        self.newest - self.opened.len() as u32
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        10 => Just(Step::Pass),
        10 => any::<prop::sample::Index>().prop_map(Step::Deliver),
        4 => (1_u32..6).prop_map(Step::Seal),
        1 => (100_u32..300).prop_map(Step::Seal),
        3 => any::<(prop::sample::Index, prop::sample::Index)>()
            .prop_map(|(which, bit)| Step::Damage(which, bit)),
        1 => Just(Step::Resync),
    ];
    prop::collection::vec(step, 1..120)
}

/// One of the last 300 that were sealed, with its number.
fn pick(sealed: &[Vec<u8>], which: prop::sample::Index) -> Option<(u32, Vec<u8>)> {
    let first = sealed.len().saturating_sub(300);
    let among = sealed.len() - first;
    let at = (among > 0).then(|| first + which.index(among))?;
    Some((at as u32 + 1, sealed[at].clone()))
}

proptest! {
    #[test]
    fn each_datagram_opens_once_and_all_are_counted_as_the_model_says(start: [u8; 16], steps in steps()) {
        let key = [5; 16];
        let mut ours = Crypt::new(key, start, [0; 16]);
        let mut theirs = Crypt::new(key, [0; 16], start);
        let mut model = Model::default();
        let mut sealed: Vec<Vec<u8>> = Vec::new();
        let mut resyncs = 0;
        for step in steps {
            let mut seal = || sealed.push(ours.seal(&(sealed.len() as u32 + 1).to_be_bytes()));
            let arriving = match step {
                Step::Seal(number) => {
                    (0..number).for_each(|_| seal());
                    None
                }
                Step::Pass => {
                    seal();
                    Some((sealed.len() as u32, sealed[sealed.len() - 1].clone()))
                }
                Step::Deliver(which) => pick(&sealed, which),
                Step::Damage(which, bit) => {
                    if let Some((_, mut damaged)) = pick(&sealed, which) {
                        let bit = bit.index(8 * damaged.len());
                        damaged[bit / 8] ^= 1 << (bit % 8);
                        let before = theirs.place();
                        prop_assert!(theirs.open(&damaged).is_err());
                        prop_assert_eq!(theirs.place(), before);
                        model.dropped += 1;
                    }
                    None
                }
                Step::Resync => {
                    theirs.resync(ours.sealing_nonce());
                    model.newest = sealed.len() as u32;
                    resyncs += 1;
                    None
                }
            };
            if let Some((number, datagram)) = arriving {
                let opened = theirs.open(&datagram);
                match model.deliver(number) {
                    Ok(()) => prop_assert_eq!(opened, Ok(number.to_be_bytes().to_vec())),
                    Err(Some(why)) => prop_assert_eq!(opened, Err(why)),
                    Err(None) => prop_assert!(opened.is_err()),
                }
            }
            let stats = theirs.stats();
            prop_assert_eq!(stats.good, model.opened.len() as u32);
            prop_assert_eq!((stats.late, stats.dropped), (model.late, model.dropped));
            prop_assert_eq!(stats.resyncs, resyncs);
            // What a resync skips is not counted as lost.
            if resyncs == 0 {
                prop_assert_eq!(stats.lost, model.lost());
            }
        }
    }
}
