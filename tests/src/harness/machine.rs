//! A throwaway copy of this machine: its root under an overlay, in a mount namespace of its own.
//!
//! What changes accounts, packages or `/etc` runs in one for real, and leaves nothing behind. Every command mounts
//! the same overlay again, so changes last from one command to the next; the processes of a command end with it.

use std::path::PathBuf;
use std::process::Command;

use super::Finished;

/// Modules whose states change the machine: their cases run in a copy (`tests/e2e/system_states.rs`).
pub const SYSTEM_STATES: &[&str] = &[
    "alias",
    "alternatives",
    "apache_conf",
    "apache_module",
    "apache_site",
    "at",
    "cron",
    "debconf",
    "gem",
    "git",
    "grains",
    "group",
    "helm",
    "host",
    "ini",
    "iptables",
    "kmod",
    "locale",
    "mount",
    "network",
    "nftables",
    "npm",
    "pip",
    "rabbitmq_cluster",
    "rabbitmq_plugin",
    "rabbitmq_policy",
    "rabbitmq_upstream",
    "rabbitmq_user",
    "rabbitmq_vhost",
    "service",
    "ssh_auth",
    "ssh_known_hosts",
    "sysctl",
    "timezone",
    "user",
    "virtualenv",
    "webutil",
];

/// Mounts the copy and runs the words after the first four (root, upper, work, home) inside.
const ENTER: &str = r#"
set -e
root=$1 upper=$2 work=$3 home=$4; shift 4
mount -t overlay overlay -o "lowerdir=/,upperdir=$upper,workdir=$work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mkdir -p "$root$home"; mount --bind "$home" "$root$home"
exec chroot "$root" "$@"
"#;

/// A copy of this machine; removed on drop.
pub struct Machine {
    dir: tempfile::TempDir,
}

impl Machine {
    /// A fresh copy, or why there can be none here (no root, no overlays).
    ///
    /// # Errors
    /// The reason, for a test to skip itself by.
    pub fn copy() -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("a copy of this machine needs root".to_owned());
        }
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        for part in ["root", "upper", "work", "home"] {
            std::fs::create_dir(dir.path().join(part)).map_err(|error| error.to_string())?;
        }
        let machine = Self { dir };
        let tried = machine.run(&["true"]);
        if tried.status == 0 { Ok(machine) } else { Err(format!("no overlay can be mounted: {}", tried.stderr.trim())) }
    }

    /// A directory seen under the same path inside and outside, and not part of what changed.
    pub fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// Runs a program inside.
    pub fn run(&self, argv: &[&str]) -> Finished {
        let part = |name: &str| self.dir.path().join(name);
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, "enter"]);
        command.args([part("root"), part("upper"), part("work"), part("home")]).args(argv);
        Finished::of(&mut command)
    }

    /// Runs a line of shell inside; it must succeed.
    pub fn shell(&self, line: &str) -> Finished {
        let finished = self.run(&["sh", "-ec", line]);
        assert_eq!(finished.status, 0, "{line}: {}{}", finished.stdout, finished.stderr);
        finished
    }

    /// What differs from the real machine: paths with kind, mode, owner, size, target and content, without times.
    pub fn changed(&self) -> String {
        let list = "find . -mindepth 1 -not -path './tmp*' -not -path './var/tmp*' -printf '%P %y %m %u %g %l\\n' | sort; \
                    find . -type f -not -path './tmp/*' | sort | xargs -r -d '\\n' sha256sum";
        let mut command = Command::new("sh");
        command.args(["-c", list]).current_dir(self.dir.path().join("upper"));
        Finished::of(&mut command).stdout
    }
}
