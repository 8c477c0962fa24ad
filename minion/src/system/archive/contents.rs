//! What is in an archive.

use std::collections::BTreeSet;
use std::path::Path;

use super::inside::inner;

/// The members of an archive, by what they are; each list sorted, directories with a slash at their end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Directories.
    pub dirs: Vec<String>,
    /// Files, hard links among them.
    pub files: Vec<String>,
    /// Symbolic links.
    pub links: Vec<String>,
}

impl Contents {
    /// Sorted, each member once.
    pub fn new(dirs: Vec<String>, files: Vec<String>, links: Vec<String>) -> Self {
        let sorted = |list: Vec<String>| list.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        Self { dirs: sorted(dirs), files: sorted(files), links: sorted(links) }
    }

    /// Without the first components of all names; members that have no more are left out.
    #[must_use]
    pub fn without_first(self, components: usize) -> Self {
        let cut = |list: Vec<String>| {
            let rest = |name: String| name.splitn(components + 1, '/').nth(components).map(str::to_owned);
            list.into_iter().filter_map(rest).filter(|name| !name.is_empty()).collect()
        };
        Self::new(cut(self.dirs), cut(self.files), cut(self.links))
    }

    /// A member whose name leads out of the directory that the archive is unpacked into.
    pub fn leading_out(&self) -> Option<&str> {
        let mut all = self.dirs.iter().chain(&self.files).chain(&self.links);
        all.find(|name| inner(Path::new(name.as_str())).is_none()).map(String::as_str)
    }

    /// Directories at the top, also one that all others are in without being a member itself.
    pub fn top_dirs(&self) -> Vec<String> {
        let mut top: Vec<String> = self.dirs.iter().filter(|name| name.matches('/').count() == 1).cloned().collect();
        let first = |name: &String| name.split('/').next().unwrap_or_default().to_owned();
        let firsts: BTreeSet<String> = self.dirs.iter().map(first).collect();
        if let (1, Some(only)) = (firsts.len(), firsts.first().map(|name| format!("{name}/")))
            && !top.contains(&only)
        {
            top.push(only);
        }
        top
    }

    /// Files at the top.
    pub fn top_files(&self) -> Vec<String> {
        self.files.iter().filter(|name| !name.contains('/')).cloned().collect()
    }

    /// Symbolic links at the top.
    pub fn top_links(&self) -> Vec<String> {
        self.links.iter().filter(|name| !name.contains('/')).cloned().collect()
    }

    /// All members, sorted.
    pub fn all(&self) -> Vec<String> {
        let mut all: Vec<String> = self.dirs.iter().chain(&self.files).chain(&self.links).cloned().collect();
        all.sort();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_is_found_though_it_is_no_member() {
        let own = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let contents = Contents::new(own(&["a/b/", "a/c/"]), own(&["a/b/x", "y"]), Vec::new());
        assert_eq!(contents.top_dirs(), ["a/"]);
        assert_eq!(contents.top_files(), ["y"]);
        let cut = contents.without_first(1);
        assert_eq!((cut.dirs, cut.files), (own(&["b/", "c/"]), own(&["b/x"])));
    }
}
