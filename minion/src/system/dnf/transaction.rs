//! What dnf says it would do, and what its indexes offer.

use std::collections::BTreeMap;

use super::rpm::evr;
use crate::system::packages::PackageError;

/// How a transaction treats a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// It is brought in beside what is there, or new.
    Add,
    /// It takes the place of what is there.
    Replace,
    /// It goes.
    Remove,
    /// It is installed again, or only offered.
    Keep,
}

/// A package of a transaction or of the indexes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What happens to it.
    pub deed: Deed,
    /// Its name.
    pub name: String,
    /// The architecture it was built for.
    pub architecture: String,
    /// `[epoch:]version-release`.
    pub version: String,
}

impl Entry {
    /// A line of `dnf repoquery`.
    pub(super) fn of_query(line: &str) -> Option<Self> {
        let mut parts = line.split('\t');
        let (name, architecture) = (parts.next()?, parts.next()?);
        let version = evr(parts.next()?, parts.next()?, parts.next()?);
        Some(Self { deed: Deed::Keep, name: name.to_owned(), architecture: architecture.to_owned(), version })
    }
}

/// The deed that a heading of dnf's table announces; none for a line that is no heading.
fn heading(line: &str) -> Option<Deed> {
    let text = line.strip_suffix(':')?;
    match text.split(' ').next()? {
        "Installing" => Some(Deed::Add),
        "Upgrading" | "Downgrading" => Some(Deed::Replace),
        "Removing" => Some(Deed::Remove),
        "Reinstalling" => Some(Deed::Keep),
        // Skipped packages, module streams and groups change no package.
        _ => Some(Deed::Keep),
    }
}

/// Reads the table of a transaction; without one nothing is to be done.
pub(super) fn parse(text: &str) -> Result<Vec<Entry>, PackageError> {
    let mut rulers = 0;
    let mut deed = Deed::Keep;
    let mut rows: Vec<(Deed, String)> = Vec::new();
    for line in text.lines() {
        if line.starts_with("====") {
            rulers += 1;
            continue;
        }
        if rulers < 2 {
            continue;
        }
        if line.starts_with("Transaction Summary") {
            break;
        }
        if !line.starts_with(' ') {
            deed = heading(line.trim_end()).unwrap_or(deed);
        } else if let Some(gone) = line.trim_start().strip_prefix("replacing ") {
            rows.push((Deed::Remove, format!("replacing {}", gone.trim())));
        } else if line.strip_prefix(' ').is_some_and(|rest| !rest.starts_with(' ')) {
            rows.push((deed, line.trim().to_owned()));
        } else if let Some((_, row)) = rows.last_mut() {
            // What does not fit into a line goes on below, further in.
            row.push(' ');
            row.push_str(line.trim());
        }
    }
    if rulers == 0 && !text.contains("Nothing to do") && !text.trim().is_empty() {
        return Err(PackageError::Refused(format!(
            "dnf announced its transaction in a form that is not known:\n{text}"
        )));
    }
    rows.iter().map(|(deed, row)| entry(*deed, row)).collect()
}

fn entry(deed: Deed, row: &str) -> Result<Entry, PackageError> {
    let words: Vec<&str> = row.split_whitespace().collect();
    let (name, architecture, version) = match words.as_slice() {
        ["replacing", package, version, ..] => {
            let (name, architecture) = package.rsplit_once('.').unwrap_or((package, ""));
            (name, architecture, version)
        }
        [name, architecture, version, _repository, ..] => (*name, *architecture, version),
        _ => return Err(PackageError::Refused(format!("dnf announced '{row}', which is no package"))),
    };
    let version = version.strip_prefix("0:").unwrap_or(version).to_owned();
    Ok(Entry { deed, name: name.to_owned(), architecture: architecture.to_owned(), version })
}

/// The installed versions by listed name after a transaction.
pub(super) fn after(
    mut installed: BTreeMap<String, Vec<String>>,
    entries: &[(String, Entry)],
) -> BTreeMap<String, Vec<String>> {
    for (name, entry) in entries {
        let versions = installed.entry(name.clone()).or_default();
        match entry.deed {
            Deed::Keep => {}
            Deed::Add => versions.push(entry.version.clone()),
            Deed::Replace => *versions = vec![entry.version.clone()],
            Deed::Remove => versions.retain(|version| *version != entry.version),
        }
        versions.sort_by(|a, b| super::version::compare(a, b));
    }
    installed.retain(|_, versions| !versions.is_empty());
    installed
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "Dependencies resolved.\n\
        ================\n Package  Architecture  Version  Repository  Size\n================\n\
        Installing:\n a                    noarch       1.0-1            local        6.2 k\n     \
        replacing  old.noarch 0.9-1\n\
        Upgrading:\n a-very-long-name-of-a-package\n                      x86_64       2:2.0-1          local        0  \n\
        Removing dependent packages:\n gone                 x86_64       1-1              @local       6  \n\n\
        Transaction Summary\n================\nInstall  1 Package\n\nOperation aborted.\n";

    #[test]
    fn a_table_is_read_also_where_it_is_wrapped() {
        let all = parse(TABLE).unwrap();
        let shown: Vec<String> =
            all.iter().map(|e| format!("{:?} {} {} {}", e.deed, e.name, e.architecture, e.version)).collect();
        let wanted = [
            "Add a noarch 1.0-1",
            "Remove old noarch 0.9-1",
            "Replace a-very-long-name-of-a-package x86_64 2:2.0-1",
            "Remove gone x86_64 1-1",
        ];
        assert_eq!(shown, wanted);
        assert_eq!(parse("Dependencies resolved.\nNothing to do.\nComplete!\n").unwrap(), []);
        assert!(parse("Package   Arch Version\nInstalling:\n a x86_64 1\n").is_err());
        assert!(parse(&TABLE.replace("a                    noarch", "a")).is_ok());
        assert!(parse(&TABLE.replace("@local       6", "")).is_err());
    }

    #[test]
    fn several_versions_stand_beside_each_other() {
        let now = BTreeMap::from([("k".to_owned(), vec!["1-1".to_owned(), "2-1".to_owned()])]);
        let entry = |deed, version: &str| {
            let version = version.to_owned();
            ("k".to_owned(), Entry { deed, name: "k".to_owned(), architecture: String::new(), version })
        };
        let then = after(now.clone(), &[entry(Deed::Add, "10-1"), entry(Deed::Remove, "1-1")]);
        assert_eq!(then["k"], ["2-1", "10-1"]);
        assert_eq!(after(now, &[entry(Deed::Replace, "3-1")])["k"], ["3-1"]);
    }
}
