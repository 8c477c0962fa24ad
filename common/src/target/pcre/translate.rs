//! From Python's syntax of regular expressions to that of `fancy-regex`.

mod groups;

use super::PcreError;
use super::class::{self, Member};

/// Where a pattern is being read.
pub struct Scan {
    characters: Vec<char>,
    at: usize,
    /// `(?a)`: classes are ASCII.
    pub ascii: bool,
}

impl Scan {
    /// Characters read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next character, not taken.
    pub fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    /// The one behind it.
    pub fn peek_second(&self) -> Option<char> {
        self.characters.get(self.at + 1).copied()
    }

    /// Takes a character.
    pub fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    /// Takes a certain character if it is next.
    pub fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    /// A piece of the pattern.
    pub fn between(&self, from: usize, to: usize) -> String {
        self.characters[from..to.min(self.characters.len())].iter().collect()
    }

    fn until(&mut self, end: char) -> Option<String> {
        let from = self.at;
        while let Some(c) = self.next() {
            if c == end {
                return Some(self.between(from, self.at - 1));
            }
            if c == '\\' {
                self.next();
            }
        }
        None
    }
}

/// What a quantifier would meet.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    Atom,
    /// A condition on what stands around, written from there on.
    Look(usize),
    Repeat,
}

/// Flags in force; a group restores those of its parent.
#[derive(Clone, Copy, Default)]
struct Flags {
    multiline: bool,
    verbose: bool,
}

/// A group that is not closed yet.
struct Open {
    /// Its position.
    at: usize,
    /// The flags outside it.
    outside: Flags,
    /// Its number, when it captures.
    number: Option<usize>,
    /// Where it begins in what is written, when it is a condition on what stands around.
    look: Option<usize>,
}

struct Translator {
    scan: Scan,
    out: String,
    /// How much of it is flags for the whole pattern.
    preamble: usize,
    flags: Flags,
    groups: Vec<Open>,
    /// Names of the capturing groups so far, by number.
    names: Vec<Option<String>>,
    before: Before,
}

/// Translates a pattern.
pub fn translate(pattern: &str) -> Result<String, PcreError> {
    let scan = Scan { characters: pattern.chars().collect(), at: 0, ascii: false };
    let mut translator = Translator {
        scan,
        out: String::with_capacity(pattern.len() * 2),
        preamble: 0,
        flags: Flags::default(),
        groups: Vec::new(),
        names: Vec::new(),
        before: Before::Nothing,
    };
    while let Some(c) = translator.scan.next() {
        translator.one(c)?;
    }
    match translator.groups.last() {
        Some(open) => Err(PcreError::new("missing ), unterminated subpattern", open.at)),
        None => Ok(translator.out),
    }
}

impl Translator {
    fn one(&mut self, c: char) -> Result<(), PcreError> {
        let at = self.scan.position() - 1;
        if self.flags.verbose {
            if c.is_ascii_whitespace() || c == '\u{b}' {
                return Ok(());
            }
            if c == '#' {
                while self.scan.next().is_some_and(|c| c != '\n') {}
                return Ok(());
            }
        }
        match c {
            '\\' => self.escape(at)?,
            '[' => {
                class::set(&mut self.scan, &mut self.out)?;
                self.before = Before::Atom;
            }
            '(' => self.open(at)?,
            ')' => self.close(at)?,
            '|' => {
                self.out.push('|');
                self.before = Before::Nothing;
            }
            '.' => {
                self.out.push('.');
                self.before = Before::Atom;
            }
            '^' => self.anchor("^"),
            '$' if self.flags.multiline => self.anchor("$"),
            // Python's `$` also stands before a last newline.
            '$' => self.anchor("(?=\\n?\\z)"),
            '*' | '+' | '?' => self.repeat(&c.to_string(), at)?,
            '{' => match self.counts()? {
                Some(counts) => self.repeat(&counts, at)?,
                None => self.literal(c),
            },
            c => self.literal(c),
        }
        Ok(())
    }

    fn literal(&mut self, c: char) {
        class::literal(&mut self.out, c);
        self.before = Before::Atom;
    }

    fn anchor(&mut self, text: &str) {
        self.out.push_str(text);
        self.before = Before::Nothing;
    }

    fn repeat(&mut self, quantifier: &str, at: usize) -> Result<(), PcreError> {
        match self.before {
            Before::Nothing => return Err(PcreError::new("nothing to repeat", at)),
            Before::Repeat => return Err(PcreError::new("multiple repeat", at)),
            Before::Look(start) => return self.repeat_look(start, quantifier),
            Before::Atom => {}
        }
        self.out.push_str(quantifier);
        if self.scan.eat('?') {
            self.out.push('?');
        } else if self.scan.eat('+') {
            self.out.push('+');
        }
        self.before = Before::Repeat;
        Ok(())
    }

    /// A condition holds as often as once, or need not hold at all.
    fn repeat_look(&mut self, start: usize, quantifier: &str) -> Result<(), PcreError> {
        if quantifier == "*" || quantifier == "?" || quantifier.starts_with("{0") {
            self.out.insert_str(start, "(?:");
            self.out.push_str("|)");
        }
        if !self.scan.eat('?') {
            self.scan.eat('+');
        }
        self.before = Before::Repeat;
        Ok(())
    }

    /// The counts behind a `{`, or `None` when the brace is only a brace.
    fn counts(&mut self) -> Result<Option<String>, PcreError> {
        let from = self.scan.position();
        let digits = |scan: &mut Scan| {
            let from = scan.position();
            while scan.peek().is_some_and(|c| c.is_ascii_digit()) {
                scan.next();
            }
            scan.between(from, scan.position())
        };
        let least = digits(&mut self.scan);
        let most = self.scan.eat(',').then(|| digits(&mut self.scan));
        if !self.scan.eat('}') || (least.is_empty() && most.is_none()) {
            self.scan.at = from;
            return Ok(None);
        }
        let number =
            |text: &str| text.parse::<u32>().map_err(|_| PcreError::new("the repetition number is too large", from));
        let low = if least.is_empty() { 0 } else { number(&least)? };
        Ok(Some(match most.as_deref() {
            None => format!("{{{low}}}"),
            Some("") => format!("{{{low},}}"),
            Some(most) => {
                let high = number(most)?;
                if high < low {
                    return Err(PcreError::new("min repeat greater than max repeat", from));
                }
                format!("{{{low},{high}}}")
            }
        }))
    }

    fn escape(&mut self, at: usize) -> Result<(), PcreError> {
        let c = self.scan.next().ok_or_else(|| PcreError::new("bad escape (end of pattern)", at))?;
        let member = match c {
            'A' | 'b' | 'B' => {
                self.anchor(&format!("\\{c}"));
                return Ok(());
            }
            'Z' => {
                self.anchor("\\z");
                return Ok(());
            }
            '0' => class::octal(&mut self.scan, c, at)?,
            '1'..='9' => match self.reference(c, at)? {
                Some(member) => member,
                None => return Ok(()),
            },
            other => class::escape(&mut self.scan, other, at)?,
        };
        match member {
            Member::Character(c) => class::literal(&mut self.out, c),
            Member::Class(class) if class.starts_with(['\\', '[']) && !class.contains('-') => self.out.push_str(class),
            Member::Class(class) if class.starts_with('[') => self.out.push_str(class),
            Member::Class(class) => {
                self.out.push('[');
                self.out.push_str(class);
                self.out.push(']');
            }
        }
        self.before = Before::Atom;
        Ok(())
    }

    /// `\1` is a group, `\101` a character.
    fn reference(&mut self, first: char, at: usize) -> Result<Option<Member>, PcreError> {
        let octal = |c: Option<char>| c.is_some_and(|c| c.is_digit(8));
        if octal(Some(first)) && octal(self.scan.peek()) && octal(self.scan.peek_second()) {
            return class::octal(&mut self.scan, first, at).map(Some);
        }
        let mut number = first.to_string();
        if let Some(second) = self.scan.peek().filter(char::is_ascii_digit) {
            self.scan.next();
            number.push(second);
        }
        self.check_reference(number.parse().ok(), &number, at)?;
        self.out.push_str(&format!("(?:\\{number})"));
        self.before = Before::Atom;
        Ok(None)
    }
}
