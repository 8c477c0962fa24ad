//! Programs run as another account of the machine.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use super::{Finished, Fleet, program, skip};

/// An account without rights that every machine has.
const NOBODY: &str = "65534";

/// Runs a program as that account.
pub fn as_nobody(program: &Path, args: &[&str]) -> Finished {
    Finished::of(nobodys(program).args(args).env("NO_COLOR", "1"))
}

/// A program that becomes that account's, with the same process id.
pub(super) fn nobodys(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]).arg(program);
    command
}

/// Makes the calling thread, and no other, that account's: what it connects to is told so.
pub fn become_nobody() {
    let number = NOBODY.parse().expect("a number");
    let (user, group) = (Uid::from_raw(number), Gid::from_raw(number));
    let done = set_thread_groups(&[])
        .and_then(|()| set_thread_res_gid(group, group, group))
        .and_then(|()| set_thread_res_uid(user, user, user));
    done.expect("root may become anybody");
}

/// Gives a directory and all in it to that account.
pub fn give_to_nobody(dir: &Path) {
    let done = Command::new("chown").args(["-R", &format!("{NOBODY}:{NOBODY}")]).arg(dir).status();
    assert!(done.is_ok_and(|status| status.success()), "{}", dir.display());
}

/// True when other accounts can be taken here; else says that `test` is skipped.
pub fn may_change_account(test: &str) -> bool {
    let may = rustix::process::geteuid().is_root() && as_nobody(Path::new("/bin/true"), &[]).status == 0;
    if !may {
        skip(test, "another account can only be taken by root with setpriv");
    }
    may
}

/// Opens a fleet's directory to all accounts, as a real machine's `/etc` and `/run` are.
pub fn open_to_all(dir: &Path) {
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("the fleet's directory is ours");
}

/// The commands where every account can start them: the programs themselves may lie where others cannot look.
pub fn open_commands(fleet: &Fleet) -> PathBuf {
    open_to_all(fleet.dir());
    let bin = fleet.dir().join("bin");
    fs::create_dir_all(&bin).expect("the fleet's directory is ours");
    for name in ["saltctl", "keyctl", "saltrun", "saltcall", "saltmaster"] {
        fs::copy(program(name), bin.join(name)).expect("the programs are built");
    }
    bin
}
