//! Sealed records of a session: what one side seals, the other opens in the same order, or the session is over.
//!
//! The nonce is the record's number and never on the wire: a record that is lost, repeated, reordered or changed
//! does not open. Keys are replaced every 2^20 records (at most 60 GiB) on both sides alike.

use std::sync::{Arc, PoisonError, RwLock};

use snow::{HandshakeState, StatelessTransportState};

/// Largest record on the wire.
pub const MAX_RECORD: usize = 60 * 1024;
/// Bytes that sealing adds.
pub const OVERHEAD: usize = 16;
/// Records under one key.
const REKEY_EVERY: u64 = 1 << 20;

/// The session can't go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Changed, lost, repeated or out of order.
    #[error("a record does not open: it was changed, lost, repeated or reordered")]
    Broken,
    /// Larger than any record may be.
    #[error("a record of {0} bytes is too large")]
    Oversize(usize),
    /// All nonces are used.
    #[error("the session's nonces are exhausted")]
    Exhausted,
}

type Noise = Arc<RwLock<StatelessTransportState>>;

/// Seals records of one direction.
pub struct RecordSealer {
    noise: Noise,
    next: u64,
    rekey_every: u64,
}

/// Opens records of the other direction.
pub struct RecordOpener {
    noise: Noise,
    next: u64,
    rekey_every: u64,
}

/// The two directions of a finished handshake.
pub(super) fn halves(handshake: HandshakeState) -> (RecordSealer, RecordOpener) {
    let noise = handshake.into_stateless_transport_mode().expect("the handshake is finished");
    let noise = Arc::new(RwLock::new(noise));
    let sealer = RecordSealer { noise: noise.clone(), next: 0, rekey_every: REKEY_EVERY };
    (sealer, RecordOpener { noise, next: 0, rekey_every: REKEY_EVERY })
}

impl RecordSealer {
    /// Seals `head` and `body` as one record.
    pub fn seal(&mut self, head: &[u8], body: &[u8]) -> Result<Vec<u8>, RecordError> {
        let plain = [head, body].concat();
        let size = plain.len() + OVERHEAD;
        if size > MAX_RECORD {
            return Err(RecordError::Oversize(size));
        }
        if self.next > 0 && self.next.is_multiple_of(self.rekey_every) {
            self.noise.write().unwrap_or_else(PoisonError::into_inner).rekey_outgoing();
        }
        let mut record = vec![0; size];
        let noise = self.noise.read().unwrap_or_else(PoisonError::into_inner);
        noise.write_message(self.next, &plain, &mut record).map_err(|_| RecordError::Exhausted)?;
        self.next += 1;
        Ok(record)
    }
}

impl RecordOpener {
    /// Opens the next record.
    pub fn open(&mut self, record: &[u8]) -> Result<Vec<u8>, RecordError> {
        if record.len() > MAX_RECORD {
            return Err(RecordError::Oversize(record.len()));
        }
        if self.next > 0 && self.next.is_multiple_of(self.rekey_every) {
            self.noise.write().unwrap_or_else(PoisonError::into_inner).rekey_incoming();
        }
        // With room for the tag `snow` opens in place instead of in a copy.
        let mut plain = vec![0; record.len()];
        let noise = self.noise.read().unwrap_or_else(PoisonError::into_inner);
        let size = noise.read_message(self.next, record, &mut plain).map_err(|_| RecordError::Broken)?;
        plain.truncate(size);
        self.next += 1;
        Ok(plain)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::handshake::{Initiator, Responder};
    use super::super::keys::{Identity, MasterKeys};
    use super::*;
    use crate::proto::request::Role;

    /// A minion's sealer and its master's opener.
    pub(crate) fn pair() -> (RecordSealer, RecordOpener) {
        let (keys, identity) = (MasterKeys::generate(), Identity::generate());
        let (mut initiator, first) = Initiator::start(&identity);
        let (responder, second) = Responder::answer(&keys, &first, 0).unwrap();
        initiator.read(&second, 0).unwrap();
        let (third, sealer, _) = initiator.finish(&"m".parse().unwrap(), Role::Minion, &[0; 32]);
        (sealer, responder.finish(&third).unwrap().2)
    }

    #[test]
    fn records_open_once_and_in_order() {
        let (mut sealer, mut opener) = pair();
        let records: Vec<_> = (0..4u8).map(|n| sealer.seal(&[n], &[n]).unwrap()).collect();
        assert_eq!(opener.open(&records[0]).unwrap(), [0, 0]);
        assert_eq!(opener.open(&records[0]), Err(RecordError::Broken), "repeated");
        assert_eq!(opener.open(&records[2]), Err(RecordError::Broken), "reordered");
        assert_eq!(opener.open(&records[1]).unwrap(), [1, 1]);
        let mut changed = records[2].clone();
        for at in 0..changed.len() {
            changed[at] ^= 1;
            assert_eq!(opener.open(&changed), Err(RecordError::Broken), "changed at {at}");
            assert_eq!(opener.open(&records[2][..at]), Err(RecordError::Broken), "cut at {at}");
            changed[at] ^= 1;
        }
    }

    #[test]
    fn the_own_direction_does_not_open() {
        let (mut sealer, _) = pair();
        let mut own = RecordOpener { noise: sealer.noise.clone(), next: 0, rekey_every: REKEY_EVERY };
        let record = sealer.seal(b"", b"mirror").unwrap();
        assert_eq!(own.open(&record), Err(RecordError::Broken), "a reflected record");
    }

    #[test]
    fn both_sides_change_keys_at_the_same_record() {
        let (mut sealer, mut opener) = pair();
        (sealer.rekey_every, opener.rekey_every) = (3, 3);
        for n in 0..20u8 {
            let record = sealer.seal(&[], &[n]).unwrap();
            assert_eq!(opener.open(&record).unwrap(), [n]);
        }
        opener.rekey_every = 1 << 20;
        let mut opened = 0;
        for n in 0..4u8 {
            opened += usize::from(opener.open(&sealer.seal(&[], &[n]).unwrap()).is_ok());
        }
        assert!(opened < 4, "the key did change");
    }

    #[test]
    fn exhausted_nonces_end_the_session() {
        let (mut sealer, _) = pair();
        sealer.next = u64::MAX;
        assert_eq!(sealer.seal(b"", b"x"), Err(RecordError::Exhausted));
    }

    #[test]
    fn oversized_records_are_refused_before_any_work() {
        let (mut sealer, mut opener) = pair();
        let body = vec![0; MAX_RECORD - OVERHEAD];
        assert_eq!(opener.open(&sealer.seal(&[], &body).unwrap()).unwrap().len(), body.len());
        assert_eq!(sealer.seal(&[0], &body), Err(RecordError::Oversize(MAX_RECORD + 1)));
        assert_eq!(opener.open(&vec![0; MAX_RECORD + 1]), Err(RecordError::Oversize(MAX_RECORD + 1)));
    }
}
