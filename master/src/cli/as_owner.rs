//! Work of root on the files of another account, with that account's rights: what it makes belongs to that account, and
//! a link that the account put there leads nowhere that it may not go itself.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use fleet_common::diag::Diagnostic;
use rustix::process::{Gid, Uid, geteuid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

/// Does the work as the account to which the directory belongs; as who asks when that is not root, or there is no such
/// directory.
pub fn as_owner<T: Send>(directory: &Path, work: impl FnOnce() -> T + Send) -> Result<T, Diagnostic> {
    let owner = match directory.metadata() {
        Ok(facts) if geteuid().is_root() && facts.uid() != 0 => (facts.uid(), facts.gid()),
        _ => return Ok(work()),
    };
    let failed = |error: &dyn std::fmt::Display| {
        Diagnostic::user(format!("{}: work as its owner, uid {}: {error}", directory.display(), owner.0))
    };
    // Credentials belong to threads in Linux: this one never has others again, and ends with the work.
    let thread = std::thread::scope(|scope| {
        let taken = scope.spawn(|| become_account(owner.0, owner.1).map(|()| work()));
        taken.join()
    });
    match thread {
        Ok(done) => done.map_err(|error| failed(&error)),
        Err(_) => Err(failed(&"the thread failed")),
    }
}

fn become_account(uid: u32, gid: u32) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    set_thread_groups(&[gid])?;
    set_thread_res_gid(gid, gid, gid)?;
    Ok(set_thread_res_uid(uid, uid, uid)?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_root_makes_belongs_to_the_owner_who_gains_nothing_by_it() {
        if !geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let closed = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(dir.path(), Some(65534), Some(65534)).unwrap();
        let write = |path: std::path::PathBuf| as_owner(dir.path(), || fs::write(path, "x").map_err(|e| e.kind()));
        write(dir.path().join("new")).unwrap().unwrap();
        let facts = fs::metadata(dir.path().join("new")).unwrap();
        assert_eq!((facts.uid(), facts.gid()), (65534, 65534));
        std::os::unix::fs::symlink(closed.path().join("x"), dir.path().join("link")).unwrap();
        let refused = write(dir.path().join("link")).unwrap();
        assert_eq!(refused, Err(io::ErrorKind::PermissionDenied));
        fs::write(closed.path().join("mine"), "root again").unwrap();
        assert!(geteuid().is_root());
    }
}
