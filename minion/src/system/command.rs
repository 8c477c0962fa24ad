//! Running programs: an argument vector or a line for a shell, as whom, where, with what, for how long.
//!
//! Knows nothing of Salt's argument names; `modules/cmd` translates those. The argument vector never passes a shell
//! unless [`Command::shell`] was asked for.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::fs::plain;
use super::process::{Running, signal_name};
use super::user::{Account, Accounts};

/// The path under which a program finds what it was handed.
pub const HANDED: &str = "/proc/self/fd/3";

/// How many bytes of each stream are kept unless told otherwise.
pub const OUTPUT_LIMIT: usize = 8 << 20;

/// Why a command could not be run.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The argument vector is empty.
    #[error("there is no program to run")]
    Empty,
    /// There is no account of that name.
    #[error("User '{0}' is not available")]
    NoAccount(String),
    /// There is no group of that name.
    #[error("Group '{0}' is not available")]
    NoGroup(String),
    /// The program could not be started.
    #[error("{program}: {}", plain(.source))]
    Start {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A signal that we did not send ended it before it had done what it was asked.
    #[error(
        "{program}: it was ended by signal {signal}{} before it was done: what it began may be half done; see who sent the \
         signal (when memory was short: the kernel's log) and run it again", signal_name(*.signal)
    )]
    Killed {
        /// The program.
        program: String,
        /// The signal's number.
        signal: i32,
    },
    /// Talking to the running program failed.
    #[error("{program}: lost while running: {}", plain(.source))]
    Lost {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// The identity a program runs under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunAs {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// All group ids.
    pub groups: Vec<u32>,
    /// What a login sets: HOME, USER, LOGNAME, SHELL.
    pub env: Vec<(OsString, OsString)>,
    /// The home directory.
    pub home: PathBuf,
}

impl RunAs {
    /// The identity of a login name, with its supplementary groups.
    pub fn account(name: &str) -> Result<Self, CommandError> {
        let accounts = Accounts::system();
        let account = accounts.account(name).ok_or_else(|| CommandError::NoAccount(name.to_owned()))?;
        let groups = accounts.group_ids(&account);
        Ok(Self::of(account, groups))
    }

    fn of(account: Account, groups: Vec<u32>) -> Self {
        let shell = if account.shell.is_empty() { "/bin/sh".to_owned() } else { account.shell };
        let env = vec![
            ("HOME".into(), account.home.clone().into_os_string()),
            ("USER".into(), account.name.clone().into()),
            ("LOGNAME".into(), account.name.into()),
            ("SHELL".into(), shell.into()),
        ];
        Self { uid: account.uid, gid: account.gid, groups, env, home: account.home }
    }

    /// The same identity with another primary group.
    pub fn with_group(mut self, name: &str) -> Result<Self, CommandError> {
        let group = Accounts::system().group(name).ok_or_else(|| CommandError::NoGroup(name.to_owned()))?;
        self.gid = group.gid;
        if !self.groups.contains(&group.gid) {
            self.groups.insert(0, group.gid);
        }
        Ok(self)
    }
}

/// A program to run.
#[derive(Clone)]
pub struct Command {
    pub(super) argv: Vec<OsString>,
    pub(super) cwd: Option<PathBuf>,
    pub(super) env: Vec<(OsString, Option<OsString>)>,
    pub(super) clean_env: bool,
    pub(super) stdin: Option<Vec<u8>>,
    pub(super) handed: Option<Vec<u8>>,
    pub(super) run_as: Option<RunAs>,
    pub(super) umask: Option<u32>,
    pub(super) timeout: Option<Duration>,
    pub(super) output_limit: usize,
    pub(super) merge: bool,
}

/// Only the program: arguments, environment and input may hold secrets.
impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Command({})", self.program())
    }
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Process id it had.
    pub pid: u32,
    /// Exit status, or the negative number of the signal that ended it.
    pub status: i32,
    /// What it wrote; with [`Command::merge_stderr`] both streams in order.
    pub stdout: Vec<u8>,
    /// What it wrote to its error stream.
    pub stderr: Vec<u8>,
    /// True when a stream was longer than the limit; the rest was dropped.
    pub cut: bool,
    /// True when its time was up and its process group was ended.
    pub timed_out: bool,
}

impl Finished {
    /// What it wrote to its output as text, without the newlines at the end.
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end_matches('\n').to_owned()
    }
    /// What it wrote to its error stream as text, without the newlines at the end.
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim_end_matches('\n').to_owned()
    }
    /// Its output, or its error stream when it failed and said why there.
    pub fn said(&self) -> String {
        let why = self.err();
        if self.status != 0 && !why.is_empty() { why } else { self.out() }
    }
}

impl Command {
    /// A program and its arguments, passed as they are.
    pub fn argv(items: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        Self {
            argv: items.into_iter().map(|item| item.as_ref().to_owned()).collect(),
            cwd: None,
            env: Vec::new(),
            clean_env: false,
            stdin: None,
            handed: None,
            run_as: None,
            umask: None,
            timeout: None,
            output_limit: OUTPUT_LIMIT,
            merge: false,
        }
    }

    /// A line for `shell -c`.
    pub fn shell(shell: impl AsRef<OsStr>, line: impl AsRef<OsStr>) -> Self {
        Self::argv([shell.as_ref(), OsStr::new("-c"), line.as_ref()])
    }

    /// Starts in a directory.
    #[must_use]
    pub fn cwd(mut self, directory: impl AsRef<Path>) -> Self {
        self.cwd = Some(directory.as_ref().to_owned());
        self
    }

    /// Sets a variable of its environment, or removes it (`None`).
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: Option<&OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.map(OsStr::to_owned)));
        self
    }

    /// Starts with no variable but those set here and by the identity.
    #[must_use]
    pub fn clean_env(mut self) -> Self {
        self.clean_env = true;
        self
    }

    /// Programs whose output is parsed speak the C locale.
    #[must_use]
    pub fn c_locale(mut self) -> Self {
        for name in ["LC_ALL", "LANG", "LANGUAGE"] {
            self = self.env(name, Some(OsStr::new("C")));
        }
        self
    }

    /// Bytes for its standard input, which is else empty.
    #[must_use]
    pub fn stdin(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(content.into());
        self
    }

    /// A file that only the program sees, as [`HANDED`]: in memory and without a name, gone with its last reader.
    #[must_use]
    pub fn hand(mut self, content: impl Into<Vec<u8>>) -> Self {
        self.handed = Some(content.into());
        self
    }

    /// Runs under another identity.
    #[must_use]
    pub fn run_as(mut self, identity: RunAs) -> Self {
        self.run_as = Some(identity);
        self
    }

    /// Starts with this umask.
    #[must_use]
    pub fn umask(mut self, mask: u32) -> Self {
        self.umask = Some(mask);
        self
    }

    /// Ends its whole process group after this time; zero or less means no limit.
    #[must_use]
    pub fn timeout_seconds(mut self, seconds: f64) -> Self {
        self.timeout = Duration::try_from_secs_f64(seconds).ok().filter(|limit| !limit.is_zero());
        self
    }

    /// Keeps at most so many bytes of each stream.
    #[must_use]
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = bytes;
        self
    }

    /// Sends its error stream where its output goes, in the order written.
    #[must_use]
    pub fn merge_stderr(mut self) -> Self {
        self.merge = true;
        self
    }

    /// Runs it to its end (or the end of its time) and collects what it wrote. One that a signal ended has not answered:
    /// an error, lest its status be taken for a "no".
    pub fn run(&self) -> Result<Finished, CommandError> {
        let finished = self.run_to_any_end()?;
        if finished.status < 0 && !finished.timed_out {
            return Err(CommandError::Killed { program: self.program(), signal: -finished.status });
        }
        Ok(finished)
    }

    /// As [`Command::run`] where the end is what is asked for, also one by a signal.
    pub fn run_to_any_end(&self) -> Result<Finished, CommandError> {
        let deadline = self.timeout.map(|limit| Instant::now() + limit);
        let running = Running::start(self)?;
        running
            .finish(deadline, self.output_limit)
            .map_err(|source| CommandError::Lost { program: self.program(), source })
    }

    /// Starts it with neither input nor output and does not wait; returns its process id.
    pub fn start_detached(&self) -> Result<u32, CommandError> {
        Running::detach(self)
    }

    /// The program's name for messages.
    pub(super) fn program(&self) -> String {
        self.argv.first().map(|program| program.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

/// The full path of a program on a `PATH`-like list of directories, as `which` finds it.
pub fn which(program: &str, search: Option<&OsStr>) -> Option<PathBuf> {
    let is_program = |path: &Path| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    if program.is_empty() {
        return None;
    }
    if program.contains('/') {
        let path = PathBuf::from(program);
        return is_program(&path).then_some(path);
    }
    // Tools of the administrator are found even when our own PATH lacks them.
    let extra = ["/sbin", "/bin", "/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"].map(PathBuf::from);
    std::env::split_paths(search.unwrap_or_default())
        .filter(|directory| directory.is_absolute())
        .chain(extra)
        .map(|directory| directory.join(program))
        .find(|path| is_program(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn arguments_are_not_read_by_a_shell() {
        let finished = Command::argv(["echo", "a; b $HOME"]).run().unwrap();
        assert_eq!((finished.status, text(&finished.stdout)), (0, "a; b $HOME\n"));
        let finished = Command::shell("/bin/sh", "echo out; echo err >&2; exit 3").run().unwrap();
        assert_eq!((finished.status, text(&finished.stdout), text(&finished.stderr)), (3, "out\n", "err\n"));
        let finished = Command::shell("/bin/sh", "echo out; echo err >&2; kill -9 $$").merge_stderr();
        let finished = finished.run_to_any_end().unwrap();
        assert_eq!((finished.status, text(&finished.stdout)), (-9, "out\nerr\n"));
    }

    #[test]
    fn a_program_that_was_killed_has_not_answered() {
        let error = Command::shell("/bin/sh", "echo half; kill -9 $$").run().unwrap_err().to_string();
        assert!(error.starts_with("/bin/sh: it was ended by signal 9 (SIGKILL) before it was done"), "{error}");
        let timed_out = Command::argv(["sleep", "60"]).timeout_seconds(0.1).run().unwrap();
        assert!(timed_out.timed_out);
    }

    #[test]
    fn environment_directory_umask_and_input_arrive() {
        let dir = tempfile::tempdir().unwrap();
        let finished = Command::shell("/bin/sh", "pwd; umask; echo $A$B; cat")
            .cwd(dir.path())
            .umask(0o027)
            .env("A", Some(OsStr::new("x y")))
            .env("B", None)
            .stdin(vec![b'z'; 200_000])
            .run()
            .unwrap();
        let expected = format!("{}\n0027\nx y\n", dir.path().display());
        assert!(text(&finished.stdout).starts_with(&expected));
        assert_eq!(finished.stdout.len(), expected.len() + 200_000);
    }

    #[test]
    fn what_is_handed_is_read_by_the_program_and_by_nobody_else() {
        let line = format!("stat -L -c %a.%s {HANDED}; cat {HANDED}; cat {HANDED}; readlink {HANDED}");
        let finished = Command::shell("/bin/sh", line).hand("secret\n").umask(0o077).run().unwrap();
        assert_eq!(text(&finished.stdout), "600.7\nsecret\nsecret\n/memfd:handed (deleted)\n");
        let other = Command::argv(["cat", HANDED]).run().unwrap();
        assert_ne!(other.status, 0, "{other:?}");
    }

    #[test]
    fn a_timeout_ends_the_whole_group() {
        let dir = tempfile::tempdir().unwrap();
        let started = Instant::now();
        let finished = Command::shell("/bin/sh", "echo early; (sleep 1; touch late) & sleep 60")
            .cwd(dir.path())
            .timeout_seconds(0.2)
            .run()
            .unwrap();
        assert!(finished.timed_out && started.elapsed() < Duration::from_secs(10));
        assert_eq!(text(&finished.stdout), "early\n");
        std::thread::sleep(Duration::from_millis(1200));
        assert!(!dir.path().join("late").exists());
    }

    #[test]
    fn output_is_bounded() {
        let finished = Command::argv(["head", "-c", "300000", "/dev/zero"]).output_limit(1000).run().unwrap();
        assert_eq!((finished.stdout.len(), finished.cut, finished.status), (1000, true, 0));
    }

    #[test]
    fn another_identity_has_its_groups_and_ours_stays() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let identity = RunAs { groups: vec![65534, 4], ..RunAs::account("nobody").unwrap() };
        let handed = Command::argv(["cat", HANDED]).run_as(identity.clone()).hand("for nobody").run().unwrap();
        assert_eq!(text(&handed.stdout), "for nobody");
        let finished = Command::shell("/bin/sh", "id -u; id -G; echo $USER").run_as(identity).run().unwrap();
        assert_eq!(text(&finished.stdout), "65534\n65534 4\nnobody\n");
        assert!(rustix::process::geteuid().is_root());
        assert!(matches!(RunAs::account("no such user"), Err(CommandError::NoAccount(_))));
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Command::argv(["no-such-program-x"]).run().unwrap_err();
        assert_eq!(error.to_string(), "no-such-program-x: No such file or directory");
        assert!(which("sh", None).is_some() && which("no-such-program-x", None).is_none());
    }
}
