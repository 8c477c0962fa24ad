//! The sources of packages: `sources.list` lines and deb822 paragraphs.

use std::path::{Path, PathBuf};

use super::locate::Places;
use super::status::fields;
use crate::system::fs::{self, FileFault};

/// The largest file of sources that is read.
const LIMIT: u64 = 4 << 20;

/// One source: a line of a list, or one combination of a paragraph.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// The file it stands in.
    pub file: PathBuf,
    /// `deb` or `deb-src`.
    pub kind: String,
    /// Options in brackets, in their order: `arch`, `signed-by`, `trusted`, ...
    pub options: Vec<(String, String)>,
    /// Where it is.
    pub uri: String,
    /// Suite or path.
    pub dist: String,
    /// Components.
    pub comps: Vec<String>,
    /// True when it is commented out.
    pub disabled: bool,
    /// The remark behind it.
    pub comment: String,
    /// True for a paragraph's.
    pub paragraph: bool,
}

impl Source {
    /// Reads a line of a list; none when it is no source.
    pub fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        let disabled = line.starts_with('#');
        let line = line.trim_start_matches(['#', ' ', '\t']);
        let (line, comment) = line.split_once('#').map_or((line, ""), |(line, comment)| (line, comment.trim()));
        let (kind, rest) = line.split_once(char::is_whitespace)?;
        if !["deb", "deb-src"].contains(&kind) {
            return None;
        }
        let (options, rest) = match rest.trim_start().strip_prefix('[') {
            Some(bracketed) => bracketed.split_once(']')?,
            None => ("", rest),
        };
        let pair = |word: &str| word.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
        let mut words = rest.split_whitespace().map(str::to_owned);
        let (uri, dist) = (words.next().filter(|uri| uri.contains(':'))?, words.next()?);
        Some(Self {
            file: PathBuf::new(),
            kind: kind.to_owned(),
            options: options.split_whitespace().filter_map(pair).collect(),
            uri,
            dist,
            comps: words.collect(),
            disabled,
            comment: comment.to_owned(),
            paragraph: false,
        })
    }

    /// The line that says this.
    pub fn line(&self) -> String {
        let mut words = vec![self.kind.clone()];
        if !self.options.is_empty() {
            let options: Vec<String> = self.options.iter().map(|(key, value)| format!("{key}={value}")).collect();
            words.push(format!("[{}]", options.join(" ")));
        }
        words.extend([self.uri.clone(), self.dist.clone()]);
        words.extend(self.comps.iter().cloned());
        let line = words.join(" ");
        let line = if self.disabled { format!("# {line}") } else { line };
        if self.comment.is_empty() { line } else { format!("{line} #{}", self.comment) }
    }

    /// The value of an option.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Sets an option.
    pub fn set_option(&mut self, name: &str, value: &str) {
        match self.options.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.options.push((name.to_owned(), value.to_owned())),
        }
    }

    /// True when both name the same suite of the same place.
    pub fn is_same_place(&self, other: &Self) -> bool {
        let plain = |uri: &str| uri.trim_end_matches('/').to_owned();
        self.kind == other.kind && plain(&self.uri) == plain(&other.uri) && self.dist == other.dist
    }
}

/// All configured sources, those commented out included.
pub fn list(places: &Places) -> Result<Vec<Source>, FileFault> {
    let mut files = vec![places.sources.clone()];
    if let Ok(entries) = std::fs::read_dir(&places.parts) {
        let mut parts: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        parts.sort();
        files.extend(parts);
    }
    let mut all = Vec::new();
    for file in files {
        let ending = file.extension().map(|ending| ending.to_string_lossy().into_owned()).unwrap_or_default();
        if !["list", "sources"].contains(&ending.as_str()) {
            continue;
        }
        let text = text(&file)?;
        if ending == "list" {
            all.extend(text.lines().filter_map(Source::parse).map(|source| Source { file: file.clone(), ..source }));
        } else {
            all.extend(text.split("\n\n").flat_map(|paragraph| stanza(&file, paragraph)));
        }
    }
    Ok(all)
}

/// The text of a file of sources; one that is not there is empty.
pub fn text(file: &Path) -> Result<String, FileFault> {
    match fs::read_bounded(file, LIMIT) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(fault) if fault.is_missing() => Ok(String::new()),
        Err(fault) => Err(fault),
    }
}

/// The text of a list with a source in it: in the place of the same one, else at the end.
pub fn with_source(text: &str, source: &Source) -> String {
    let (mut out, mut placed) = (String::new(), false);
    for line in text.lines() {
        if Source::parse(line).is_some_and(|other| other.is_same_place(source)) {
            if !placed {
                out.push_str(&source.line());
                out.push('\n');
            }
            placed = true;
        } else {
            out.push_str(line);
            out.push('\n');
        }
    }
    if !placed {
        out.push_str(&source.line());
        out.push('\n');
    }
    out
}

/// The text of a list without a source.
pub fn without_source(text: &str, source: &Source) -> String {
    let kept = |line: &&str| !Source::parse(line).is_some_and(|other| other.is_same_place(source));
    text.lines().filter(kept).map(|line| format!("{line}\n")).collect()
}

/// The text of a deb822 file without the paragraph of a source; none when that paragraph says more than it.
pub fn without_stanza(text: &str, source: &Source) -> Option<String> {
    let mut kept = Vec::new();
    for paragraph in text.split("\n\n") {
        let sources = stanza(&source.file, paragraph);
        if !sources.iter().any(|other| other.is_same_place(source)) {
            kept.push(paragraph);
        } else if sources.len() > 1 {
            return None;
        }
    }
    let text = kept.join("\n\n");
    Some(if text.trim().is_empty() { String::new() } else { text })
}

fn stanza(file: &Path, paragraph: &str) -> Vec<Source> {
    let fields = fields(paragraph);
    let value = |name: &str| {
        let found = fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let words = |name: &str| value(name).split_whitespace().map(str::to_owned).collect::<Vec<String>>();
    let disabled = value("Enabled").eq_ignore_ascii_case("no");
    let mut options = Vec::new();
    for (field, option) in [("Architectures", "arch"), ("Signed-By", "signed-by"), ("Trusted", "trusted")] {
        // A key written into the paragraph itself has no place in a line.
        let value = value(field);
        if !value.is_empty() && !value.contains('\n') {
            options.push((option.to_owned(), value.split_whitespace().collect::<Vec<_>>().join(",")));
        }
    }
    let mut all = Vec::new();
    for kind in words("Types") {
        for uri in words("URIs") {
            for dist in words("Suites") {
                let (kind, uri, options) = (kind.clone(), uri.clone(), options.clone());
                let comps = words("Components");
                let file = file.to_owned();
                all.push(Source {
                    file,
                    kind,
                    options,
                    uri,
                    dist,
                    comps,
                    disabled,
                    comment: String::new(),
                    paragraph: true,
                });
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_written() {
        let line = "deb [arch=amd64 signed-by=/k.gpg] http://h/d bookworm main contrib";
        let source = Source::parse(line).unwrap();
        assert_eq!((source.line().as_str(), source.option("arch")), (line, Some("amd64")));
        let off = Source::parse("#deb http://h/d ./ # a remark").unwrap();
        assert_eq!((off.disabled, off.line().as_str()), (true, "# deb http://h/d ./ #a remark"));
        for none in ["", "# just words here", "deb http://h", "deb [arch=amd64 http://h d", "rpm http://h d"] {
            assert_eq!(Source::parse(none), None, "{none}");
        }
    }

    #[test]
    fn a_list_is_edited_in_place() {
        let text = "# head\ndeb http://h/d/ bookworm main\ndeb http://o x main\n";
        let source = Source::parse("deb http://h/d bookworm main extra").unwrap();
        let edited = with_source(text, &source);
        assert_eq!(edited, "# head\ndeb http://h/d bookworm main extra\ndeb http://o x main\n");
        assert_eq!(without_source(&edited, &source), "# head\ndeb http://o x main\n");
    }

    #[test]
    fn paragraphs_are_read_and_removed() {
        let text = "Types: deb\nURIs: http://h/d\nSuites: a b\nComponents: main\nSigned-By: /k.gpg\n\nTypes: deb\nURIs: http://o\nSuites: c\nEnabled: no\n";
        let all: Vec<Source> = text.split("\n\n").flat_map(|part| stanza(Path::new("/x.sources"), part)).collect();
        assert_eq!(all.len(), 3);
        assert_eq!(all[0].line(), "deb [signed-by=/k.gpg] http://h/d a main");
        assert!(all[2].disabled);
        assert_eq!(without_stanza(text, &all[0]), None);
        assert!(without_stanza(text, &all[2]).is_some_and(|text| !text.contains("http://o")));
    }
}
