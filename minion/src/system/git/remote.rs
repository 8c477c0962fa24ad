//! What a repository elsewhere has, and which of it a revision means.

use super::GitError;
use super::{Git, plain_word};

/// Reference names with the commits they stand for, as the server lists them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remote {
    /// `refs/heads/main` and the like; `HEAD` first.
    pub refs: Vec<(String, String)>,
}

impl Remote {
    /// Asks a server.
    pub fn ask(git: &Git, url: &str, options: &[String], pattern: Option<&str>) -> Result<Self, GitError> {
        let mut words = vec!["ls-remote".to_owned()];
        words.extend(options.iter().cloned());
        words.extend(["--".to_owned(), plain_word(url)?.to_owned()]);
        words.extend(pattern.map(str::to_owned));
        Ok(Self { refs: parse_refs(&git.ask(&words)?) })
    }

    /// The commit of a reference.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.refs.iter().find(|(known, _)| known == name).map(|(_, commit)| commit.as_str())
    }

    /// The commit of a tag; of an annotated one that which it points at.
    pub fn tag(&self, name: &str) -> Option<&str> {
        let full = format!("refs/tags/{name}");
        self.get(&format!("{full}^{{}}")).or_else(|| self.get(&full))
    }

    /// The commit of a branch.
    pub fn branch(&self, name: &str) -> Option<&str> {
        self.get(&format!("refs/heads/{name}"))
    }

    /// Tags and what their references hold.
    pub fn tags(&self) -> impl Iterator<Item = (&str, &str)> {
        self.refs
            .iter()
            .filter(|(name, _)| !name.ends_with("^{}"))
            .filter_map(|(name, commit)| Some((name.strip_prefix("refs/tags/")?, commit.as_str())))
    }

    /// The commit whose hexadecimal name starts so.
    pub fn starting(&self, start: &str) -> Option<&str> {
        self.refs.iter().map(|(_, commit)| commit.as_str()).find(|commit| commit.starts_with(start))
    }
}

/// Reads lines of `commit<TAB or blank>name`.
pub fn parse_refs(text: &str) -> Vec<(String, String)> {
    let pair = |line: &str| {
        let (commit, name) = line.split_once(['\t', ' '])?;
        Some((name.trim().to_owned(), commit.to_owned()))
    };
    text.lines().filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_mean_what_they_point_at() {
        let text = "aa\tHEAD\nbb\trefs/heads/main\ncc\trefs/tags/v1\ndd\trefs/tags/v1^{}\nee\trefs/tags/v2\n";
        let remote = Remote { refs: parse_refs(text) };
        assert_eq!((remote.tag("v1"), remote.tag("v2"), remote.tag("main")), (Some("dd"), Some("ee"), None));
        assert_eq!((remote.branch("main"), remote.starting("e")), (Some("bb"), Some("ee")));
        assert_eq!(remote.tags().collect::<Vec<_>>(), [("v1", "cc"), ("v2", "ee")]);
    }
}
