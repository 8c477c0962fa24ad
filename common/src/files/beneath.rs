//! Opening files below the directories of an environment. The kernel holds the line (`openat2` with the directory's
//! handle): no path leaves it by `..`, by being absolute or by a magic link, whoever wrote it.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::FileError;
use super::served::Kept;

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
    /// Directories of which nothing is served.
    pub kept: &'r [Kept],
}

impl Homes<'_> {
    /// Opens a clean relative path below one root. A link that leaves the root is followed if all are, or if it ends
    /// below another root.
    pub fn open(&self, root: &Path, handle: &File, path: &str) -> io::Result<File> {
        match openat2(handle, Path::new(path), READ, ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS) {
            Err(Errno::XDEV | Errno::NOSYS | Errno::PERM) if self.follow => self.open_anywhere(handle, path),
            Err(Errno::XDEV | Errno::NOSYS | Errno::PERM) => self.open_real(root, path),
            opened => self.unless_kept(opened?),
        }
    }

    /// Follows a link out of the roots.
    fn open_anywhere(&self, handle: &File, path: &str) -> io::Result<File> {
        let file = openat2(handle, Path::new(path), READ, ResolveFlags::NO_MAGICLINKS)?;
        let real = place(&file)?;
        if NEVER.iter().any(|never| real.starts_with(never)) && !self.is_in_root(&real, Path::new("/")) {
            return Err(not_served("the link leads to the kernel's files"));
        }
        self.unless_kept(file)
    }

    /// Refuses what lies in a kept directory, unless it is below a root that somebody placed in there on purpose. Where
    /// it lies is asked of what was opened.
    fn unless_kept(&self, file: File) -> io::Result<File> {
        if self.kept.is_empty() {
            return Ok(file);
        }
        let real = place(&file)?;
        let mut around = self.kept.iter().filter_map(Kept::real).filter(|kept| real.starts_with(kept));
        if around.any(|kept| !self.is_in_root(&real, kept)) {
            return Err(not_served("it is one of the master's own keys and data"));
        }
        Ok(file)
    }

    /// True if a root lies in `around` and `real` is below it.
    fn is_in_root(&self, real: &Path, around: &Path) -> bool {
        let roots = self.roots.iter().filter_map(|root| fs::canonicalize(root).ok());
        roots.into_iter().any(|root| real.starts_with(&root) && root.starts_with(around))
    }

    /// What is written in a link itself; `None` for what is none.
    pub fn link(&self, root: &Path, path: &str) -> Option<String> {
        let inside = if self.follow { ResolveFlags::empty() } else { ResolveFlags::BENEATH };
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let found = openat2(&File::open(root).ok()?, Path::new(path), flags, inside | ResolveFlags::NO_MAGICLINKS);
        // Of a handle on the link itself: nobody can put another in its place meanwhile.
        rustix::fs::readlinkat(found.ok()?, "", Vec::new()).ok()?.into_string().ok()
    }

    fn open_real(&self, root: &Path, path: &str) -> io::Result<File> {
        let real = fs::canonicalize(root.join(path))?;
        for root in self.roots {
            let Ok(home) = fs::canonicalize(root) else { continue };
            let Ok(inside) = real.strip_prefix(&home) else { continue };
            // The real path has no links; should one appear in the meantime, it is refused.
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
            let file = match openat2(&File::open(&home)?, inside, READ, resolve) {
                Err(Errno::NOSYS | Errno::PERM) => {
                    File::from(rustix::fs::open(&real, READ | OFlags::NOFOLLOW, Mode::empty())?)
                }
                opened => opened?,
            };
            return self.unless_kept(file);
        }
        Err(io::ErrorKind::NotFound.into())
    }
}

/// Where an open file lies, without links.
fn place(file: &File) -> io::Result<PathBuf> {
    fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

fn not_served(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, format!("not served: {why}"))
}

fn openat2(handle: &File, path: &Path, flags: OFlags, resolve: ResolveFlags) -> Result<File, Errno> {
    // EAGAIN: something was renamed meanwhile and the kernel could not tell whether the path stayed inside.
    for _ in 0..16 {
        match rustix::fs::openat2(handle, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN) => {}
            // A kernel without the call: the path is clean, which is all that following needs.
            Err(Errno::NOSYS | Errno::PERM) if !resolve.contains(ResolveFlags::BENEATH) => {
                return rustix::fs::openat(handle, path, flags, Mode::empty()).map(File::from);
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
