//! What of the directories is served: how links are treated, which names are left out.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::config::Settings;
use crate::diag::Diagnostic;
use crate::pattern::{Flags, Pattern, PatternError};
use crate::target::glob;
use crate::value::{Map, Value};

/// A setting of the served files that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {why}")]
pub struct ServedError {
    /// The setting.
    pub key: &'static str,
    /// What is wrong with it.
    pub why: String,
}

/// What of the directories is served.
#[derive(Debug, Clone)]
pub struct Served {
    /// Links are followed wherever they lead; without, only while they stay in a root (`fileserver_followsymlinks`).
    pub follow: bool,
    /// Links to files do not appear in listings (`fileserver_ignoresymlinks`).
    pub hide_links: bool,
    /// Directories of which nothing is served, neither through links nor from a root around them: a master's keys and
    /// data. A root inside of one is served.
    pub kept: Vec<Kept>,
    /// Shell patterns of paths that do not exist for anybody (`file_ignore_glob`).
    pub(super) ignore_globs: Vec<String>,
    /// Regular expressions of such paths, found anywhere in them (`file_ignore_regex`).
    pub(super) ignore_patterns: Vec<Pattern>,
}

/// A directory of which nothing is served.
#[derive(Debug, Clone)]
pub struct Kept {
    path: PathBuf,
    real: OnceLock<PathBuf>,
}

impl Kept {
    /// The directory as it was configured.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory without links; `None` while there is none.
    pub(super) fn real(&self) -> Option<&Path> {
        if self.real.get().is_none()
            && let Ok(real) = std::fs::canonicalize(&self.path)
        {
            drop(self.real.set(real));
        }
        self.real.get().map(PathBuf::as_path)
    }
}

impl Default for Served {
    fn default() -> Self {
        Self {
            follow: true,
            hide_links: false,
            kept: Vec::new(),
            ignore_globs: Vec::new(),
            ignore_patterns: Vec::new(),
        }
    }
}

/// The settings that decide what is served.
const KEYS: [&str; 4] =
    ["fileserver_followsymlinks", "fileserver_ignoresymlinks", "file_ignore_glob", "file_ignore_regex"];

impl Served {
    /// Takes the settings of a configuration; a wrong one is told with its place.
    pub fn take(settings: &mut Settings) -> Result<Self, Diagnostic> {
        for key in KEYS {
            settings.get::<Value>(key)?;
        }
        Self::from_opts(settings.raw()).map_err(|wrong| settings.fault(wrong.key, wrong.why, "a list of texts"))
    }

    /// The same, with directories of which nothing is served.
    pub fn keeping(self, kept: Vec<PathBuf>) -> Self {
        Self { kept: kept.into_iter().map(|path| Kept { path, real: OnceLock::new() }).collect(), ..self }
    }

    /// Reads the settings out of a configuration.
    pub fn from_opts(opts: &Map) -> Result<Self, ServedError> {
        let flag = |key: &str, default: bool| opts.get(key).map_or(default, Value::truthy);
        let patterns = texts(opts, "file_ignore_regex")?;
        let bad = |error: PatternError| ServedError { key: "file_ignore_regex", why: error.to_string() };
        Ok(Self {
            follow: flag("fileserver_followsymlinks", true),
            hide_links: flag("fileserver_ignoresymlinks", false),
            kept: Vec::new(),
            ignore_globs: texts(opts, "file_ignore_glob")?,
            ignore_patterns: patterns
                .iter()
                .map(|pattern| Pattern::new(pattern, Flags::default()).map_err(bad))
                .collect::<Result<_, _>>()?,
        })
    }

    /// True for a path that is not served at all.
    pub fn ignores(&self, path: &str) -> bool {
        self.ignore_globs.iter().any(|pattern| glob::matches(pattern, path))
            || self.ignore_patterns.iter().any(|pattern| pattern.search(path).unwrap_or(false))
    }
}

fn texts(opts: &Map, key: &'static str) -> Result<Vec<String>, ServedError> {
    let wrong = || ServedError { key, why: "must be a list of texts".to_owned() };
    match opts.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Str(one)) => Ok(vec![one.to_string()]),
        Some(Value::List(all)) => all.iter().map(|one| one.as_str().map(str::to_owned).ok_or_else(wrong)).collect(),
        Some(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_paths_are_named_by_globs_and_expressions() {
        let opts: Map = [
            ("file_ignore_glob", Value::List(vec!["*.swp".into()])),
            ("file_ignore_regex", Value::List(vec![r"(^|/)\.git/".into()])),
        ]
        .into_iter()
        .collect();
        let served = Served::from_opts(&opts).unwrap();
        assert!(served.ignores("a/b.swp") && served.ignores(".git/config") && served.ignores("x/.git/config"));
        assert!(!served.ignores("a/b.sls"));
        let broken: Map = [("file_ignore_regex", Value::from("("))].into_iter().collect();
        assert!(Served::from_opts(&broken).unwrap_err().to_string().starts_with("file_ignore_regex: "));
    }
}
