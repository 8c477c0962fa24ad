//! Kinds of archives.

/// The kind of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `tar`, packed or not.
    Tar,
    /// `zip`.
    Zip,
    /// `rar`: known, not supported.
    Rar,
}

/// Endings of names, without the dot before them.
const ENDINGS: &[(&str, Kind)] = &[
    ("tar", Kind::Tar),
    ("tar.gz", Kind::Tar),
    ("tgz", Kind::Tar),
    ("tar.bz2", Kind::Tar),
    ("tbz2", Kind::Tar),
    ("tbz", Kind::Tar),
    ("tar.xz", Kind::Tar),
    ("txz", Kind::Tar),
    ("tar.lzma", Kind::Tar),
    ("tlz", Kind::Tar),
    ("tar.zst", Kind::Tar),
    ("tzst", Kind::Tar),
    ("zip", Kind::Zip),
    ("rar", Kind::Rar),
];

impl Kind {
    /// The kind by its name: `tar`, `zip`, `rar`.
    pub fn named(name: &str) -> Option<Self> {
        match name.to_lowercase().as_str() {
            "tar" => Some(Self::Tar),
            "zip" => Some(Self::Zip),
            "rar" => Some(Self::Rar),
            _ => None,
        }
    }

    /// The kind that the name of a file tells; parameters of an address do not count.
    pub fn of_file(name: &str) -> Option<Self> {
        let name = name.split(['?', '#']).next().unwrap_or_default().to_lowercase();
        let has = |ending: &str| name.strip_suffix(ending).is_some_and(|rest| rest.ends_with('.'));
        ENDINGS.iter().find(|(ending, _)| has(ending)).map(|(_, kind)| *kind)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tar => "tar",
            Self::Zip => "zip",
            Self::Rar => "rar",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_kind() {
        assert_eq!(Kind::of_file("https://example.org/a.TAR.gz?x=1.zip"), Some(Kind::Tar));
        assert_eq!(Kind::of_file("/srv/a.zip"), Some(Kind::Zip));
        assert_eq!(Kind::of_file("salt://tar"), None);
    }
}
