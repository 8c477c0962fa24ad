//! `file.line`: one line ensured, inserted, replaced or deleted.

use fleet_common::pattern::{Flags, Pattern};

use super::EditError;
use super::lines::{end_of, indentation, split_lines, with_end_of};

/// What is done with the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The line must be there, beside a boundary.
    Ensure,
    /// The line replaces one that matches.
    Replace,
    /// The line that matches is removed.
    Delete,
    /// The line is put at a place.
    Insert,
}

impl Mode {
    /// The mode of a name, in any case.
    pub fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "ensure" => Some(Self::Ensure),
            "replace" => Some(Self::Replace),
            "delete" => Some(Self::Delete),
            "insert" => Some(Self::Insert),
            _ => None,
        }
    }
}

/// One edit. `matching`, `before` and `after` are patterns or plain parts of lines.
#[derive(Debug, Clone, Default)]
pub struct LineEdit<'a> {
    /// The line itself, without its end.
    pub content: Option<&'a str>,
    /// The line to replace or delete; the content when neither this nor a boundary is given.
    pub matching: Option<&'a str>,
    /// `start` or `end`, for insert.
    pub location: Option<&'a str>,
    /// The line before which it goes.
    pub before: Option<&'a str>,
    /// The line after which it goes.
    pub after: Option<&'a str>,
    /// Indent it as its neighbour.
    pub indent: bool,
}

impl LineEdit<'_> {
    /// The edited text.
    pub fn apply(&self, mode: Mode, text: &str) -> Result<String, EditError> {
        if mode != Mode::Delete && self.content.is_none() {
            return Err(condition("Content can only be empty if mode is delete"));
        }
        let matching = match (self.before, self.after, self.matching) {
            (None, None, None | Some("")) => self.content,
            (.., matching) => matching,
        };
        let mut lines = split_lines(text);
        // The place behind the last line end counts as a line.
        if lines.last().is_some_and(|last| !end_of(last).is_empty()) {
            lines.push(String::new());
        }
        if lines.is_empty() && matches!(mode, Mode::Delete | Mode::Replace) {
            return Ok(String::new());
        }
        let content = self.content.unwrap_or_default();
        match mode {
            Mode::Delete => {
                if let Some(found) = first(&lines, matching)? {
                    let line = lines[found].clone();
                    lines.retain(|other| *other != line);
                }
            }
            Mode::Replace => {
                if let Some(found) = first(&lines, matching)? {
                    lines[found] = self.indented(&lines[found], content);
                }
            }
            Mode::Insert => self.insert(&mut lines, content)?,
            Mode::Ensure => self.ensure(&mut lines, content)?,
        }
        Ok(join(lines))
    }

    fn insert(&self, lines: &mut Vec<String>, content: &str) -> Result<(), EditError> {
        match (self.location, self.before, self.after) {
            (None, None, None) => {
                Err(condition("On insert either \"location\" or \"before/after\" conditions are required."))
            }
            (Some("end"), ..) => {
                let line = lines.last().map_or_else(|| content.to_owned(), |last| self.indented(last, content));
                lines.push(line);
                Ok(())
            }
            (Some("start"), ..) => {
                let line = lines.first().map_or_else(|| content.to_owned(), |first| with_end_of(first, content));
                lines.insert(0, line);
                Ok(())
            }
            (Some(other), ..) => Err(condition(&format!("Unknown location: \"{other}\""))),
            (None, Some(before), Some(after)) => {
                let (before, _) = (only(lines, before, "before")?, only(lines, after, "after")?);
                let line = self.indented(&lines[before], content);
                lines.insert(before, line);
                Ok(())
            }
            (None, before, after) => self.beside(lines, before, after, content),
        }
    }

    fn ensure(&self, lines: &mut Vec<String>, content: &str) -> Result<(), EditError> {
        let (Some(before), Some(after)) = (self.before, self.after) else {
            if self.before.is_none() && self.after.is_none() {
                return Err(condition(
                    "Wrong conditions? Unable to ensure line without knowing where to put it before and/or after.",
                ));
            }
            return self.beside(lines, self.before, self.after, content);
        };
        let (before, after) = (only(lines, before, "before")?, only(lines, after, "after")?);
        let line = self.indented(&lines[after], content);
        match before.checked_sub(after) {
            Some(1) => lines.insert(before, line),
            // The one line between them is the line, or becomes it.
            Some(2) if same(&lines[after + 1], content) => {}
            Some(2) => lines[after + 1] = with_end_of(&lines[after + 1], &line),
            _ => {
                return Err(condition("Found more than one line between boundaries \"before\" and \"after\"."));
            }
        }
        Ok(())
    }

    /// Puts the line next to its one boundary unless it is there already.
    fn beside(
        &self,
        lines: &mut Vec<String>,
        before: Option<&str>,
        after: Option<&str>,
        content: &str,
    ) -> Result<(), EditError> {
        let at = match (before, after) {
            (Some(before), _) => {
                if found(lines, before)?.is_empty() {
                    return Err(condition("Neither before or after was found in file"));
                }
                let at = only(lines, before, "before")?;
                if at > 0 && same(&lines[at - 1], content) {
                    return Ok(());
                }
                (at, at)
            }
            (None, Some(after)) => {
                if found(lines, after)?.is_empty() {
                    return Err(condition("Neither before or after was found in file"));
                }
                let at = only(lines, after, "after")?;
                if lines.get(at + 1).is_some_and(|line| same(line, content)) {
                    return Ok(());
                }
                (at, at + 1)
            }
            (None, None) => return Err(condition("Neither before or after was found in file")),
        };
        let line = self.indented(&lines[at.0], content);
        lines.insert(at.1, line);
        Ok(())
    }

    fn indented(&self, model: &str, content: &str) -> String {
        if self.indent { format!("{}{}", indentation(model), content.trim_start()) } else { content.to_owned() }
    }
}

/// True for lines that differ at most in their ends and in how far they are indented.
fn same(line: &str, content: &str) -> bool {
    line.trim_end_matches(['\r', '\n']).trim_start() == content.trim_end_matches(['\r', '\n']).trim_start()
}

fn condition(text: &str) -> EditError {
    EditError::Condition(text.to_owned())
}

/// The places of lines that match a pattern or hold it as a plain text.
fn found(lines: &[String], wanted: &str) -> Result<Vec<usize>, EditError> {
    let pattern = Pattern::new(wanted, Flags { dot_all: true, ..Flags::default() })?;
    let mut places = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        if !line.is_empty() && (line.contains(wanted) || pattern.search(line)?) {
            places.push(place);
        }
    }
    Ok(places)
}

fn first(lines: &[String], wanted: Option<&str>) -> Result<Option<usize>, EditError> {
    match wanted {
        None | Some("") => Ok(None),
        Some(wanted) => Ok(found(lines, wanted)?.first().copied()),
    }
}

/// The one line that matches a boundary.
fn only(lines: &[String], wanted: &str, name: &str) -> Result<usize, EditError> {
    let wrong = |how: &str| condition(&format!("Found {how} expected occurrences in \"{name}\" expression"));
    match found(lines, wanted)?.as_slice() {
        [] => Err(wrong("less than")),
        [place] => Ok(*place),
        _ => Err(wrong("more than")),
    }
}

/// Lines without an end get one, the last excepted.
fn join(mut lines: Vec<String>) -> String {
    let last = lines.len().saturating_sub(1);
    for place in 0..last {
        if end_of(&lines[place]).is_empty() {
            let model = lines[if place > 1 { place - 1 } else { 1 }].clone();
            lines[place] = with_end_of(&model, &lines[place]);
        }
    }
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(mode: Mode, edit: LineEdit<'_>, text: &str) -> Result<String, String> {
        LineEdit { indent: true, content: edit.content.or((mode != Mode::Delete).then_some("new")), ..edit }
            .apply(mode, text)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn inserts_at_places_as_the_reference() {
        let at = |location| LineEdit { location: Some(location), ..LineEdit::default() };
        assert_eq!(edit(Mode::Insert, at("end"), "a\nb\n").unwrap(), "a\nb\n\nnew");
        assert_eq!(edit(Mode::Insert, at("end"), "a\nb").unwrap(), "a\nb\nnew");
        assert_eq!(edit(Mode::Insert, at("start"), "a\nb\n").unwrap(), "new\na\nb\n");
        assert_eq!(edit(Mode::Insert, at("end"), "").unwrap(), "new");
        let after = LineEdit { after: Some("two"), ..LineEdit::default() };
        assert_eq!(edit(Mode::Insert, after.clone(), "  one\n  two\nthree\n").unwrap(), "  one\n  two\n  new\nthree\n");
        assert_eq!(
            edit(Mode::Insert, after, "two\ntwo\n").unwrap_err(),
            "Found more than expected occurrences in \"after\" expression"
        );
    }

    #[test]
    fn ensures_beside_boundaries_once() {
        let between = LineEdit { after: Some("one"), before: Some("two"), ..LineEdit::default() };
        let once = edit(Mode::Ensure, between.clone(), "one\ntwo\n").unwrap();
        assert_eq!(once, "one\nnew\ntwo\n");
        assert_eq!(edit(Mode::Ensure, between, &once).unwrap(), once);
        let after = LineEdit { after: Some("two"), ..LineEdit::default() };
        assert_eq!(edit(Mode::Ensure, after, "one\ntwo\n").unwrap(), "one\ntwo\nnew\n");
        assert!(edit(Mode::Ensure, LineEdit::default(), "one\n").unwrap_err().starts_with("Wrong conditions?"));
    }

    #[test]
    fn replaces_and_deletes_the_first_match() {
        let matching = |pattern| LineEdit { matching: Some(pattern), ..LineEdit::default() };
        assert_eq!(edit(Mode::Replace, matching("t.*"), "one\n  two\nthree\n").unwrap(), "one\n  new\nthree\n");
        assert_eq!(edit(Mode::Delete, matching("t"), "one\ntwo\nthree\n").unwrap(), "one\nthree\n");
        assert_eq!(edit(Mode::Delete, matching("zz"), "one\n").unwrap(), "one\n");
    }
}
