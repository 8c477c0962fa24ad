//! The master's keys: the root that minions pin, and the online keys it certifies.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::certificate::{MasterCertificate, MasterProof, Signed, succeed};
use super::keyfile;
use super::keys::{NoiseKey, PublicKey, SigningKey, keep_public};
use crate::diag::Diagnostic;
use crate::proto::decode::{Limits, decode, encode};

/// How long a certificate is valid, in milliseconds: thirty days. It is renewed when half of that is left.
const LIFETIME: u64 = 30 * 24 * 3600 * 1000;
/// The file with the successions that led to the root, oldest first, one a line.
const SUCCESSIONS: &str = "master_successions";
/// How many successions are kept: a minion that has missed more has to be told the new root.
const KEPT: usize = 8;

/// All keys of a master.
///
/// The root (`master.pem`) signs nothing but certificates; the online keys (`master_noise.pem`, `publication.pem`)
/// do the daily work and can be replaced without any minion noticing.
#[derive(Debug)]
pub struct MasterKeys {
    root: SigningKey,
    noise: NoiseKey,
    publication: Arc<SigningKey>,
    chain: Vec<Signed>,
    proof: RwLock<Arc<MasterProof>>,
}

impl MasterKeys {
    /// The keys in a master's `pki` directory; what is missing is made, closed to others.
    pub fn load_or_create(directory: &Path) -> Result<Self, Diagnostic> {
        keyfile::directory(directory)?;
        let path = directory.join("master.pem");
        if !path.exists() && directory.join("master.pub").exists() {
            return Err(keyfile::about(&path, "the master's key is gone, but master.pub is here")
                .help("put the key back from a backup: minions have pinned it and refuse any other")
                .help("if there is none, remove master.pub too; then every minion must forget its minion_master.pub"));
        }
        let root = SigningKey::load_or_create(&path)?;
        keep_public(&root, &directory.join("master.pub"))?;
        let noise = NoiseKey::load_or_create(&directory.join("master_noise.pem"))?;
        let publication = SigningKey::load_or_create(&directory.join("publication.pem"))?;
        let chain = chain_to(&root.public(), load_chain(&directory.join(SUCCESSIONS))?);
        Ok(Self::of(root, noise, publication, chain))
    }

    /// Puts a new root in the place of the old one, which signs for it; returns both, old first. Minions that have
    /// pinned the old root follow at their next session. Counts from the master's next start.
    pub fn replace_root(directory: &Path) -> Result<(PublicKey, PublicKey), Diagnostic> {
        let old = SigningKey::load_or_create(&directory.join("master.pem"))?;
        let new = SigningKey::load_or_create(&directory.join("master_next.pem"))?;
        let path = directory.join(SUCCESSIONS);
        let mut chain = chain_to(&old.public(), load_chain(&path)?);
        chain.push(succeed(&old, new.public()));
        let kept = &chain[chain.len().saturating_sub(KEPT)..];
        let lines: String = kept.iter().map(|signed| STANDARD.encode(encode(signed)) + "\n").collect();
        // First the word, then the key: a stop in between leaves the old root, which ignores a word for another.
        keyfile::replace(&path, &lines, keyfile::PUBLIC)?;
        keyfile::rename(&directory.join("master_next.pem"), &directory.join("master.pem"))?;
        keep_public(&new, &directory.join("master.pub"))?;
        Ok((old.public(), new.public()))
    }

    /// Keys that live in memory only, for tests and simulations.
    pub fn generate() -> Self {
        Self::of(SigningKey::generate(), NoiseKey::generate(), SigningKey::generate(), Vec::new())
    }

    fn of(root: SigningKey, noise: NoiseKey, publication: SigningKey, chain: Vec<Signed>) -> Self {
        let proof = RwLock::new(Arc::new(MasterProof::empty(root.public())));
        Self { root, noise, publication: Arc::new(publication), chain, proof }
    }

    /// The key that minions pin.
    pub fn root(&self) -> PublicKey {
        self.root.public()
    }

    /// The key that signs publications.
    pub fn publication(&self) -> PublicKey {
        self.publication.public()
    }

    pub(crate) fn publication_key(&self) -> &Arc<SigningKey> {
        &self.publication
    }

    pub(super) fn noise(&self) -> &NoiseKey {
        &self.noise
    }

    /// What a minion is shown: the root, and the root's word for the online keys. Signed anew when half of its time
    /// is over. `now` in milliseconds since 1970.
    pub(crate) fn proof(&self, now: u64) -> Arc<MasterProof> {
        let current = self.proof.read().unwrap_or_else(PoisonError::into_inner).clone();
        if current.renew_at > now {
            return current;
        }
        let body = MasterCertificate::new(*self.noise.public(), self.publication(), now, now + LIFETIME);
        let proof = Arc::new(MasterProof::sign(&self.root, &body, &self.chain, now + LIFETIME / 2));
        *self.proof.write().unwrap_or_else(PoisonError::into_inner) = proof.clone();
        proof
    }
}

/// The successions in a file; lines that are none end them.
fn load_chain(path: &Path) -> Result<Vec<Signed>, Diagnostic> {
    let text = keyfile::read_public(path)?.unwrap_or_default();
    let parse = |line: &str| decode(&STANDARD.decode(line).ok()?, Limits::UNKNOWN_PEER).ok();
    Ok(text.lines().map_while(parse).collect())
}

/// As much of the chain as leads to `root`; what follows it was never completed.
fn chain_to(root: &PublicKey, mut chain: Vec<Signed>) -> Vec<Signed> {
    while !chain.is_empty() && !MasterProof::leads_to(root, &chain) {
        chain.pop();
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::trust::{Believed, Trust, TrustError};

    #[test]
    fn minions_follow_a_replaced_root_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let pki = dir.path().join("pki");
        let proof = || (*MasterKeys::load_or_create(&pki).unwrap().proof(0)).clone();
        let trust = Trust::new(dir.path().join("minion_master.pub"), None);
        let first = proof();
        trust.remember(&first, trust.check(&first).unwrap()).unwrap();
        for _ in 0..KEPT + 2 {
            let (old, new) = MasterKeys::replace_root(&pki).unwrap();
            let next = proof();
            assert_eq!(next.root, new);
            assert_eq!(trust.check(&next).unwrap(), Believed::Successor { from: old });
            trust.remember(&next, trust.check(&next).unwrap()).unwrap();
            assert_eq!(trust.check(&next).unwrap(), Believed::Pinned);
        }
        assert!(matches!(trust.check(&first), Err(TrustError::Mismatch(_))), "the old root is over");
        // A stop between the word and the key leaves a master that works.
        let old = SigningKey::load_or_create(&pki.join("master.pem")).unwrap();
        let word = STANDARD.encode(encode(&succeed(&old, SigningKey::generate().public())));
        let path = pki.join(SUCCESSIONS);
        let text = std::fs::read_to_string(&path).unwrap() + &word;
        std::fs::write(&path, text).unwrap();
        assert_eq!(trust.check(&proof()).unwrap(), Believed::Pinned);
    }

    #[test]
    fn a_lost_root_is_not_replaced_in_silence() {
        let dir = tempfile::tempdir().unwrap();
        MasterKeys::load_or_create(dir.path()).unwrap();
        std::fs::remove_file(dir.path().join("master.pem")).unwrap();
        let text = MasterKeys::load_or_create(dir.path()).unwrap_err().to_string();
        assert!(text.contains("backup"), "{text}");
        assert!(!dir.path().join("master.pem").exists());
    }

    #[test]
    fn keys_stay_and_the_certificate_is_renewed_at_half_time() {
        let dir = tempfile::tempdir().unwrap();
        let keys = MasterKeys::load_or_create(dir.path()).unwrap();
        assert_eq!(MasterKeys::load_or_create(dir.path()).unwrap().root(), keys.root());
        let first = keys.proof(1000);
        assert!(Arc::ptr_eq(&first, &keys.proof(2000)));
        let second = keys.proof(1001 + LIFETIME / 2);
        assert!(!Arc::ptr_eq(&first, &second));
    }
}
