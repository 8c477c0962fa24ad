//! What keys say about keys: the root's word for the online keys, an old root's word for its successor, and a
//! minion's word for its Noise key.
//!
//! A statement is a msgpack map that is signed and kept as the bytes that were signed, behind a context that no
//! other kind of statement has.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};

use super::keys::{Identity, PublicKey, SigningKey};
use crate::proto::decode::{Limits, decode, encode};

const MASTER: &[u8] = b"saltmaster/1\0";
const SUCCESSION: &[u8] = b"saltroot/1\0";
const MINION: &[u8] = b"saltminion/1\0";
const MINION_SUCCESSION: &[u8] = b"saltminionkey/1\0";
/// Version of all statements.
const VERSION: u8 = 1;
/// Most successions between the root a minion knows and the one it is shown.
const MAX_CHAIN: usize = 8;

/// Why a certificate counts for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not what a statement looks like.
    #[error("the certificate is malformed")]
    Malformed,
    /// Not signed by the key that is said to have signed it.
    #[error("the certificate's signature is wrong")]
    Signature,
    /// Made for another version of the protocol.
    #[error("the certificate has version {0}, version {VERSION} is expected")]
    Version(u8),
    /// Its time is over (or the clock of this machine is wrong).
    #[error("the certificate was valid until {not_after} ms, and it is {now} ms since 1970 here: is the clock right?")]
    Expired {
        /// End of its time, milliseconds since 1970.
        not_after: u64,
        /// The time here.
        now: u64,
    },
    /// It speaks of another Noise key than the one that was used in the handshake.
    #[error("the certificate belongs to another session key")]
    OtherKey,
    /// The successions do not lead from one root to the next.
    #[error("the chain of root successions is broken")]
    Chain,
}

/// A signed statement, kept as it was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    body: ByteBuf,
    signature: ByteBuf,
}

impl Signed {
    fn new<T: Serialize>(context: &[u8], key: &SigningKey, body: &T) -> Self {
        let body = encode(body);
        let signature = key.sign(&[context, &body].concat()).to_vec();
        Self { body: ByteBuf::from(body), signature: ByteBuf::from(signature) }
    }

    fn open<T: DeserializeOwned>(&self, context: &[u8], key: &PublicKey) -> Result<T, CertificateError> {
        if !key.verify(&[context, &self.body].concat(), &self.signature) {
            return Err(CertificateError::Signature);
        }
        decode(&self.body, Limits::UNKNOWN_PEER).map_err(|_| CertificateError::Malformed)
    }
}

/// What a root says about its online keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MasterCertificate {
    version: u8,
    noise: ByteArray<32>,
    /// The key that signs publications.
    pub publication: PublicKey,
    /// Goes up whenever the online keys are replaced (the time of that, milliseconds since 1970): a minion that has
    /// seen a higher one does not believe keys that were replaced.
    pub serial: u64,
    /// End of its time, milliseconds since 1970.
    pub not_after: u64,
}

impl MasterCertificate {
    pub(super) fn new(noise: [u8; 32], publication: PublicKey, serial: u64, not_after: u64) -> Self {
        Self { version: VERSION, noise: ByteArray::new(noise), publication, serial, not_after }
    }
}

/// An old root's word for a new one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Succession {
    version: u8,
    from: PublicKey,
    to: PublicKey,
}

/// What a master shows in the handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MasterProof {
    /// The root that signed.
    pub root: PublicKey,
    certificate: Signed,
    /// Successions that lead to `root`, oldest first.
    #[serde(default)]
    chain: Vec<Signed>,
    #[serde(skip)]
    pub(super) renew_at: u64,
}

impl MasterProof {
    pub(super) fn empty(root: PublicKey) -> Self {
        let nothing = Signed { body: ByteBuf::new(), signature: ByteBuf::new() };
        Self { root, certificate: nothing, chain: Vec::new(), renew_at: 0 }
    }

    pub(super) fn sign(root: &SigningKey, body: &MasterCertificate, chain: &[Signed], renew_at: u64) -> Self {
        let certificate = Signed::new(MASTER, root, body);
        Self { root: root.public(), certificate, chain: chain.to_vec(), renew_at }
    }

    /// The certificate, if the root signed it for the Noise key `noise` and its time is not over. Says nothing of
    /// whether the root is to be trusted. `now` in milliseconds since 1970.
    pub fn verify(&self, noise: &[u8], now: u64) -> Result<MasterCertificate, CertificateError> {
        let body = self.renewed(now)?;
        if body.noise.as_slice() != noise {
            return Err(CertificateError::OtherKey);
        }
        Ok(body)
    }

    /// As [`MasterProof::verify`] for keys that will be used later: told inside a session, whose keys are others.
    pub fn renewed(&self, now: u64) -> Result<MasterCertificate, CertificateError> {
        let body: MasterCertificate = self.certificate.open(MASTER, &self.root)?;
        if body.version != VERSION {
            return Err(CertificateError::Version(body.version));
        }
        if body.not_after <= now {
            return Err(CertificateError::Expired { not_after: body.not_after, now });
        }
        Ok(body)
    }

    /// The roots before this one, newest first, each of which signed the next.
    pub fn predecessors(&self) -> Result<Vec<PublicKey>, CertificateError> {
        walk(SUCCESSION, &self.root, &self.chain)
    }

    /// True when `chain` leads to `root`.
    pub(super) fn leads_to(root: &PublicKey, chain: &[Signed]) -> bool {
        walk(SUCCESSION, root, chain).is_ok()
    }
}

/// The keys before `root`, newest first.
fn walk(context: &[u8], root: &PublicKey, chain: &[Signed]) -> Result<Vec<PublicKey>, CertificateError> {
    if chain.len() > MAX_CHAIN {
        return Err(CertificateError::Chain);
    }
    let mut next = *root;
    let mut found = Vec::with_capacity(chain.len());
    for signed in chain.iter().rev() {
        // Who signed is read from the statement and proved by the signature over it.
        let claim: Succession = decode(&signed.body, Limits::UNKNOWN_PEER).map_err(|_| CertificateError::Malformed)?;
        let step: Succession = signed.open(context, &claim.from)?;
        if step.version != VERSION || step.to != next {
            return Err(CertificateError::Chain);
        }
        next = step.from;
        found.push(next);
    }
    Ok(found)
}

/// `from`'s word that `to` follows it as the root.
pub(super) fn succeed(from: &SigningKey, to: PublicKey) -> Signed {
    Signed::new(SUCCESSION, from, &Succession { version: VERSION, from: from.public(), to })
}

/// A minion's old key's word that `to` follows it.
pub(super) fn succeed_minion(from: &SigningKey, to: PublicKey) -> Signed {
    Signed::new(MINION_SUCCESSION, from, &Succession { version: VERSION, from: from.public(), to })
}

/// A minion's keys before `key`, newest first, each of which signed the next; none when the chain does not hold.
pub(super) fn minion_predecessors(key: &PublicKey, chain: &[Signed]) -> Vec<PublicKey> {
    walk(MINION_SUCCESSION, key, chain).unwrap_or_default()
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct MinionCertificate {
    version: u8,
    noise: ByteArray<32>,
}

/// A minion's identity key vouches for its Noise key: only who holds the first can have made this, only who holds
/// the second can use it.
pub(super) fn vouch(identity: &Identity) -> Signed {
    let body = MinionCertificate { version: VERSION, noise: ByteArray::new(*identity.noise().public()) };
    Signed::new(MINION, identity.signing(), &body)
}

/// Checks that `key` vouches for the Noise key `noise`.
pub(super) fn check_minion(signed: &Signed, key: &PublicKey, noise: &[u8]) -> Result<(), CertificateError> {
    let body: MinionCertificate = signed.open(MINION, key)?;
    if body.version != VERSION {
        return Err(CertificateError::Version(body.version));
    }
    if body.noise.as_slice() != noise { Err(CertificateError::OtherKey) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(root: &SigningKey, chain: &[Signed]) -> MasterProof {
        let body = MasterCertificate::new([1; 32], SigningKey::generate().public(), 5, 1000);
        MasterProof::sign(root, &body, chain, 0)
    }

    #[test]
    fn a_certificate_counts_for_its_root_key_and_time_only() {
        let root = SigningKey::generate();
        let good = proof(&root, &[]);
        assert_eq!(good.verify(&[1; 32], 999).unwrap().serial, 5);
        assert_eq!(good.verify(&[1; 32], 1000), Err(CertificateError::Expired { not_after: 1000, now: 1000 }));
        assert_eq!(good.verify(&[2; 32], 0), Err(CertificateError::OtherKey));
        let mut other = good.clone();
        other.root = SigningKey::generate().public();
        assert_eq!(other.verify(&[1; 32], 0), Err(CertificateError::Signature));
        for index in 0..good.certificate.body.len() {
            let mut bad = good.clone();
            bad.certificate.body[index] ^= 1;
            assert_eq!(bad.verify(&[1; 32], 0), Err(CertificateError::Signature));
        }
    }

    #[test]
    fn a_statement_of_one_kind_is_none_of_another() {
        let identity = Identity::generate();
        let mut proof = MasterProof::empty(identity.public());
        proof.certificate = vouch(&identity);
        assert_eq!(proof.verify(identity.noise().public(), 0), Err(CertificateError::Signature));
    }

    #[test]
    fn successions_lead_back_to_older_roots() {
        let roots: Vec<SigningKey> = (0..3).map(|_| SigningKey::generate()).collect();
        let first = succeed(&roots[0], roots[1].public());
        let second = succeed(&roots[1], roots[2].public());
        let whole = proof(&roots[2], &[first.clone(), second.clone()]);
        assert_eq!(whole.predecessors().unwrap(), [roots[1].public(), roots[0].public()]);
        assert_eq!(proof(&roots[2], &[second.clone(), first.clone()]).predecessors(), Err(CertificateError::Chain));
        assert_eq!(proof(&roots[2], std::slice::from_ref(&first)).predecessors(), Err(CertificateError::Chain));
        let mut forged = second;
        forged.signature[0] ^= 1;
        assert_eq!(proof(&roots[2], &[first.clone(), forged]).predecessors(), Err(CertificateError::Signature));
        assert_eq!(proof(&roots[2], &vec![first; 9]).predecessors(), Err(CertificateError::Chain));
    }

    #[test]
    fn a_minions_keys_follow_each_other_and_no_root_signs_for_them() {
        let keys: Vec<SigningKey> = (0..3).map(|_| SigningKey::generate()).collect();
        let chain = [succeed_minion(&keys[0], keys[1].public()), succeed_minion(&keys[1], keys[2].public())];
        assert_eq!(minion_predecessors(&keys[2].public(), &chain), [keys[1].public(), keys[0].public()]);
        assert!(minion_predecessors(&SigningKey::generate().public(), &chain).is_empty());
        let roots = [succeed(&keys[0], keys[1].public())];
        assert!(minion_predecessors(&keys[1].public(), &roots).is_empty(), "a statement of another kind");
        let mut forged = chain.clone();
        forged[1].signature[0] ^= 1;
        assert!(minion_predecessors(&keys[2].public(), &forged).is_empty());
    }

    #[test]
    fn a_minion_vouches_for_its_own_noise_key_only() {
        let identity = Identity::generate();
        let signed = vouch(&identity);
        assert_eq!(check_minion(&signed, &identity.public(), identity.noise().public()), Ok(()));
        let thief = Identity::generate();
        assert_eq!(check_minion(&signed, &identity.public(), thief.noise().public()), Err(CertificateError::OtherKey));
        assert_eq!(check_minion(&signed, &thief.public(), identity.noise().public()), Err(CertificateError::Signature));
    }
}
