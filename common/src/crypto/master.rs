//! The master's keys: the root that minions pin, and the online keys it certifies.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use super::certificate::{MasterCertificate, MasterProof};
use super::keyfile;
use super::keys::{NoiseKey, PublicKey, SigningKey, keep_public};
use crate::diag::Diagnostic;

/// How long a certificate is valid, in milliseconds: thirty days. It is renewed when half of that is left.
const LIFETIME: u64 = 30 * 24 * 3600 * 1000;

/// All keys of a master.
///
/// The root (`master.pem`) signs nothing but certificates; the online keys (`master_noise.pem`, `publication.pem`)
/// do the daily work and can be replaced without any minion noticing.
#[derive(Debug)]
pub struct MasterKeys {
    root: SigningKey,
    noise: NoiseKey,
    publication: Arc<SigningKey>,
    proof: RwLock<Arc<MasterProof>>,
}

impl MasterKeys {
    /// The keys in a master's `pki` directory; what is missing is made, closed to others.
    pub fn load_or_create(directory: &Path) -> Result<Self, Diagnostic> {
        keyfile::directory(directory)?;
        let root = SigningKey::load_or_create(&directory.join("master.pem"))?;
        keep_public(&root, &directory.join("master.pub"))?;
        let noise = NoiseKey::load_or_create(&directory.join("master_noise.pem"))?;
        let publication = SigningKey::load_or_create(&directory.join("publication.pem"))?;
        Ok(Self::of(root, noise, publication))
    }

    /// Keys that live in memory only, for tests and simulations.
    pub fn generate() -> Self {
        Self::of(SigningKey::generate(), NoiseKey::generate(), SigningKey::generate())
    }

    fn of(root: SigningKey, noise: NoiseKey, publication: SigningKey) -> Self {
        let proof = RwLock::new(Arc::new(MasterProof::empty(root.public())));
        Self { root, noise, publication: Arc::new(publication), proof }
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
        let proof = Arc::new(MasterProof::sign(&self.root, &body, &[], now + LIFETIME / 2));
        *self.proof.write().unwrap_or_else(PoisonError::into_inner) = proof.clone();
        proof
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
