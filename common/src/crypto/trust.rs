//! Which master a minion believes: the root it has pinned, or the one whose fingerprint it was told.

use std::path::{Path, PathBuf};

use super::certificate::{CertificateError, MasterProof};
use super::fingerprint::Fingerprint;
use super::keyfile;
use super::keys::PublicKey;
use crate::diag::{Diagnostic, Kind, Place};

/// The file with the fingerprint of the root that is expected when none is pinned.
const EXPECTED: &str = "master_expected";
/// The file with the highest serial of online keys that was seen.
const SERIAL: &str = "master_serial";

/// What a minion knows of its master before it has met it.
#[derive(Debug, Clone)]
pub struct Trust {
    file: PathBuf,
    finger: Option<Fingerprint>,
}

/// Why a shown root is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Believed {
    /// It is the pinned one.
    Pinned,
    /// Nothing is pinned yet: this one will be.
    FirstContact,
    /// The pinned root, or one of its successors, signed for it: it will be pinned instead.
    Successor {
        /// What was pinned.
        from: PublicKey,
    },
}

/// Why a shown root is not believed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TrustError {
    /// Its statements do not hold.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// It is another root; says which one was expected and what to do.
    #[error("{0}")]
    Mismatch(Box<Diagnostic>),
    /// Its online keys were replaced; somebody may have the old ones.
    #[error(
        "the master shows keys of serial {shown}, which were replaced by those of serial {known}: it was restored from an old copy, or somebody uses stolen keys. If it was restored: keyctl --rotate online on the master"
    )]
    Replaced {
        /// The one it shows.
        shown: u64,
        /// The highest one seen.
        known: u64,
    },
    /// The pinned key can't be read or written.
    #[error("{0}")]
    File(Box<Diagnostic>),
}

impl Trust {
    /// Trust in what `file` (`minion_master.pub`) pins. Where `finger` (`master_finger`) is given, the root must
    /// have that fingerprint too.
    pub fn new(file: impl Into<PathBuf>, finger: Option<Fingerprint>) -> Self {
        Self { file: file.into(), finger }
    }

    /// The file that pins the root.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Decides on a root. Changes nothing: see [`Trust::remember`].
    pub fn check(&self, proof: &MasterProof) -> Result<Believed, TrustError> {
        let older = proof.predecessors()?;
        let known = |wanted: &dyn Fn(&PublicKey) -> bool| wanted(&proof.root) || older.iter().any(wanted);
        if let Some(finger) = self.finger
            && !known(&|key| key.fingerprint() == finger)
        {
            return Err(self.other_finger(proof, finger));
        }
        let pinned = PublicKey::load(&self.file).map_err(|error| TrustError::File(Box::new(error)))?;
        match pinned {
            None => match self.expected()? {
                Some(finger) if !known(&|key| key.fingerprint() == finger) => Err(self.other_finger(proof, finger)),
                _ => Ok(Believed::FirstContact),
            },
            Some(pinned) if pinned == proof.root => Ok(Believed::Pinned),
            Some(pinned) if known(&|key| *key == pinned) => Ok(Believed::Successor { from: pinned }),
            Some(pinned) => Err(self.other_root(proof, pinned)),
        }
    }

    /// Forgets the pinned root and expects the one with this fingerprint instead: for a minion that has slept through
    /// more successions than are kept, or whose master lost its root.
    pub fn replace(&self, finger: Fingerprint) -> Result<(), Diagnostic> {
        if let Some(parent) = self.file.parent() {
            keyfile::directory(parent)?;
        }
        // First what is expected: a stop in between leaves the old root pinned.
        keyfile::replace(&self.beside(EXPECTED), &format!("{finger}\n"), keyfile::PUBLIC)?;
        keyfile::remove(&self.file)?;
        keyfile::remove(&self.beside(SERIAL))
    }

    /// Refuses online keys that are known to be replaced, and remembers the newest. Only for a root that is believed.
    pub fn accept_serial(&self, shown: u64) -> Result<(), TrustError> {
        let file = |error| TrustError::File(Box::new(error));
        let path = self.beside(SERIAL);
        let known: u64 = match keyfile::read_public(&path).map_err(file)? {
            None => 0,
            Some(text) => text.trim().parse().map_err(|_| {
                file(keyfile::about(&path, "a number is expected").help("remove it, and the master's is taken"))
            })?,
        };
        if shown < known {
            return Err(TrustError::Replaced { shown, known });
        }
        if shown > known {
            keyfile::replace(&path, &format!("{shown}\n"), keyfile::PUBLIC).map_err(file)?;
        }
        Ok(())
    }

    /// The fingerprint that an operator of this machine has told.
    fn expected(&self) -> Result<Option<Fingerprint>, TrustError> {
        let path = self.beside(EXPECTED);
        let Some(text) = keyfile::read_public(&path).map_err(|error| TrustError::File(Box::new(error)))? else {
            return Ok(None);
        };
        let parsed = text.parse().map_err(|error| keyfile::about(&path, format!("{error}")));
        parsed.map(Some).map_err(|error| TrustError::File(Box::new(error)))
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.file.with_file_name(name)
    }

    /// Pins the root after the handshake is complete. Another process may have pinned one meanwhile: then that
    /// one counts.
    pub fn remember(&self, proof: &MasterProof, believed: Believed) -> Result<(), TrustError> {
        let file = |error| TrustError::File(Box::new(error));
        match believed {
            Believed::Pinned => Ok(()),
            Believed::FirstContact => {
                if let Some(parent) = self.file.parent() {
                    keyfile::directory(parent).map_err(file)?;
                }
                if proof.root.create(&self.file).map_err(file)? {
                    let finger = proof.root.fingerprint();
                    tracing::info!(%finger, file = %self.file.display(), "pinned the master's key at first contact");
                    return Ok(());
                }
                self.check(proof).map(|_| ())
            }
            Believed::Successor { from } => {
                proof.root.replace(&self.file).map_err(file)?;
                let (from, to) = (from.fingerprint(), proof.root.fingerprint());
                tracing::info!(%from, %to, file = %self.file.display(), "pinned the successor of the master's key");
                Ok(())
            }
        }
    }

    fn other_root(&self, proof: &MasterProof, pinned: PublicKey) -> TrustError {
        let message = format!(
            "the master shows the key {}, but the key {} is pinned",
            proof.root.fingerprint(),
            pinned.fingerprint()
        );
        let file = self.file.display();
        TrustError::Mismatch(Box::new(
            Diagnostic::new(Kind::Remote, message)
                .at(Place::new(file.to_string(), 0, 0))
                .help("nothing was sent to it: it may be another machine in the master's place")
                .help("on the master, 'keyctl -F' prints the fingerprint of its key as master.pub")
                .help(format!("if the master's key was replaced on purpose, compare its fingerprint and run 'saltminion --replace-root FINGERPRINT' on this machine ({file} holds the old one)")),
        ))
    }

    fn other_finger(&self, proof: &MasterProof, finger: Fingerprint) -> TrustError {
        let message =
            format!("the master shows the key {}, but master_finger expects {finger}", proof.root.fingerprint());
        TrustError::Mismatch(Box::new(
            Diagnostic::new(Kind::Remote, message)
                .help("nothing was sent to it: it may be another machine in the master's place")
                .help("on the master, 'keyctl -F' prints the fingerprint of its key as master.pub; correct master_finger if it is wrong"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::keys::MasterKeys;

    #[test]
    fn a_replaced_root_is_the_one_that_was_told_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let trust = Trust::new(dir.path().join("minion_master.pub"), None);
        let (old, new, third) = (MasterKeys::generate(), MasterKeys::generate(), MasterKeys::generate());
        let pin = |keys: &MasterKeys| {
            let proof = keys.proof(0);
            let believed = trust.check(&proof)?;
            trust.remember(&proof, believed)
        };
        pin(&old).unwrap();
        trust.accept_serial(9).unwrap();
        assert!(pin(&new).is_err());
        trust.replace(new.root().fingerprint()).unwrap();
        assert!(pin(&third).is_err() && pin(&old).is_err());
        pin(&new).unwrap();
        trust.accept_serial(1).unwrap();
    }
}
