//! `file.blockreplace`: the text between two marker lines.

use fleet_common::pattern::{Flags, Pattern};

use super::EditError;
use super::lines::{end_of, split_lines};

/// Where the block goes when its markers are not in the text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Absent {
    /// That is an error.
    #[default]
    Refuse,
    /// Behind the text.
    Append,
    /// Before the text.
    Prepend,
    /// Before the first line that matches.
    Before(String),
    /// After the first line that matches.
    After(String),
}

/// One block.
#[derive(Debug, Clone)]
pub struct Block<'a> {
    /// The line (or a part of it) that opens the block.
    pub start: &'a str,
    /// The text that closes it.
    pub end: &'a str,
    /// What stands between.
    pub content: &'a str,
    /// Whether a line end goes behind the content; `None`: only where it has none.
    pub append_newline: Option<bool>,
    /// What happens without markers.
    pub absent: Absent,
}

impl Block<'_> {
    /// The edited text.
    pub fn apply(&self, text: &str) -> Result<String, EditError> {
        let lines = split_lines(text);
        let line_end = match lines.first().map(|line| end_of(line)) {
            Some("\r\n") => "\r\n",
            _ => "\n",
        };
        let mut new = Vec::new();
        let (mut inside, mut found) = (false, false);
        for line in &lines {
            if line.contains(self.start) {
                inside = true;
                new.push(line.clone());
            } else if !inside {
                new.push(line.clone());
            } else if let Some(at) = line.find(self.end) {
                inside = false;
                found = true;
                new.extend(self.body(line_end, &line[at..]));
            }
        }
        if inside {
            return Err(EditError::Condition(
                "Unterminated marked block. End of file reached before marker_end.".to_owned(),
            ));
        }
        if found { Ok(new.concat()) } else { self.add(new, line_end) }
    }

    fn add(&self, mut lines: Vec<String>, line_end: &str) -> Result<String, EditError> {
        let mut block = vec![format!("{}{line_end}", self.start)];
        block.extend(self.body(line_end, self.end));
        let missing = || EditError::Condition("Cannot edit marked block. Markers were not found in file.".to_owned());
        let at = match &self.absent {
            Absent::Refuse => return Err(missing()),
            Absent::Prepend => 0,
            Absent::Append => {
                if let Some(last) = lines.last_mut().filter(|last| end_of(last).is_empty()) {
                    last.push_str(line_end);
                }
                lines.len()
            }
            Absent::Before(pattern) => matching(&lines, pattern)?.ok_or_else(missing)?,
            Absent::After(pattern) => matching(&lines, pattern)?.ok_or_else(missing)? + 1,
        };
        lines.splice(at..at, block);
        Ok(lines.concat())
    }

    /// The content's lines and the closing line.
    fn body(&self, line_end: &str, closing: &str) -> Vec<String> {
        let closing = format!("{}{line_end}", closing.trim_end_matches(['\r', '\n']));
        let mut lines: Vec<String> =
            self.content.split('\n').map(|line| format!("{}{line_end}", line.trim_end_matches('\r'))).collect();
        if self.append_newline.unwrap_or(!self.content.ends_with('\n')) {
            lines.push(closing);
        } else if let Some(last) = lines.last_mut() {
            last.truncate(last.len() - line_end.len());
            last.push_str(&closing);
        }
        lines
    }
}

fn matching(lines: &[String], pattern: &str) -> Result<Option<usize>, EditError> {
    let pattern = Pattern::new(pattern, Flags::default())?;
    for (place, line) in lines.iter().enumerate() {
        if pattern.search(line)? {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(content: &str) -> Block<'_> {
        Block { start: "# A", end: "# Z", content, append_newline: None, absent: Absent::Append }
    }

    #[test]
    fn a_block_is_added_then_replaced() {
        let once = block("one").apply("x").unwrap();
        assert_eq!(once, "x\n# A\none\n# Z\n");
        assert_eq!(block("two\nthree\n").apply(&once).unwrap(), "x\n# A\ntwo\nthree\n# Z\n");
        let joined = Block { append_newline: Some(false), ..block("two") };
        assert_eq!(joined.apply(&once).unwrap(), "x\n# A\ntwo# Z\n");
        let before = Block { absent: Absent::Before("^x".to_owned()), ..block("one") };
        assert_eq!(before.apply("w\nx\n").unwrap(), "w\n# A\none\n# Z\nx\n");
    }

    #[test]
    fn an_open_block_is_refused() {
        assert!(block("one").apply("# A\nno end\n").unwrap_err().to_string().starts_with("Unterminated"));
        let refused = Block { absent: Absent::Refuse, ..block("one") }.apply("x\n").unwrap_err();
        assert_eq!(refused.to_string(), "Cannot edit marked block. Markers were not found in file.");
    }
}
