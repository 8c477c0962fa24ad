//! The journal's file: append, sync, read back, rewrite.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fleet_common::frames::HEADER;
use fleet_common::ids::{Jid, MinionId};
use fleet_common::proto::ret::Return;

use super::ledger::{Entry, Ledger, Span, Standing, interrupted};
use super::record::{Begun, Chunk, Frames, Record, frame, read};

/// Bounds of the file.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The file is rewritten when it is larger than this and less than a third of it is still needed.
    pub rewrite_bytes: u64,
    /// Above this many needed bytes no further job is begun.
    pub most_bytes: u64,
    /// Above this many remembered jobs no further job is begun.
    pub most_jobs: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rewrite_bytes: 1 << 20, most_bytes: 256 << 20, most_jobs: 100_000 }
    }
}

/// The journal can't be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot {doing} the journal: {source}", path.display())]
pub struct JournalError {
    /// The file.
    pub path: PathBuf,
    /// What was tried: open, write, read, rewrite.
    pub doing: &'static str,
    /// Why it failed.
    pub source: io::Error,
}

/// Why a job may not start.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// It was begun before.
    #[error("job {0} was begun before")]
    Duplicate(Jid),
    /// Too much waits for the master's acknowledgement.
    #[error("the journal is full: {0} jobs are remembered or wait for the master's acknowledgement")]
    Full(usize),
    /// Not written, so not started.
    #[error(transparent)]
    Failed(#[from] JournalError),
}

/// What was found at start.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Jobs that were begun and not done: each has an *interrupted* return now.
    pub interrupted: Vec<Jid>,
    /// Bytes that belonged to no whole record: a torn end, or damage.
    pub damaged: usize,
}

struct State {
    file: Arc<File>,
    end: u64,
    ledger: Ledger,
}

/// The journal. All methods block on the file for as long as a write takes; [`Journal::sync`] waits for the disk.
pub struct Journal {
    path: PathBuf,
    limits: Limits,
    state: Mutex<State>,
}

impl Journal {
    /// Opens or makes the file, cuts what is torn, and gives every job that was begun and not done its *interrupted*
    /// return. The caller makes sure that no other process has it open.
    pub fn open(path: &Path, id: &MinionId, limits: Limits) -> Result<(Self, Recovered), JournalError> {
        Self::open_with(path, id, limits, |_| false)
    }

    /// As [`Journal::open`], except that jobs for which `goes_on` holds are left as begun.
    pub fn open_with(
        path: &Path,
        id: &MinionId,
        limits: Limits,
        goes_on: impl Fn(&Jid) -> bool,
    ) -> Result<(Self, Recovered), JournalError> {
        let failed = |source| JournalError { path: path.to_owned(), doing: "open", source };
        let mut file = open_private(path, false).map_err(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let mut ledger = Ledger::default();
        let mut frames = Frames::new(&bytes);
        for (at, size, record) in &mut frames {
            ledger.apply(&record, Span { at: at as u64, size: size as u32 });
        }
        let mut recovered = Recovered { interrupted: Vec::new(), damaged: frames.damaged };
        let state = State { file: Arc::new(file), end: bytes.len() as u64, ledger };
        drop(bytes);
        let journal = Self { path: path.to_owned(), limits, state: Mutex::new(state) };
        // A clean file from here on: the damage is gone before anything is appended behind it.
        journal.rewrite(&mut journal.lock())?;
        recovered.interrupted = journal.standing(Standing::Running);
        recovered.interrupted.retain(|jid| !goes_on(jid));
        for jid in &recovered.interrupted {
            journal.interrupt(id, jid)?;
        }
        if !recovered.interrupted.is_empty() {
            journal.sync()?;
        }
        Ok((journal, recovered))
    }

    /// Gives a job that was begun its *interrupted* return.
    pub fn interrupt(&self, id: &MinionId, jid: &Jid) -> Result<(), JournalError> {
        let mut state = self.lock();
        let Some(entry) = state.ledger.entries.get(jid) else { return Ok(()) };
        let Some(Record::Begun(begun)) = state.record(entry.begun) else { return Ok(()) };
        let record = Record::Done(Box::new(interrupted(id, &begun, state.chunks(entry))));
        self.append(&mut state, &record)
    }

    /// Writes that a job is about to start; call [`Journal::sync`] before it does when it may change the machine.
    pub fn begin(&self, begun: Begun) -> Result<(), BeginError> {
        let mut state = self.lock();
        if state.ledger.entries.contains_key(&begun.jid) {
            return Err(BeginError::Duplicate(begun.jid));
        }
        if state.ledger.live > self.limits.most_bytes || state.ledger.entries.len() >= self.limits.most_jobs {
            return Err(BeginError::Full(state.ledger.entries.len()));
        }
        Ok(self.append(&mut state, &Record::Begun(begun))?)
    }

    /// Writes a chunk's result.
    pub fn chunk(&self, chunk: Chunk) -> Result<(), JournalError> {
        self.append(&mut self.lock(), &Record::Chunk(chunk))
    }

    /// Writes a job's return; call [`Journal::sync`] when the job may have changed the machine.
    pub fn done(&self, ret: &Return) -> Result<(), JournalError> {
        self.append(&mut self.lock(), &Record::Done(Box::new(ret.clone())))
    }

    /// Writes that the master keeps the return.
    pub fn acked(&self, jid: &Jid) -> Result<(), JournalError> {
        let mut state = self.lock();
        let known = state.ledger.entries.get(jid).is_some_and(|entry| entry.standing == Standing::Unacknowledged);
        if known { self.append(&mut state, &Record::Acked { jid: jid.clone() }) } else { Ok(()) }
    }

    /// Waits until everything written so far is on disk.
    pub fn sync(&self) -> Result<(), JournalError> {
        let file = self.lock().file.clone();
        // A file replaced meanwhile was synced whole by its rewriting.
        file.sync_data().map_err(|source| self.failed("write", source))
    }

    /// Forgets acknowledged jobs whose time is over; `now` is the master's time in milliseconds since 1970.
    pub fn sweep(&self, now: u64) -> Result<(), JournalError> {
        let mut state = self.lock();
        state.ledger.sweep(now);
        self.rewrite_if_due(&mut state)
    }

    /// Jobs that stand so, by job id.
    pub fn standing(&self, standing: Standing) -> Vec<Jid> {
        self.lock().ledger.standing(standing)
    }

    /// Every job the journal knows, by job id: what the master need not send again.
    pub fn begun(&self) -> Vec<Jid> {
        let mut jids: Vec<Jid> = self.lock().ledger.entries.keys().cloned().collect();
        jids.sort_unstable();
        jids
    }

    /// True when the job was begun, whatever became of it.
    pub fn knows(&self, jid: &Jid) -> bool {
        self.lock().ledger.entries.contains_key(jid)
    }

    /// Reads the return of a job that is done and not acknowledged.
    pub fn load(&self, jid: &Jid) -> Option<Return> {
        let state = self.lock();
        let span = state.ledger.entries.get(jid)?.done?;
        match state.record(span)? {
            Record::Done(ret) => Some(*ret),
            _ => None,
        }
    }

    /// What was written when a job that still runs was begun.
    pub fn begun_as(&self, jid: &Jid) -> Option<Begun> {
        let state = self.lock();
        let entry = state.ledger.entries.get(jid).filter(|entry| entry.standing == Standing::Running)?;
        match state.record(entry.begun)? {
            Record::Begun(begun) => Some(begun),
            _ => None,
        }
    }

    /// Reads the chunks of a running job, in the order they finished.
    pub fn chunks(&self, jid: &Jid) -> Vec<Chunk> {
        let state = self.lock();
        state.ledger.entries.get(jid).map(|entry| state.chunks(entry)).unwrap_or_default()
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.lock().end
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, doing: &'static str, source: io::Error) -> JournalError {
        JournalError { path: self.path.clone(), doing, source }
    }

    fn append(&self, state: &mut State, record: &Record) -> Result<(), JournalError> {
        let bytes = frame(record);
        if let Err(source) = state.file.write_all_at(&bytes, state.end) {
            // The next frame goes over the torn one; should the process end before, its end is cut at start.
            return Err(self.failed("write", source));
        }
        let span = Span { at: state.end, size: bytes.len() as u32 };
        state.end += bytes.len() as u64;
        state.ledger.apply(record, span);
        self.rewrite_if_due(state)
    }

    fn rewrite_if_due(&self, state: &mut State) -> Result<(), JournalError> {
        if state.end > self.limits.rewrite_bytes && state.end / 3 > state.ledger.live {
            self.rewrite(state)?;
        }
        Ok(())
    }

    /// Writes what is still needed to a new file, which then takes the old one's place.
    fn rewrite(&self, state: &mut State) -> Result<(), JournalError> {
        let failed = |source| self.failed("rewrite", source);
        let next = self.path.with_extension("new");
        let mut file = open_private(&next, true).map_err(failed)?;
        let mut ledger = Ledger::default();
        let mut end = 0u64;
        {
            let mut out = io::BufWriter::new(&mut file);
            let mut order: Vec<_> = state.ledger.entries.iter().collect();
            order.sort_unstable_by_key(|(_, entry)| entry.begun.at);
            for (jid, entry) in order {
                let spent = (entry.standing == Standing::Acknowledged).then(|| Record::Spent {
                    jid: jid.clone(),
                    expires: entry.expires,
                    changes: entry.changes,
                });
                let mut put = |record: &Record, bytes: &[u8]| -> io::Result<()> {
                    out.write_all(bytes)?;
                    ledger.apply(record, Span { at: end, size: bytes.len() as u32 });
                    end += bytes.len() as u64;
                    Ok(())
                };
                if let Some(record) = spent {
                    put(&record, &frame(&record)).map_err(failed)?;
                    continue;
                }
                for span in std::iter::once(&entry.begun).chain(&entry.chunks).chain(&entry.done) {
                    let bytes = state.bytes(*span).map_err(failed)?;
                    // A frame that went bad on disk since it was read is left out like any damage.
                    if let Some(record) = read(&bytes) {
                        put(&record, &bytes).map_err(failed)?;
                    }
                }
            }
            out.flush().map_err(failed)?;
        }
        file.sync_all().map_err(failed)?;
        std::fs::rename(&next, &self.path).map_err(failed)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        }
        *state = State { file: Arc::new(file), end, ledger };
        Ok(())
    }
}

impl State {
    fn bytes(&self, span: Span) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; (span.size as usize).max(HEADER)];
        self.file.read_exact_at(&mut bytes, span.at)?;
        Ok(bytes)
    }

    fn chunks(&self, entry: &Entry) -> Vec<Chunk> {
        let records = entry.chunks.iter().filter_map(|span| self.record(*span));
        records.filter_map(|record| if let Record::Chunk(chunk) = record { Some(chunk) } else { None }).collect()
    }

    fn record(&self, span: Span) -> Option<Record> {
        read(&self.bytes(span).ok()?)
    }
}

/// Opens a file that only its owner may read, from creation on; a `fresh` one is made anew.
fn open_private(path: &Path, fresh: bool) -> io::Result<File> {
    if fresh {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    if fresh {
        options.create_new(true)
    } else {
        options.create(true).truncate(false)
    };
    options.open(path)
}
