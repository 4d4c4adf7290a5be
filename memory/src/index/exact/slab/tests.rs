//! One person's vectors in a row: what is nearest is found, and nothing that may not be.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn unit(vector: &[f32]) -> Vec<f32> {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter().map(|x| x / length).collect()
}

fn search(slab: &Slab, near: &[f32], found: Found, limit: usize) -> Vec<Hit> {
    let mut best = Best::new(limit);
    slab.search(&Fixed::of(near).unwrap(), found, &mut best);
    best.hits()
}

#[test]
fn a_vector_without_a_direction_is_none() {
    for vector in [
        vec![],
        vec![0.0; 3],
        vec![f32::NAN, 1.0],
        vec![f32::INFINITY, 1.0],
        vec![1.0; MOST_DIMENSIONS + 1],
    ] {
        assert_eq!(Fixed::of(&vector), None);
    }
}

#[test]
fn the_nearest_come_first_and_private_ones_only_where_all_may_be_found() {
    let mut slab = Slab::new(2);
    let points = [
        ([1.0, 0.0], Audience::Shared),
        ([0.9, 0.1], Audience::Private),
        ([0.0, 1.0], Audience::Shared),
        ([-1.0, 0.0], Audience::Shared),
    ]
    .map(|(vector, audience)| {
        let id = Id::new();
        slab.put(id, audience, &Fixed::of(&vector).unwrap());
        id
    });
    let ids = |hits: Vec<Hit>| hits.iter().map(|hit| hit.id).collect::<Vec<_>>();
    let all = search(&slab, &[1.0, 0.0], Found::All, 9);
    assert_eq!(ids(all), points);
    let shared = search(&slab, &[1.0, 0.0], Found::Shared, 2);
    assert_eq!(ids(shared), [points[0], points[2]]);
    assert_eq!(search(&slab, &[1.0, 0.0], Found::All, 0), []);
}

#[test]
fn the_largest_products_stay_in_32_bits() {
    let mut slab = Slab::new(MOST_DIMENSIONS);
    let mut vector = vec![1.0; MOST_DIMENSIONS];
    slab.put(Id::new(), Audience::Shared, &Fixed::of(&vector).unwrap());
    let hit = search(&slab, &vector, Found::All, 1)[0];
    assert!((hit.cosine - 1.0).abs() < 1e-2, "{}", hit.cosine);
    vector.fill(-1.0);
    let hit = search(&slab, &vector, Found::All, 1)[0];
    assert!((hit.cosine + 1.0).abs() < 1e-2, "{}", hit.cosine);
}

proptest! {
    #[test]
    fn a_cosine_is_right_to_four_digits(
        a in vec(-1.0_f32..1.0, 384),
        b in vec(-1.0_f32..1.0, 384),
    ) {
        let mut slab = Slab::new(384);
        slab.put(Id::new(), Audience::Shared, &Fixed::of(&a).unwrap());
        let true_one: f32 = unit(&a).iter().zip(unit(&b)).map(|(x, y)| x * y).sum();
        let hit = search(&slab, &b, Found::All, 1)[0];
        prop_assert!((hit.cosine - true_one).abs() < 1e-4);
    }

    /// Against a map that does the same slowly.
    #[test]
    fn whatever_is_put_and_removed_the_rest_is_found(
        steps in vec((0_usize..8, prop::option::of(vec(-1.0_f32..1.0, 3))), 0..60),
    ) {
        let ids: Vec<Id> = (0..8).map(|_| Id::new()).collect();
        let mut slab = Slab::new(3);
        let mut plain = HashMap::new();
        for (which, vector) in steps {
            match vector.and_then(|vector| Fixed::of(&vector)) {
                Some(vector) => {
                    slab.put_bytes(ids[which], Audience::Shared, &vector.to_bytes());
                    plain.insert(ids[which], vector);
                }
                None => {
                    slab.remove(ids[which]);
                    plain.remove(&ids[which]);
                }
            }
        }
        prop_assert_eq!(slab.len(), plain.len());
        let near = Fixed::of(&[0.3, -0.5, 0.7]).unwrap();
        let mut best = Best::new(8);
        slab.search(&near, Found::All, &mut best);
        for hit in best.hits() {
            let product = product(&plain.remove(&hit.id).unwrap().0, &near.0);
            prop_assert_eq!(hit.cosine, (product as f32 / (ONE * ONE)).clamp(-1.0, 1.0));
        }
        prop_assert!(plain.is_empty());
    }

    #[test]
    fn garbage_from_a_file_is_left_out(bytes in vec(any::<u8>(), 0..20)) {
        let mut slab = Slab::new(4);
        let fits = bytes.len() == 8;
        slab.put_bytes(Id::new(), Audience::Private, &bytes);
        prop_assert_eq!(slab.len(), usize::from(fits));
    }
}
