//! dpkg's list of packages, read directly: a few thousand paragraphs in milliseconds, without a program.

use std::path::Path;

use crate::system::fs::{self, FileFault};

/// The largest list that is read.
const LIMIT: u64 = 256 << 20;

/// What the administrator wants of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Installed.
    Install,
    /// Installed and not changed.
    Hold,
    /// Gone, configuration kept.
    Deinstall,
    /// Gone with all it had.
    Purge,
    /// Nobody said.
    Unknown,
}

impl Want {
    /// dpkg's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Hold => "hold",
            Self::Deinstall => "deinstall",
            Self::Purge => "purge",
            Self::Unknown => "unknown",
        }
    }

    fn of(word: &str) -> Self {
        match word {
            "install" => Self::Install,
            "hold" => Self::Hold,
            "deinstall" => Self::Deinstall,
            "purge" => Self::Purge,
            _ => Self::Unknown,
        }
    }
}

/// One package dpkg knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version; empty when it was never unpacked.
    pub version: String,
    /// The architecture it was built for.
    pub architecture: String,
    /// What is wanted of it.
    pub want: Want,
    /// How far it is: `installed`, `config-files`, `half-configured`, ...
    pub state: String,
    /// Whether one for each architecture can be there (`same`).
    pub multi_arch: String,
    /// Its paragraph: fields by name, lines of continued values with their newlines.
    pub fields: Vec<(String, String)>,
}

impl Package {
    /// True when it is unpacked and set up.
    pub fn is_installed(&self) -> bool {
        self.state == "installed"
    }

    /// True when something of it is on the machine, be it only its configuration.
    pub fn is_known(&self) -> bool {
        !self.version.is_empty() && self.state != "not-installed"
    }

    /// Its name as users write it: with the architecture when that is a foreign one.
    pub fn listed_name(&self, own: &str) -> String {
        let foreign = self.architecture != own && self.architecture != "all" && !self.architecture.is_empty();
        if foreign { format!("{}:{}", self.name, self.architecture) } else { self.name.clone() }
    }

    /// A field of its paragraph.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// All packages of the list, in its order. A list that is not there is empty.
pub fn read(path: &Path) -> Result<Vec<Package>, FileFault> {
    match fs::read_bounded(path, LIMIT) {
        Ok(bytes) => Ok(parse(&String::from_utf8_lossy(&bytes))),
        Err(fault) if fault.is_missing() => Ok(Vec::new()),
        Err(fault) => Err(fault),
    }
}

fn parse(text: &str) -> Vec<Package> {
    text.split("\n\n").filter_map(package).collect()
}

fn package(paragraph: &str) -> Option<Package> {
    let fields = fields(paragraph);
    let value = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let name = value("Package")?;
    let status = value("Status").unwrap_or_default();
    let mut words = status.split_whitespace();
    let (want, state) = (words.next().unwrap_or_default(), words.nth(1).unwrap_or("not-installed"));
    Some(Package {
        name,
        version: value("Version").unwrap_or_default(),
        architecture: value("Architecture").unwrap_or_default(),
        want: Want::of(want),
        state: state.to_owned(),
        multi_arch: value("Multi-Arch").unwrap_or_default(),
        fields,
    })
}

/// The fields of a paragraph; continuation lines keep their leading blank.
pub(super) fn fields(paragraph: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in paragraph.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':').filter(|_| !line.starts_with('#')) {
            fields.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_become_packages() {
        let text = "Package: a\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:2.0-1\n\
                    Description: an a\n long\n .\n text\n\nPackage: b\nStatus: deinstall ok config-files\n\
                    Architecture: i386\nVersion: 1\n\nPackage: c\nStatus: hold ok not-installed\n\nnonsense\n";
        let all = parse(text);
        assert_eq!(all.len(), 3);
        assert!(all[0].is_installed() && !all[1].is_installed() && all[1].is_known() && !all[2].is_known());
        assert_eq!((all[1].want, all[2].want), (Want::Deinstall, Want::Hold));
        assert_eq!((all[0].listed_name("amd64"), all[1].listed_name("amd64")), ("a".to_owned(), "b:i386".to_owned()));
        assert_eq!(all[0].field("description"), Some("an a\n long\n .\n text"));
    }
}
