//! Opening files below the directories of an environment. The kernel holds the line (`openat2` with the directory's
//! handle): no path leaves it by `..`, by being absolute or by a magic link, whoever wrote it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::FileError;

/// Never waits on a pipe, never becomes a terminal's owner.
const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// The directories of one environment.
pub(super) struct Homes<'r> {
    /// In order: the first that has a file wins.
    pub roots: &'r [PathBuf],
    /// Links are followed wherever they lead.
    pub follow: bool,
}

impl Homes<'_> {
    /// Opens a clean relative path below one root. A link that leaves the root is followed if all are, or if it ends
    /// below another root.
    pub fn open(&self, root: &Path, handle: &File, path: &str) -> io::Result<File> {
        if self.follow {
            return Ok(openat2(handle, Path::new(path), ResolveFlags::NO_MAGICLINKS)?);
        }
        match openat2(handle, Path::new(path), ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS) {
            Err(Errno::XDEV | Errno::NOSYS | Errno::PERM) => self.open_real(root, path),
            opened => Ok(opened?),
        }
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
