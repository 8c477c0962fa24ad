//! `file.replace`: a pattern replaced throughout a text.

use fleet_common::pattern::{Flags, Pattern, Replacement, escape};

use super::EditError;

/// Where the content goes when the pattern is not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Missing {
    /// Nowhere.
    #[default]
    Leave,
    /// Behind the text.
    Append,
    /// Before the text.
    Prepend,
}

/// One replacement.
#[derive(Debug, Clone)]
pub struct Replace<'a> {
    /// What is looked for.
    pub pattern: &'a str,
    /// Its flags.
    pub flags: Flags,
    /// What it is replaced by.
    pub replacement: &'a str,
    /// Backslashes in that are themselves.
    pub literal: bool,
    /// At most so many (0: all).
    pub count: usize,
    /// What happens when it is not found.
    pub missing: Missing,
    /// What is added then; the replacement when not given.
    pub not_found_content: Option<&'a str>,
}

/// What became of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// The new text.
    pub text: String,
    /// True if the pattern was found.
    pub found: bool,
}

impl Replace<'_> {
    /// True if the pattern is found.
    pub fn is_found(&self, text: &str) -> Result<bool, EditError> {
        Ok(Pattern::new(self.pattern, self.flags)?.search(text)?)
    }

    /// The edited text.
    pub fn apply(&self, text: &str) -> Result<Replaced, EditError> {
        let pattern = Pattern::new(self.pattern, self.flags)?;
        let by =
            if self.literal { Replacement::literal(self.replacement) } else { Replacement::template(self.replacement) };
        let (mut new, count) = pattern.replace(text, &by, self.count)?;
        let found = count > 0;
        if found || self.missing == Missing::Leave || self.has_content(text)? {
            return Ok(Replaced { text: new, found });
        }
        let content = self.not_found_content.unwrap_or(self.replacement);
        if self.missing == Missing::Prepend {
            new.insert_str(0, &format!("{content}\n"));
        } else {
            if !new.is_empty() && !new.ends_with('\n') {
                new.push('\n');
            }
            new.push_str(content);
            new.push('\n');
        }
        Ok(Replaced { text: new, found: false })
    }

    /// True if an earlier run has added the content: a line starts and ends as it does.
    fn has_content(&self, text: &str) -> Result<bool, EditError> {
        let content = self.not_found_content.unwrap_or(self.replacement);
        let line = format!("^{}($|(?=\\r\\n))", escape(content));
        Ok(Pattern::new(&line, Flags { multiline: true, ..self.flags })?.search(text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_added_once_when_nothing_matches() {
        let replace = Replace {
            pattern: "^zz=.*",
            flags: Flags { multiline: true, ..Flags::default() },
            replacement: "zz=1",
            literal: false,
            count: 0,
            missing: Missing::Append,
            not_found_content: None,
        };
        let once = replace.apply("a").unwrap();
        assert_eq!(once, Replaced { text: "a\nzz=1\n".to_owned(), found: false });
        assert_eq!(replace.apply(&once.text).unwrap(), Replaced { text: once.text, found: true });
        let first = Replace { missing: Missing::Prepend, ..replace };
        assert_eq!(first.apply("a\n").unwrap().text, "zz=1\na\n");
    }
}
