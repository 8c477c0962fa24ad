//! Frames of the publish socket: a header, sealed content, and the master's signature over both.
//!
//! Layout: version u8, kind u8, stream u64, epoch u64, counter u64, key id u32 (big-endian), signature 64 bytes,
//! ciphertext. The content is sealed with AES-256-GCM; the counter is the nonce, the header the associated data. The
//! signature (Ed25519) is over `"saltpub/1\0"`, header and ciphertext: the group key keeps outsiders from reading, but
//! every minion has it, so only the signature says who wrote.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::keys::{PublicKey, SigningKey, random_bytes};

/// Bytes of the header.
pub const HEADER: usize = 30;
const SIGNATURE: usize = 64;
const TAG: usize = 16;
const CONTEXT: &[u8] = b"saltpub/1\0";

/// What stands in clear before a frame; authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Version of the protocol.
    pub version: u8,
    /// Kind of the content.
    pub kind: u8,
    /// The publishing master.
    pub stream: u64,
    /// The master's start.
    pub epoch: u64,
    /// Number in the epoch, from 1.
    pub counter: u64,
    /// Which group key seals it.
    pub key_id: u32,
}

impl Header {
    fn bytes(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[0] = self.version;
        bytes[1] = self.kind;
        bytes[2..10].copy_from_slice(&self.stream.to_be_bytes());
        bytes[10..18].copy_from_slice(&self.epoch.to_be_bytes());
        bytes[18..26].copy_from_slice(&self.counter.to_be_bytes());
        bytes[26..30].copy_from_slice(&self.key_id.to_be_bytes());
        bytes
    }

    fn parse(bytes: &[u8; HEADER]) -> Self {
        let word = |at: usize| u64::from_be_bytes(std::array::from_fn(|i| bytes[at + i]));
        Self {
            version: bytes[0],
            kind: bytes[1],
            stream: word(2),
            epoch: word(10),
            counter: word(18),
            key_id: u32::from_be_bytes(std::array::from_fn(|i| bytes[26 + i])),
        }
    }
}

/// A group key. All accepted minions have it.
pub struct GroupKey(LessSafeKey);

impl GroupKey {
    /// The key of 32 bytes; `None` for another length.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        UnboundKey::new(&AES_256_GCM, bytes).ok().map(|key| Self(LessSafeKey::new(key)))
    }

    /// Random bytes for a new key.
    pub fn generate() -> Zeroizing<[u8; 32]> {
        random_bytes()
    }
}

fn nonce(counter: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&counter.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

/// Seals and signs one frame. A counter must never be used twice with one group key.
pub fn seal(header: &Header, group: &GroupKey, signer: &SigningKey, content: &[u8]) -> Vec<u8> {
    let head = header.bytes();
    // Context and ciphertext side by side are what is signed.
    let mut signed = Vec::with_capacity(CONTEXT.len() + HEADER + content.len() + TAG);
    signed.extend_from_slice(CONTEXT);
    signed.extend_from_slice(&head);
    signed.extend_from_slice(content);
    let start = CONTEXT.len() + HEADER;
    let tag = group
        .0
        .seal_in_place_separate_tag(nonce(header.counter), Aad::from(head), &mut signed[start..])
        .expect("a publication is far below the cipher's limit");
    signed.extend_from_slice(tag.as_ref());
    let signature = signer.sign(&signed);
    let mut frame = Vec::with_capacity(HEADER + SIGNATURE + signed.len() - start);
    frame.extend_from_slice(&head);
    frame.extend_from_slice(&signature);
    frame.extend_from_slice(&signed[start..]);
    frame
}

/// A frame whose parts are known; nothing is checked yet.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The header as claimed.
    pub header: Header,
    head: &'a [u8; HEADER],
    signature: &'a [u8; SIGNATURE],
    sealed: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Splits a frame; `None` when it is too short to be one.
    pub fn parse(frame: &'a [u8]) -> Option<Self> {
        let (head, rest) = frame.split_first_chunk::<HEADER>()?;
        let (signature, sealed) = rest.split_first_chunk::<SIGNATURE>()?;
        if sealed.len() < TAG {
            return None;
        }
        Some(Self { header: Header::parse(head), head, signature, sealed })
    }

    /// True when `signer` has signed the frame as received.
    pub fn is_signed_by(&self, signer: &PublicKey) -> bool {
        signer.verify(&[CONTEXT, self.head, self.sealed].concat(), self.signature)
    }

    /// The content; `None` when the group key does not open it.
    pub fn open(&self, group: &GroupKey) -> Option<Vec<u8>> {
        let mut content = self.sealed.to_vec();
        let size = group.0.open_in_place(nonce(self.header.counter), Aad::from(*self.head), &mut content).ok()?.len();
        content.truncate(size);
        Some(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_opens_whole_or_not_at_all() {
        let signer = SigningKey::generate();
        let group = GroupKey::new(GroupKey::generate().as_slice()).unwrap();
        let header = Header { version: 1, kind: 2, stream: 3, epoch: u64::MAX, counter: 5, key_id: 6 };
        let frame = seal(&header, &group, &signer, b"content");
        assert_eq!(frame.len(), HEADER + 64 + 7 + 16);
        let parsed = Frame::parse(&frame).unwrap();
        assert_eq!(parsed.header, header);
        assert!(parsed.is_signed_by(&signer.public()));
        assert!(!parsed.is_signed_by(&SigningKey::generate().public()));
        assert_eq!(parsed.open(&group).unwrap(), b"content");
        for at in 0..frame.len() {
            let mut bad = frame.clone();
            bad[at] ^= 1;
            assert!(!Frame::parse(&bad).unwrap().is_signed_by(&signer.public()), "changed at {at}");
            let signed = Frame::parse(&frame[..at]).is_some_and(|cut| cut.is_signed_by(&signer.public()));
            assert!(!signed, "cut at {at}");
        }
        let other = GroupKey::new(GroupKey::generate().as_slice()).unwrap();
        assert!(parsed.open(&other).is_none());
    }
}
