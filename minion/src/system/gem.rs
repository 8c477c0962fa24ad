//! RubyGems: the program `gem`, what it lists, and its versions.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use super::command::{Command, CommandError, RunAs, which};

/// Why gem did not do something.
#[derive(Debug, thiserror::Error)]
pub enum GemError {
    /// There is none.
    #[error("{0} is not on this machine: is RubyGems installed?")]
    Missing(String),
    /// It could not be run.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// It failed; what it said.
    #[error("{0}")]
    Said(String),
    /// What is asked for makes no sense.
    #[error("{0}")]
    Nonsense(String),
}

/// A gem program, and how it is run.
pub struct Gem {
    program: PathBuf,
    run_as: Option<RunAs>,
    /// Variables of its environment: a proxy may hold a password.
    env: Vec<(&'static str, String)>,
}

impl Gem {
    /// The machine's `gem`, or the one that is named; run by an account.
    pub fn new(program: Option<&str>, account: Option<&str>) -> Result<Self, GemError> {
        let name = program.filter(|name| !name.is_empty()).unwrap_or("gem");
        let program = which(name, std::env::var_os("PATH").as_deref());
        let run_as = account.filter(|name| !name.is_empty()).map(RunAs::account).transpose()?;
        Ok(Self { program: program.ok_or_else(|| GemError::Missing(name.to_owned()))?, run_as, env: Vec::new() })
    }

    /// Goes to the network through this proxy.
    #[must_use]
    pub fn through(mut self, proxy: Option<&str>) -> Self {
        if let Some(proxy) = proxy {
            self.env.extend([("http_proxy", proxy.to_owned()), ("https_proxy", proxy.to_owned())]);
        }
        self
    }

    /// Runs it; what it wrote.
    pub fn run(&self, words: &[&str]) -> Result<String, GemError> {
        let argv = std::iter::once(self.program.clone().into_os_string()).chain(words.iter().map(Into::into));
        let mut command = Command::argv(argv).c_locale().cwd("/");
        for (name, value) in &self.env {
            command = command.env(name, Some(value.as_ref()));
        }
        if let Some(identity) = &self.run_as {
            command = command.run_as(identity.clone());
        }
        let finished = command.run()?;
        if finished.status == 0 { Ok(finished.out()) } else { Err(GemError::Said(finished.said())) }
    }

    /// What is installed, or what is newer elsewhere, by name.
    pub fn list(&self, words: &[&str]) -> Result<Vec<(String, Vec<String>)>, GemError> {
        Ok(self.run(words)?.lines().filter_map(listed).collect())
    }

    /// The versions of one gem that are installed.
    pub fn versions(&self, name: &str) -> Result<Vec<String>, GemError> {
        let all = self.list(&["list", "--local"])?;
        Ok(all.into_iter().find(|(known, _)| known == name).map(|(_, versions)| versions).unwrap_or_default())
    }

    /// Name and version of the gem in a file.
    pub fn of_file(&self, path: &Path) -> Result<(String, String), GemError> {
        let file = path.display().to_string();
        let told = |field: &str| self.run(&["specification", &file, field]);
        let unknown = || GemError::Said(format!("{file}: gem tells no name and version of it"));
        let (name, version) = (told("name")?, told("version")?);
        Ok((field(&name, "--- ").ok_or_else(unknown)?, field(&version, "version: ").ok_or_else(unknown)?))
    }

    /// The places gems come from.
    pub fn sources(&self) -> Result<Vec<String>, GemError> {
        let said = self.run(&["sources", "--list"])?;
        Ok(said.lines().map(str::trim).filter(|line| line.contains("://")).map(str::to_owned).collect())
    }
}

/// A text of YAML on a line that begins so.
fn field(said: &str, start: &str) -> Option<String> {
    let text = said.lines().find_map(|line| line.strip_prefix(start))?;
    Some(text.trim().trim_matches(['\'', '"']).to_owned()).filter(|text| !text.is_empty() && !text.starts_with('!'))
}

/// `bundler (default: 2.3.7, 2.2.0)`.
fn listed(line: &str) -> Option<(String, Vec<String>)> {
    let (name, versions) = line.trim().split_once(" (")?;
    let versions = versions.strip_suffix(')')?.split(", ").map(str::to_owned).collect();
    Some((name.to_owned(), versions))
}

/// A version without what stands around it: `default: `, a platform.
pub fn bare(version: &str) -> &str {
    let version = version.strip_prefix("default: ").unwrap_or(version);
    version.split(' ').next().unwrap_or(version)
}

/// True if a version is one of those that a requirement means (`1.2`, `>= 1.0, < 2`, `~> 1.2`).
pub fn meets(version: &str, requirement: &str) -> Result<bool, GemError> {
    let mut all = true;
    for part in requirement.split(',') {
        let part = part.trim();
        let wanted = part.trim_start_matches(['<', '>', '=', '!', '~']);
        let operator = &part[..part.len() - wanted.len()];
        let wanted = wanted.trim();
        let is_version = wanted.starts_with(|first: char| first.is_ascii_digit())
            && wanted.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-".contains(letter));
        let order = compare(version, wanted);
        all &= match operator {
            _ if !is_version => return Err(GemError::Nonsense(format!("'{part}' is no version of a gem"))),
            "" | "=" | "==" => order == Ordering::Equal,
            "!=" => order != Ordering::Equal,
            ">" => order == Ordering::Greater,
            "<" => order == Ordering::Less,
            ">=" => order != Ordering::Less,
            "<=" => order != Ordering::Greater,
            "~>" => order != Ordering::Less && compare(version, &bumped(wanted)) == Ordering::Less,
            other => return Err(GemError::Nonsense(format!("'{other}' is no comparison of versions"))),
        };
    }
    Ok(all)
}

/// The first version that `~>` does not mean: `1.2.3` becomes `1.3`, `1` becomes `2`.
fn bumped(version: &str) -> String {
    let mut parts: Vec<&str> = version.split('.').take_while(|part| part.bytes().all(|b| b.is_ascii_digit())).collect();
    if parts.len() > 1 {
        parts.pop();
    }
    let last = parts.pop().and_then(|part| part.parse::<u64>().ok()).unwrap_or(0).saturating_add(1).to_string();
    parts.push(&last);
    parts.join(".")
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// Letters make a version one that comes before.
    Word(String),
    Number(u64),
}

/// Compares versions as RubyGems does.
fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (parts(a), parts(b));
    let zero = Part::Number(0);
    let pairs = (0..a.len().max(b.len())).map(|at| (a.get(at).unwrap_or(&zero), b.get(at).unwrap_or(&zero)));
    pairs.map(|(a, b)| a.cmp(b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn parts(version: &str) -> Vec<Part> {
    let mut all: Vec<String> = Vec::new();
    let mut former = None;
    for letter in version.chars() {
        let kind = (letter.is_ascii_digit(), letter.is_ascii_alphabetic());
        match (kind, former) {
            ((false, false), _) => {}
            (kind, Some(same)) if kind == same => all.last_mut().into_iter().for_each(|word| word.push(letter)),
            _ => all.push(letter.to_string()),
        }
        former = Some(kind);
    }
    all.into_iter().map(|word| word.parse().map_or_else(|_| Part::Word(word), Part::Number)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        let read = listed("bundler (default: 2.3.7, 2.2.0 x86_64-linux)").unwrap();
        assert_eq!(read, ("bundler".into(), vec!["default: 2.3.7".into(), "2.2.0 x86_64-linux".into()]));
        assert_eq!([bare(&read.1[0]), bare(&read.1[1])], ["2.3.7", "2.2.0"]);
        assert_eq!(listed("*** LOCAL GEMS ***"), None);
        assert_eq!(field("--- rake\n", "--- ").as_deref(), Some("rake"));
        let version = "--- !ruby/object:Gem::Version\nversion: '1.0'\n";
        assert_eq!((field(version, "version: ").as_deref(), field(version, "--- ")), (Some("1.0"), None));
    }

    #[test]
    fn versions_are_compared_as_the_program_does() {
        let meets = |version, requirement| meets(version, requirement).unwrap();
        assert!(
            meets("1.0", "1") && meets("1.10", "> 1.9") && !meets("1.0.a2", ">= 1.0") && meets("1.0.b", "> 1.0.a9")
        );
        assert!(meets("1.4", "~> 1.2") && !meets("2.0", "~> 1.2") && !meets("1.3", "~> 1.2.5") && meets("1.9", "~>1"));
        assert!(meets("1.5", ">= 1.0, < 2") && !meets("2.0", ">= 1.0, < 2") && meets("1", "!= 2"));
        for wrong in ["", "abc", "=> 1", "1; x", ">="] {
            assert!(super::meets("1", wrong).is_err(), "{wrong}");
        }
    }
}
