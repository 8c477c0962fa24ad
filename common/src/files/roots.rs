//! `file_roots` and `pillar_roots` on disk: per environment a list of directories, the first that has a file wins.
//!
//! Nothing outside of the configured directories is ever opened. The kernel holds that line (`openat2` beneath the
//! root's handle); a link that leaves its root is followed only when it ends inside another root of the environment.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, ResolveFlags};

use super::{FileError, FileSource, FileStat};

/// Directories below each other that are walked at most; deeper ones are left out of listings.
const MAX_DEPTH: usize = 64;

/// The environment whose directories stand for all environments that are not configured.
const DYNAMIC: &str = "__env__";

/// Directories per environment, as `file_roots` and `pillar_roots` configure them.
#[derive(Debug, Clone, Default)]
pub struct Roots {
    environments: BTreeMap<String, Vec<PathBuf>>,
}

impl Roots {
    /// A source over these directories. Directories that do not exist count as empty.
    ///
    /// An environment named `__env__` serves every name that is not configured; `__env__` inside its paths becomes the name.
    pub fn new(environments: BTreeMap<String, Vec<PathBuf>>) -> Self {
        Self { environments }
    }

    /// The directories of an environment.
    pub fn directories_of(&self, environment: &str) -> Result<Vec<PathBuf>, FileError> {
        if let Some(roots) = self.environments.get(environment).filter(|_| environment != DYNAMIC) {
            return Ok(roots.clone());
        }
        match self.environments.get(DYNAMIC) {
            Some(roots) if is_plain_name(environment) => {
                Ok(roots.iter().map(|root| substitute(root, environment)).collect())
            }
            _ => Err(FileError::Environment(environment.to_owned())),
        }
    }

    /// Opens the first match, a regular file, for reading.
    fn open(&self, environment: &str, path: &str) -> Result<Option<(PathBuf, File, Metadata)>, FileError> {
        let path = clean(path)?;
        let roots = self.directories_of(environment)?;
        for root in &roots {
            let opened = open_beneath(root, path, &roots);
            match opened.and_then(|file| file.metadata().map(|metadata| (file, metadata))) {
                Ok((file, metadata)) if metadata.is_file() => return Ok(Some((root.clone(), file, metadata))),
                Ok(_) => {}
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(FileError::Failed { path: path.to_owned(), why: error.to_string() }),
            }
        }
        Ok(None)
    }

    /// All files and all directories below the part of the tree the prefix points into.
    fn walk(&self, environment: &str, prefix: &str) -> Result<(BTreeSet<String>, BTreeSet<String>), FileError> {
        let roots = self.directories_of(environment)?;
        let homes: Vec<PathBuf> = roots.iter().filter_map(|root| fs::canonicalize(root).ok()).collect();
        let start = prefix.rsplit_once('/').map_or("", |(directory, _)| directory);
        let start = if start.is_empty() { "" } else { clean(start)? };
        let mut listing = Listing { homes: &homes, files: BTreeSet::new(), directories: BTreeSet::new() };
        for home in &homes {
            if let Some(real) = listing.inside(&home.join(start)) {
                listing.visit(&real, start, &mut HashSet::new());
            }
        }
        Ok((listing.files, listing.directories))
    }
}

impl FileSource for Roots {
    fn environments(&self) -> Result<Vec<String>, FileError> {
        Ok(self.environments.keys().filter(|name| *name != DYNAMIC).cloned().collect())
    }

    fn list(&self, environment: &str, prefix: &str) -> Result<Vec<String>, FileError> {
        Ok(starting_with(self.walk(environment, prefix)?.0, prefix))
    }

    fn directories(&self, environment: &str, prefix: &str) -> Result<Vec<String>, FileError> {
        Ok(starting_with(self.walk(environment, prefix)?.1, prefix))
    }

    fn stat(&self, environment: &str, path: &str) -> Result<Option<FileStat>, FileError> {
        let Some((root, _, metadata)) = self.open(environment, path)? else { return Ok(None) };
        let link = fs::read_link(root.join(path)).ok().and_then(|target| target.into_os_string().into_string().ok());
        Ok(Some(FileStat {
            size: metadata.len(),
            mode: metadata.permissions().mode() & 0o7777,
            mtime: i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec()),
            link,
        }))
    }

    fn read(&self, environment: &str, path: &str) -> Result<Option<Arc<[u8]>>, FileError> {
        let Some((_, mut file, metadata)) = self.open(environment, path)? else { return Ok(None) };
        let mut content = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0).min(1 << 26));
        file.read_to_end(&mut content)
            .map_err(|error| FileError::Failed { path: path.to_owned(), why: error.to_string() })?;
        Ok(Some(content.into()))
    }
}

/// What a walk over the roots of an environment found, as paths relative to the roots.
struct Listing<'r> {
    homes: &'r [PathBuf],
    files: BTreeSet<String>,
    directories: BTreeSet<String>,
}

impl Listing<'_> {
    /// The real place of a path, unless it is outside of the roots.
    fn inside(&self, path: &Path) -> Option<PathBuf> {
        fs::canonicalize(path).ok().filter(|real| self.homes.iter().any(|home| real.starts_with(home)))
    }

    /// Walks one directory; `above` holds the directories on the way down, so that links in a circle end.
    fn visit(&mut self, directory: &Path, relative: &str, above: &mut HashSet<(u64, u64)>) {
        let Ok(metadata) = fs::metadata(directory) else { return };
        let identity = (metadata.dev(), metadata.ino());
        if above.len() >= MAX_DEPTH || !above.insert(identity) {
            return;
        }
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = if relative.is_empty() { name } else { format!("{relative}/{name}") };
            let real = match entry.file_type() {
                Ok(kind) if kind.is_symlink() => match self.inside(&entry.path()) {
                    Some(real) => real,
                    None => continue,
                },
                Ok(_) => entry.path(),
                Err(_) => continue,
            };
            match fs::metadata(&real) {
                Ok(metadata) if metadata.is_dir() => {
                    self.visit(&real, &path, above);
                    self.directories.insert(path);
                }
                Ok(metadata) if metadata.is_file() => {
                    self.files.insert(path);
                }
                _ => {}
            }
        }
        above.remove(&identity);
    }
}

fn starting_with(paths: BTreeSet<String>, prefix: &str) -> Vec<String> {
    paths.into_iter().filter(|path| path.starts_with(prefix)).collect()
}

/// The path, if it is relative and names something below the root without `.`, `..`, empty parts or NUL.
fn clean(path: &str) -> Result<&str, FileError> {
    let parts_are_names = path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if parts_are_names && !path.contains('\0') { Ok(path) } else { Err(FileError::Outside(path.to_owned())) }
}

fn is_plain_name(name: &str) -> bool {
    !name.contains('/') && clean(name).is_ok()
}

fn substitute(root: &Path, environment: &str) -> PathBuf {
    root.components()
        .map(|part| match part {
            Component::Normal(name) => name
                .to_str()
                .map_or_else(|| PathBuf::from(name), |name| PathBuf::from(name.replace(DYNAMIC, environment))),
            other => PathBuf::from(other.as_os_str()),
        })
        .collect()
}

fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
        || matches!(error.raw_os_error(), Some(code) if code == rustix::io::Errno::LOOP.raw_os_error())
}

/// Opens `path` below `root` without ever blocking on a pipe or leaving the roots.
fn open_beneath(root: &Path, path: &str, roots: &[PathBuf]) -> io::Result<File> {
    let handle = File::open(root)?;
    match openat2(&handle, Path::new(path), ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS) {
        Err(rustix::io::Errno::XDEV | rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => {
            open_canonical(root, path, roots)
        }
        opened => Ok(opened?),
    }
}

/// Follows a link that leaves its root, if its real place is below one of the roots.
fn open_canonical(root: &Path, path: &str, roots: &[PathBuf]) -> io::Result<File> {
    let real = fs::canonicalize(root.join(path))?;
    for root in roots {
        let Ok(home) = fs::canonicalize(root) else { continue };
        let Ok(inside) = real.strip_prefix(&home) else { continue };
        // The real path has no links; should one appear in the meantime, it is refused.
        return match openat2(&File::open(&home)?, inside, ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS) {
            Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => {
                Ok(File::from(rustix::fs::open(&real, READ | OFlags::NOFOLLOW, Mode::empty())?))
            }
            opened => Ok(opened?),
        };
    }
    Err(io::ErrorKind::NotFound.into())
}

const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

fn openat2(handle: &File, path: &Path, resolve: ResolveFlags) -> Result<File, rustix::io::Errno> {
    // EAGAIN: something was renamed meanwhile and the kernel could not tell whether the path stayed inside.
    for _ in 0..16 {
        match rustix::fs::openat2(handle, path, READ, Mode::empty(), resolve) {
            Err(rustix::io::Errno::AGAIN) => {}
            opened => return opened.map(File::from),
        }
    }
    Err(rustix::io::Errno::AGAIN)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn tree() -> (tempfile::TempDir, Roots) {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        for (path, text) in [("a/x.sls", "first"), ("b/x.sls", "second"), ("b/sub/y", "y"), ("secret", "no")] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::create_dir(a.join("empty")).unwrap();
        let roots = Roots::new(BTreeMap::from([("base".to_owned(), vec![a, b])]));
        (dir, roots)
    }

    fn text(roots: &Roots, path: &str) -> Option<String> {
        roots.read("base", path).unwrap().map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[test]
    fn the_first_directory_wins_and_listings_join_all() {
        let (_dir, roots) = tree();
        assert_eq!(text(&roots, "x.sls").as_deref(), Some("first"));
        assert_eq!(text(&roots, "sub/y").as_deref(), Some("y"));
        assert_eq!(text(&roots, "sub"), None);
        assert_eq!(roots.list("base", "").unwrap(), ["sub/y", "x.sls"]);
        assert_eq!(roots.list("base", "su").unwrap(), ["sub/y"]);
        assert_eq!(roots.list("base", "sub/").unwrap(), ["sub/y"]);
        assert_eq!(roots.directories("base", "").unwrap(), ["empty", "sub"]);
        assert!(matches!(roots.read("dev", "x.sls"), Err(FileError::Environment(_))));
    }

    #[test]
    fn unclean_paths_are_refused() {
        let (_dir, roots) = tree();
        for path in ["../secret", "/etc/passwd", "sub/../x.sls", "", "a//b", "./x.sls", "x\0y"] {
            assert!(matches!(roots.read("base", path), Err(FileError::Outside(_))), "{path:?}");
        }
    }

    #[test]
    fn links_stay_inside_the_roots() {
        let (dir, roots) = tree();
        let a = dir.path().join("a");
        symlink("../secret", a.join("out")).unwrap();
        symlink(dir.path().join("secret"), a.join("out-absolute")).unwrap();
        symlink("x.sls", a.join("near")).unwrap();
        symlink(dir.path().join("b/sub"), a.join("other")).unwrap();
        symlink("..", a.join("empty/circle")).unwrap();
        symlink("../..", a.join("empty/up")).unwrap();
        assert_eq!(text(&roots, "out"), None);
        assert_eq!(text(&roots, "out-absolute"), None);
        assert_eq!(text(&roots, "near").as_deref(), Some("first"));
        assert_eq!(text(&roots, "other/y").as_deref(), Some("y"));
        assert_eq!(roots.stat("base", "near").unwrap().unwrap().link.as_deref(), Some("x.sls"));
        assert_eq!(roots.list("base", "").unwrap(), ["near", "other/y", "sub/y", "x.sls"]);
        assert!(roots.list("base", "empty/up/").unwrap().is_empty());
    }

    #[test]
    fn the_dynamic_environment_stands_for_any_plain_name() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("qa")).unwrap();
        fs::write(dir.path().join("qa/x"), "qa").unwrap();
        let roots = Roots::new(BTreeMap::from([("__env__".to_owned(), vec![dir.path().join("__env__")])]));
        assert_eq!(&*roots.read("qa", "x").unwrap().unwrap(), b"qa");
        assert!(matches!(roots.read("..", "x"), Err(FileError::Environment(_))));
        assert!(roots.environments().unwrap().is_empty());
    }
}
