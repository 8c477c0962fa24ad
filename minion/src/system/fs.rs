//! Files: bounded reads and writes that appear whole, with their final mode and owner, or not at all.

use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use fleet_common::files::{FileStat, Opened};

/// Opening a pipe or terminal does not wait.
const NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;

/// What went wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// The system refused.
    #[error("{}: {}", .path.display(), plain(.source))]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is larger than what is read into memory.
    #[error("{}: larger than {limit} bytes", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
}

/// The text of a system error without Rust's `(os error N)`.
pub fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

impl FileFault {
    /// Wraps a system error with its path.
    pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    /// True when the file (or a directory on the way) is not there.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io { source, .. } if matches!(source.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory))
    }
}

/// When a write counts as kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sync {
    /// The caller syncs later (one `syncfs` at the end of a state run).
    #[default]
    Later,
    /// File and directory are on disk when the write returns.
    Now,
}

/// How a file is written.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// Permission bits; `None`: those of the file that is replaced, else 0644 without the umask's bits.
    pub mode: Option<u32>,
    /// Owner; `None`: that of the file that is replaced, else our own.
    pub uid: Option<u32>,
    /// Group; as `uid`.
    pub gid: Option<u32>,
    /// When it must be on disk.
    pub sync: Sync,
}

/// Writes `content` to `path` through a temporary file of the same directory and a rename.
///
/// Mode and owner are set before the name appears. A symbolic link at `path` is replaced, not followed.
pub fn write_atomic(path: &Path, content: &[u8], options: &WriteOptions) -> Result<(), FileFault> {
    write_atomic_with(path, options, |file| file.write_all(content))
}

/// As [`write_atomic`], with the content written by `fill`.
pub fn write_atomic_with(
    path: &Path,
    options: &WriteOptions,
    fill: impl FnOnce(&mut std::fs::File) -> std::io::Result<()>,
) -> Result<(), FileFault> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let former = std::fs::symlink_metadata(path).ok().filter(std::fs::Metadata::is_file);
    let mode = options.mode.or_else(|| former.as_ref().map(|meta| meta.mode() & 0o7777));
    let uid = options.uid.or_else(|| former.as_ref().map(MetadataExt::uid));
    let gid = options.gid.or_else(|| former.as_ref().map(MetadataExt::gid));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".fleet-");
    if mode.is_none() {
        // The kernel takes the umask off.
        builder.permissions(std::fs::Permissions::from_mode(0o644));
    }
    let mut temporary = builder
        .tempfile_in(parent)
        .map_err(|error| FileFault::Io { path: path.to_owned(), source: of_the_system(&error) })?;
    let file = temporary.as_file_mut();
    let written = fill(file).and_then(|()| settle(file, uid, gid, mode, options.sync));
    written.map_err(FileFault::io(path))?;
    temporary.persist(path).map_err(|error| FileFault::Io { path: path.to_owned(), source: error.error })?;
    if options.sync == Sync::Now {
        std::fs::File::open(parent).and_then(|directory| directory.sync_all()).map_err(FileFault::io(parent))?;
    }
    Ok(())
}

/// An error in the system's own words. That of a temporary file keeps its kind only, and names a file that means
/// nothing to whoever reads it.
fn of_the_system(error: &std::io::Error) -> std::io::Error {
    use rustix::io::Errno;
    use std::io::ErrorKind as Kind;
    let number = match error.kind() {
        Kind::NotFound => Errno::NOENT,
        Kind::PermissionDenied => Errno::ACCESS,
        Kind::NotADirectory => Errno::NOTDIR,
        Kind::ReadOnlyFilesystem => Errno::ROFS,
        Kind::StorageFull => Errno::NOSPC,
        Kind::QuotaExceeded => Errno::DQUOT,
        kind => return kind.into(),
    };
    number.into()
}

fn settle(
    file: &std::fs::File,
    uid: Option<u32>,
    gid: Option<u32>,
    mode: Option<u32>,
    sync: Sync,
) -> std::io::Result<()> {
    if uid.is_some() || gid.is_some() {
        let now = file.metadata()?;
        if uid.is_some_and(|uid| uid != now.uid()) || gid.is_some_and(|gid| gid != now.gid()) {
            fchown(file, uid, gid)?;
        }
    }
    if let Some(mode) = mode {
        // After chown, which clears the set-user-id bits.
        file.set_permissions(std::fs::Permissions::from_mode(mode))?;
    }
    if sync == Sync::Now { file.sync_all() } else { Ok(()) }
}

/// Opens a regular file for reading in parts; never waits on a pipe.
pub fn open_file(path: &Path) -> Result<Opened, FileFault> {
    let open = || {
        let file = std::fs::File::options().read(true).custom_flags(NONBLOCK).open(path)?;
        let stat = rustix::fs::fstat(&file)?;
        if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file() {
            return Err(std::io::Error::other("not a regular file"));
        }
        Ok(Opened::on_disk(file, FileStat::of(&stat)))
    };
    open().map_err(FileFault::io(path))
}

/// Reads a whole file that has at most `limit` bytes; a file that grows meanwhile is refused as well.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, FileFault> {
    let file = std::fs::File::open(path).map_err(FileFault::io(path))?;
    let size = file.metadata().map_err(FileFault::io(path))?.len();
    let mut content = Vec::with_capacity(usize::try_from(size.min(limit)).unwrap_or(0));
    file.take(limit.saturating_add(1)).read_to_end(&mut content).map_err(FileFault::io(path))?;
    if content.len() as u64 > limit {
        return Err(FileFault::TooLarge { path: path.to_owned(), limit });
    }
    Ok(content)
}

/// A small text file of the kernel or of `/etc`, trimmed; `None` when it cannot be read.
pub fn read_line(path: impl AsRef<Path>) -> Option<String> {
    let bytes = read_bounded(path.as_ref(), 1 << 20).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// Makes one directory that nobody but this user enters before its owner and mode are set, where `mode` says so.
/// `false` if it is there by now: another process may make the same one at the same time.
pub fn make_directory(path: &Path, mode: Option<u32>) -> std::io::Result<bool> {
    let first = mode.map_or(0o777, |mode| mode & 0o700);
    match std::fs::DirBuilder::new().mode(first).create(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && path.is_dir() => Ok(false),
        Err(error) => Err(error),
    }
}

/// Directories that were made for what is to be put into them. Unless they are kept, those that are empty go again: what
/// could not be written leaves nothing behind.
#[derive(Debug, Default)]
#[must_use = "what is not kept goes again"]
pub struct Made(Vec<PathBuf>);

impl Made {
    /// One more, made by the caller, below those before it.
    pub fn note(&mut self, path: &Path) {
        self.0.push(path.to_owned());
    }

    /// Those of another one as well.
    pub fn take(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// They stay.
    pub fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // One that is not empty is in use.
        self.0.iter().rev().for_each(|path| drop(std::fs::remove_dir(path)));
    }
}

/// Makes a directory and all above it that are missing.
pub fn make_all(path: &Path) -> std::io::Result<Made> {
    let missing = path.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists());
    let mut made = Made::default();
    for path in missing.collect::<Vec<_>>().into_iter().rev() {
        if make_directory(path, None)? {
            made.note(path);
        }
    }
    Ok(made)
}

/// The umask of this process, without changing it (from `/proc`, since asking the kernel sets it).
///
/// Read once: nothing here changes it, and the kernel takes longer to write that page than to make a small file.
pub fn umask() -> u32 {
    static MASK: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    *MASK.get_or_init(|| {
        let status = read_line("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("Umask:"));
        mask.and_then(|mask| u32::from_str_radix(mask.trim(), 8).ok()).unwrap_or(0o022)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_keeps_mode_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        write_atomic(&path, b"one", &WriteOptions { mode: Some(0o640), ..WriteOptions::default() }).unwrap();
        write_atomic(&path, b"two", &WriteOptions { sync: Sync::Now, ..WriteOptions::default() }).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_leaves_the_former_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "kept").unwrap();
        let fault = write_atomic_with(&path, &WriteOptions::default(), |_| Err(std::io::Error::other("no space")));
        assert_eq!(fault.unwrap_err().to_string(), format!("{}: no space", path.display()));
        assert_eq!(std::fs::read(&path).unwrap(), b"kept");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_directory_that_is_there_by_now_is_no_fault() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("d");
        assert!(make_directory(&path, Some(0o755)).unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o700);
        assert!(!make_directory(&path, None).unwrap());
        std::fs::write(dir.path().join("f"), "").unwrap();
        assert!(make_directory(&dir.path().join("f"), None).is_err());
    }

    #[test]
    fn directories_go_again_that_stayed_empty() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b/c");
        drop(make_all(&deep).unwrap());
        assert!(!dir.path().join("a").exists());
        make_all(&deep).unwrap().keep();
        assert!(deep.is_dir() && make_all(&deep).unwrap().is_empty());
        let made = make_all(&deep.join("d/e")).unwrap();
        std::fs::write(deep.join("d/f"), "").unwrap();
        drop(made);
        assert!(deep.join("d/f").exists() && !deep.join("d/e").exists());
    }

    #[test]
    fn a_read_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, [0; 10]).unwrap();
        assert_eq!(read_bounded(&path, 10).unwrap().len(), 10);
        assert!(matches!(read_bounded(&path, 9), Err(FileFault::TooLarge { limit: 9, .. })));
        assert!(matches!(read_bounded(Path::new("/dev/zero"), 100), Err(FileFault::TooLarge { .. })));
        assert!(read_bounded(&dir.path().join("b"), 9).unwrap_err().is_missing());
    }
}
