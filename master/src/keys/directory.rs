//! The key files on disk, and the one lock that all who change them take.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use fleet_common::ids::MinionId;
use fleet_common::proto::api::{KeyAction, KeyChange, KeyList};
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, flock, openat, renameat, unlinkat};
use rustix::io::Errno;

use super::prepared::Prepared;

/// Longest key file that is read.
const LONGEST: u64 = 64 * 1024;
/// Of a folder that is held open.
const PLACE: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Of a key: no link is followed, no pipe is waited for.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);
const NEW: OFlags = OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::CLOEXEC);

/// Why keys could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file or directory could not be used.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The name can't be that of a key file.
    #[error("{0:?} is not the name of a key")]
    Name(String),
    /// The text can't be a pattern of ids.
    #[error("{0:?} is no pattern of ids")]
    Pattern(String),
    /// Too many tokens wait to be used.
    #[error("{0} one-time tokens wait to be used already")]
    Tokens(usize),
    /// There is no such folder of keys.
    #[error("{0:?} is not a folder of keys")]
    Folder(String),
}

/// Where a key file lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Folder {
    /// May do what minions do.
    Accepted,
    /// Waits for an operator.
    Pending,
    /// An operator said no.
    Rejected,
    /// Another key was known under its id.
    Denied,
}

impl Folder {
    /// All, in the order of the reference's structured output.
    pub const ALL: [Self; 4] = [Self::Accepted, Self::Pending, Self::Rejected, Self::Denied];

    /// The directory's name below the PKI directory, which is the name in structured output too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "minions",
            Self::Pending => "minions_pre",
            Self::Rejected => "minions_rejected",
            Self::Denied => "minions_denied",
        }
    }

    /// The folder with that directory name.
    pub fn parse(name: &str) -> Result<Self, KeyError> {
        Self::ALL.into_iter().find(|folder| folder.name() == name).ok_or_else(|| KeyError::Folder(name.to_owned()))
    }
}

/// What a peer shows of the key it proved to have.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// The key.
    pub pem: String,
    /// Keys that have signed for it, one after the other.
    pub predecessors: Vec<String>,
}

impl Shown {
    fn is(&self, known: &str) -> bool {
        same_key(known, &self.pem)
    }

    fn follows(&self, known: &str) -> bool {
        self.predecessors.iter().any(|older| same_key(known, older))
    }
}

/// How the master sees a key that a peer proved to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Accepted.
    Accepted,
    /// Waits; `new` when it was written down just now.
    Pending {
        /// Seen for the first time.
        new: bool,
    },
    /// No more pending keys are taken; `tell` when nobody was told so for a while.
    Full {
        /// Worth a word in the log, which strangers must not fill.
        tell: bool,
    },
    /// Rejected by an operator.
    Rejected,
    /// The id belongs to another key; `new` when it was written down just now.
    Denied {
        /// Seen for the first time.
        new: bool,
    },
}

/// What becomes of a key that no operator has decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is accepted.
    Accept,
    /// It is rejected.
    Reject,
    /// An operator decides.
    Wait,
}

/// Decides on keys that no operator has decided on; asked under the directory's lock.
pub trait Policy {
    /// False when it lets every key wait: then nothing is locked for one that waits already.
    fn decides(&self) -> bool;
    /// What becomes of a key of this id.
    fn decide(&self, id: &MinionId) -> Result<Decision, KeyError>;
    /// True while another key may wait.
    fn has_room(&self) -> Result<bool, KeyError>;
    /// False when there is certainly no room; asked without the lock.
    fn may_have_room(&self) -> bool;
}

/// The PKI directory of a master (`pki/master`).
#[derive(Debug, Clone)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// The directory at `root`; nothing is touched yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where everything lies.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Makes the directories that are missing, closed to others.
    pub fn create(&self) -> Result<(), KeyError> {
        for folder in Folder::ALL {
            let path = self.folder(folder);
            DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(io(&path))?;
        }
        Ok(())
    }

    /// The path of a folder.
    pub fn folder(&self, folder: Folder) -> PathBuf {
        self.root.join(folder.name())
    }

    /// Names in a folder, sorted; hidden files, links and directories are none. A missing folder is empty.
    pub fn names(&self, folder: Folder) -> Result<Vec<String>, KeyError> {
        let path = self.folder(folder);
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(io(&path))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(io(&path))?;
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            if let Ok(name) = entry.file_name().into_string()
                && !name.starts_with('.')
                && is_file
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Names in all folders.
    pub fn list(&self) -> Result<KeyList, KeyError> {
        Ok(KeyList {
            minions: self.names(Folder::Accepted)?,
            minions_pre: self.names(Folder::Pending)?,
            minions_rejected: self.names(Folder::Rejected)?,
            minions_denied: self.names(Folder::Denied)?,
        })
    }

    /// The text of a key file; `None` when there is none. What is no regular file is none: nothing here leads elsewhere
    /// or keeps its reader waiting.
    pub fn read(&self, folder: Folder, name: &str) -> Result<Option<String>, KeyError> {
        let name = plain(name)?;
        let path = || self.folder(folder).join(name);
        let Some(place) = self.open(folder)? else { return Ok(None) };
        let file = match openat(&place, name, READ, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO | Errno::NOTDIR) => return Ok(None),
            Err(error) => return Err(io(&path())(error.into())),
        };
        let meta = file.metadata().map_err(io(&path()))?;
        if !meta.is_file() {
            return Ok(None);
        }
        if meta.len() > LONGEST {
            let source = std::io::Error::new(std::io::ErrorKind::InvalidData, "too long for a key");
            return Err(KeyError::Io { path: path(), source });
        }
        let mut bytes = Vec::new();
        file.take(LONGEST).read_to_end(&mut bytes).map_err(io(&path()))?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Moves or deletes the named keys under the lock; keys that are gone are passed over. Returns those changed.
    pub fn change(&self, change: &KeyChange) -> Result<Vec<(Folder, String)>, KeyError> {
        self.create()?;
        let _lock = self.lock()?;
        let mut changed = Vec::new();
        for (folder, name) in &change.keys {
            let folder = Folder::parse(folder)?;
            let Some(place) = self.open(folder)? else { continue };
            let done = match change.action {
                KeyAction::Delete => unlinkat(&place, plain(name)?, AtFlags::empty()),
                KeyAction::Accept => self.put(&place, plain(name)?, Folder::Accepted)?,
                KeyAction::Reject => self.put(&place, plain(name)?, Folder::Rejected)?,
            };
            match done {
                Ok(()) => changed.push((folder, name.clone())),
                Err(Errno::NOENT) => {}
                Err(error) => return Err(io(&self.folder(folder).join(name))(error.into())),
            }
        }
        for folder in Folder::ALL {
            sync_directory(&self.folder(folder))?;
        }
        Ok(changed)
    }

    /// Sees what is known of a key, and writes down what is new: in the place of the known one that has signed for it,
    /// as the policy decides, as denied when the id belongs to another key. Nothing else ever changes.
    pub fn judge(&self, id: &MinionId, shown: &Shown, policy: &dyn Policy) -> Result<Judgement, KeyError> {
        if let Some(judgement) = self.known(id, shown, policy)? {
            return Ok(judgement);
        }
        // A disk takes long, and many at once: not under the lock.
        let prepared = if policy.may_have_room() { Prepared::write(&self.root, &shown.pem) } else { None };
        let _lock = self.lock()?;
        // Another connection or an operator may have been faster.
        if let Some(judgement) = self.known(id, shown, policy)? {
            return Ok(judgement);
        }
        match self.owner(id)? {
            Some((folder, older)) if shown.follows(&older) => {
                self.write(folder, id, &shown.pem)?;
                tracing::info!(minion = %id, folder = folder.name(), "a key was replaced by the one it signed for");
                let is_accepted = folder == Folder::Accepted;
                Ok(if is_accepted { Judgement::Accepted } else { Judgement::Pending { new: true } })
            }
            Some((Folder::Pending, waiting)) if shown.is(&waiting) => {
                let (folder, judgement) = match policy.decide(id)? {
                    Decision::Accept => (Folder::Accepted, Judgement::Accepted),
                    Decision::Reject => (Folder::Rejected, Judgement::Rejected),
                    Decision::Wait => return Ok(Judgement::Pending { new: false }),
                };
                let path = self.folder(Folder::Pending);
                let moved = match self.open(Folder::Pending)? {
                    Some(place) => self.put(&place, plain(id.as_str())?, folder)?,
                    None => Err(Errno::NOENT),
                };
                moved.map_err(|error| io(&path)(error.into()))?;
                Ok(judgement)
            }
            Some(_) => {
                let new = self.read(Folder::Denied, id.as_str())?.is_none();
                if new {
                    self.write(Folder::Denied, id, &shown.pem)?;
                }
                Ok(Judgement::Denied { new })
            }
            None => {
                let (folder, judgement) = match policy.decide(id)? {
                    Decision::Accept => (Folder::Accepted, Judgement::Accepted),
                    Decision::Wait if policy.has_room()? => (Folder::Pending, Judgement::Pending { new: true }),
                    Decision::Reject if policy.has_room()? => (Folder::Rejected, Judgement::Rejected),
                    Decision::Wait | Decision::Reject => return Ok(Judgement::Full { tell: true }),
                };
                if !self.name(prepared, folder, id)? {
                    self.write(folder, id, &shown.pem)?;
                }
                Ok(judgement)
            }
        }
    }

    /// Puts a prepared key into a folder; false when that can't be.
    fn name(&self, prepared: Option<Prepared>, folder: Folder, id: &MinionId) -> Result<bool, KeyError> {
        let name = plain(id.as_str())?;
        let Some((prepared, place)) = prepared.zip(self.open(folder)?) else { return Ok(false) };
        Ok(prepared.name(&place, name).is_ok())
    }

    /// The judgement when nothing needs to be written.
    fn known(&self, id: &MinionId, shown: &Shown, policy: &dyn Policy) -> Result<Option<Judgement>, KeyError> {
        let judgement = match self.owner(id)? {
            Some((Folder::Rejected, known)) if shown.is(&known) || shown.follows(&known) => Judgement::Rejected,
            Some((folder, known)) if shown.is(&known) => match folder {
                Folder::Accepted => Judgement::Accepted,
                _ if policy.decides() => return Ok(None),
                _ => Judgement::Pending { new: false },
            },
            Some((_, known)) if shown.follows(&known) => return Ok(None),
            Some(_) => match self.read(Folder::Denied, id.as_str())? {
                Some(_) => Judgement::Denied { new: false },
                None => return Ok(None),
            },
            None => match self.read(Folder::Denied, id.as_str())? {
                Some(denied) if shown.is(&denied) => Judgement::Denied { new: false },
                _ => return Ok(None),
            },
        };
        Ok(Some(judgement))
    }

    /// True when this is the accepted key of an id.
    pub fn accepts(&self, id: &MinionId, pem: &str) -> Result<bool, KeyError> {
        Ok(self.read(Folder::Accepted, id.as_str())?.is_some_and(|known| same_key(&known, pem)))
    }

    /// The key an id belongs to.
    fn owner(&self, id: &MinionId) -> Result<Option<(Folder, String)>, KeyError> {
        for folder in [Folder::Accepted, Folder::Rejected, Folder::Pending] {
            if let Some(text) = self.read(folder, id.as_str())? {
                return Ok(Some((folder, text)));
            }
        }
        Ok(None)
    }

    fn write(&self, folder: Folder, id: &MinionId, pem: &str) -> Result<(), KeyError> {
        let (path, name) = (self.folder(folder), plain(id.as_str())?);
        let failed = |error: Errno| io(&path)(error.into());
        let place = openat(CWD, &path, PLACE, Mode::empty()).map_err(failed)?;
        // Not after the id, which may be as long as a file name.
        let temporary = ".new";
        // A crash may have left one; the lock is held, so nobody writes it now.
        let _ = unlinkat(&place, temporary, AtFlags::empty());
        let mut file = File::from(openat(&place, temporary, NEW, Mode::from_raw_mode(0o644)).map_err(failed)?);
        file.write_all(pem.as_bytes()).and_then(|()| file.sync_data()).map_err(io(&path))?;
        renameat(&place, temporary, &place, name).map_err(failed)
    }

    /// A folder, held open; `None` when it is not there.
    fn open(&self, folder: Folder) -> Result<Option<OwnedFd>, KeyError> {
        let path = self.folder(folder);
        match openat(CWD, &path, PLACE, Mode::empty()) {
            Ok(place) => Ok(Some(place)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(io(&path)(error.into())),
        }
    }

    /// Moves a key into a folder.
    fn put(&self, from: &OwnedFd, name: &str, to: Folder) -> Result<Result<(), Errno>, KeyError> {
        let Some(to) = self.open(to)? else { return Ok(Err(Errno::NOENT)) };
        Ok(renameat(from, name, &to, name))
    }

    /// Waits for the lock; it is free again when the file is dropped.
    pub(super) fn lock(&self) -> Result<File, KeyError> {
        let (path, file) = self.lock_file()?;
        flock(&file, FlockOperation::LockExclusive).map_err(|error| io(&path)(error.into()))?;
        Ok(file)
    }

    /// The lock, if it is free now.
    pub(super) fn try_lock(&self) -> Result<Option<File>, KeyError> {
        let (path, file) = self.lock_file()?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(io(&path)(error.into())),
        }
    }

    fn lock_file(&self) -> Result<(PathBuf, File), KeyError> {
        let path = self.root.join(".keys.lock");
        let mut how = OpenOptions::new();
        how.write(true).create(true).truncate(false).mode(0o600).custom_flags(OFlags::NOFOLLOW.bits() as i32);
        let file = how.open(&path).map_err(io(&path))?;
        Ok((path, file))
    }
}

/// The name, when it can be that of a file in a folder and of nothing else.
fn plain(name: &str) -> Result<&str, KeyError> {
    let plain = !name.is_empty() && name.len() <= 255 && !name.starts_with('.') && !name.contains(['/', '\0']);
    if plain { Ok(name) } else { Err(KeyError::Name(name.chars().take(64).collect())) }
}

/// Two key files hold the same key when they differ in white space at most.
fn same_key(a: &str, b: &str) -> bool {
    a.split_whitespace().eq(b.split_whitespace())
}

fn sync_directory(path: &Path) -> Result<(), KeyError> {
    File::open(path).and_then(|dir| dir.sync_data()).map_err(io(path))
}

pub(super) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> KeyError + '_ {
    move |source| KeyError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
