//! Reading what apt's programs print.

use std::collections::BTreeMap;

use crate::system::packages::Changes;

/// Candidates out of `apt-cache policy`; packages without one are left out.
pub(super) fn candidates(text: &str) -> BTreeMap<String, String> {
    let (mut found, mut name) = (BTreeMap::new(), "");
    for line in text.lines() {
        if let Some(candidate) = line.strip_prefix("  Candidate: ") {
            if candidate != "(none)" {
                found.insert(name.to_owned(), candidate.to_owned());
            }
        } else if !line.starts_with(' ') {
            name = line.trim_end_matches(':');
        }
    }
    found
}

/// Versions out of `apt-cache madison`, in its order, each once.
pub(super) fn offered(text: &str) -> Vec<String> {
    let mut versions: Vec<String> = Vec::new();
    for version in text.lines().filter_map(|line| line.split('|').nth(1)).map(str::trim) {
        if !versions.iter().any(|known| known == version) {
            versions.push(version.to_owned());
        }
    }
    versions
}

/// Sources out of `apt-get update`: true for news, false for none, nothing for an error.
pub(super) fn refreshed(text: &str) -> BTreeMap<String, Option<bool>> {
    let mut sources = BTreeMap::new();
    for line in text.lines() {
        let Some((kind, rest)) = line.split_once(' ') else { continue };
        let answer = match kind.split(':').next() {
            Some("Get") => Some(true),
            Some("Hit" | "Ign") => Some(false),
            Some("Err") => None,
            _ => continue,
        };
        // "Get:1 http://host/debian bookworm InRelease [151 kB]"
        let source = rest.split(" [").next().unwrap_or(rest).trim();
        if kind.contains(':') && !source.is_empty() {
            sources.insert(source.to_owned(), answer);
        }
    }
    sources
}

/// Changes out of a simulated step: `Inst name [old] (new origin [arch])`, `Remv name [old]`, `Purg name [old]`.
pub(super) fn simulated(text: &str) -> Changes {
    let mut changes = Changes::new();
    for line in text.lines() {
        let Some((verb, rest)) = line.split_once(' ') else { continue };
        let mut words = rest.split(' ');
        let (Some(name), next) = (words.next(), words.next().unwrap_or_default()) else { continue };
        let old = next.strip_prefix('[').map(|old| old.trim_end_matches(']').to_owned()).unwrap_or_default();
        match verb {
            "Inst" => {
                let new = rest.split_once('(').and_then(|(_, new)| new.split(' ').next()).unwrap_or_default();
                changes.insert(name.to_owned(), (old, new.to_owned()));
            }
            "Remv" | "Purg" => drop(changes.insert(name.to_owned(), (old, String::new()))),
            _ => {}
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_and_lists_are_read() {
        let policy = "a:\n  Installed: 1.0\n  Candidate: 2.0\n  Version table:\n     2.0 500\nb:\n  Installed: (none)\n  Candidate: (none)\n";
        assert_eq!(candidates(policy), BTreeMap::from([("a".to_owned(), "2.0".to_owned())]));
        assert_eq!(offered("  a | 2.0 | file:/r ./ Packages\n  a | 1.0 | x\n  a | 2.0 | y\n"), ["2.0", "1.0"]);
        let update = "Get:1 file:/w/repo ./ InRelease\nIgn:1 file:/w/repo ./ InRelease\nGet:2 http://d b Packages [52 kB]\nErr:3 http://n b InRelease\n  Could not resolve\nReading package lists...\n";
        let sources = refreshed(update);
        assert_eq!(sources.get("http://d b Packages"), Some(&Some(true)));
        assert_eq!(sources.get("http://n b InRelease"), Some(&None));
        assert_eq!(sources.get("file:/w/repo ./ InRelease"), Some(&Some(false)));
    }

    #[test]
    fn simulations_are_read() {
        let text = "Inst a [1.0] (2.0 localhost [all])\nInst b (1:1.0 x [amd64]) []\nConf a (2.0 localhost [all])\nRemv c [3]\nPurg d [4]\n";
        let changes = simulated(text);
        let pair = |old: &str, new: &str| (old.to_owned(), new.to_owned());
        assert_eq!(changes["a"], pair("1.0", "2.0"));
        assert_eq!(changes["b"], pair("", "1:1.0"));
        assert_eq!((changes["c"].clone(), changes["d"].clone()), (pair("3", ""), pair("4", "")));
    }
}
