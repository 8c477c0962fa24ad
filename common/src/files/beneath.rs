//! Opening files below the directories of an environment. The kernel holds the line (`openat2` with the directory's
//! handle): no path leaves it by `..`, by being absolute or by a magic link, whoever wrote it.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::FileError;

/// Never waits on a pipe, never becomes a terminal's owner.
const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// The kernel's own file systems: what is in them tells of processes and devices, and is no file of a tree.
const NEVER: [&str; 3] = ["/proc", "/sys", "/dev"];

/// The directories of one environment.
pub(super) struct Homes<'r> {
    /// In order: the first that has a file wins.
    pub roots: &'r [PathBuf],
    /// Links are followed wherever they lead.
    pub follow: bool,
    /// Directories that no link out of the roots leads into.
    pub kept: &'r [PathBuf],
}

impl Homes<'_> {
    /// Opens a clean relative path below one root. A link that leaves the root is followed if all are, or if it ends
    /// below another root.
    pub fn open(&self, root: &Path, handle: &File, path: &str) -> io::Result<File> {
        match openat2(handle, Path::new(path), ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS) {
            Err(Errno::XDEV | Errno::NOSYS | Errno::PERM) if self.follow => self.open_anywhere(handle, path),
            Err(Errno::XDEV | Errno::NOSYS | Errno::PERM) => self.open_real(root, path),
            opened => Ok(opened?),
        }
    }

    /// Follows a link out of the roots, but not into what is kept: where it led is asked of what was opened.
    fn open_anywhere(&self, handle: &File, path: &str) -> io::Result<File> {
        let file = openat2(handle, Path::new(path), ResolveFlags::NO_MAGICLINKS)?;
        let real = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
        let is_in =
            |directory: &PathBuf| fs::canonicalize(directory).is_ok_and(|directory| real.starts_with(directory));
        let is_kept = NEVER.iter().any(|place| real.starts_with(place)) || self.kept.iter().any(is_in);
        if is_kept && !self.roots.iter().any(is_in) {
            let why = "the link leads to the kernel's files or to the master's own keys and data, which are not served";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        Ok(file)
    }

    fn open_real(&self, root: &Path, path: &str) -> io::Result<File> {
        let real = fs::canonicalize(root.join(path))?;
        for root in self.roots {
            let Ok(home) = fs::canonicalize(root) else { continue };
            let Ok(inside) = real.strip_prefix(&home) else { continue };
            // The real path has no links; should one appear in the meantime, it is refused.
            return match openat2(&File::open(&home)?, inside, ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS) {
                Err(Errno::NOSYS | Errno::PERM) => {
                    Ok(File::from(rustix::fs::open(&real, READ | OFlags::NOFOLLOW, Mode::empty())?))
                }
                opened => Ok(opened?),
            };
        }
        Err(io::ErrorKind::NotFound.into())
    }
}

fn openat2(handle: &File, path: &Path, resolve: ResolveFlags) -> Result<File, Errno> {
    // EAGAIN: something was renamed meanwhile and the kernel could not tell whether the path stayed inside.
    for _ in 0..16 {
        match rustix::fs::openat2(handle, path, READ, Mode::empty(), resolve) {
            Err(Errno::AGAIN) => {}
            // A kernel without the call: the path is clean, which is all that following needs.
            Err(Errno::NOSYS | Errno::PERM) if !resolve.contains(ResolveFlags::BENEATH) => {
                return rustix::fs::openat(handle, path, READ, Mode::empty()).map(File::from);
            }
            opened => return opened.map(File::from),
        }
    }
    Err(Errno::AGAIN)
}

/// The path, if it is relative and names something below the root without `.`, `..`, empty parts or NUL.
pub(super) fn clean(path: &str) -> Result<&str, FileError> {
    let parts_are_names = path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if parts_are_names && !path.contains('\0') { Ok(path) } else { Err(FileError::Outside(path.to_owned())) }
}

/// True for errors that mean: there is no such file.
pub(super) fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
        || matches!(error.raw_os_error(), Some(code) if code == Errno::LOOP.raw_os_error())
}
