//! `file.tidied`.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use fleet_common::args;
use fleet_common::pattern::{Flags, Pattern};
use fleet_common::value::{Map, Value};

use super::copy::remove;
use super::text::named;
use crate::cx::{Act, Look};
use crate::states::{Applied, Failure, Plan, Report, Run, State};
use crate::system::fs::plain;

args! {
    /// Arguments of `file.tidied`.
    pub struct Tidied {
        /// The directory.
        name: String,
        /// Days that a file must be old.
        age: i64 = 0,
        /// Patterns of the names that go; all when not given.
        matches: Vec<String> = Vec::new(),
        /// Directories that are empty go too; not supported for those with files.
        rmdirs: bool = false,
        /// Bytes that a file must have: a number, or one with B, K, M, G or T.
        size: Value = Value::from(0),
        /// Patterns of the names that stay.
        exclude: Vec<String> = Vec::new(),
        /// Match the whole path, not only the name.
        full_path_match: bool = false,
        /// Go into directories behind links.
        followlinks: bool = false,
        /// Which time counts: atime, mtime or ctime.
        time_comparison: String = "atime".to_owned(),
        /// OR: old or large is enough; AND: both are needed.
        age_size_logical_operator: String = "OR".to_owned(),
        /// Only `age` or only `size` counts.
        age_size_only: Option<String> = None,
        /// Links go too.
        rmlinks: bool = true,
    }
}

impl State for Tidied {
    type Todo = Vec<PathBuf>;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Vec<PathBuf>>, Failure> {
        let name = &self.name;
        let path = named(name, "tidied")?;
        if !path.is_dir() {
            return Err(Failure::new(format!("{name} does not exist or is not a directory.")));
        }
        let rules = self.rules()?;
        let mut found = Vec::new();
        self.walk(&path, &rules, 0, &mut found)?;
        if found.is_empty() {
            return Ok(Plan::Nothing(Report::new(format!("Nothing to remove from directory {name}"))));
        }
        let removed: Value = found.iter().map(|path| path.display().to_string()).collect();
        let changes: Map = [("removed", removed)].into_iter().collect();
        let did = format!("Removed {} files or directories from directory {name}", found.len());
        Ok(Plan::Change {
            todo: found,
            would: Report::new(format!("{name} is set for tidy")).changes(changes.clone()),
            did: Report::new(did).changes(changes),
        })
    }

    fn apply(&self, _act: &Act, todo: Vec<PathBuf>) -> Result<Applied, Failure> {
        for path in &todo {
            remove(path).map_err(|error| Failure::new(format!("{}: {}", path.display(), plain(&error))))?;
        }
        Ok(Applied::AsPlanned)
    }
}

/// The arguments, read.
struct Rules {
    matches: Vec<Pattern>,
    exclude: Vec<Pattern>,
    bytes: u64,
    now: i64,
}

/// Directories below each other that are walked at most.
const DEEPEST: usize = 128;

impl Tidied {
    fn rules(&self) -> Result<Rules, Failure> {
        let compiled = |texts: &[String]| {
            let patterns = texts.iter().map(|text| Pattern::new(text, Flags::default()));
            patterns.collect::<Result<Vec<_>, _>>().map_err(|error| Failure::new(error.to_string()))
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Ok(Rules {
            matches: compiled(&self.matches)?,
            exclude: compiled(&self.exclude)?,
            bytes: bytes(&self.size)?,
            now: i64::try_from(now.as_secs()).unwrap_or(i64::MAX),
        })
    }

    fn walk(&self, folder: &Path, rules: &Rules, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
        if depth > DEEPEST {
            return Ok(());
        }
        let failed = |error: std::io::Error| Failure::new(format!("{}: {}", folder.display(), plain(&error)));
        let mut paths: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            paths.push(entry.map_err(failed)?.path());
        }
        paths.sort();
        for path in paths {
            let Ok(meta) = path.symlink_metadata() else { continue };
            let enter = meta.is_dir() || (self.followlinks && meta.is_symlink() && path.is_dir());
            if enter {
                let before = found.len();
                self.walk(&path, rules, depth + 1, found)?;
                let all = std::fs::read_dir(&path).is_ok_and(|entries| entries.count() == found.len() - before);
                if self.rmdirs && all && meta.is_dir() && self.goes(&path, &meta, rules)? {
                    found.push(path);
                }
            } else if (!meta.is_symlink() || self.rmlinks) && self.goes(&path, &meta, rules)? {
                found.push(path);
            }
        }
        Ok(())
    }

    fn goes(&self, path: &Path, meta: &Metadata, rules: &Rules) -> Result<bool, Failure> {
        let name = if self.full_path_match {
            path.to_string_lossy()
        } else {
            path.file_name().unwrap_or_default().to_string_lossy()
        };
        let any = |patterns: &[Pattern]| -> Result<bool, Failure> {
            for pattern in patterns {
                if pattern.matches_start(&name).map_err(|error| Failure::new(error.to_string()))? {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        if (!rules.matches.is_empty() && !any(&rules.matches)?) || any(&rules.exclude)? {
            return Ok(false);
        }
        let time = match self.time_comparison.as_str() {
            "mtime" => meta.mtime(),
            "ctime" => meta.ctime(),
            _ => meta.atime(),
        };
        let old = rules.now.saturating_sub(time) / 86_400 >= self.age;
        let large = meta.size() >= rules.bytes;
        Ok(match self.age_size_only.as_deref() {
            Some("age") => old,
            Some("size") => large,
            _ if self.age_size_logical_operator.eq_ignore_ascii_case("and") => old && large,
            _ => old || large,
        })
    }
}

/// A size as written: `5000`, `10K`, `2M`.
fn bytes(size: &Value) -> Result<u64, Failure> {
    let text = fleet_common::value::python::str_(size).trim().to_uppercase();
    let digits = text.trim_end_matches(|sign: char| sign.is_ascii_alphabetic());
    let power = match text[digits.len()..].trim_end_matches('B') {
        "" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => 9,
    };
    let number: Option<u64> = digits.trim().parse().ok();
    number
        .and_then(|number| number.checked_mul(1024_u64.checked_pow(power)?))
        .filter(|_| power < 9)
        .ok_or_else(|| Failure::new(format!("'{text}' is not a size")))
}
