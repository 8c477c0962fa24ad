//! `pip` of one Python: of the machine, of a virtual environment, or a program named outright.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use fleet_common::value::{Value, json_load};
use pep440_rs::{Version, VersionSpecifiers};

use super::command::{Command, CommandError, Finished, RunAs, which};

/// Why pip gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum PipError {
    /// There is none where it was looked for.
    #[error("{0}")]
    Missing(String),
    /// It could not be run.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// It failed; what it wrote to its error stream.
    #[error("{0}")]
    Failed(String),
}

/// A pip, and how it is run.
pub struct Pip {
    argv: Vec<PathBuf>,
    environment: Vec<(String, String)>,
    cwd: Option<String>,
    run_as: Option<RunAs>,
}

/// A package that is installed, as pip writes its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The name.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl Pip {
    /// The pip of a virtual environment, a Python or a pip program; of the machine's `python3` when none is named.
    pub fn new(bin_env: Option<&str>) -> Result<Self, PipError> {
        let mut environment = Vec::new();
        let argv = match bin_env.filter(|place| !place.is_empty()) {
            None => {
                let python = which("python3", std::env::var_os("PATH").as_deref());
                of_python(python.ok_or_else(|| PipError::Missing("Could not find a `python3` binary".to_owned()))?)
            }
            Some(place) if Path::new(place).is_dir() => {
                environment.push(("VIRTUAL_ENV".to_owned(), place.to_owned()));
                let candidates = ["python", "bin/python", "bin/python3"].map(|python| Path::new(place).join(python));
                let python = candidates.into_iter().find(|python| program(python));
                of_python(
                    python.ok_or_else(|| {
                        PipError::Missing(format!("Could not find a pip binary in virtualenv {place}"))
                    })?,
                )
            }
            Some(place) => {
                let found = which(place, std::env::var_os("PATH").as_deref()).ok_or_else(|| {
                    PipError::Missing(format!("Access denied to {place}, could not find a pip binary"))
                })?;
                let is_python = found.file_name().is_some_and(|name| name.to_string_lossy().contains("python"));
                if is_python { of_python(found) } else { vec![found] }
            }
        };
        Ok(Self { argv, environment, cwd: None, run_as: None })
    }

    /// Starts in a directory.
    #[must_use]
    pub fn cwd(mut self, directory: Option<&str>) -> Self {
        self.cwd = directory.map(str::to_owned);
        self
    }

    /// Runs as this user.
    pub fn user(mut self, name: Option<&str>) -> Result<Self, PipError> {
        self.run_as = name.map(RunAs::account).transpose()?;
        Ok(self)
    }

    /// Sets variables of its environment.
    #[must_use]
    pub fn variables(mut self, more: impl IntoIterator<Item = (String, String)>) -> Self {
        self.environment.extend(more);
        self
    }

    /// Runs it with these words.
    pub fn run<W: AsRef<OsStr>>(&self, words: &[W]) -> Result<Finished, PipError> {
        let argv = self.argv.iter().map(|part| part.as_os_str()).chain(words.iter().map(AsRef::as_ref));
        let mut command = Command::argv(argv).env("PIP_DISABLE_PIP_VERSION_CHECK", Some(OsStr::new("1")));
        for (name, value) in &self.environment {
            command = command.env(name, Some(OsStr::new(value)));
        }
        if let Some(directory) = &self.cwd {
            command = command.cwd(directory);
        }
        if let Some(identity) = &self.run_as {
            command = command.run_as(identity.clone());
        }
        Ok(command.run()?)
    }

    /// Runs it for what it prints.
    pub fn ask(&self, words: &[&str]) -> Result<String, PipError> {
        let finished = self.run(words)?;
        if finished.status == 0 { Ok(finished.out()) } else { Err(PipError::Failed(finished.err())) }
    }

    /// Its version.
    pub fn version(&self) -> Result<String, PipError> {
        let finished = self.run(&["--version"])?;
        let text = finished.out();
        let version = text.strip_prefix("pip ").and_then(|rest| rest.split_whitespace().next());
        match version {
            Some(version) if finished.status == 0 => Ok(version.to_owned()),
            _ => Err(PipError::Missing("Could not find a `pip` binary".to_owned())),
        }
    }

    /// What is installed.
    pub fn list(&self) -> Result<Vec<Installed>, PipError> {
        let rows = self.rows(&["list", "--format=json"])?;
        Ok(rows.iter().map(|row| Installed { name: field(row, "name"), version: field(row, "version") }).collect())
    }

    /// Newer versions of what is installed: name, and version with its kind of file (`2.0 [wheel]`).
    pub fn upgrades(&self) -> Result<Vec<(String, String)>, PipError> {
        let rows = self.rows(&["list", "--outdated", "--format=json"])?;
        let newest = |row| format!("{} [{}]", field(row, "latest_version"), field(row, "latest_filetype"));
        Ok(rows.iter().map(|row| (field(row, "name"), newest(row))).collect())
    }

    fn rows(&self, words: &[&str]) -> Result<Vec<Value>, PipError> {
        match json_load::parse(&self.ask(words)?) {
            Ok(Value::List(rows)) => Ok(rows),
            _ => Err(PipError::Failed("Invalid JSON".to_owned())),
        }
    }
}

fn field(row: &Value, key: &str) -> String {
    row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn of_python(python: PathBuf) -> Vec<PathBuf> {
    vec![python, PathBuf::from("-m"), PathBuf::from("pip")]
}

fn program(path: &Path) -> bool {
    path.to_str().is_some_and(|path| which(path, None).is_some())
}

/// The name as an index compares it: lower case, runs of `-`, `_` and `.` are one hyphen (PEP 503).
pub fn normal_name(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

/// What is asked of one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The package's name; empty for an address or a path, whose content only pip knows.
    pub name: String,
    /// The versions it may have.
    pub versions: VersionSpecifiers,
}

impl Requirement {
    /// Reads a requirement as pip takes it on its command line (`name[extra]>=1,<2; marker`).
    ///
    /// # Errors
    /// A text for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        let plain = text.split(';').next().unwrap_or_default().trim();
        if plain.contains("://") || plain.contains('/') || plain.starts_with('.') || plain.contains(" @ ") {
            return Ok(Self { name: String::new(), versions: VersionSpecifiers::empty() });
        }
        let end = plain.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(plain.len());
        let (name, rest) = plain.split_at(end);
        let rest = match rest.trim_start().strip_prefix('[') {
            Some(extras) => extras.split_once(']').map_or("]", |(_, rest)| rest),
            None => rest,
        };
        if plain.contains('=') && !["==", ">=", "<=", "~=", "!="].iter().any(|operator| plain.contains(operator)) {
            return Err(format!(
                "Invalid version specification in package {text}. '=' is not supported, use '==' instead."
            ));
        }
        let wrong = |why: String| format!("pip raised an exception while parsing '{text}': {why}");
        if name.is_empty() {
            return Err(wrong("it has no name".to_owned()));
        }
        let versions = VersionSpecifiers::from_str(rest.trim()).map_err(|error| wrong(error.to_string()))?;
        Ok(Self { name: name.to_owned(), versions })
    }

    /// True if a version is among those it may have; what is no version never is, unless any will do.
    pub fn takes(&self, version: &str) -> bool {
        self.versions.is_empty() || Version::from_str(version).is_ok_and(|version| self.versions.contains(&version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_read_as_pip_reads_them() {
        let requirement = Requirement::parse("Foo.bar[x,y] >=1.2, <2 ; python_version > '3'").unwrap();
        assert_eq!(requirement.name, "Foo.bar");
        assert!(requirement.takes("1.2.9") && !requirement.takes("2.0") && !requirement.takes("1.1"));
        assert!(Requirement::parse("foo").unwrap().takes("0"));
        assert!(Requirement::parse("foo==1.0").unwrap().takes("1.0.0"));
        assert_eq!(Requirement::parse("git+https://host/x.git#egg=x").unwrap().name, "");
        assert!(Requirement::parse("foo=1.0").unwrap_err().contains("use '==' instead"));
        assert!(Requirement::parse("foo>=one").unwrap_err().starts_with("pip raised"));
        assert_eq!(normal_name("Zope.Interface__x"), "zope-interface-x");
    }
}
