//! The audit log: one JSON object a line for every attempt to start a job or to change keys, whatever became of it.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fleet_common::ids::Jid;
use fleet_common::value::{Map, Value};
use serde::Serialize;

use super::Caller;
use crate::health::Drops;

/// Longest text of the arguments in a line, in bytes.
const LONGEST: usize = 2048;
/// Arguments that are looked at for a line.
const MOST_SHOWN: usize = 64;
/// Refusals of one user that are written within [`PAUSE`], and runs of one minion: any account and any minion can cause
/// them, and none may fill the disk.
const BOUND: u32 = 20;
/// See [`BOUND`].
const PAUSE: Duration = Duration::from_secs(60);
/// Users and minions whose lines are counted one by one.
const USERS: usize = 1024;
/// Words in the names of arguments and functions whose values are not written.
const SECRET: [&str; 8] = ["pass", "secret", "token", "credential", "key", "pillar", "stdin", "env"];

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The job was published.
    Published,
    /// It was begun.
    Started,
    /// It was done.
    Done,
    /// The caller may not do this.
    Denied,
    /// It could not be done as asked: a fault in what was typed.
    Invalid,
    /// Nobody was meant.
    NoTarget,
    /// It could not be done.
    Failed,
}

/// One line.
#[derive(Debug, Serialize)]
pub struct Entry<'a> {
    /// When, in UTC.
    time: String,
    user: &'a str,
    uid: u32,
    /// Where from: the API's socket and the peer's process.
    from: String,
    /// The function, or `key.accept` and the like.
    what: &'a str,
    /// Kind and expression of the target, or the keys.
    target: &'a str,
    /// Arguments, without what may be secret.
    #[serde(skip_serializing_if = "String::is_empty")]
    args: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    jid: Option<&'a Jid>,
    /// How many minions or keys it was about.
    count: usize,
    outcome: Outcome,
    /// Lines like this one, of the same user, that were not written since the last one.
    #[serde(skip_serializing_if = "is_zero")]
    unwritten: u32,
    #[serde(skip)]
    by_minion: bool,
}

impl<'a> Entry<'a> {
    /// An attempt of `caller` to do `what` to `target`.
    pub fn new(caller: &'a Caller, what: &'a str, target: &'a str, outcome: Outcome) -> Self {
        Self {
            time: String::new(),
            user: &caller.name,
            uid: caller.uid,
            from: if caller.is_minion() { "session".to_owned() } else { format!("api.sock pid {}", caller.pid) },
            what: cut(what),
            target,
            args: String::new(),
            jid: None,
            count: 0,
            outcome,
            unwritten: 0,
            by_minion: caller.is_minion(),
        }
    }

    /// Adds the arguments as [`shown`] words them.
    #[must_use]
    pub fn args(mut self, shown: String) -> Self {
        self.args = shown;
        self
    }

    /// Adds the job.
    #[must_use]
    pub fn job(mut self, jid: Option<&'a Jid>, count: usize) -> Self {
        (self.jid, self.count) = (jid, count);
        self
    }

    /// True for what was not done.
    fn is_refusal(&self) -> bool {
        matches!(self.outcome, Outcome::Denied | Outcome::Invalid | Outcome::NoTarget)
    }

    /// With which lines it is counted; `None` for what is always written. What a minion may do hides nothing of what it
    /// was refused.
    fn counted(&self) -> Option<Counted> {
        let name = if self.by_minion { self.user.to_owned() } else { String::new() };
        (self.by_minion || self.is_refusal()).then(|| (self.uid, name, self.is_refusal()))
    }
}

/// The file. Opened anew when it was moved away.
pub struct Audit {
    path: PathBuf,
    drops: Arc<Drops>,
    inner: Mutex<Inner>,
}

/// The number of a user, the name of a minion, and whether it is about refusals.
type Counted = (u32, String, bool);

#[derive(Default)]
struct Inner {
    file: Option<File>,
    counts: HashMap<Counted, (Instant, u32)>,
    told: Option<Instant>,
}

impl Audit {
    /// A log at `path`; nothing is touched before the first line.
    pub fn new(path: PathBuf, drops: Arc<Drops>) -> Self {
        Self { path, drops, inner: Mutex::default() }
    }

    /// Writes a line. What cannot be written is told in the daemon's own log, at most once a minute.
    pub fn write(&self, mut entry: Entry<'_>) {
        // What minions are refused is counted with their requests.
        if entry.outcome == Outcome::Denied && !entry.by_minion {
            self.drops.operators_refused.add();
        }
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counted) = entry.counted() {
            entry.target = cut(entry.target);
            match inner.room(counted) {
                Some(unwritten) => entry.unwritten = unwritten,
                None => return,
            }
        }
        entry.time = jiff::Timestamp::now().to_string();
        let mut line = serde_json::to_string(&entry).unwrap_or_default();
        line.push('\n');
        if let Err(error) = inner.append(&self.path, line.as_bytes()) {
            inner.file = None;
            if inner.told.is_none_or(|told| told.elapsed() > PAUSE) {
                inner.told = Some(Instant::now());
                tracing::error!(file = %self.path.display(), %error, "the audit log cannot be written");
            }
        }
    }
}

impl Inner {
    /// Counts a line; `None` when it is not to be written, else how many were not.
    fn room(&mut self, counted: Counted) -> Option<u32> {
        if self.counts.len() >= USERS {
            self.counts.retain(|_, (since, _)| since.elapsed() < PAUSE);
        }
        // More than that share one count.
        let is_full = self.counts.len() >= USERS && !self.counts.contains_key(&counted);
        let counted = if is_full { (u32::MAX, String::new(), counted.2) } else { counted };
        let (since, count) = self.counts.entry(counted).or_insert((Instant::now(), 0));
        if since.elapsed() >= PAUSE {
            let unwritten = count.saturating_sub(BOUND);
            (*since, *count) = (Instant::now(), 1);
            return Some(unwritten);
        }
        *count += 1;
        (*count <= BOUND).then_some(0)
    }

    fn append(&mut self, path: &Path, line: &[u8]) -> std::io::Result<()> {
        let same = |file: &File| -> std::io::Result<bool> {
            let (ours, there) = (file.metadata()?, fs::symlink_metadata(path)?);
            Ok(ours.ino() == there.ino() && ours.dev() == there.dev())
        };
        if !self.file.as_ref().is_some_and(|file| same(file).unwrap_or(false)) {
            self.file = Some(open(path)?);
        }
        // One write: a line is there whole or not at all.
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(line))
    }
}

/// Opens the file for appending, closed to others.
fn open(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
    }
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
        .open(path)?;
    let facts = file.metadata()?;
    if !facts.is_file() || facts.mode() & 0o077 != 0 {
        return Err(std::io::Error::other("it is no file that only its owner can read: move it away, or chmod 600"));
    }
    Ok(file)
}

/// The beginning of a text that somebody chose who may be refused: none may fill the disk.
fn cut(text: &str) -> &str {
    let end = (0..=LONGEST.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

/// Arguments as they are written. What may be secret is left out by its name: the master does not know the functions.
pub fn shown(function: &str, arg: &[Value], kwarg: &Map) -> String {
    let secret = |name: &str| SECRET.iter().any(|word| name.to_ascii_lowercase().contains(word));
    let hide = secret(function) || function.starts_with("user.") || function.starts_with("shadow.");
    let mut parts: Vec<String> = Vec::new();
    for value in arg.iter().take(MOST_SHOWN) {
        parts.push(if hide { "***".to_owned() } else { fleet_common::value::python::repr(value) });
    }
    for (name, value) in kwarg.iter().take(MOST_SHOWN) {
        let name = name.as_str().unwrap_or_default();
        let value = if hide || secret(name) { "***".to_owned() } else { fleet_common::value::python::repr(value) };
        parts.push(format!("{name}={value}"));
    }
    let mut text = parts.join(" ");
    if text.len() > LONGEST {
        text.truncate(cut(&text).len());
        text.push_str("...");
    }
    text
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller() -> Caller {
        Caller { uid: 7, name: "larry".to_owned(), groups: Vec::new(), pid: 3 }
    }

    fn lines(path: &Path) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_refused_line_is_short_however_long_the_names_were() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit");
        let (audit, who, long) = (Audit::new(path.clone(), Arc::default()), caller(), "é".repeat(1 << 20));
        audit.write(Entry::new(&who, &long, &long, Outcome::Denied));
        audit.write(Entry::new(&who, &long, "glob *", Outcome::Started));
        assert!(fs::metadata(&path).unwrap().len() < 3 * LONGEST as u64 + 1000);
        assert_eq!(lines(&path).len(), 2);
    }

    #[test]
    fn lines_say_who_what_and_how_it_ended_in_a_file_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log/audit");
        let audit = Audit::new(path.clone(), Arc::default());
        let (who, kwarg) = (caller(), [("password", "hunter2"), ("cwd", "/")].into_iter().collect());
        let jid: Jid = "20261120113836123456".parse().unwrap();
        let entry = Entry::new(&who, "cmd.run", "glob web*", Outcome::Published);
        audit.write(entry.args(shown("cmd.run", &["ls\nforged: 1".into()], &kwarg)).job(Some(&jid), 2));
        let line = &lines(&path)[0];
        assert_eq!((&line["user"], &line["uid"], &line["outcome"]), (&"larry".into(), &7.into(), &"published".into()));
        assert_eq!((&line["jid"], &line["count"]), (&jid.as_str().into(), &2.into()));
        assert_eq!(line["args"], "'ls\\nforged: 1' password=*** cwd='/'");
        assert!(line["time"].as_str().unwrap().ends_with('Z'));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        // A rotated file is left alone.
        fs::rename(&path, dir.path().join("log/old")).unwrap();
        audit.write(Entry::new(&who, "key.accept", "web1", Outcome::Done));
        assert_eq!((lines(&path).len(), lines(&dir.path().join("log/old")).len()), (1, 1));
    }

    #[test]
    fn refusals_of_one_user_fill_no_disk() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit");
        let (audit, who) = (Audit::new(path.clone(), Arc::default()), caller());
        for _ in 0..500 {
            audit.write(Entry::new(&who, "cmd.run", "*", Outcome::Denied));
        }
        assert_eq!(lines(&path).len(), BOUND as usize);
        audit.write(Entry::new(&who, "test.ping", "*", Outcome::Published));
        assert_eq!(lines(&path).len(), BOUND as usize + 1, "what was done is always written");
    }

    #[test]
    fn runs_of_one_minion_fill_no_disk_and_hide_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (path, drops) = (dir.path().join("audit"), Arc::<Drops>::default());
        let audit = Audit::new(path.clone(), drops.clone());
        let [one, other] = ["web1", "web2"].map(|id| Caller::minion(&id.parse().unwrap()));
        for _ in 0..500 {
            audit.write(Entry::new(&one, "mine.get", "", Outcome::Started));
        }
        assert_eq!(lines(&path).len(), BOUND as usize);
        audit.write(Entry::new(&one, "jobs.list_jobs", "", Outcome::Denied));
        audit.write(Entry::new(&other, "mine.get", "", Outcome::Started));
        let written = lines(&path);
        let last: Vec<_> = written[BOUND as usize..].iter().map(|line| (&line["user"], &line["from"])).collect();
        let session = &serde_json::Value::from("session");
        assert_eq!(last, [(&"minion web1".into(), session), (&"minion web2".into(), session)]);
        assert_eq!(drops.operators_refused.count(), 0, "it is no operator");
    }

    #[test]
    fn a_log_that_others_can_read_or_a_link_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("audit"), dir.path().join("other"));
        fs::write(&other, "").unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        Audit::new(path.clone(), Arc::default()).write(Entry::new(&caller(), "test.ping", "*", Outcome::Published));
        Audit::new(other.clone(), Arc::default()).write(Entry::new(&caller(), "test.ping", "*", Outcome::Published));
        assert_eq!(fs::read_to_string(&other).unwrap(), "");
    }
}
