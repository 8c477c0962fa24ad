//! The writer under the dumper: columns, indentation, brackets and folded scalars, as libyaml's emitter.

use super::style::{BINARY_TAG, Scalar, Style, is_break, is_printable};

pub(super) struct Emitter {
    out: String,
    /// Characters in the line so far.
    column: usize,
    /// Of the collection being written; `None` outside of any.
    indent: Option<usize>,
    outer: Vec<Option<usize>>,
    brackets: usize,
    /// The last thing written was white space, or needs none after it.
    whitespace: bool,
    /// Only indentation (and `- `, `? `) was written in this line.
    indention: bool,
    step: usize,
    width: usize,
    unicode: bool,
}

impl Emitter {
    pub fn new(step: usize, width: usize, unicode: bool) -> Self {
        Self {
            out: String::new(),
            column: 0,
            indent: None,
            outer: Vec::new(),
            brackets: 0,
            whitespace: true,
            indention: true,
            step,
            width,
            unicode,
        }
    }

    /// Ends the document.
    pub fn finish(mut self) -> String {
        self.new_line();
        self.out
    }

    pub fn in_brackets(&self) -> bool {
        self.brackets > 0
    }

    /// Starts an indented collection; a list that is a mapping's value stays at the key's column.
    pub fn open_block(&mut self, in_mapping: bool) {
        let indentless = in_mapping && !self.indention;
        self.outer.push(self.indent);
        self.indent = Some(match self.indent {
            None => 0,
            Some(indent) if indentless => indent,
            Some(indent) => indent + self.step,
        });
    }

    pub fn close_block(&mut self) {
        self.indent = self.outer.pop().flatten();
    }

    pub fn open_bracket(&mut self, bracket: &str) {
        self.indicator(bracket, true, true, false);
        self.indent_more();
        self.brackets += 1;
    }

    fn indent_more(&mut self) {
        self.outer.push(self.indent);
        self.indent = Some(self.indent.map_or(self.step, |indent| indent + self.step));
    }

    pub fn close_bracket(&mut self, bracket: &str) {
        self.brackets -= 1;
        self.close_block();
        self.indicator(bracket, false, false, false);
    }

    /// What goes before an entry in brackets.
    pub fn separate(&mut self, index: usize) {
        if index > 0 {
            self.indicator(",", false, false, false);
        }
        self.new_line_if_wide();
    }

    pub fn new_line_if_wide(&mut self) {
        if self.column > self.width {
            self.new_line();
        }
    }

    /// Goes to the indentation, in a new line unless this one is empty so far.
    pub fn new_line(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.line_break();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.indention = true;
    }

    pub fn indicator(&mut self, text: &str, needs_space: bool, is_space: bool, is_indention: bool) {
        if needs_space && !self.whitespace {
            self.put(' ');
        }
        text.chars().for_each(|c| self.put(c));
        self.whitespace = is_space;
        self.indention &= is_indention;
    }

    pub fn scalar(&mut self, scalar: &Scalar, simple_key: bool) {
        if scalar.binary {
            self.indicator(BINARY_TAG, true, false, false);
        }
        let chars: Vec<char> = scalar.text.chars().collect();
        self.indent_more();
        match scalar.style(self.in_brackets(), simple_key) {
            Style::Plain => self.plain(&chars, !simple_key),
            Style::Single => self.single_quoted(&chars, !simple_key),
            Style::Double => self.double_quoted(&chars, !simple_key),
            Style::Literal => self.literal(&chars),
        }
        self.close_block();
        self.whitespace = false;
        self.indention = false;
    }

    fn put(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    fn line_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }

    fn put_break(&mut self, c: char) {
        self.out.push(c);
        self.column = 0;
    }

    fn plain(&mut self, chars: &[char], may_fold: bool) {
        if !self.whitespace && (!chars.is_empty() || self.in_brackets()) {
            self.put(' ');
        }
        let mut spaces = false;
        for (index, &c) in chars.iter().enumerate() {
            if c == ' ' && may_fold && !spaces && self.column > self.width && chars.get(index + 1) != Some(&' ') {
                self.new_line();
            } else {
                self.put(c);
            }
            spaces = c == ' ';
            self.indention &= spaces;
        }
    }

    fn single_quoted(&mut self, chars: &[char], may_fold: bool) {
        self.indicator("'", true, false, false);
        let (mut spaces, mut breaks) = (false, false);
        let last = chars.len().saturating_sub(1);
        for (index, &c) in chars.iter().enumerate() {
            if c == ' ' {
                let inside = index != 0 && index != last && chars.get(index + 1) != Some(&' ');
                if may_fold && !spaces && self.column > self.width && inside {
                    self.new_line();
                } else {
                    self.put(c);
                }
                spaces = true;
            } else if is_break(c) {
                if !breaks && c == '\n' {
                    self.line_break();
                }
                self.put_break(c);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.new_line();
                }
                if c == '\'' {
                    self.put('\'');
                }
                self.put(c);
                self.indention = false;
                (spaces, breaks) = (false, false);
            }
        }
        if breaks {
            self.new_line();
        }
        self.indicator("'", false, false, false);
    }

    fn double_quoted(&mut self, chars: &[char], may_fold: bool) {
        self.indicator("\"", true, false, false);
        let mut spaces = false;
        let last = chars.len().saturating_sub(1);
        for (index, &c) in chars.iter().enumerate() {
            if !is_printable(c) || (!self.unicode && !c.is_ascii()) || is_break(c) || matches!(c, '"' | '\\') {
                escape(c).chars().for_each(|c| self.put(c));
            } else if c == ' ' && may_fold && !spaces && self.column > self.width && index != 0 && index != last {
                self.new_line();
                if chars.get(index + 1) == Some(&' ') {
                    self.put('\\');
                }
            } else {
                self.put(c);
            }
            spaces = c == ' ';
        }
        self.indicator("\"", false, false, false);
    }

    /// A block of the base64 lines of bytes, which need no hints for spaces or breaks at their ends.
    fn literal(&mut self, chars: &[char]) {
        self.indicator("|", true, false, false);
        self.line_break();
        self.indention = true;
        self.whitespace = true;
        let mut breaks = true;
        for &c in chars {
            if is_break(c) {
                self.put_break(c);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.new_line();
                }
                self.put(c);
                self.indention = false;
                breaks = false;
            }
        }
    }
}

fn escape(c: char) -> String {
    let short = match c {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' | '\\' => c,
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        _ => {
            return match u32::from(c) {
                code @ 0..=0xff => format!("\\x{code:02X}"),
                code @ 0x100..=0xffff => format!("\\u{code:04X}"),
                code => format!("\\U{code:08X}"),
            };
        }
    };
    format!("\\{short}")
}
