//! The running master's view of the key files: which ids are accepted now, told to whoever watches.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use fleet_common::ids::MinionId;
use fleet_common::proto::api::{KeyChange, KeyList};
use fleet_common::proto::request::Enrolment;
use tokio::sync::watch;

use super::autosign::Autosign;
use super::directory::{Decision, Directory, Folder, Judgement, KeyError, Policy, Shown};

/// How often the folders are looked at for moves by hand.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often is told that too many keys wait.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// Directory times are this coarse at most: a change within it of the last look may not show.
const COARSE: Duration = Duration::from_millis(50);

/// What becomes of keys nobody decided on.
#[derive(Debug, Clone)]
pub struct KeyPolicy {
    /// Accept every new key (`auto_accept`).
    pub auto_accept: bool,
    /// Most keys that may wait: a flood of new ids fills no disk.
    pub most_pending: usize,
    /// Files that decide.
    pub autosign: Autosign,
}

/// What speaks for a key that is not known: claims of a peer that has proved nothing but to have the key.
#[derive(Debug, Clone, Default)]
pub struct Claim {
    /// A one-time token, and some grains.
    pub enrolment: Enrolment,
    /// The time, milliseconds since 1970.
    pub now: u64,
}

/// Identifies one state of a key file: another one means that the key was replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

/// The accepted ids.
pub type Accepted = BTreeMap<MinionId, Stamp>;

/// The keys as the running master sees them. The files stay the truth.
pub struct Keys {
    directory: Directory,
    policy: KeyPolicy,
    seen: Mutex<Seen>,
    accepted: watch::Sender<Arc<Accepted>>,
}

#[derive(Default)]
struct Seen {
    accepted_at: Option<SystemTime>,
    /// When the keys that wait were counted last, and the time of their folder then.
    counted: Option<(Instant, Option<SystemTime>)>,
    pending: usize,
    told_full: Option<Instant>,
}

impl Keys {
    /// Makes the directories and reads them; blocks.
    pub fn open(directory: Directory, policy: KeyPolicy) -> Result<Self, KeyError> {
        directory.create()?;
        let (accepted, _) = watch::channel(Arc::default());
        let keys = Self { directory, policy, seen: Mutex::default(), accepted };
        keys.refresh()?;
        Ok(keys)
    }

    /// The accepted ids as last seen.
    pub fn accepted(&self) -> Arc<Accepted> {
        self.accepted.borrow().clone()
    }

    /// Tells of every change of the accepted ids.
    pub fn watch(&self) -> watch::Receiver<Arc<Accepted>> {
        self.accepted.subscribe()
    }

    /// Judges a key its peer proved to have, by the files as they are now; writes down what is new. Blocks shortly.
    pub fn judge(&self, id: &MinionId, shown: &Shown, claim: &Claim) -> Result<Judgement, KeyError> {
        self.refresh()?;
        let mut judgement = self.directory.judge(id, shown, &Judge { keys: self, claim })?;
        if let Judgement::Full { tell } = &mut judgement {
            let mut seen = self.seen();
            *tell = seen.told_full.is_none_or(|told| told.elapsed() >= TELL_EVERY);
            if *tell {
                seen.told_full = Some(Instant::now());
            }
        }
        if judgement == Judgement::Accepted {
            // It may be new, or another than before.
            self.refresh()?;
        }
        Ok(judgement)
    }

    /// True when this is the accepted key of an id; blocks.
    pub fn accepts(&self, id: &MinionId, pem: &str) -> Result<bool, KeyError> {
        self.directory.accepts(id, pem)
    }

    /// Makes a one-time token; blocks.
    pub fn make_token(&self, pattern: &str, expires: u64, now: u64) -> Result<String, KeyError> {
        self.directory.make_token(pattern, expires, now)
    }

    /// Names in all folders; blocks.
    pub fn list(&self) -> Result<KeyList, KeyError> {
        self.directory.list()
    }

    /// How many keys are in a folder; blocks.
    pub fn count(&self, folder: Folder) -> Result<usize, KeyError> {
        Ok(self.directory.names(folder)?.len())
    }

    /// The text of a key file; blocks.
    pub fn read(&self, folder: Folder, name: &str) -> Result<Option<String>, KeyError> {
        self.directory.read(folder, name)
    }

    /// Moves or deletes keys; watchers know when this returns. Blocks.
    pub fn change(&self, change: &KeyChange) -> Result<Vec<(Folder, String)>, KeyError> {
        let changed = self.directory.change(change)?;
        self.seen().counted = None;
        self.refresh()?;
        Ok(changed)
    }

    /// Looks at the folders for as long as it is polled.
    pub async fn look(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let keys = self.clone();
            let looked = tokio::task::spawn_blocking(move || keys.refresh().and_then(|()| keys.recount())).await;
            if let Ok(Err(error)) = looked {
                tracing::warn!(%error, "the keys could not be read");
            }
        }
    }

    /// True while another key may wait. Whoever asks holds the directory's lock, so that no two take the last place.
    fn has_room(&self) -> Result<bool, KeyError> {
        if !self.knows_waiting() {
            self.count_waiting()?;
        }
        let mut seen = self.seen();
        let room = seen.pending < self.policy.most_pending;
        // In a flood nothing is counted anew for each.
        seen.pending += usize::from(room);
        Ok(room)
    }

    /// About how many keys wait.
    pub fn waiting(&self) -> usize {
        self.seen().pending
    }

    /// False when the number of keys that wait may have changed; that is asked of the folder once in [`LOOK_EVERY`].
    fn knows_waiting(&self) -> bool {
        let last = self.seen().counted;
        last.is_some_and(|(counted, at)| {
            let pending_at = self.time_of(Folder::Pending);
            counted.elapsed() < LOOK_EVERY || (at == pending_at && !pending_at.is_none_or(is_fresh))
        })
    }

    /// Counts the keys that wait; the directory's lock is held.
    fn count_waiting(&self) -> Result<(), KeyError> {
        let pending_at = self.time_of(Folder::Pending);
        let pending = self.strangers()?;
        let mut seen = self.seen();
        seen.pending = pending;
        seen.counted = Some((Instant::now(), pending_at));
        Ok(())
    }

    fn recount(&self) -> Result<(), KeyError> {
        if self.knows_waiting() {
            return Ok(());
        }
        // Whoever holds the lock may hold it for long: the next look will do.
        match self.directory.try_lock()? {
            Some(_lock) => self.count_waiting(),
            None => Ok(()),
        }
    }

    /// How many keys wait or were rejected without an operator: both are made by strangers.
    fn strangers(&self) -> Result<usize, KeyError> {
        let rejected =
            if self.policy.autosign.reject.is_some() { self.directory.names(Folder::Rejected)?.len() } else { 0 };
        Ok(self.directory.names(Folder::Pending)?.len() + rejected)
    }

    /// Reads the accepted keys again if the time of their folder changed.
    fn refresh(&self) -> Result<(), KeyError> {
        let mut seen = self.seen();
        let accepted_at = self.time_of(Folder::Accepted);
        if accepted_at != seen.accepted_at || accepted_at.is_none_or(is_fresh) {
            let now = self.stamps()?;
            seen.accepted_at = accepted_at;
            self.accepted.send_if_modified(|before| {
                let changed = **before != now;
                if changed {
                    *before = Arc::new(now);
                }
                changed
            });
        }
        Ok(())
    }

    fn stamps(&self) -> Result<Accepted, KeyError> {
        let folder = self.directory.folder(Folder::Accepted);
        let names = self.directory.names(Folder::Accepted)?;
        let stamped = names.into_iter().filter_map(|name| {
            let id: MinionId = name.parse().ok()?;
            let meta = std::fs::symlink_metadata(folder.join(id.as_str())).ok()?;
            let changed = (meta.mtime(), meta.mtime_nsec());
            Some((id, Stamp { inode: meta.ino(), size: meta.len(), changed }))
        });
        Ok(stamped.collect())
    }

    fn time_of(&self, folder: Folder) -> Option<SystemTime> {
        std::fs::metadata(self.directory.folder(folder)).and_then(|meta| meta.modified()).ok()
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The policy for one key.
struct Judge<'a> {
    keys: &'a Keys,
    claim: &'a Claim,
}

impl Policy for Judge<'_> {
    fn decides(&self) -> bool {
        let policy = &self.keys.policy;
        policy.auto_accept || self.claim.enrolment.token.is_some() || policy.autosign.is_configured()
    }

    fn decide(&self, id: &MinionId) -> Result<Decision, KeyError> {
        let (policy, enrolment) = (&self.keys.policy, &self.claim.enrolment);
        if policy.autosign.rejects(id) {
            tracing::info!(minion = %id, by = "autoreject_file", "a new key was rejected");
            return Ok(Decision::Reject);
        }
        let by = match &enrolment.token {
            _ if policy.auto_accept => Some("auto_accept"),
            Some(token) if self.keys.directory.redeem(token, id, self.claim.now)? => Some("a one-time token"),
            _ => policy.autosign.accepts(id, &enrolment.grains),
        };
        let Some(by) = by else { return Ok(Decision::Wait) };
        tracing::info!(minion = %id, by, "a new key was accepted");
        Ok(Decision::Accept)
    }

    fn has_room(&self) -> Result<bool, KeyError> {
        self.keys.has_room()
    }

    fn may_have_room(&self) -> bool {
        self.keys.waiting() < self.keys.policy.most_pending
    }
}

fn is_fresh(time: SystemTime) -> bool {
    time.elapsed().is_ok_and(|age| age < COARSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(pem: &str) -> Shown {
        Shown { pem: pem.to_owned(), predecessors: Vec::new() }
    }

    fn scene(policy: KeyPolicy) -> (tempfile::TempDir, Keys) {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keys::open(Directory::new(dir.path()), policy).unwrap();
        (dir, keys)
    }

    #[test]
    fn moves_by_hand_are_seen_and_replaced_keys_too() {
        let (dir, keys) = scene(KeyPolicy { auto_accept: false, most_pending: 10, autosign: Autosign::default() });
        let id: MinionId = "web1".parse().unwrap();
        let watched = keys.watch();
        keys.judge(&id, &key("A"), &Claim::default()).unwrap();
        assert!(!keys.accepted().contains_key(&id));
        std::fs::rename(dir.path().join("minions_pre/web1"), dir.path().join("minions/web1")).unwrap();
        assert_eq!(keys.judge(&id, &key("A"), &Claim::default()).unwrap(), Judgement::Accepted);
        assert!(watched.has_changed().unwrap());
        let before = keys.accepted()[&id];
        std::fs::write(dir.path().join("minions/.other"), "B").unwrap();
        std::fs::rename(dir.path().join("minions/.other"), dir.path().join("minions/web1")).unwrap();
        keys.refresh().unwrap();
        assert_ne!(keys.accepted()[&id], before);
    }

    #[test]
    fn a_flood_of_new_ids_is_bounded() {
        let (_dir, keys) = scene(KeyPolicy { auto_accept: false, most_pending: 3, autosign: Autosign::default() });
        let judgements: Vec<_> = (0..5)
            .map(|n| keys.judge(&format!("m{n}").parse().unwrap(), &key("A"), &Claim::default()).unwrap())
            .collect();
        assert_eq!(judgements[2], Judgement::Pending { new: true });
        assert_eq!(judgements[3..], [Judgement::Full { tell: true }, Judgement::Full { tell: false }]);
        assert_eq!(keys.list().unwrap().minions_pre.len(), 3);
    }

    #[test]
    fn a_token_lets_a_waiting_key_in_and_a_rejected_id_stays_out() {
        let reject = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(reject.path(), "bad*\n").unwrap();
        let autosign = Autosign { reject: Some(reject.path().to_owned()), ..Autosign::default() };
        let (_dir, keys) = scene(KeyPolicy { auto_accept: false, most_pending: 10, autosign });
        let [web, bad]: [MinionId; 2] = ["web1".parse().unwrap(), "bad1".parse().unwrap()];
        let claim =
            |token: String| Claim { enrolment: Enrolment { token: Some(token), grains: Default::default() }, now: 0 };
        let token = keys.make_token("*", 1000, 0).unwrap();
        assert_eq!(keys.judge(&web, &key("A"), &claim("wrong".into())).unwrap(), Judgement::Pending { new: true });
        assert_eq!(keys.judge(&bad, &key("A"), &claim(token.clone())).unwrap(), Judgement::Rejected);
        assert_eq!(keys.judge(&web, &key("A"), &claim(token.clone())).unwrap(), Judgement::Accepted);
        assert!(keys.accepted().contains_key(&web));
        let other = keys.judge(&"web2".parse().unwrap(), &key("B"), &claim(token)).unwrap();
        assert_eq!(other, Judgement::Pending { new: true }, "it was used up");
    }
}
