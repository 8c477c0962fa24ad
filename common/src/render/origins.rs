//! Where rendered text came from: which line of which template wrote each part of it.

use std::sync::Arc;

use crate::diag::Place;

/// The sources of a rendered text, in the order of the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    /// Offset in the rendered text.
    offset: usize,
    file: Arc<str>,
    line: u32,
    column: u32,
    /// The text is the template's own, so its lines go along with the source's.
    verbatim: bool,
}

impl Origins {
    /// A text that is its own source.
    pub fn verbatim(file: &str) -> Self {
        Self { parts: vec![Part { offset: 0, file: file.into(), line: 1, column: 1, verbatim: true }] }
    }

    /// What is written from `offset` on came from here.
    pub(super) fn add(&mut self, offset: usize, file: &Arc<str>, line: u32, column: u32, verbatim: bool) {
        self.parts.push(Part { offset, file: file.clone(), line, column, verbatim });
    }

    /// The place in the source of a line and column (from 1) of the rendered text.
    pub fn place(&self, rendered: &str, line: u32, column: u32) -> Option<Place> {
        let start = match line {
            0 | 1 => 0,
            line => rendered.match_indices('\n').nth(line as usize - 2).map(|(at, _)| at + 1)?,
        };
        let within: usize = rendered[start..].chars().take(column.saturating_sub(1) as usize).map(char::len_utf8).sum();
        let offset = start + within;
        let index = self.parts.partition_point(|part| part.offset <= offset).checked_sub(1)?;
        let part = &self.parts[index];
        if !part.verbatim {
            return Some(Place::new(&*part.file, part.line, part.column));
        }
        let before = rendered.get(part.offset..offset).unwrap_or("");
        let lines = before.matches('\n').count() as u32;
        let last = before.rsplit('\n').next().unwrap_or("").chars().count() as u32;
        let column = if lines == 0 { part.column + last } else { last + 1 };
        Some(Place::new(&*part.file, part.line + lines, column))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lead_back_to_the_template() {
        let file: Arc<str> = Arc::from("a.sls");
        let mut origins = Origins::default();
        origins.add(0, &file, 1, 1, true);
        origins.add(4, &file, 7, 3, false);
        let rendered = "a:\n\n  b: x\n";
        assert_eq!(origins.place(rendered, 2, 1), Some(Place::new("a.sls", 2, 1)));
        assert_eq!(origins.place(rendered, 3, 3), Some(Place::new("a.sls", 7, 3)));
        assert_eq!(origins.place(rendered, 9, 1), None);
    }
}
