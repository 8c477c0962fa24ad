//! What rpm knows: installed packages, their files, and what was altered since.

use std::ffi::OsStr;
use std::path::PathBuf;

use crate::system::command::{Command, Finished, which};
use crate::system::environment::Environment;
use crate::system::packages::PackageError;

/// Between the fields of a package, and between packages: no text of a package has them.
const FIELD: char = '\u{1f}';
const END: char = '\u{1e}';

/// rpm, as one job sees it.
pub struct Rpm<'e> {
    environment: &'e Environment,
    root: Option<PathBuf>,
    /// The machine's own architecture (`x86_64`).
    pub architecture: String,
}

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// `[epoch:]version-release`.
    pub version: String,
    /// The architecture it was built for.
    pub architecture: String,
}

/// What a package says of itself: the tags that were asked for, in their order.
pub type Details = Vec<String>;

/// A file that is not as its package left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Altered {
    /// Its path.
    pub path: String,
    /// `config`, `doc`, `ghost`, `license`, `readme`, if it is one.
    pub kind: Option<&'static str>,
    /// What differs; nothing for a file that is missing.
    pub mismatch: Option<Vec<&'static str>>,
}

/// `[epoch:]version-release` of parts; no epoch is `(none)` or `0`.
pub(super) fn evr(epoch: &str, version: &str, release: &str) -> String {
    match epoch {
        "" | "0" | "(none)" => format!("{version}-{release}"),
        epoch => format!("{epoch}:{version}-{release}"),
    }
}

/// A name as users write it: with the architecture when that is a foreign one.
pub(super) fn listed(name: &str, architecture: &str, own: &str) -> String {
    if [own, "noarch", ""].contains(&architecture) { name.to_owned() } else { format!("{name}.{architecture}") }
}

impl<'e> Rpm<'e> {
    /// Finds rpm, with the variables of a job.
    pub(super) fn open(environment: &'e Environment, root: Option<PathBuf>) -> Result<Self, PackageError> {
        if which("rpm", None).is_none() {
            return Err(PackageError::Absent("rpm", "rpm"));
        }
        let mut rpm = Self { environment, root, architecture: String::new() };
        rpm.architecture = rpm.run(&["--eval", "%{_host_cpu}"])?.out();
        Ok(rpm)
    }

    /// Runs rpm.
    pub fn run(&self, words: &[impl AsRef<OsStr>]) -> Result<Finished, PackageError> {
        let mut argv = vec![OsStr::new("rpm").to_owned()];
        if let Some(root) = &self.root {
            argv.extend([OsStr::new("--root").to_owned(), root.clone().into_os_string()]);
        }
        argv.extend(words.iter().map(|word| word.as_ref().to_owned()));
        Ok(self.environment.apply(Command::argv(argv)).c_locale().output_limit(256 << 20).run()?)
    }

    /// All installed packages.
    pub fn packages(&self) -> Result<Vec<Package>, PackageError> {
        let finished = self.run(&["-qa", "--qf", "%{NAME}\t%{EPOCH}\t%{VERSION}\t%{RELEASE}\t%{ARCH}\n"])?;
        if finished.status != 0 {
            return Err(PackageError::Refused(finished.said()));
        }
        let package = |line: &str| {
            let mut parts = line.split('\t');
            let name = parts.next()?.to_owned();
            let version = evr(parts.next()?, parts.next()?, parts.next()?);
            Some(Package { name, version, architecture: parts.next()?.to_owned() })
        };
        Ok(finished.out().lines().filter_map(package).collect())
    }

    /// Tags of installed packages (all without names), and the complaints about names that are none.
    pub fn details(&self, names: &[String], tags: &[&str]) -> Result<(Vec<Details>, Vec<String>), PackageError> {
        let fields: Vec<String> = tags.iter().map(|tag| format!("%{{{tag}}}")).collect();
        let format = format!("{}{END}", fields.join(&FIELD.to_string()));
        let mut words = vec!["-q".to_owned(), "--qf".to_owned(), format];
        if names.is_empty() {
            words.push("-a".to_owned());
        } else {
            words.push("--".to_owned());
            words.extend(names.iter().cloned());
        }
        let text = self.run(&words)?.out();
        let (mut all, mut missing) = (Vec::new(), Vec::new());
        for mut part in text.split(END) {
            // Complaints are lines between the packages.
            while let Some((line, rest)) = part.split_once('\n').filter(|(line, _)| line.ends_with(" is not installed"))
            {
                missing.push(line.to_owned());
                part = rest;
            }
            if part.trim_end().ends_with(" is not installed") {
                missing.push(part.trim().to_owned());
            } else if !part.trim().is_empty() {
                all.push(part.split(FIELD).map(str::to_owned).collect());
            }
        }
        Ok((all, missing))
    }

    /// The files of an installed package, or what rpm complained of.
    pub fn files(&self, name: &str) -> Result<Result<Vec<String>, String>, PackageError> {
        let finished = self.run(&["-ql", "--", name])?;
        if finished.status != 0 {
            return Ok(Err(finished.out().lines().next().unwrap_or_default().to_owned()));
        }
        Ok(Ok(finished.out().lines().filter(|line| line.starts_with('/')).map(str::to_owned).collect()))
    }

    /// The package a file belongs to; empty for none.
    pub fn owner(&self, path: &str) -> Result<String, PackageError> {
        let finished = self.run(&["-qf", "--qf", "%{NAME}\n", "--", path])?;
        let out = finished.out();
        Ok(if finished.status == 0 { out.lines().next().unwrap_or_default().to_owned() } else { String::new() })
    }

    /// The files of packages (of all without names) that are not as they were installed.
    pub fn verify(&self, names: &[String], options: &[String]) -> Result<Vec<Altered>, PackageError> {
        let mut words = vec!["-V".to_owned()];
        words.extend(options.iter().map(|option| format!("--{}", option.trim_start_matches('-'))));
        if names.is_empty() {
            words.push("-a".to_owned());
        } else {
            words.push("--".to_owned());
            words.extend(names.iter().cloned());
        }
        // Its status counts what differs; a name that is not installed is told as a line of its own.
        let text = self.run(&words)?.out();
        if let Some(line) = text.lines().find(|line| line.ends_with(" is not installed")) {
            return Err(PackageError::Refused(line.to_owned()));
        }
        Ok(text.lines().filter_map(altered).collect())
    }
}

/// A line of `rpm -V`: `S.5....T.  c /etc/a`, `missing     /opt/a`.
fn altered(line: &str) -> Option<Altered> {
    let path = line.get(line.find(" /")? + 1..)?;
    let before = line.get(..line.len() - path.len())?;
    let (flags, kind) = before.split_once(' ')?;
    let kind = match kind.trim() {
        "c" => Some("config"),
        "d" => Some("doc"),
        "g" => Some("ghost"),
        "l" => Some("license"),
        "r" => Some("readme"),
        _ => None,
    };
    let mismatch = (flags != "missing").then(|| flags.chars().filter_map(difference).collect());
    Some(Altered { path: path.to_owned(), kind, mismatch })
}

fn difference(flag: char) -> Option<&'static str> {
    Some(match flag {
        'S' => "size",
        'M' => "mode",
        '5' => "md5sum",
        'D' => "device major/minor number",
        'L' => "readlink path",
        'U' => "user",
        'G' => "group",
        'T' => "mtime",
        'P' => "capabilities",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_altered_is_read() {
        let found = altered("S.5....T.  c /etc/a b.conf").unwrap();
        assert_eq!((found.path.as_str(), found.kind), ("/etc/a b.conf", Some("config")));
        assert_eq!(found.mismatch.unwrap(), ["size", "md5sum", "mtime"]);
        let found = altered("missing     /opt/a").unwrap();
        assert_eq!((found.kind, found.mismatch), (None, None));
        assert_eq!(altered("Unsatisfied dependencies for a-1.0:"), None);
    }
}
