//! Which master a minion believes: the root it has pinned, or the one whose fingerprint it was told.

use std::path::{Path, PathBuf};

use super::certificate::{CertificateError, MasterProof};
use super::fingerprint::Fingerprint;
use super::keyfile;
use super::keys::PublicKey;
use crate::diag::{Diagnostic, Kind, Place};

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
            None => Ok(Believed::FirstContact),
            Some(pinned) if pinned == proof.root => Ok(Believed::Pinned),
            Some(pinned) if known(&|key| *key == pinned) => Ok(Believed::Successor { from: pinned }),
            Some(pinned) => Err(self.other_root(proof, pinned)),
        }
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
                .help(format!("if the master's key was replaced on purpose, remove {file} and start again")),
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
