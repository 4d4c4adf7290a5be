//! Sealing and opening, tried against loss, repetition and forgery.

use proptest::prelude::*;

use super::*;

/// Both ends of a connection.
fn pair() -> (Crypt, Crypt) {
    let (key, up, down) = ([3; 16], [250; 16], [7; 16]);
    (Crypt::new(key, up, down), Crypt::new(key, down, up))
}

#[test]
fn what_is_sealed_opens_at_the_other_end() {
    let (mut ours, mut theirs) = pair();
    for length in 0..200_usize {
        let plain: Vec<u8> = (0..length).map(|at| (at * 7 + 1) as u8).collect();
        assert_eq!(theirs.open(&ours.seal(&plain)), Ok(plain));
    }
    assert_eq!(
        theirs.stats(),
        CryptStats {
            good: 200,
            ..CryptStats::default()
        }
    );
}

#[test]
fn a_repeated_datagram_is_dropped() {
    let (mut ours, mut theirs) = pair();
    let sealed = ours.seal(b"once");
    assert!(theirs.open(&sealed).is_ok());
    assert_eq!(theirs.open(&sealed), Err(Dropped::Repeated));
    theirs.open(&ours.seal(b"next")).unwrap();
    assert_eq!(theirs.open(&sealed), Err(Dropped::Repeated));
}

#[test]
fn lost_and_late_datagrams_are_counted() {
    let (mut ours, mut theirs) = pair();
    let sealed: Vec<_> = (0..10_u8).map(|n| ours.seal(&[n; 20])).collect();
    theirs.open(&sealed[0]).unwrap();
    theirs.open(&sealed[9]).unwrap();
    assert_eq!(theirs.stats().lost, 8);
    for late in [4, 2, 8] {
        assert_eq!(theirs.open(&sealed[late]), Ok(vec![late as u8; 20]));
        assert_eq!(theirs.open(&sealed[late]), Err(Dropped::Repeated));
    }
    let stats = theirs.stats();
    assert_eq!(
        (stats.good, stats.late, stats.lost, stats.dropped),
        (5, 3, 5, 3)
    );
}

#[test]
fn a_datagram_thirty_behind_is_dropped() {
    let (mut ours, mut theirs) = pair();
    let sealed: Vec<_> = (0..40).map(|_| ours.seal(b"voice")).collect();
    theirs.open(&sealed[39]).unwrap();
    assert_eq!(theirs.open(&sealed[9]), Err(Dropped::Repeated));
    assert!(theirs.open(&sealed[10]).is_ok());
}

#[test]
fn the_nonce_wraps_into_its_higher_bytes() {
    let key = [9; 16];
    let mut ours = Crypt::new(key, [0xff; 16], [0; 16]);
    let mut theirs = Crypt::new(key, [0; 16], [0xff; 16]);
    for n in 0..1000_u32 {
        assert_eq!(
            theirs.open(&ours.seal(&n.to_be_bytes())),
            Ok(n.to_be_bytes().to_vec())
        );
    }
}

#[test]
fn after_a_long_silence_a_resync_makes_it_hear_again() {
    let (mut ours, mut theirs) = pair();
    for _ in 0..300 {
        ours.seal(b"lost on the way");
    }
    assert!(theirs.open(&ours.seal(b"unheard")).is_err());
    theirs.resync(ours.sealing_nonce());
    assert_eq!(theirs.open(&ours.seal(b"heard")), Ok(b"heard".to_vec()));
    assert_eq!(theirs.stats().resyncs, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn forged_datagrams_change_nothing(forged in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..40)) {
        let (mut ours, mut theirs) = pair();
        theirs.open(&ours.seal(b"hello")).unwrap();
        let before = theirs.place();
        for datagram in &forged {
            prop_assert!(theirs.open(datagram).is_err());
        }
        prop_assert_eq!(theirs.place(), before);
        prop_assert_eq!(theirs.stats().dropped, forged.len() as u32);
        for n in 0..300_u32 {
            prop_assert_eq!(theirs.open(&ours.seal(&n.to_be_bytes())), Ok(n.to_be_bytes().to_vec()));
        }
    }

    #[test]
    fn one_changed_bit_is_a_forgery(plain: Vec<u8>, at: prop::sample::Index, bit in 0_u8..8) {
        let (mut ours, mut theirs) = pair();
        let mut sealed = ours.seal(&plain);
        let at = at.index(sealed.len());
        sealed[at] ^= 1 << bit;
        prop_assert!(theirs.open(&sealed).is_err());
    }
}
