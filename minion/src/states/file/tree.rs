//! What lies below a directory: for `recurse` and `clean`.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use fleet_common::value::Value;

use super::names::Names;
use super::owner::Wanted;
use crate::states::Failure;
use crate::system::fs::plain;

/// A file, link or directory as it is.
pub struct Entry {
    /// Where.
    pub path: PathBuf,
    /// What it is; links are not followed.
    pub meta: Metadata,
}

/// What `recurse` asks for.
#[derive(Debug, Clone, Default)]
pub struct Recurse {
    user: bool,
    group: bool,
    mode: bool,
    ignore_files: bool,
    ignore_dirs: bool,
    /// Say nothing of single files.
    pub silent: bool,
    depth: Option<usize>,
}

impl Recurse {
    /// Reads the words of `recurse`.
    pub fn parse(words: &[String], max_depth: Option<i64>) -> Result<Self, Failure> {
        let mut recurse = Self { depth: max_depth.map(|depth| usize::try_from(depth).unwrap_or(0)), ..Self::default() };
        for word in words {
            match word.as_str() {
                "user" => recurse.user = true,
                "group" => recurse.group = true,
                "mode" => recurse.mode = true,
                "ignore_files" => recurse.ignore_files = true,
                "ignore_dirs" => recurse.ignore_dirs = true,
                "silent" => recurse.silent = true,
                _ => {
                    return Err(Failure::new(
                        "Types for \"recurse\" limited to \"user\", \"group\", \"mode\", \"ignore_files\", \"ignore_dirs\", \"silent\".",
                    ));
                }
            }
        }
        if recurse.ignore_files && recurse.ignore_dirs {
            return Err(Failure::new(
                "Must not specify \"recurse\" options \"ignore_files\" and \"ignore_dirs\" at the same time.",
            ));
        }
        Ok(recurse)
    }

    fn asked(&self) -> bool {
        self.user || self.group || self.mode
    }
}

impl Entry {
    /// The entry at a path.
    pub fn of(path: &Path) -> Result<Self, Failure> {
        let meta = std::fs::symlink_metadata(path);
        let meta = meta.map_err(|error| Failure::new(format!("{}: {}", path.display(), plain(&error))))?;
        Ok(Self { path: path.to_owned(), meta })
    }

    /// What `recurse` wants of this entry, given what is wanted of the directory itself.
    pub fn wanted(&self, top: &Wanted, file_mode: Option<u32>, recurse: &Recurse) -> Wanted {
        let mode = match (recurse.mode, self.meta.is_dir()) {
            (false, _) => None,
            (true, true) => top.mode,
            (true, false) => file_mode,
        };
        Wanted {
            user: top.user.clone().filter(|_| recurse.user),
            group: top.group.clone().filter(|_| recurse.group),
            mode,
        }
    }
}

/// Everything below a directory that `recurse` reaches, files before directories, the deepest level last asked for.
pub fn below(path: &Path, recurse: &Recurse) -> Result<Vec<Entry>, Failure> {
    let mut found = Vec::new();
    if recurse.asked() {
        walk(path, recurse, 1, &mut found)?;
    }
    Ok(found)
}

fn walk(path: &Path, recurse: &Recurse, depth: usize, found: &mut Vec<Entry>) -> Result<(), Failure> {
    if recurse.depth.is_some_and(|most| depth > most) {
        return Ok(());
    }
    let entries = listing(path)?;
    let (directories, files): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|entry| entry.meta.is_dir());
    if !recurse.ignore_files {
        found.extend(files);
    }
    for directory in directories {
        let path = directory.path.clone();
        if !recurse.ignore_dirs {
            found.push(directory);
        }
        walk(&path, recurse, depth + 1, found)?;
    }
    Ok(())
}

fn listing(path: &Path) -> Result<Vec<Entry>, Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("{}: {}", path.display(), plain(&error)));
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    paths.iter().map(|path| Entry::of(path)).collect()
}

/// What `clean` leaves: paths of other states, their parents, and names that fit a pattern.
pub struct Kept<'a> {
    paths: &'a [PathBuf],
    patterns: Names,
    top: PathBuf,
}

/// Something that `clean` removes.
pub struct Stray {
    /// Where.
    pub path: PathBuf,
    /// False for what goes with its directory.
    pub whole: bool,
}

impl<'a> Kept<'a> {
    /// Reads `exclude_pat`: a glob, `E@` and a regular expression, or a list of them.
    pub fn new(paths: &'a [PathBuf], exclude: Option<&Value>, top: &Path) -> Result<Self, Failure> {
        Ok(Self { paths, patterns: Names::parse(exclude, "exclude_pat")?, top: top.to_owned() })
    }

    fn keeps(&self, path: &Path) -> bool {
        let relative = path.strip_prefix(&self.top).unwrap_or(path).to_string_lossy();
        self.paths.iter().any(|kept| kept.starts_with(path)) || self.patterns.fit(&relative)
    }

    /// Everything to remove, in the order in which it is listed.
    pub fn strays(&self, path: &Path) -> Result<Vec<Stray>, Failure> {
        let mut found = Vec::new();
        self.collect(path, &mut found)?;
        Ok(found)
    }

    /// Returns true when nothing below stays.
    fn collect(&self, path: &Path, found: &mut Vec<Stray>) -> Result<bool, Failure> {
        let mut empty = true;
        let entries = listing(path)?;
        let (directories, files): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|entry| entry.meta.is_dir());
        for file in files {
            if self.keeps(&file.path) {
                empty = false;
            } else {
                found.push(Stray { path: file.path, whole: true });
            }
        }
        for directory in directories {
            let at = found.len();
            let all = self.collect(&directory.path, found)?;
            if all && !self.keeps(&directory.path) {
                found[at..].iter_mut().for_each(|stray| stray.whole = false);
                found.insert(at, Stray { path: directory.path, whole: true });
            } else {
                empty = false;
            }
        }
        Ok(empty)
    }
}
