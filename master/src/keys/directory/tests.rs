//! The key files: moved, judged, and never others.

use super::*;

fn scene() -> (tempfile::TempDir, Directory, MinionId) {
    let dir = tempfile::tempdir().unwrap();
    let keys = Directory::new(dir.path().join("pki"));
    keys.create().unwrap();
    (dir, keys, "web1".parse().unwrap())
}

/// Always decides the same, and has room or not.
struct Always(Decision, bool);

impl Policy for Always {
    fn decides(&self) -> bool {
        self.0 != Decision::Wait
    }
    fn decide(&self, _: &MinionId) -> Result<Decision, KeyError> {
        Ok(self.0)
    }
    fn has_room(&self) -> Result<bool, KeyError> {
        Ok(self.1)
    }
    fn may_have_room(&self) -> bool {
        true
    }
}

const WAIT: Always = Always(Decision::Wait, true);

fn key(pem: &str) -> Shown {
    Shown { pem: pem.to_owned(), predecessors: Vec::new() }
}

fn change(action: KeyAction, folder: Folder, name: &str) -> KeyChange {
    KeyChange { action, keys: vec![(folder.name().to_owned(), name.to_owned())] }
}

#[test]
fn a_key_waits_until_it_is_accepted() {
    let (_dir, keys, id) = scene();
    assert_eq!(keys.judge(&id, &key("A\n"), &Always(Decision::Wait, false)).unwrap(), Judgement::Full { tell: true });
    assert_eq!(keys.judge(&id, &key("A\n"), &WAIT).unwrap(), Judgement::Pending { new: true });
    assert_eq!(keys.judge(&id, &key("A\n"), &WAIT).unwrap(), Judgement::Pending { new: false });
    let longest: MinionId = "x".repeat(255).parse().unwrap();
    assert_eq!(keys.judge(&longest, &key("B"), &WAIT).unwrap(), Judgement::Pending { new: true });
    keys.change(&change(KeyAction::Accept, Folder::Pending, "web1")).unwrap();
    assert_eq!(keys.judge(&id, &key("A"), &WAIT).unwrap(), Judgement::Accepted);
    keys.change(&change(KeyAction::Reject, Folder::Accepted, "web1")).unwrap();
    assert_eq!(keys.judge(&id, &key("A"), &Always(Decision::Accept, true)).unwrap(), Judgement::Rejected);
}

#[test]
fn a_second_key_is_denied_and_changes_nothing_else() {
    let (_dir, keys, id) = scene();
    for folder in [Folder::Accepted, Folder::Pending, Folder::Rejected] {
        fs::write(keys.folder(folder).join("web1"), "A").unwrap();
        assert_eq!(
            keys.judge(&id, &key("B"), &Always(Decision::Accept, true)).unwrap(),
            Judgement::Denied { new: true }
        );
        assert_eq!(
            keys.judge(&id, &key("B"), &Always(Decision::Accept, true)).unwrap(),
            Judgement::Denied { new: false }
        );
        assert_eq!(keys.read(folder, "web1").unwrap().unwrap(), "A");
        assert_eq!(keys.read(Folder::Denied, "web1").unwrap().unwrap(), "B");
        keys.change(&change(KeyAction::Delete, folder, "web1")).unwrap();
        keys.change(&change(KeyAction::Delete, Folder::Denied, "web1")).unwrap();
    }
}

#[test]
fn a_key_that_the_known_one_signed_for_takes_its_place_and_stands_where_it_stood() {
    let (_dir, keys, id) = scene();
    let shown = |pem: &str, older: &[&str]| Shown {
        pem: pem.to_owned(),
        predecessors: older.iter().map(|&pem| pem.to_owned()).collect(),
    };
    let judge = |shown: &Shown| keys.judge(&id, shown, &WAIT).unwrap();
    judge(&key("A"));
    assert_eq!(judge(&shown("B", &["A"])), Judgement::Pending { new: true });
    keys.change(&change(KeyAction::Accept, Folder::Pending, "web1")).unwrap();
    assert_eq!(judge(&shown("D", &["C", "B"])), Judgement::Accepted);
    assert!(keys.accepts(&id, "D").unwrap() && !keys.accepts(&id, "B").unwrap());
    // Who has the old key signs for nobody any more.
    assert_eq!(judge(&shown("E", &["B", "A"])), Judgement::Denied { new: true });
    assert_eq!(judge(&key("B")), Judgement::Denied { new: false });
    keys.change(&change(KeyAction::Reject, Folder::Accepted, "web1")).unwrap();
    assert_eq!(judge(&shown("F", &["D"])), Judgement::Rejected);
    assert_eq!(keys.read(Folder::Rejected, "web1").unwrap().unwrap(), "D");
}

#[test]
fn a_decision_counts_for_keys_that_wait_already_and_for_no_others() {
    let (_dir, keys, id) = scene();
    let judge = |pem: &str, decision| keys.judge(&id, &key(pem), &Always(decision, true)).unwrap();
    judge("A", Decision::Wait);
    assert_eq!(judge("B", Decision::Accept), Judgement::Denied { new: true });
    assert_eq!(judge("A", Decision::Accept), Judgement::Accepted);
    assert_eq!(judge("A", Decision::Reject), Judgement::Accepted, "an accepted key stays");
    assert!(keys.names(Folder::Pending).unwrap().is_empty());
    let other: MinionId = "web2".parse().unwrap();
    let reject = |room| keys.judge(&other, &key("C"), &Always(Decision::Reject, room)).unwrap();
    assert_eq!(reject(false), Judgement::Full { tell: true });
    assert_eq!(reject(true), Judgement::Rejected);
    assert_eq!(keys.judge(&other, &key("C"), &Always(Decision::Accept, true)).unwrap(), Judgement::Rejected);
}

#[test]
fn names_never_leave_their_folder() {
    let (_dir, keys, _) = scene();
    for name in ["../minions/x", "..", "", "a/b", "a\0b"] {
        assert!(matches!(keys.change(&change(KeyAction::Delete, Folder::Accepted, name)), Err(KeyError::Name(_))));
        assert!(matches!(keys.read(Folder::Accepted, name), Err(KeyError::Name(_))));
    }
    assert!(matches!(Folder::parse("../etc"), Err(KeyError::Folder(_))));
}

/// Somebody swaps keys for links and pipes as fast as he can: nothing elsewhere is read, moved or written.
#[test]
fn what_is_no_regular_file_is_no_key_whenever_it_became_so() {
    let (dir, keys, id) = scene();
    fs::write(dir.path().join("secret"), "SECRET").unwrap();
    let pending = keys.folder(Folder::Pending);
    let at = |name: &str| pending.join(name);
    fs::write(at("web1"), "A").unwrap();
    std::os::unix::fs::symlink(dir.path().join("secret"), at("link")).unwrap();
    rustix::fs::mknodat(CWD, at("fifo"), rustix::fs::FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    assert_eq!(keys.names(Folder::Pending).unwrap(), ["web1"]);
    for name in ["link", "fifo"] {
        assert_eq!(keys.read(Folder::Pending, name).unwrap(), None, "{name}");
    }
    let stop = std::sync::atomic::AtomicBool::new(false);
    let flags = rustix::fs::RenameFlags::EXCHANGE;
    std::thread::scope(|scope| {
        let swapper = scope.spawn(|| {
            let mut swaps = 0_u64;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                // The key may have been moved away just now.
                let _ = rustix::fs::renameat_with(CWD, at("web1"), CWD, at("link"), flags);
                swaps += 1;
            }
            swaps
        });
        for _ in 0..3000 {
            let read = keys.read(Folder::Pending, "web1").unwrap();
            assert!(read.is_none() || read.as_deref() == Some("A"), "{read:?}");
            let judged = keys.judge(&id, &key("A"), &WAIT).unwrap();
            assert!(matches!(judged, Judgement::Pending { .. }), "{judged:?}");
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(swapper.join().unwrap() > 100);
    });
    assert_eq!(fs::read_to_string(dir.path().join("secret")).unwrap(), "SECRET");
}
