//! Debian's table of links, `/etc/network/interfaces`: what it says of one link is read and replaced, and everything
//! else stays as it is.

use std::mem::take;

/// Where it stands.
pub const FILE: &str = "/etc/network/interfaces";

/// Words that begin a stanza of no link.
const OTHER: &[&str] = &["mapping", "source", "source-directory", "no-auto-down", "no-scripts", "template", "rename"];

/// A part of the table.
enum Part {
    /// `auto` or `allow-…` with the names of links.
    Mark { keyword: String, names: Vec<String>, text: String },
    /// What is said of one link and one family, with its options.
    Link { name: String, text: String },
    /// Comments, blank lines and stanzas of no link.
    Other(String),
}

/// What the table says of one link.
#[derive(Debug, Default, PartialEq)]
pub struct Entry {
    /// Its marks: `auto eth0`, `allow-hotplug eth0`.
    pub marks: Vec<String>,
    /// Its stanzas: the first line, then the options, without blanks around them.
    pub stanzas: Vec<(String, Vec<String>)>,
}

/// The lines of a text with those that end in a backslash joined to the next, as they stand.
fn logical(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut held = String::new();
    for line in text.split_inclusive('\n') {
        held.push_str(line);
        let comment = held.trim_start().starts_with('#');
        if comment || !line.trim_end_matches(['\n', '\r']).ends_with('\\') {
            lines.push(take(&mut held));
        }
    }
    if !held.is_empty() {
        lines.push(held);
    }
    lines
}

fn parse(text: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    // Comments belong to a stanza only when more of it follows.
    let mut held = String::new();
    for line in logical(text) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let first = words.first().copied().unwrap_or_default();
        if first.is_empty() || first.starts_with('#') {
            held.push_str(&line);
            continue;
        }
        let starts = first == "auto" || first == "iface" || first.starts_with("allow-") || OTHER.contains(&first);
        if !starts && let Some(Part::Link { text, .. } | Part::Other(text)) = parts.last_mut() {
            text.push_str(&take(&mut held));
            text.push_str(&line);
            continue;
        }
        if !held.is_empty() {
            parts.push(Part::Other(take(&mut held)));
        }
        parts.push(match first {
            "iface" => Part::Link { name: words.get(1).copied().unwrap_or_default().to_owned(), text: line },
            _ if starts && !OTHER.contains(&first) => {
                let names = words.iter().skip(1).map(|name| (*name).to_owned()).collect();
                Part::Mark { keyword: first.to_owned(), names, text: line }
            }
            _ => Part::Other(line),
        });
    }
    if !held.is_empty() {
        parts.push(Part::Other(held));
    }
    parts
}

/// What the table says of a link.
pub fn entry(text: &str, link: &str) -> Entry {
    let mut entry = Entry::default();
    for part in parse(text) {
        match part {
            Part::Mark { keyword, names, .. } if names.iter().any(|name| name == link) => {
                entry.marks.push(format!("{keyword} {link}"));
            }
            Part::Link { name, text } if name == link => {
                let mut lines = logical(&text).into_iter().map(|line| line.trim().to_owned());
                let head = lines.next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
                let options = lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
                entry.stanzas.push((head, options));
            }
            _ => {}
        }
    }
    entry
}

/// The table with these lines in the place of what it says of a link, or at its end.
pub fn replaced(text: &str, link: &str, lines: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut place = None;
    for part in parse(text) {
        match part {
            Part::Mark { keyword, mut names, .. }
                if ["auto", "allow-hotplug"].contains(&keyword.as_str()) && names.iter().any(|name| name == link) =>
            {
                names.retain(|name| name != link);
                if names.is_empty() {
                    place.get_or_insert(out.len());
                } else {
                    out.push(format!("{keyword} {}\n", names.join(" ")));
                }
            }
            Part::Link { name, .. } if name == link => {
                place.get_or_insert(out.len());
            }
            Part::Mark { text, .. } | Part::Link { text, .. } | Part::Other(text) => out.push(text),
        }
    }
    let place = place.unwrap_or(out.len());
    if let Some(last) = place.checked_sub(1).and_then(|at| out.get_mut(at)).filter(|text| !text.ends_with('\n')) {
        last.push('\n');
    }
    out.insert(place, lines.to_owned());
    out.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "# mine\nauto lo eth0\niface lo inet loopback\n\n# the first\niface eth0 inet static\n\taddress 1.1.1.1\n  \
                         # why\n\tup a && \\\n\t b\n\n# the second\nallow-hotplug eth1\niface eth1 inet dhcp\nsource x/*\n";

    #[test]
    fn one_link_is_read_and_the_rest_stays() {
        let read = entry(TABLE, "eth0");
        assert_eq!(read.marks, ["auto eth0"]);
        let options = vec!["address 1.1.1.1".to_owned(), "up a && \\\n\t b".to_owned()];
        assert_eq!(read.stanzas, [("iface eth0 inet static".to_owned(), options)]);
        let new = replaced(TABLE, "eth0", "auto eth0\niface eth0 inet dhcp\n");
        let wanted = "# mine\nauto lo\niface lo inet loopback\n\n# the first\nauto eth0\niface eth0 inet dhcp\n\n# the second\n\
                      allow-hotplug eth1\niface eth1 inet dhcp\nsource x/*\n";
        assert_eq!(new, wanted);
        assert_eq!(replaced(&new, "eth0", "auto eth0\niface eth0 inet dhcp\n"), wanted);
        assert!(replaced(TABLE, "eth2", "iface eth2 inet dhcp\n").ends_with("source x/*\niface eth2 inet dhcp\n"));
        assert_eq!(replaced("auto lo", "e", "auto e\n"), "auto lo\nauto e\n");
        assert_eq!(entry("", "eth0"), Entry::default());
    }
}
