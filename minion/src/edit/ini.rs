//! INI files: sections of keys with values. Comments, blank lines and the order stay.

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    /// A comment, a blank line, anything else: as written.
    Other(String),
    /// A key and its value.
    Pair(String, String),
}

/// A section; the first has no name and holds what stands before all others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Section {
    name: Option<String>,
    lines: Vec<Line>,
}

/// An INI file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ini {
    separator: String,
    spaces: bool,
    sections: Vec<Section>,
}

impl Ini {
    /// Reads a text; keys and values are divided by this separator.
    pub fn parse(text: &str, separator: &str) -> Self {
        let mut sections = vec![Section::default()];
        for line in text.lines() {
            let plain = line.trim();
            let named = plain.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(name, _)| name);
            if let Some(name) = named {
                sections.push(Section { name: Some(name.to_owned()), lines: Vec::new() });
                continue;
            }
            let is_text = plain.is_empty() || plain.starts_with(['#', ';']);
            let pair = if is_text { None } else { divide(plain, separator) };
            let parsed = match pair {
                Some((key, value)) => Line::Pair(key.to_owned(), value.to_owned()),
                None => Line::Other(line.to_owned()),
            };
            // There is always a section: the first one was made above.
            if let Some(section) = sections.last_mut() {
                section.lines.push(parsed);
            }
        }
        Self { separator: separator.to_owned(), spaces: true, sections }
    }

    /// No blanks around separators when it is written.
    #[must_use]
    pub fn without_spaces(mut self, without: bool) -> Self {
        self.spaces = !without;
        self
    }

    /// The text: one blank line before each section.
    pub fn text(&self) -> String {
        let separator = match (self.spaces, self.separator.trim().is_empty()) {
            (true, false) => format!(" {} ", self.separator.trim()),
            _ => self.separator.clone(),
        };
        let mut out = String::new();
        for section in &self.sections {
            if let Some(name) = &section.name {
                while out.ends_with("\n\n") {
                    out.pop();
                }
                if !out.is_empty() {
                    out.push('\n');
                }
                out.push_str(&format!("[{name}]\n"));
            }
            for line in &section.lines {
                match line {
                    Line::Other(text) => out.push_str(text),
                    Line::Pair(key, value) => out.push_str(&format!("{key}{separator}{value}")),
                }
                out.push('\n');
            }
        }
        out
    }

    fn section(&self, name: Option<&str>) -> Option<&Section> {
        self.sections.iter().find(|section| section.name.as_deref() == name)
    }

    /// Names of sections, in order.
    pub fn sections(&self) -> impl Iterator<Item = &str> {
        self.sections.iter().filter_map(|section| section.name.as_deref())
    }

    /// True if there is a section of this name.
    pub fn has(&self, name: &str) -> bool {
        self.sections().any(|known| known == name)
    }

    /// Keys and values of a section; `None`: those before all sections.
    pub fn pairs(&self, section: Option<&str>) -> Vec<(&str, &str)> {
        let lines = self.section(section).map(|section| section.lines.as_slice()).unwrap_or_default();
        lines
            .iter()
            .filter_map(
                |line| if let Line::Pair(key, value) = line { Some((key.as_str(), value.as_str())) } else { None },
            )
            .collect()
    }

    /// The value of a key.
    pub fn get(&self, section: Option<&str>, key: &str) -> Option<&str> {
        self.pairs(section).into_iter().find(|(known, _)| *known == key).map(|(_, value)| value)
    }

    /// Sets a key, in its place or behind the last of its section, which is made if there is none; the value before.
    pub fn set(&mut self, section: Option<&str>, key: &str, value: &str) -> Option<String> {
        let place = self.add(section);
        let lines = &mut self.sections[place].lines;
        for line in lines.iter_mut() {
            if let Line::Pair(known, old) = line
                && known == key
            {
                return Some(std::mem::replace(old, value.to_owned()));
            }
        }
        // Blank lines at the end of a section stay there.
        let blank = |line: &Line| matches!(line, Line::Other(text) if text.trim().is_empty());
        let end = lines.iter().rposition(|line| !blank(line)).map_or(0, |at| at + 1);
        lines.insert(end, Line::Pair(key.to_owned(), value.to_owned()));
        None
    }

    /// Makes a section if there is none; its place.
    pub fn add(&mut self, section: Option<&str>) -> usize {
        let known = self.sections.iter().position(|known| known.name.as_deref() == section);
        known.unwrap_or_else(|| {
            self.sections.push(Section { name: section.map(str::to_owned), lines: Vec::new() });
            self.sections.len() - 1
        })
    }

    /// Removes a key; its value.
    pub fn unset(&mut self, section: Option<&str>, key: &str) -> Option<String> {
        let section = self.sections.iter_mut().find(|known| known.name.as_deref() == section)?;
        let at = section.lines.iter().position(|line| matches!(line, Line::Pair(known, _) if known == key))?;
        match section.lines.remove(at) {
            Line::Pair(_, value) => Some(value),
            Line::Other(_) => None,
        }
    }

    /// The comments of a section, without their signs.
    pub fn remarks(&self, section: &str) -> Vec<String> {
        let lines = self.section(Some(section)).map(|section| section.lines.as_slice()).unwrap_or_default();
        let remark = |line: &Line| match line {
            Line::Other(text) => text.trim().strip_prefix('#').map(|text| text.trim().to_owned()),
            Line::Pair(..) => None,
        };
        lines.iter().filter_map(remark).collect()
    }

    /// Sets the comments of a section: those that are there go, the others stand at its beginning.
    pub fn set_remarks(&mut self, section: &str, remarks: &[String]) {
        if self.remarks(section) == remarks {
            return;
        }
        let place = self.add(Some(section));
        let lines = &mut self.sections[place].lines;
        lines.retain(|line| !matches!(line, Line::Other(text) if text.trim().starts_with('#')));
        lines.splice(0..0, remarks.iter().map(|remark| Line::Other(format!("# {remark}"))));
    }

    /// Removes a section; its keys and values.
    pub fn remove(&mut self, name: &str) -> Option<Vec<(String, String)>> {
        let at = self.sections.iter().position(|section| section.name.as_deref() == Some(name))?;
        let lines = self.sections.remove(at).lines;
        let pair = |line| if let Line::Pair(key, value) = line { Some((key, value)) } else { None };
        Some(lines.into_iter().filter_map(pair).collect())
    }
}

/// A line as key and value.
fn divide<'l>(line: &'l str, separator: &str) -> Option<(&'l str, &'l str)> {
    let (key, value) = if separator.trim().is_empty() {
        line.split_once(char::is_whitespace)?
    } else {
        line.split_once(separator.trim())?
    };
    Some((key.trim(), value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_touched_stays() {
        let text = "# top\nz = 1\n\n[a]\nb = 2\n; c\nd = 3\n\n[e]\nf = 4\n";
        let mut ini = Ini::parse(text, "=");
        assert_eq!(ini.text(), text);
        assert_eq!(ini.set(Some("a"), "b", "5").as_deref(), Some("2"));
        assert_eq!(ini.set(Some("a"), "n", "x"), None);
        assert_eq!(ini.set(Some("new"), "q", "1"), None);
        assert_eq!(ini.set(None, "y", "0"), None);
        let want = "# top\nz = 1\ny = 0\n\n[a]\nb = 5\n; c\nd = 3\nn = x\n\n[e]\nf = 4\n\n[new]\nq = 1\n";
        assert_eq!(ini.text(), want);
        assert_eq!(ini.unset(Some("a"), "d").as_deref(), Some("3"));
        assert_eq!(ini.remove("e"), Some(vec![("f".to_owned(), "4".to_owned())]));
        let tight = ini.without_spaces(true);
        assert_eq!(tight.text(), "# top\nz=1\ny=0\n\n[a]\nb=5\n; c\nn=x\n\n[new]\nq=1\n");
    }

    #[test]
    fn values_keep_their_separators() {
        let ini = Ini::parse("a = b=c\nurl: x\n[s]\nk v w\n", "=");
        assert_eq!((ini.get(None, "a"), ini.get(None, "url")), (Some("b=c"), None));
        assert_eq!(Ini::parse("[s]\nk v w\n", " ").get(Some("s"), "k"), Some("v w"));
        assert_eq!(Ini::parse("[s]\nk v w\n", " ").text(), "[s]\nk v w\n");
        assert_eq!(Ini::parse("", "=").text(), "");
    }
}
