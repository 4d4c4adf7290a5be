//! OCB2 over AES-128, as Mumble has it, with the counter-measure of Mumble 1.3.
//!
//! The mode is that of Rogaway's "Efficient Instantiations of Tweakable Blockciphers and
//! Refinements to Modes OCB and PMAC" (2004) with the tag cut to three bytes. It is broken as
//! published ("Cryptanalysis of OCB2", <https://eprint.iacr.org/2019/311>): a sealed message
//! whose last block but one holds just a length lets others be forged. So such a message is
//! never sealed (one bit of it, which Opus does not need there, is flipped), and an opened
//! message that looks like the forgery is refused (section 9 of the paper).

use std::fmt;

use aes::{
    Aes128, Block,
    cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit},
};

/// Bytes of an AES block, a key and a nonce.
pub(super) const BLOCK: usize = 16;

/// Bytes of the tag that are sent.
pub(super) const TAG: usize = 3;

/// Blocks that are given to the processor at once: as many as its AES instructions work on side
/// by side.
const AT_ONCE: usize = 8;

/// The cipher under one key.
pub(super) struct Ocb2 {
    aes: Aes128,
}

impl Ocb2 {
    pub(super) fn new(key: &[u8; BLOCK]) -> Self {
        Self {
            aes: Aes128::new(&(*key).into()),
        }
    }

    /// Encrypts in place and gives the tag.
    pub(super) fn seal(&self, nonce: &[u8; BLOCK], text: &mut [u8]) -> [u8; TAG] {
        let mut delta = self.encrypt(u128::from_be_bytes(*nonce));
        let mut checksum = 0;
        let (blocks, last) = blocks_and_last(text);
        if let Some(block) = blocks.last_mut() {
            let plain = load(block);
            let looks_like_a_length = plain >> 8 == 0;
            if looks_like_a_length {
                store(block, plain ^ 1 << 120);
            }
        }
        for blocks in blocks.chunks_mut(AT_ONCE) {
            let mut masks = [0; AT_ONCE];
            for (block, mask) in blocks.iter_mut().zip(&mut masks) {
                delta = double(delta);
                *mask = delta;
                let plain = load(block);
                checksum ^= plain;
                store(block, plain ^ delta);
            }
            self.aes.encrypt_blocks(blocks);
            for (block, mask) in blocks.iter_mut().zip(masks) {
                let sealed = load(block) ^ mask;
                store(block, sealed);
            }
        }
        delta = double(delta);
        let pad = self.encrypt(bit_length(last) ^ delta);
        // The checksum takes the last block filled up with the pad's end.
        checksum ^= load_padded(last, pad);
        store(last, load_padded(last, 0) ^ pad);
        self.tag(delta, checksum)
    }

    /// Decrypts in place; false, with garbage left in `text`, when the tag does not fit.
    #[must_use]
    pub(super) fn open(&self, nonce: &[u8; BLOCK], text: &mut [u8], tag: &[u8; TAG]) -> bool {
        let mut delta = self.encrypt(u128::from_be_bytes(*nonce));
        let mut checksum = 0;
        let (blocks, last) = blocks_and_last(text);
        for blocks in blocks.chunks_mut(AT_ONCE) {
            let mut masks = [0; AT_ONCE];
            for (block, mask) in blocks.iter_mut().zip(&mut masks) {
                delta = double(delta);
                *mask = delta;
                let masked = load(block) ^ delta;
                store(block, masked);
            }
            self.aes.decrypt_blocks(blocks);
            for (block, mask) in blocks.iter_mut().zip(masks) {
                let plain = load(block) ^ mask;
                checksum ^= plain;
                store(block, plain);
            }
        }
        delta = double(delta);
        let pad = self.encrypt(bit_length(last) ^ delta);
        let plain = load_padded(last, 0) ^ pad_head(pad, last.len());
        let full = plain | pad_tail(pad, last.len());
        checksum ^= full;
        store(last, plain);
        // In the forgery the checksum is delta but for a length, and so is the last block, pad
        // included, if it is the only one.
        let forgery = full >> 8 == delta >> 8 || checksum >> 8 == delta >> 8;
        let difference = tag
            .iter()
            .zip(self.tag(delta, checksum))
            .fold(0, |d, (a, b)| d | (a ^ b));
        difference == 0 && !forgery
    }

    fn tag(&self, delta: u128, checksum: u128) -> [u8; TAG] {
        let tag = self.encrypt(double(delta) ^ delta ^ checksum).to_be_bytes();
        [tag[0], tag[1], tag[2]]
    }

    fn encrypt(&self, block: u128) -> u128 {
        let mut bytes = block.to_be_bytes().into();
        self.aes.encrypt_block(&mut bytes);
        u128::from_be_bytes(bytes.into())
    }
}

impl fmt::Debug for Ocb2 {
    /// The key is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ocb2")
    }
}

/// Cuts a text before its last block, which may be short but is never empty unless the text is.
fn blocks_and_last(text: &mut [u8]) -> (&mut [Block], &mut [u8]) {
    let (blocks, last) = text.split_at_mut(text.len().saturating_sub(1) / BLOCK * BLOCK);
    (Block::slice_as_chunks_mut(blocks).0, last)
}

/// Doubling in GF(2^128), polynomial x^128 + x^7 + x^2 + x + 1.
fn double(value: u128) -> u128 {
    (value << 1) ^ ((value >> 127) * 0x87)
}

fn bit_length(last: &[u8]) -> u128 {
    8 * last.len() as u128
}

fn load(block: &[u8]) -> u128 {
    load_padded(block, 0)
}

/// A block of at most 16 bytes, filled up at its end from `pad`.
fn load_padded(block: &[u8], pad: u128) -> u128 {
    let mut bytes = pad.to_be_bytes();
    bytes[..block.len()].copy_from_slice(block);
    u128::from_be_bytes(bytes)
}

fn store(block: &mut [u8], value: u128) {
    let length = block.len();
    block.copy_from_slice(&value.to_be_bytes()[..length]);
}

/// The first `length` bytes, the others zero.
fn pad_head(pad: u128, length: usize) -> u128 {
    pad & !u128::MAX.checked_shr(8 * length as u32).unwrap_or(0)
}

/// The bytes from `length` on, the others zero.
fn pad_tail(pad: u128, length: usize) -> u128 {
    pad & u128::MAX.checked_shr(8 * length as u32).unwrap_or(0)
}
