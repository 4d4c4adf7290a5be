//! The forgery that OCB2 as published falls to (<https://eprint.iacr.org/2019/311>), tried both
//! ways against ours. What seals and opens by the book here shares nothing with it but AES.

use aes::{
    Aes128, Block,
    cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit},
};
use proptest::prelude::*;

use super::{Crypt, Dropped, OVERHEAD};

type Bytes16 = [u8; 16];

/// A block that holds just a length: 128 bits, that of a whole block.
const LENGTH: Bytes16 = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128];

/// OCB2 by the book, for texts of whole blocks, without any counter-measure.
struct Book {
    aes: Aes128,
}

impl Book {
    fn new(key: Bytes16) -> Self {
        let aes = Aes128::new(&key.into());
        Self { aes }
    }

    fn encrypt(&self, block: Bytes16) -> Bytes16 {
        let mut block: Block = block.into();
        self.aes.encrypt_block(&mut block);
        block.into()
    }

    fn decrypt(&self, block: Bytes16) -> Bytes16 {
        let mut block: Block = block.into();
        self.aes.decrypt_block(&mut block);
        block.into()
    }

    fn seal(&self, nonce: Bytes16, text: &[Bytes16]) -> (Vec<Bytes16>, Bytes16) {
        let mut mask = self.encrypt(nonce);
        let mut checksum = [0; 16];
        let mut sealed = Vec::new();
        for (at, block) in text.iter().enumerate() {
            mask = double(mask);
            checksum = xor(checksum, *block);
            sealed.push(if at + 1 == text.len() {
                xor(*block, self.encrypt(xor(LENGTH, mask)))
            } else {
                xor(self.encrypt(xor(*block, mask)), mask)
            });
        }
        (sealed, self.tag(mask, checksum))
    }

    fn opens(&self, nonce: Bytes16, sealed: &[Bytes16], tag: Bytes16) -> bool {
        let mut mask = self.encrypt(nonce);
        let mut checksum = [0; 16];
        for (at, block) in sealed.iter().enumerate() {
            mask = double(mask);
            let text = if at + 1 == sealed.len() {
                xor(*block, self.encrypt(xor(LENGTH, mask)))
            } else {
                xor(self.decrypt(xor(*block, mask)), mask)
            };
            checksum = xor(checksum, text);
        }
        tag == self.tag(mask, checksum)
    }

    fn tag(&self, mask: Bytes16, checksum: Bytes16) -> Bytes16 {
        self.encrypt(xor(xor(double(mask), mask), checksum))
    }
}

fn xor(a: Bytes16, b: Bytes16) -> Bytes16 {
    std::array::from_fn(|at| a[at] ^ b[at])
}

/// Doubling in GF(2^128), byte by byte.
fn double(block: Bytes16) -> Bytes16 {
    let carry = |at: usize| block.get(at + 1).map_or(0, |next| next >> 7);
    let mut doubled: Bytes16 = std::array::from_fn(|at| block[at] << 1 | carry(at));
    doubled[15] ^= if block[0] >> 7 == 1 { 0x87 } else { 0 };
    doubled
}

/// A message that nobody sealed, from one that somebody did: its blocks but the last, and the
/// tag that fits. It takes the text, but no key.
fn forge(text: &[Bytes16], sealed: &[Bytes16]) -> (Vec<Bytes16>, Bytes16) {
    let [before @ .., _, last] = text else {
        panic!("it takes two blocks");
    };
    let mut forged = sealed[..sealed.len() - 1].to_vec();
    let end = forged.len() - 1;
    forged[end] = before.iter().copied().fold(xor(forged[end], LENGTH), xor);
    (forged, xor(*last, sealed[sealed.len() - 1]))
}

fn datagram(nonce: Bytes16, sealed: &[Bytes16], tag: Bytes16) -> Vec<u8> {
    [&nonce[..1], &tag[..OVERHEAD - 1], &sealed.concat()].concat()
}

/// A text whose last block but one holds just a length.
fn texts() -> impl Strategy<Value = Vec<Bytes16>> {
    let before = prop::collection::vec(any::<Bytes16>(), 0..10);
    (before, any::<Bytes16>()).prop_map(|(mut text, last)| {
        text.extend([LENGTH, last]);
        text
    })
}

proptest! {
    #[test]
    fn a_forgery_that_opens_by_the_book_is_refused(key: Bytes16, start: Bytes16, text in texts()) {
        let nonce = (u128::from_le_bytes(start).wrapping_add(1)).to_le_bytes();
        let book = Book::new(key);
        let (sealed, tag) = book.seal(nonce, &text);
        let (forged, forged_tag) = forge(&text, &sealed);
        prop_assert!(book.opens(nonce, &forged, forged_tag));

        let mut ours = Crypt::new(key, [0; 16], start);
        let before = ours.place();
        let opened = ours.open(&datagram(nonce, &forged, forged_tag));
        prop_assert_eq!(opened, Err(Dropped::Forged));
        prop_assert_eq!(ours.place(), before);
        // The genuine one comes through all the same.
        prop_assert_eq!(ours.open(&datagram(nonce, &sealed, tag)), Ok(text.concat()));
    }

    #[test]
    fn what_forgers_need_is_never_sealed_as_it_is(key: Bytes16, start: Bytes16, text in texts()) {
        let nonce = (u128::from_le_bytes(start).wrapping_add(1)).to_le_bytes();
        let sealed = Crypt::new(key, start, [0; 16]).seal(&text.concat());
        let blocks: Vec<Bytes16> = sealed[OVERHEAD..]
            .chunks_exact(16)
            .map(|block| block.try_into().unwrap())
            .collect();
        let (forged, forged_tag) = forge(&text, &blocks);
        prop_assert!(!Book::new(key).opens(nonce, &forged, forged_tag));

        // One bit is another one, and nothing else.
        let opened = Crypt::new(key, [0; 16], start).open(&sealed).unwrap();
        let mut expected = text;
        let length = expected.len() - 2;
        expected[length][0] ^= 1;
        prop_assert_eq!(opened, expected.concat());
    }
}
