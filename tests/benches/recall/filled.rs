//! Many remembered turns: few real texts and vectors, perturbed.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use futures::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use llm::{Embed, Purpose};
use memory::index::Point;
use memory::{Audience, Id, Place, Turn, Who};
use world::Chance;
use world::remembered::{self, Set};

use crate::stores::{Opened, Stores};

/// Texts whose vectors are real; the others' are these, perturbed.
const REAL: usize = 2_000;

/// How far a perturbed vector lies from the real one, in each dimension at most. It leaves a
/// cosine of 0.9, as two wordings of one sentence have.
const PERTURBED: f32 = 0.04;

/// Turns that are remembered in one step.
const STEP: usize = 5_000;

/// People beside the one who asks.
const OTHERS: usize = 100;

/// Texts that the model makes into vectors with one call.
const TEXTS: usize = 64;

/// Turns of the person who asks, and of everybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) own: usize,
    pub(crate) all: usize,
}

/// A text and what it means.
pub(crate) type Meant = (String, Vec<f32>);

/// Each sentence of the fixed set, alone and before another one, with its vector.
pub(crate) async fn real(embed: &Arc<dyn Embed>) -> Vec<Meant> {
    let set = Set::fixed();
    let own = set.conversations.iter().flat_map(|one| &one.sessions);
    let turns = own.flat_map(|session| &session.turns).chain(&set.chatter);
    let sentences: Vec<&String> = turns.flatten().collect();
    let mut texts = Vec::new();
    for step in 0.. {
        for (place, sentence) in sentences.iter().enumerate() {
            let mut text = (*sentence).clone();
            if step > 0 {
                let other = sentences[(place + 7 * step) % sentences.len()];
                write!(text, " {other}").expect("a string takes it");
            }
            texts.push(text);
        }
        if texts.len() >= REAL {
            break;
        }
    }
    texts.truncate(REAL);
    let mut real = Vec::new();
    for batch in texts.chunks(TEXTS) {
        let vectors = embed
            .embed(batch.to_vec(), Purpose::Document)
            .await
            .expect("the model makes vectors");
        real.extend(batch.iter().cloned().zip(vectors));
    }
    real
}

/// Has turns remembered until the stores, which hold `from`, hold `to`.
pub(crate) async fn fill(
    stores: Stores,
    opened: &Opened,
    real: &[Meant],
    from: Size,
    to: Size,
    now: Timestamp,
) {
    // One writes to a file at a time; a server takes from several.
    let writers = match stores {
        Stores::Embedded => 1,
        Stores::Servers => 6,
    };
    let begin = Instant::now();
    let (own, all) = (to.own - from.own, to.all - from.all);
    let mut chance = Chance::of(to.all as u64);
    let store = &opened.parts.store;
    for step in (0..all).step_by(STEP) {
        let (mut turns, mut points) = (Vec::new(), Vec::new());
        for number in step..all.min(step + STEP) {
            // Those of the person lie evenly among the others'.
            let is_own = number * own / all != (number + 1) * own / all;
            let person = if is_own { 0 } else { 1 + number % OTHERS };
            let [said, heard] = [0, 1].map(|_| any(real, &mut chance));
            // Later turns are those of earlier times.
            let minutes = 60 + from.all + number;
            let turn = Turn {
                id: Id::new(),
                who: Who::Known(remembered::person(person)),
                name: "Ann".to_owned(),
                place: Place::Channel(0),
                at: now - SignedDuration::from_mins(minutes as i64),
                said: said.0.clone(),
                heard: heard.0.clone(),
                audience: Audience::Shared,
                witnesses: Vec::new(),
            };
            for (side, (_, vector)) in turn.sides().into_iter().zip([said, heard]) {
                points.push(Point {
                    id: side.id,
                    person: side.person,
                    kind: side.kind,
                    audience: side.audience,
                    vector: perturbed(vector, &mut chance),
                });
            }
            turns.push(turn);
        }
        let recorded = stream::iter(&turns).for_each_concurrent(writers, async |turn| {
            store.record(turn).await.expect("a turn is kept");
        });
        let ((), learnt) = tokio::join!(recorded, opened.parts.index.upsert(points));
        learnt.expect("the index learns");
        eprintln!(
            "{}: {} of {} turns after {:.0} s",
            stores.word(),
            from.all + all.min(step + STEP),
            to.all,
            begin.elapsed().as_secs_f64()
        );
    }
}

fn any<'a>(real: &'a [Meant], chance: &mut Chance) -> &'a Meant {
    &real[usize::try_from(chance.below(real.len() as u64)).expect("it is small")]
}

fn perturbed(vector: &[f32], chance: &mut Chance) -> Vec<f32> {
    let mut moved: Vec<f32> = vector
        .iter()
        .map(|number| number + PERTURBED * (chance.below(2_001) as f32 / 1_000.0 - 1.0))
        .collect();
    let length = moved
        .iter()
        .map(|number| number * number)
        .sum::<f32>()
        .sqrt();
    for number in &mut moved {
        *number /= length;
    }
    moved
}
