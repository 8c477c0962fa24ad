//! The master's keys: the root that minions pin, and the online keys it certifies.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::certificate::{MasterCertificate, MasterProof, Signed, succeed};
use super::keyfile;
use super::keys::{NoiseKey, PublicKey, SigningKey, keep_public};
use crate::diag::Diagnostic;
use crate::proto::decode::encode;

/// How long a certificate is valid, in milliseconds: thirty days. It is renewed when half of that is left.
const LIFETIME: u64 = 30 * 24 * 3600 * 1000;
/// The file with the successions that led to the root, oldest first, one a line.
const SUCCESSIONS: &str = "master_successions";
/// How many successions are kept: a minion that has missed more has to be told the new root.
const KEPT: usize = 8;

/// The file with the serial of the online keys.
const SERIAL: &str = "online_serial";

/// All keys of a master. They can be replaced while it runs.
///
/// The root (`master.pem`) signs nothing but certificates; the online keys (`master_noise.pem`, `publication.pem`)
/// do the daily work and can be replaced without any minion noticing.
#[derive(Debug)]
pub struct MasterKeys {
    held: RwLock<Arc<Held>>,
    directory: Option<PathBuf>,
}

/// Keys that minions are told of before they are used.
#[derive(Debug, Clone)]
pub struct Staged(Arc<Held>);

impl Staged {
    /// What minions with a session are told, encoded.
    pub fn renewal(&self, now: u64) -> Vec<u8> {
        encode(&*self.0.proof(now))
    }
}

/// The keys of one moment.
#[derive(Debug)]
pub(super) struct Held {
    root: SigningKey,
    noise: NoiseKey,
    publication: Arc<SigningKey>,
    chain: Vec<Signed>,
    serial: u64,
    proof: RwLock<Arc<MasterProof>>,
}

impl MasterKeys {
    /// The keys in a master's `pki` directory; what is missing is made, closed to others. `now` in milliseconds since
    /// 1970.
    pub fn load_or_create(directory: &Path, now: u64) -> Result<Self, Diagnostic> {
        keyfile::directory(directory)?;
        let path = directory.join("master.pem");
        if !path.exists() && directory.join("master.pub").exists() {
            return Err(keyfile::about(&path, "the master's key is gone, but master.pub is here")
                .help("put the key back from a backup: minions have pinned it and refuse any other")
                .help("if there is none, remove master.pub too; then every minion must be told: saltminion --replace-root"));
        }
        let held = Held::load(directory, now)?;
        Ok(Self { held: RwLock::new(Arc::new(held)), directory: Some(directory.to_owned()) })
    }

    /// Puts a new root in the place of the old one, which signs for it; returns both, old first. Minions that have
    /// pinned the old root follow at their next session.
    pub fn replace_root(directory: &Path) -> Result<(PublicKey, PublicKey), Diagnostic> {
        let old = SigningKey::load_or_create(&directory.join("master.pem"))?;
        let new = SigningKey::load_or_create(&directory.join("master_next.pem"))?;
        let path = directory.join(SUCCESSIONS);
        let mut chain = chain_to(&old.public(), keyfile::statements(&path)?);
        chain.push(succeed(&old, new.public()));
        // First the word, then the key: a stop in between leaves the old root, which ignores a word for another.
        keyfile::keep_statements(&path, &chain[chain.len().saturating_sub(KEPT)..])?;
        keyfile::rename(&directory.join("master_next.pem"), &directory.join("master.pem"))?;
        keep_public(&new, &directory.join("master.pub"))?;
        Ok((old.public(), new.public()))
    }

    /// Puts new online keys in the place of the old ones. Minions that have seen the new ones refuse the old ones.
    pub fn replace_online(directory: &Path, now: u64) -> Result<(), Diagnostic> {
        let path = directory.join(SERIAL);
        let serial = serial(&path)?.map_or(now, |last| now.max(last + 1));
        // First the serial: keys of a stop in between have a higher one than they need.
        keyfile::replace(&path, &format!("{serial}\n"), keyfile::PUBLIC)?;
        NoiseKey::replace(&directory.join("master_noise.pem"))?;
        SigningKey::replace(&directory.join("publication.pem"))
    }

    /// What the directory holds now, beside what is in use; nothing for keys that live in memory only.
    pub fn staged(&self, now: u64) -> Result<Option<Staged>, Diagnostic> {
        let Some(directory) = &self.directory else { return Ok(None) };
        Ok(Some(Staged(Arc::new(Held::load(directory, now)?))))
    }

    /// Uses other keys from now on.
    pub fn install(&self, staged: Staged) {
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = staged.0;
    }

    /// Where they lie; `None` for keys that live in memory only.
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// Keys that live in memory only, for tests and simulations.
    pub fn generate() -> Self {
        let held = Held::of(SigningKey::generate(), NoiseKey::generate(), SigningKey::generate(), Vec::new(), 1);
        Self { held: RwLock::new(Arc::new(held)), directory: None }
    }

    /// The key that minions pin.
    pub fn root(&self) -> PublicKey {
        self.held().root.public()
    }

    /// The key that signs publications.
    pub fn publication(&self) -> PublicKey {
        self.held().publication.public()
    }

    /// What minions are told whose session began with keys that were replaced since, encoded.
    pub fn renewal(&self, now: u64) -> Vec<u8> {
        encode(&*self.proof(now))
    }

    pub(crate) fn publication_key(&self) -> Arc<SigningKey> {
        self.held().publication.clone()
    }

    /// The keys of this moment: what is signed and what is used belong together.
    pub(super) fn held(&self) -> Arc<Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn proof(&self, now: u64) -> Arc<MasterProof> {
        self.held().proof(now)
    }
}

impl Held {
    fn load(directory: &Path, now: u64) -> Result<Self, Diagnostic> {
        let root = SigningKey::load_or_create(&directory.join("master.pem"))?;
        keep_public(&root, &directory.join("master.pub"))?;
        let noise = NoiseKey::load_or_create(&directory.join("master_noise.pem"))?;
        let publication = SigningKey::load_or_create(&directory.join("publication.pem"))?;
        let path = directory.join(SERIAL);
        let serial = match serial(&path)? {
            Some(serial) => serial,
            None => {
                keyfile::replace(&path, &format!("{now}\n"), keyfile::PUBLIC)?;
                now
            }
        };
        let chain = chain_to(&root.public(), keyfile::statements(&directory.join(SUCCESSIONS))?);
        Ok(Self::of(root, noise, publication, chain, serial))
    }

    fn of(root: SigningKey, noise: NoiseKey, publication: SigningKey, chain: Vec<Signed>, serial: u64) -> Self {
        let proof = RwLock::new(Arc::new(MasterProof::empty(root.public())));
        Self { root, noise, publication: Arc::new(publication), chain, serial, proof }
    }

    pub(super) fn noise(&self) -> &NoiseKey {
        &self.noise
    }

    /// What a minion is shown: the root, and the root's word for the online keys. Signed anew when half of its time
    /// is over. `now` in milliseconds since 1970.
    pub(super) fn proof(&self, now: u64) -> Arc<MasterProof> {
        let current = self.proof.read().unwrap_or_else(PoisonError::into_inner).clone();
        if current.renew_at > now {
            return current;
        }
        let body = MasterCertificate::new(*self.noise.public(), self.publication.public(), self.serial, now + LIFETIME);
        let proof = Arc::new(MasterProof::sign(&self.root, &body, &self.chain, now + LIFETIME / 2));
        *self.proof.write().unwrap_or_else(PoisonError::into_inner) = proof.clone();
        proof
    }
}

/// The serial in a file; `None` when there is none.
fn serial(path: &Path) -> Result<Option<u64>, Diagnostic> {
    let Some(text) = keyfile::read_public(path)? else { return Ok(None) };
    let serial = text.trim().parse();
    serial.map(Some).map_err(|_| keyfile::about(path, "a number is expected").help("remove it, and a new one is made"))
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
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::crypto::trust::{Believed, Trust, TrustError};

    #[test]
    fn minions_follow_a_replaced_root_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let pki = dir.path().join("pki");
        let proof = || (*MasterKeys::load_or_create(&pki, 0).unwrap().proof(0)).clone();
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
        MasterKeys::load_or_create(dir.path(), 0).unwrap();
        std::fs::remove_file(dir.path().join("master.pem")).unwrap();
        let text = MasterKeys::load_or_create(dir.path(), 0).unwrap_err().to_string();
        assert!(text.contains("backup"), "{text}");
        assert!(!dir.path().join("master.pem").exists());
    }

    #[test]
    fn keys_stay_and_the_certificate_is_renewed_at_half_time() {
        let dir = tempfile::tempdir().unwrap();
        let keys = MasterKeys::load_or_create(dir.path(), 0).unwrap();
        assert_eq!(MasterKeys::load_or_create(dir.path(), 0).unwrap().root(), keys.root());
        let first = keys.proof(1000);
        assert!(Arc::ptr_eq(&first, &keys.proof(2000)));
        let second = keys.proof(1001 + LIFETIME / 2);
        assert!(!Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn replaced_online_keys_count_no_more_for_who_has_seen_the_new_ones() {
        let dir = tempfile::tempdir().unwrap();
        let pki = dir.path().join("pki");
        let keys = MasterKeys::load_or_create(&pki, 1000).unwrap();
        let (old, noise) = (keys.proof(1000), *keys.held().noise.public());
        let serial = |proof: &MasterProof| proof.renewed(2000).unwrap().serial;
        let trust = Trust::new(dir.path().join("minion_master.pub"), None);
        trust.remember(&old, trust.check(&old).unwrap()).unwrap();
        trust.accept_serial(serial(&old)).unwrap();
        // The clock went back meanwhile.
        MasterKeys::replace_online(&pki, 5).unwrap();
        keys.install(keys.staged(5).unwrap().unwrap());
        let new = keys.proof(5);
        assert_eq!((serial(&old), serial(&new)), (1000, 1001));
        assert!(keys.held().noise.public() != &noise && keys.root() == old.root);
        trust.accept_serial(serial(&new)).unwrap();
        assert!(matches!(trust.accept_serial(serial(&old)), Err(TrustError::Replaced { .. })));
        trust.accept_serial(serial(&new)).unwrap();
    }
}
