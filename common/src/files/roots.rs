//! `file_roots` and `pillar_roots` on disk: per environment a list of directories, the first that has a file wins.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::beneath::{Homes, clean, is_absent};
use super::walk::{Skipped, Walk};
use super::{FileError, FileSource, FileStat, Listing, Opened, Served};

/// The environment whose directories stand for all environments that are not configured.
const DYNAMIC: &str = "__env__";
/// Largest file that is read into memory at once; larger ones are read in parts.
const MOST: u64 = 1 << 30;
/// Entries that are not served and are named in the log, at most.
const MOST_TOLD: usize = 10_000;

/// Directories per environment, as `file_roots` and `pillar_roots` configure them.
#[derive(Debug, Clone, Default)]
pub struct Roots {
    environments: BTreeMap<String, Vec<PathBuf>>,
    served: Served,
    /// What was left out of listings and said to be; shared by copies.
    told: Arc<Mutex<HashSet<PathBuf>>>,
}

impl Roots {
    /// A source over these directories. Directories that do not exist count as empty.
    ///
    /// An environment named `__env__` serves every name that is not configured; `__env__` inside its paths becomes the name.
    pub fn new(environments: BTreeMap<String, Vec<PathBuf>>) -> Self {
        Self { environments, ..Self::default() }
    }

    /// The same directories with other rules of what is served.
    pub fn serving(self, served: Served) -> Self {
        Self { served, ..self }
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

    fn homes<'r>(&'r self, roots: &'r [PathBuf]) -> Homes<'r> {
        Homes { roots, follow: self.served.follow, kept: &self.served.kept }
    }

    /// Says what was left out, each once.
    fn tell(&self, skipped: Vec<Skipped>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for Skipped { path, why } in skipped {
            if told.len() < MOST_TOLD && told.insert(path.clone()) {
                tracing::warn!(?path, why, "a file or directory of the tree is not served");
            }
        }
    }

    /// Opens the first match, a regular file.
    fn first(&self, environment: &str, path: &str) -> Result<Option<(PathBuf, File, FileStat)>, FileError> {
        let path = clean(path)?;
        let roots = self.directories_of(environment)?;
        if self.served.ignores(path) {
            return Ok(None);
        }
        let homes = self.homes(&roots);
        for root in &roots {
            let opened = File::open(root).and_then(|handle| homes.open(root, &handle, path));
            match opened.and_then(|file| Ok((rustix::fs::fstat(&file)?, file))) {
                Ok((stat, file)) if rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file() => {
                    return Ok(Some((root.clone(), file, FileStat::of(&stat))));
                }
                Ok(_) => {}
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(FileError::Failed { path: path.to_owned(), why: error.to_string() }),
            }
        }
        Ok(None)
    }
}

impl FileSource for Roots {
    fn environments(&self) -> Result<Vec<String>, FileError> {
        Ok(self.environments.keys().filter(|name| *name != DYNAMIC).cloned().collect())
    }

    fn list(&self, environment: &str, prefix: &str) -> Result<Vec<String>, FileError> {
        Ok(self.listing(environment, prefix)?.files.into_iter().map(|(path, _)| path).collect())
    }

    fn directories(&self, environment: &str, prefix: &str) -> Result<Vec<String>, FileError> {
        Ok(self.listing(environment, prefix)?.directories)
    }

    fn stat(&self, environment: &str, path: &str) -> Result<Option<FileStat>, FileError> {
        let Some((root, _, stat)) = self.first(environment, path)? else { return Ok(None) };
        Ok(Some(FileStat { link: self.homes(&[]).link(&root, clean(path)?), ..stat }))
    }

    fn read(&self, environment: &str, path: &str) -> Result<Option<Arc<[u8]>>, FileError> {
        let Some(opened) = self.open(environment, path)? else { return Ok(None) };
        match opened.whole(MOST) {
            Ok(content) => Ok(Some(content.into())),
            Err(error) => Err(FileError::Failed { path: path.to_owned(), why: error.to_string() }),
        }
    }

    fn open(&self, environment: &str, path: &str) -> Result<Option<Opened>, FileError> {
        Ok(self.first(environment, path)?.map(|(_, file, stat)| Opened::on_disk(file, stat)))
    }

    fn listing(&self, environment: &str, prefix: &str) -> Result<Listing, FileError> {
        let roots = self.directories_of(environment)?;
        let start = prefix.rsplit_once('/').map_or("", |(directory, _)| directory);
        if !start.is_empty() {
            clean(start)?;
        }
        let (listing, skipped) = Walk::new(self.homes(&roots), &self.served, prefix).all();
        self.tell(skipped);
        Ok(listing)
    }
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicBool, Ordering};

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
    fn links_stay_inside_the_roots_unless_all_are_followed() {
        let (dir, following) = tree();
        let roots = following.clone().serving(Served { follow: false, ..Served::default() });
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
        assert_eq!(text(&following, "out").as_deref(), Some("no"));
        assert!(following.list("base", "").unwrap().contains(&"out-absolute".to_owned()));
        let hiding = following.serving(Served { hide_links: true, ..Served::default() });
        assert!(!hiding.list("base", "").unwrap().contains(&"near".to_owned()));
        assert_eq!(text(&hiding, "near").as_deref(), Some("first"));
    }

    #[test]
    fn no_link_leads_into_what_is_kept() {
        let (dir, roots) = tree();
        let (a, keys) = (dir.path().join("a"), dir.path().join("pki"));
        fs::create_dir_all(keys.join("deep")).unwrap();
        fs::write(keys.join("deep/master.pem"), "key").unwrap();
        symlink(keys.join("deep/master.pem"), a.join("key")).unwrap();
        symlink("../pki", a.join("keys")).unwrap();
        symlink(dir.path().join("secret"), a.join("elsewhere")).unwrap();
        symlink("..", a.join("up")).unwrap();
        let roots = roots.serving(Served::default().keeping(vec![keys.clone(), dir.path().join("not-there")]));
        for path in ["key", "keys/deep/master.pem"] {
            let refused = roots.read("base", path).unwrap_err().to_string();
            assert!(refused.contains("not served"), "{refused}");
        }
        let listed = roots.list("base", "").unwrap();
        assert!(!listed.iter().any(|path| path.contains("key") || path.contains("pki")), "{listed:?}");
        assert!(roots.read("base", "up/pki/deep/master.pem").is_err());
        assert_eq!(text(&roots, "elsewhere").as_deref(), Some("no"));
        // A root that lies in there was configured on purpose.
        let inside = Roots::new(BTreeMap::from([("base".to_owned(), vec![a, keys.join("deep")])]));
        let inside = inside.serving(Served::default().keeping(vec![keys]));
        assert_eq!(text(&inside, "key").as_deref(), Some("key"));
    }

    #[test]
    fn a_root_around_what_is_kept_serves_the_rest() {
        let (dir, _) = tree();
        fs::create_dir_all(dir.path().join("pki/master")).unwrap();
        fs::write(dir.path().join("pki/master/master.pem"), "key").unwrap();
        symlink("pki", dir.path().join("b/keys")).unwrap();
        let around = Roots::new(BTreeMap::from([("base".to_owned(), vec![dir.path().to_owned()])]));
        for follow in [true, false] {
            let served = Served { follow, ..Served::default() }.keeping(vec![dir.path().join("pki/master")]);
            let roots = around.clone().serving(served);
            assert_eq!(text(&roots, "secret").as_deref(), Some("no"));
            let refused = roots.read("base", "pki/master/master.pem").unwrap_err().to_string();
            assert!(refused.contains("not served"), "{refused}");
            for prefix in ["", "pki/", "pki/master", "pki/master/"] {
                assert!(roots.list("base", prefix).unwrap().iter().all(|path| !path.contains("pem")), "{prefix}");
            }
        }
    }

    #[test]
    fn names_that_are_no_text_are_left_out_and_told_once() {
        use std::os::unix::ffi::OsStrExt;
        let (dir, roots) = tree();
        let odd = dir.path().join("a").join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
        fs::write(&odd, "x").unwrap();
        fs::create_dir(dir.path().join("a").join(std::ffi::OsStr::from_bytes(b"\xff"))).unwrap();
        for _ in 0..2 {
            assert_eq!(roots.list("base", "").unwrap(), ["sub/y", "x.sls"]);
        }
        let told = roots.told.lock().unwrap();
        assert_eq!(told.len(), 2);
        assert!(told.contains(&odd), "{told:?}");
    }

    #[test]
    fn files_are_read_in_parts_of_what_was_opened() {
        let (dir, roots) = tree();
        let opened = roots.open("base", "x.sls").unwrap().unwrap();
        fs::rename(dir.path().join("b/x.sls"), dir.path().join("a/x.sls")).unwrap();
        assert_eq!(opened.part(1, 3).unwrap(), b"irs");
        assert_eq!(opened.part(4, 100).unwrap(), b"t");
        assert_eq!(opened.part(9, 1).unwrap(), b"");
        let now = roots.open("base", "x.sls").unwrap().unwrap();
        assert_eq!(now.whole(100).unwrap(), b"second");
        assert!(now.whole(5).is_err());
        assert_ne!(opened.stat().version, now.stat().version);
        assert_eq!(roots.listing("base", "x").unwrap().files[0].1.version, now.stat().version);
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

    /// Somebody swaps a directory of the tree for a link as fast as he can, while files are asked for.
    #[test]
    fn a_directory_that_becomes_a_link_meanwhile_leads_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in [("tree/d/file", "inside"), ("closed/file", "SECRET"), ("closed/deep/file", "SECRET")] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        symlink("deep/file", dir.path().join("closed/link")).unwrap();
        symlink("file", dir.path().join("tree/d/link")).unwrap();
        symlink(dir.path().join("closed"), dir.path().join("tree/other")).unwrap();
        let (tree, closed) = (dir.path().join("tree"), dir.path().join("closed"));
        let roots = || Roots::new(BTreeMap::from([("base".to_owned(), vec![tree.clone()])]));
        let kept = Served { follow: true, ..Served::default() }.keeping(vec![closed.clone()]);
        let served = [roots().serving(Served { follow: false, ..Served::default() }), roots().serving(kept)];
        let stop = AtomicBool::new(false);
        let swap = || {
            let flags = rustix::fs::RenameFlags::EXCHANGE;
            let (one, other) = (tree.join("d"), tree.join("other"));
            let mut swaps = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                rustix::fs::renameat_with(rustix::fs::CWD, &one, rustix::fs::CWD, &other, flags).unwrap();
                swaps += 1;
            }
            swaps
        };
        std::thread::scope(|scope| {
            let swapper = scope.spawn(swap);
            let mut seen = [0_u32; 2];
            for round in 0..4000 {
                for (roots, seen) in served.iter().zip(&mut seen) {
                    if let Ok(Some(content)) = roots.read("base", "d/file") {
                        assert_eq!(&*content, b"inside", "round {round}");
                        *seen += 1;
                    }
                    assert_eq!(roots.read("base", "d/deep/file").ok().flatten(), None);
                }
                // What stands in a link outside is not told either.
                if let Ok(Some(stat)) = served[0].stat("base", "d/link") {
                    assert_ne!(stat.link.as_deref(), Some("deep/file"));
                }
                if round % 100 == 0 {
                    for roots in &served {
                        assert!(!roots.list("base", "").unwrap_or_default().iter().any(|path| path.contains("deep")));
                    }
                }
            }
            stop.store(true, Ordering::Relaxed);
            assert!(swapper.join().unwrap() > 100 && seen.iter().all(|seen| *seen > 0), "{seen:?}");
        });
    }
}
