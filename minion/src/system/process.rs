//! A started program: its streams are moved by one poll loop, its process group is ended when its time is up.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use command_fds::{CommandFdExt, FdMapping};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, Mode, fchmod, fchown, memfd_create};
use rustix::process::{
    Gid, Pid, PidfdFlags, Resource, Rlimit, Signal, Uid, getrlimit, kill_process_group, pidfd_open, prlimit,
};

use super::command::{Command, CommandError, Finished, RunAs};

/// How long a group has between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_millis(500);
/// How often a child is looked at when the kernel has no pidfd.
const WITHOUT_PIDFD: Duration = Duration::from_millis(20);

/// A program that runs in a process group of its own.
pub(super) struct Running {
    child: Child,
    group: Pid,
    input: Option<Input>,
    stdout: Option<std::fs::File>,
    stderr: Option<std::fs::File>,
}

struct Input {
    pipe: std::fs::File,
    content: Vec<u8>,
    sent: usize,
}

impl Running {
    /// Starts a command with pipes on its streams.
    pub(super) fn start(command: &Command) -> Result<Self, CommandError> {
        let fault = |source| CommandError::Start { program: command.program(), source };
        let mut builder = builder(command)?;
        builder.stdin(if command.stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut merged = None;
        if command.merge {
            let (reader, writer) = io::pipe().map_err(fault)?;
            builder.stdout(writer.try_clone().map_err(fault)?).stderr(writer);
            merged = Some(std::fs::File::from(OwnedFd::from(reader)));
        } else {
            builder.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        let mut child = spawn(builder, command.run_as.as_ref()).map_err(fault)?;
        let input = match (child.stdin.take(), &command.stdin) {
            (Some(pipe), Some(content)) => {
                let pipe = std::fs::File::from(OwnedFd::from(pipe));
                rustix::io::ioctl_fionbio(&pipe, true).map_err(|error| fault(error.into()))?;
                Some(Input { pipe, content: content.clone(), sent: 0 })
            }
            _ => None,
        };
        let stdout = merged.or_else(|| child.stdout.take().map(|pipe| std::fs::File::from(OwnedFd::from(pipe))));
        let stderr = child.stderr.take().map(|pipe| std::fs::File::from(OwnedFd::from(pipe)));
        let group = Pid::from_child(&child);
        Ok(Self { child, group, input, stdout, stderr })
    }

    /// Starts a command without streams and leaves it; a thread takes its exit status so that no zombie stays.
    pub(super) fn detach(command: &Command) -> Result<u32, CommandError> {
        let mut builder = builder(command)?;
        builder.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = spawn(builder, command.run_as.as_ref())
            .map_err(|source| CommandError::Start { program: command.program(), source })?;
        let pid = child.id();
        let timeout = command.timeout.map(|limit| Instant::now() + limit);
        let group = Pid::from_child(&child);
        std::thread::spawn(move || {
            let exit = pidfd_open(group, PidfdFlags::empty()).ok();
            while let (Some(deadline), Some(exit)) = (timeout, &exit) {
                let left = deadline.saturating_duration_since(Instant::now());
                if wait(&mut [PollFd::new(exit, PollFlags::IN)], Some(left)).is_ok_and(|ready| ready > 0) {
                    break;
                }
                if left.is_zero() {
                    end_group(group, exit);
                    break;
                }
            }
            child.wait()
        });
        Ok(pid)
    }

    /// Moves the streams until they end and the program has exited; past the deadline ends its group.
    pub(super) fn finish(mut self, deadline: Option<Instant>, limit: usize) -> io::Result<Finished> {
        let exit = pidfd_open(self.group, PidfdFlags::empty()).ok();
        let (mut stdout, mut stderr) = (Kept::new(limit), Kept::new(limit));
        let (mut exited, mut timed_out) = (false, false);
        while !exited || self.stdout.is_some() || self.stderr.is_some() {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                timed_out = true;
                break;
            }
            let ready = self.wait_ready(exit.as_ref().filter(|_| !exited), left)?;
            if ready.input {
                self.send()?;
            }
            if ready.stdout && stdout.take(self.stdout.as_mut())? {
                self.stdout = None;
            }
            if ready.stderr && stderr.take(self.stderr.as_mut())? {
                self.stderr = None;
            }
            exited |= ready.exit || (exit.is_none() && self.child.try_wait()?.is_some());
        }
        if timed_out {
            match &exit {
                Some(exit) => end_group(self.group, exit),
                None => drop(kill_process_group(self.group, Signal::KILL)),
            }
        }
        let pid = self.child.id();
        let ended = self.child.wait()?;
        let status = ended.code().unwrap_or_else(|| -ended.signal().unwrap_or(0));
        let cut = stdout.cut || stderr.cut;
        Ok(Finished { pid, status, stdout: stdout.bytes, stderr: stderr.bytes, cut, timed_out })
    }

    /// Waits until a stream can be moved, the program exits or the time is up.
    fn wait_ready(&self, exit: Option<&OwnedFd>, left: Option<Duration>) -> io::Result<Ready> {
        let mut sources: Vec<(Source, BorrowedFd<'_>)> = Vec::with_capacity(4);
        sources.extend(self.input.as_ref().map(|input| (Source::Input, input.pipe.as_fd())));
        sources.extend(self.stdout.as_ref().map(|file| (Source::Stdout, file.as_fd())));
        sources.extend(self.stderr.as_ref().map(|file| (Source::Stderr, file.as_fd())));
        sources.extend(exit.map(|exit| (Source::Exit, exit.as_fd())));
        let mut polled: Vec<PollFd<'_>> = sources
            .iter()
            .map(|(source, fd)| {
                PollFd::from_borrowed_fd(*fd, if *source == Source::Input { PollFlags::OUT } else { PollFlags::IN })
            })
            .collect();
        let only_streams = exit.is_none() && sources.iter().all(|(source, _)| *source == Source::Input);
        let left = if only_streams { Some(left.unwrap_or(WITHOUT_PIDFD).min(WITHOUT_PIDFD)) } else { left };
        wait(&mut polled, left)?;
        let mut ready = Ready::default();
        for ((source, _), poll) in sources.iter().zip(&polled) {
            let is_ready = !poll.revents().is_empty();
            match source {
                Source::Input => ready.input = is_ready,
                Source::Stdout => ready.stdout = is_ready,
                Source::Stderr => ready.stderr = is_ready,
                Source::Exit => ready.exit = is_ready,
            }
        }
        Ok(ready)
    }

    /// Sends more input; a program that closed its input has read what it wanted.
    fn send(&mut self) -> io::Result<()> {
        let Some(input) = &mut self.input else { return Ok(()) };
        match input.pipe.write(&input.content[input.sent..]) {
            Ok(sent) => input.sent += sent,
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => input.sent = input.content.len(),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
        if input.sent == input.content.len() {
            self.input = None;
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Input,
    Stdout,
    Stderr,
    Exit,
}

#[derive(Default)]
struct Ready {
    input: bool,
    stdout: bool,
    stderr: bool,
    exit: bool,
}

/// The part of a stream that is kept.
struct Kept {
    bytes: Vec<u8>,
    limit: usize,
    cut: bool,
}

impl Kept {
    fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit, cut: false }
    }

    /// Takes what is there; true at the end of the stream.
    fn take(&mut self, stream: Option<&mut std::fs::File>) -> io::Result<bool> {
        let Some(stream) = stream else { return Ok(true) };
        let mut buffer = [0; 64 << 10];
        let count = match stream.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
            Err(error) => return Err(error),
        };
        let room = self.limit - self.bytes.len();
        self.bytes.extend_from_slice(&buffer[..count.min(room)]);
        self.cut |= count > room;
        Ok(count == 0)
    }
}

/// Polls, going on after signals.
fn wait(polled: &mut [PollFd<'_>], left: Option<Duration>) -> io::Result<usize> {
    let limit = left.map(|left| Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(left.subsec_nanos()),
    });
    match poll(polled, limit.as_ref()) {
        Ok(ready) => Ok(ready),
        Err(rustix::io::Errno::INTR) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// Ends a process group: a moment to leave by itself, then by force. Its leader is not reaped yet, so the number is still its own.
fn end_group(group: Pid, exit: &OwnedFd) {
    if kill_process_group(group, Signal::TERM).is_ok() {
        let _gone = wait(&mut [PollFd::new(exit, PollFlags::IN)], Some(GRACE));
    }
    // The leader may be gone while others of the group ignore SIGTERM; an empty group is no error worth telling.
    let _empty = kill_process_group(group, Signal::KILL);
}

/// What a signal that ends processes is called, for behind its number.
pub fn signal_name(signal: i32) -> &'static str {
    match signal {
        1 => " (SIGHUP)",
        2 => " (SIGINT)",
        4 => " (SIGILL)",
        6 => " (SIGABRT: a stack overflow, exhausted memory or a failed check)",
        7 => " (SIGBUS)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL)",
        11 => " (SIGSEGV)",
        13 => " (SIGPIPE)",
        15 => " (SIGTERM)",
        24 => " (SIGXCPU)",
        _ => "",
    }
}

/// Sends a signal to every process of a session and returns how many got it.
///
/// Each command has a process group of its own; a worker that leads a session is ended with all its commands this way.
/// The leader comes last, so that it can do this to itself.
pub fn signal_session(session: u32, signal: Signal) -> usize {
    let Ok(entries) = std::fs::read_dir("/proc") else { return 0 };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let in_session = |pid: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // "pid (name) state ppid pgrp session": the name may hold blanks and parentheses.
        let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        fields.split(' ').nth(3).and_then(|field| field.parse::<u32>().ok()) == Some(session)
    };
    let mut members: Vec<i32> = pids.filter(in_session).collect();
    members.sort_unstable_by_key(|pid| *pid as u32 == session);
    members
        .into_iter()
        .filter_map(Pid::from_raw)
        .filter(|pid| rustix::process::kill_process(*pid, signal).is_ok())
        .count()
}

/// The process builder of a command: everything but its streams and identity.
fn builder(command: &Command) -> Result<std::process::Command, CommandError> {
    let (program, arguments) = command.argv.split_first().ok_or(CommandError::Empty)?;
    let mut builder = match command.umask {
        None => std::process::Command::new(program),
        // The umask belongs to the whole process, so it is set on the other side of the fork, by the shell's built-in.
        Some(mask) => {
            let mut shell = std::process::Command::new("/bin/sh");
            shell.arg("-c").arg(format!("umask {mask:04o} && exec \"$@\"")).arg("sh").arg(program);
            shell
        }
    };
    builder.args(arguments).process_group(0);
    if let Some(content) = &command.handed {
        let handed = hand(&mut builder, content, command.run_as.as_ref());
        handed.map_err(|source| CommandError::Start { program: command.program(), source })?;
    }
    if let Some(cwd) = &command.cwd {
        builder.current_dir(cwd);
    }
    if command.clean_env {
        builder.env_clear();
    }
    if let Some(identity) = &command.run_as {
        builder.envs(identity.env.iter().map(|(name, value)| (name, value)));
    }
    for (name, value) in &command.env {
        match value {
            Some(value) => builder.env(name, value),
            None => builder.env_remove(name),
        };
    }
    Ok(builder)
}

/// Gives the program a file in memory, closed to others, as the descriptor that [`super::command::HANDED`] names.
fn hand(builder: &mut std::process::Command, content: &[u8], identity: Option<&RunAs>) -> io::Result<()> {
    let mut file = std::fs::File::from(memfd_create("handed", MemfdFlags::CLOEXEC)?);
    fchmod(&file, Mode::RUSR | Mode::WUSR)?;
    if let Some(identity) = identity {
        fchown(&file, Some(Uid::from_raw(identity.uid)), Some(Gid::from_raw(identity.gid)))?;
    }
    file.write_all(content)?;
    let mapping = FdMapping { parent_fd: file.into(), child_fd: 3 };
    builder.fd_mappings(vec![mapping]).map(drop).map_err(io::Error::other)
}

/// Starts the process, for another identity from a thread that has taken it on.
///
/// Credentials belong to threads in Linux and a child inherits those of the thread that makes it; the standard library can set
/// ids but drops the supplementary groups. The thread ends at once, so no other code ever runs under that identity.
fn spawn(mut builder: std::process::Command, identity: Option<&RunAs>) -> io::Result<Child> {
    let Some(identity) = identity else { return spawn_settled(&mut builder).inspect(lift_memory_limit) };
    let groups: Vec<Gid> = identity.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
    let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
    let on_thread = move || -> io::Result<Child> {
        if rustix::process::geteuid().is_root() {
            rustix::thread::set_thread_groups(&groups)?;
        }
        rustix::thread::set_thread_res_gid(gid, gid, gid)?;
        rustix::thread::set_thread_res_uid(uid, uid, uid)?;
        spawn_settled(&mut builder)
    };
    let thread = std::thread::Builder::new().name("run-as".to_owned()).spawn(on_thread)?;
    let child = thread.join().unwrap_or_else(|_| Err(io::Error::other("the starting thread failed")))?;
    lift_memory_limit(&child);
    Ok(child)
}

/// A worker's address space is limited softly; what it starts gets the machine's own limit back.
fn lift_memory_limit(child: &Child) {
    let own = getrlimit(Resource::As);
    if own.current.is_some() && own.current != own.maximum {
        let full = Rlimit { current: own.maximum, maximum: own.maximum };
        // A child that is already gone needs no limit.
        let _gone = prlimit(Some(Pid::from_child(child)), Resource::As, full);
    }
}

/// Starts the process; a script we have just written may still be open in a child that another thread is starting.
fn spawn_settled(builder: &mut std::process::Command) -> io::Result<Child> {
    for _ in 0..20 {
        match builder.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                std::thread::sleep(Duration::from_millis(10));
            }
            other => return other,
        }
    }
    builder.spawn()
}
