//! Publications: sealed and signed once by the master, opened by every minion that has the group key.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_bytes::ByteBuf;

use super::ChannelError;
use crate::crypto::keys::{MasterKeys, PublicKey, SigningKey};
use crate::crypto::publication::{Frame, GroupKey, Header, seal};
use crate::proto::PROTOCOL_VERSION;
use crate::proto::decode::{Limits, decode, encode};
use crate::proto::job::Publication;
use crate::proto::request::{NextKey, StreamKeys};
use crate::secret::Secret;

/// Largest frame. Large payloads travel by reference; this leaves room for long lists of minions.
pub const MAX_FRAME: usize = 4 * 1024 * 1024;
/// A new group key is used at the latest this long after it was made.
const SWITCH_AFTER: Duration = Duration::from_secs(1);
/// An old group key opens frames this long after the new one is in use.
const GRACE: Duration = Duration::from_secs(5);

/// Seals publications. It has one owner: frames must reach the publisher in the order they were sealed.
///
/// Epoch and group key are random and never stored, so no start, backup or lost store can use a nonce twice.
pub struct Sealer {
    signer: Arc<SigningKey>,
    stream: u64,
    epoch: u64,
    counter: u64,
    current: Sealing,
    next: Option<(Sealing, Instant)>,
}

struct Sealing {
    id: u32,
    key: GroupKey,
    bytes: Secret<[u8; 32]>,
}

impl Sealing {
    fn generate(id: u32) -> Self {
        let bytes = GroupKey::generate();
        let key = GroupKey::new(bytes.as_slice()).expect("a group key has 32 bytes");
        Self { id, key, bytes: Secret::new(*bytes) }
    }

    fn told(&self) -> ByteBuf {
        ByteBuf::from(self.bytes.expose().to_vec())
    }
}

impl Sealer {
    /// A new epoch with a new group key. `stream` names the publishing master.
    pub fn new(keys: &MasterKeys, stream: u64) -> Self {
        Self {
            signer: keys.publication_key(),
            stream,
            epoch: rand::random(),
            counter: 0,
            current: Sealing::generate(1),
            next: None,
        }
    }

    /// Seals and signs one publication under the next counter.
    ///
    /// Errors with [`ChannelError::TooLarge`] when the frame would exceed [`MAX_FRAME`]; no counter is used then.
    pub fn seal(&mut self, publication: &Publication) -> Result<Bytes, ChannelError> {
        self.seal_at(publication, Instant::now())
    }

    /// What a session's welcome tells: the group key, the next one while a rotation is under way, the newest counter.
    pub fn keys(&self) -> StreamKeys {
        let next = self.next.as_ref().map(|(next, _)| NextKey { key_id: next.id, key: next.told() });
        self.told(&self.current, next)
    }

    /// The newest counter.
    pub fn counter(&self) -> u64 {
        self.counter
    }

    /// Makes the next group key, to be pushed over all standing sessions. It is used after [`Sealer::switch`], or a
    /// second later. A rotation that is under way already is finished first.
    pub fn rotate(&mut self) -> StreamKeys {
        self.rotate_at(Instant::now())
    }

    /// Signs with the key the master has now: all sessions were told of it.
    pub fn renew(&mut self, keys: &MasterKeys) {
        self.signer = keys.publication_key();
    }

    /// All sessions have the next key: it is used from now on.
    pub fn switch(&mut self) {
        if let Some((next, _)) = self.next.take() {
            self.current = next;
        }
    }

    fn rotate_at(&mut self, now: Instant) -> StreamKeys {
        self.switch();
        let next = Sealing::generate(self.current.id + 1);
        let keys = self.told(&next, None);
        self.next = Some((next, now + SWITCH_AFTER));
        keys
    }

    fn seal_at(&mut self, publication: &Publication, now: Instant) -> Result<Bytes, ChannelError> {
        if self.next.as_ref().is_some_and(|(_, due)| *due <= now) {
            self.switch();
        }
        let content = encode(publication);
        if content.len() > MAX_FRAME - 256 {
            return Err(ChannelError::TooLarge { size: content.len(), limit: MAX_FRAME - 256 });
        }
        self.counter += 1;
        let header = Header {
            version: PROTOCOL_VERSION,
            kind: kind(publication),
            stream: self.stream,
            epoch: self.epoch,
            counter: self.counter,
            key_id: self.current.id,
        };
        Ok(seal(&header, &self.current.key, &self.signer, &content).into())
    }

    fn told(&self, sealing: &Sealing, next: Option<NextKey>) -> StreamKeys {
        StreamKeys {
            stream: self.stream,
            epoch: self.epoch,
            key_id: sealing.id,
            key: sealing.told(),
            counter: self.counter,
            next,
        }
    }
}

fn kind(publication: &Publication) -> u8 {
    match publication {
        Publication::Job(_) => 1,
        Publication::Beat { .. } => 2,
    }
}

/// A publication that is authentic, new and readable.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// Its place in the stream.
    pub counter: u64,
    /// How many publications before it never arrived: the session must ask what is owed.
    pub missed: u64,
    /// What it says.
    pub publication: Publication,
}

/// Why a frame was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Dropped {
    /// Not a frame.
    #[error("malformed")]
    Malformed,
    /// Another version of the protocol.
    #[error("another version")]
    Version,
    /// Another master's stream.
    #[error("another stream")]
    Stream,
    /// Before or after a restart of the master.
    #[error("another epoch")]
    Epoch,
    /// Not newer than what was opened before: a replay, or out of order.
    #[error("replayed or reordered")]
    Old,
    /// Sealed with a key that is not known.
    #[error("unknown group key")]
    Key,
    /// Sealed with a key that was replaced more than five seconds ago.
    #[error("retired group key")]
    Retired,
    /// Not signed by the master.
    #[error("wrong signature")]
    Signature,
    /// Signed, but the group key does not open it.
    #[error("not sealed with the group key")]
    Sealed,
    /// Opened, but its content is no publication this program knows. Its counter counts as arrived.
    #[error("unreadable content")]
    Content,
}

/// Opens publications of one stream and epoch, strictly in order: each counter must be above the one before.
pub struct Opener {
    signer: PublicKey,
    /// Signs in the place of `signer` from some frame on.
    successor: Option<PublicKey>,
    stream: u64,
    epoch: u64,
    counter: u64,
    known: Vec<Known>,
    dropped: BTreeMap<Dropped, u64>,
}

struct Known {
    id: u32,
    key: GroupKey,
    /// When it stops to count.
    retires: Option<Instant>,
}

impl Opener {
    /// Opens what `publication_key` has signed, after the counter in `keys`.
    pub fn new(publication_key: PublicKey, keys: StreamKeys) -> Self {
        let mut opener = Self {
            signer: publication_key,
            successor: None,
            stream: keys.stream,
            epoch: keys.epoch,
            counter: keys.counter,
            known: Vec::new(),
            dropped: BTreeMap::new(),
        };
        opener.add_keys(keys);
        opener
    }

    /// Opens one frame. Nothing that is not authentic changes anything but the count of what was dropped.
    pub fn open(&mut self, frame: &[u8]) -> Result<Opened, Dropped> {
        self.open_at(frame, Instant::now())
    }

    /// The master told that another key will sign. Frames of the old one are opened until the first of the new one.
    pub fn expect_signer(&mut self, successor: PublicKey) {
        self.successor = Some(successor).filter(|key| *key != self.signer);
    }

    /// Learns the keys of a rotation, or those of a new session with the same master. The old key opens frames for
    /// five seconds after the new one is in use. Keys of another epoch (the master was restarted) replace all.
    pub fn add_keys(&mut self, keys: StreamKeys) {
        self.add_keys_at(keys, Instant::now());
    }

    /// The newest counter that was opened, or told at the start.
    pub fn counter(&self) -> u64 {
        self.counter
    }

    /// How many frames were dropped, by reason.
    pub fn dropped(&self) -> &BTreeMap<Dropped, u64> {
        &self.dropped
    }

    fn add_keys_at(&mut self, keys: StreamKeys, now: Instant) {
        if (keys.stream, keys.epoch) != (self.stream, self.epoch) {
            (self.stream, self.epoch, self.counter) = (keys.stream, keys.epoch, keys.counter);
            self.known.clear();
        }
        self.learn(keys.key_id, &keys.key, now);
        if let Some(next) = keys.next {
            self.learn(next.key_id, &next.key, now);
        }
    }

    fn learn(&mut self, id: u32, bytes: &[u8], now: Instant) {
        if self.known.iter().any(|known| known.id == id) {
            return;
        }
        // Told inside the session by the master itself; a key of a wrong length opens nothing.
        let Some(key) = GroupKey::new(bytes) else { return };
        self.retire_below(id, now + SWITCH_AFTER + GRACE);
        self.known.push(Known { id, key, retires: None });
        // Rotations come one at a time; more than a few keys at once are of no use.
        if self.known.len() > 4 {
            self.known.remove(0);
        }
    }

    fn retire_below(&mut self, id: u32, when: Instant) {
        for known in self.known.iter_mut().filter(|known| known.id < id) {
            known.retires = Some(known.retires.map_or(when, |before| before.min(when)));
        }
    }

    fn open_at(&mut self, frame: &[u8], now: Instant) -> Result<Opened, Dropped> {
        let result = self.try_open(frame, now);
        if let Err(reason) = &result {
            *self.dropped.entry(*reason).or_default() += 1;
        }
        result
    }

    /// Cheap checks first: a flood of old or foreign frames costs no signature.
    fn try_open(&mut self, frame: &[u8], now: Instant) -> Result<Opened, Dropped> {
        if frame.len() > MAX_FRAME {
            return Err(Dropped::Malformed);
        }
        let frame = Frame::parse(frame).ok_or(Dropped::Malformed)?;
        let header = frame.header;
        let refusals = [
            (header.version != PROTOCOL_VERSION, Dropped::Version),
            (header.stream != self.stream, Dropped::Stream),
            (header.epoch != self.epoch, Dropped::Epoch),
            (header.counter <= self.counter, Dropped::Old),
        ];
        if let Some((_, reason)) = refusals.iter().find(|(refused, _)| *refused) {
            return Err(*reason);
        }
        let known = self.known.iter().find(|known| known.id == header.key_id).ok_or(Dropped::Key)?;
        if known.retires.is_some_and(|when| when <= now) {
            return Err(Dropped::Retired);
        }
        let renewed = self.successor.filter(|key| frame.is_signed_by(key));
        if renewed.is_none() && !frame.is_signed_by(&self.signer) {
            return Err(Dropped::Signature);
        }
        let content = frame.open(&known.key).ok_or(Dropped::Sealed)?;
        if let Some(key) = renewed {
            (self.signer, self.successor) = (key, None);
        }
        // From here on the frame is the master's.
        let missed = header.counter - self.counter - 1;
        self.counter = header.counter;
        self.retire_below(header.key_id, now + GRACE);
        let publication: Publication = decode(&content, Limits::SESSION).map_err(|_| Dropped::Content)?;
        if kind(&publication) != header.kind {
            return Err(Dropped::Content);
        }
        Ok(Opened { counter: header.counter, missed, publication })
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    const BEAT: Publication = Publication::Beat { now: 7 };

    fn setup() -> (Sealer, Opener) {
        let keys = MasterKeys::generate();
        let sealer = Sealer::new(&keys, 1);
        let opener = Opener::new(keys.publication(), sealer.keys());
        (sealer, opener)
    }

    #[test]
    fn frames_open_once_in_order_and_gaps_are_told() {
        let (mut sealer, mut opener) = setup();
        let frames: Vec<Bytes> = (0..5).map(|_| sealer.seal(&BEAT).unwrap()).collect();
        assert_eq!(opener.open(&frames[0]).unwrap(), Opened { counter: 1, missed: 0, publication: BEAT });
        assert_eq!(opener.open(&frames[0]), Err(Dropped::Old));
        assert_eq!(opener.open(&frames[3]).unwrap().missed, 2);
        assert_eq!(opener.open(&frames[2]), Err(Dropped::Old));
        assert_eq!(opener.open(&frames[4]).unwrap().missed, 0);
        assert_eq!(opener.dropped().get(&Dropped::Old), Some(&2));
    }

    #[test]
    fn frames_from_before_the_session_are_old() {
        let keys = MasterKeys::generate();
        let mut sealer = Sealer::new(&keys, 1);
        let before = sealer.seal(&BEAT).unwrap();
        let mut opener = Opener::new(keys.publication(), sealer.keys());
        assert_eq!(opener.open(&before), Err(Dropped::Old));
        assert_eq!(opener.open(&sealer.seal(&BEAT).unwrap()).unwrap().missed, 0);
    }

    #[test]
    fn every_changed_or_cut_frame_is_dropped_and_changes_nothing() {
        let (mut sealer, mut opener) = setup();
        let frame = sealer.seal(&BEAT).unwrap();
        for at in 0..frame.len() {
            let mut bad = frame.to_vec();
            bad[at] ^= 0x10;
            assert!(opener.open(&bad).is_err(), "changed at {at}");
            assert!(opener.open(&frame[..at]).is_err(), "cut at {at}");
        }
        let mut longer = frame.to_vec();
        longer.push(0);
        assert_eq!(opener.open(&longer), Err(Dropped::Signature));
        assert_eq!(opener.open(&frame).unwrap().missed, 0);
        for reason in [Dropped::Version, Dropped::Stream, Dropped::Epoch, Dropped::Key, Dropped::Signature] {
            assert!(opener.dropped().contains_key(&reason), "{reason}");
        }
    }

    #[test]
    fn a_minion_with_the_group_key_cannot_forge() {
        let (sealer, mut opener) = setup();
        let mut forger = Sealer::new(&MasterKeys::generate(), 1);
        forger.epoch = sealer.epoch;
        let told = sealer.keys();
        forger.current.key = GroupKey::new(&told.key).unwrap();
        assert_eq!(opener.open(&forger.seal(&BEAT).unwrap()), Err(Dropped::Signature));
        assert_eq!(opener.counter(), 0);
    }

    #[test]
    fn frames_of_another_start_of_the_same_master_are_dropped() {
        let keys = MasterKeys::generate();
        let mut old = Sealer::new(&keys, 1);
        let captured = old.seal(&BEAT).unwrap();
        let new = Sealer::new(&keys, 1);
        let mut opener = Opener::new(keys.publication(), new.keys());
        assert_eq!(opener.open(&captured), Err(Dropped::Epoch));
        opener.add_keys(old.keys());
        assert_eq!(opener.open(&old.seal(&BEAT).unwrap()).unwrap().counter, 2);
    }

    #[test]
    fn a_rotation_overlaps_and_then_shuts_the_old_key_out() {
        let (mut sealer, mut opener) = setup();
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let told = sealer.rotate_at(at(0));
        opener.add_keys_at(told.clone(), at(10));
        // Not yet used: a minion that missed the push still reads.
        let frame = sealer.seal_at(&BEAT, at(500)).unwrap();
        assert_eq!(Frame::parse(&frame).unwrap().header.key_id, 1);
        opener.open_at(&frame, at(510)).unwrap();
        let late = sealer.seal_at(&BEAT, at(600)).unwrap();
        let frame = sealer.seal_at(&BEAT, at(1000)).unwrap();
        assert_eq!(Frame::parse(&frame).unwrap().header.key_id, 2);
        // Only someone without the new key is shut out.
        let mut removed = Opener::new(opener.signer, StreamKeys { key_id: 1, ..sealer.keys() });
        removed.counter = 0;
        assert!(removed.open_at(&frame, at(1001)).is_err());
        assert_eq!(opener.open_at(&late, at(6011)), Err(Dropped::Retired));
        assert_eq!(opener.open_at(&frame, at(6011)).unwrap().missed, 1);
    }

    #[test]
    fn a_replaced_signer_shuts_the_old_one_out() {
        let (mut sealer, mut opener) = setup();
        let new = MasterKeys::generate();
        let mut stolen = Sealer { signer: sealer.signer.clone(), ..Sealer::new(&new, 1) };
        (stolen.epoch, stolen.counter) = (sealer.epoch, 1000);
        stolen.current.key = GroupKey::new(&sealer.keys().key).unwrap();
        opener.expect_signer(new.publication());
        opener.open(&sealer.seal(&BEAT).unwrap()).unwrap();
        sealer.renew(&new);
        opener.open(&sealer.seal(&BEAT).unwrap()).unwrap();
        assert_eq!(opener.open(&stolen.seal(&BEAT).unwrap()), Err(Dropped::Signature));
    }

    #[test]
    fn a_session_opened_during_a_rotation_reads_both_keys() {
        let (mut sealer, _) = setup();
        sealer.rotate();
        let mut opener = Opener::new(sealer.signer.public(), sealer.keys());
        let before = sealer.seal(&BEAT).unwrap();
        sealer.switch();
        let after = sealer.seal(&BEAT).unwrap();
        assert_eq!(opener.open(&before).unwrap().counter, 1);
        assert_eq!(opener.open(&after).unwrap().counter, 2);
        assert!(!format!("{:?}", sealer.keys()).contains("key: "));
    }

    #[test]
    fn too_large_publications_are_refused_without_a_gap() {
        let (mut sealer, mut opener) = setup();
        let job: Publication = Publication::Job(crate::proto::job::Job {
            jid: "20261120113836123456".parse().unwrap(),
            target: crate::proto::job::Target {
                expr: "*".repeat(MAX_FRAME),
                kind: crate::proto::job::TargetKind::Glob,
                delimiter: ":".into(),
            },
            ids: None,
            fun: "test.ping".parse().unwrap(),
            arg: Vec::new(),
            kwarg: Default::default(),
            by_reference: false,
            user: String::new(),
            expires: 0,
            changes: false,
            follow: false,
        });
        assert!(matches!(sealer.seal(&job), Err(ChannelError::TooLarge { .. })));
        assert_eq!(opener.open(&sealer.seal(&BEAT).unwrap()).unwrap().missed, 0);
    }

    #[test]
    fn random_bytes_never_panic() {
        let (_, mut opener) = setup();
        let mut rng = rand::rng();
        for _ in 0..5000 {
            let bytes: Vec<u8> = (0..rng.random_range(0..300)).map(|_| rng.random()).collect();
            assert!(opener.open(&bytes).is_err());
        }
    }
}
