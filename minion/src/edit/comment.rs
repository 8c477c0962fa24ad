//! `file.comment` and `file.uncomment`: lines that match get or lose a comment sign.

use fleet_common::pattern::{Flags, Pattern, escape};

use super::EditError;
use super::lines::split_lines;

/// Which lines, and which sign.
#[derive(Debug, Clone, Copy)]
pub struct Comment<'a> {
    /// The pattern of the lines; `^` and `$` at its ends hold for the line without the sign.
    pub regex: &'a str,
    /// The comment sign.
    pub sign: &'a str,
    /// True to put the sign before the lines, false to take it away.
    pub comment: bool,
}

/// What became of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commented {
    /// The new text.
    pub text: String,
    /// The changed lines as they were.
    pub old: String,
    /// The changed lines as they are.
    pub new: String,
}

impl Comment<'_> {
    /// The edited text, or `None` when no line matches.
    pub fn apply(&self, text: &str) -> Result<Option<Commented>, EditError> {
        let start = if self.regex.starts_with('^') { "^" } else { "" };
        let end = if self.regex.ends_with('$') { "$" } else { "" };
        let core = self.regex.trim_start_matches('^').trim_end_matches('$');
        let pattern = if self.comment {
            format!("{start}({core}){end}")
        } else {
            format!("^{}\\s*({core}){end}", escape(self.sign))
        };
        let pattern = Pattern::new(&pattern, Flags::default())?;
        let mut done = Commented { text: String::new(), old: String::new(), new: String::new() };
        for line in split_lines(text) {
            if !pattern.matches_start(&line)? {
                done.text.push_str(&line);
                continue;
            }
            let new = if self.comment {
                format!("{}{line}", self.sign)
            } else {
                line.trim_start_matches(|sign| self.sign.contains(sign)).to_owned()
            };
            done.text.push_str(&new);
            done.old.push_str(&line);
            done.new.push_str(&new);
        }
        Ok((!done.old.is_empty()).then_some(done))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_come_and_go() {
        let comment = Comment { regex: "^two$", sign: "#", comment: true };
        let done = comment.apply("one\ntwo\ntwofold\n").unwrap().unwrap();
        assert_eq!((done.text.as_str(), done.new.as_str()), ("one\n#two\ntwofold\n", "#two\n"));
        let back = Comment { comment: false, ..comment }.apply("# two\n##two\nx\n").unwrap().unwrap();
        assert_eq!(back.text, " two\n##two\nx\n");
        assert_eq!(comment.apply("one\n").unwrap(), None);
    }
}
