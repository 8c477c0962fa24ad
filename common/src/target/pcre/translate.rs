//! From Python's syntax of regular expressions to that of `fancy-regex`.

use super::PcreError;
use super::class::{self, Member};

/// Deepest nesting of groups; the compiler behind is recursive.
const MAX_DEPTH: usize = 100;

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
        }
        None
    }
}

/// What a quantifier would meet.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    Atom,
    Repeat,
}

/// Flags in force; a group restores those of its parent.
#[derive(Clone, Copy, Default)]
struct Flags {
    multiline: bool,
    verbose: bool,
}

struct Translator {
    scan: Scan,
    out: String,
    flags: Flags,
    /// Position of each open group, and the flags outside it.
    groups: Vec<(usize, Flags)>,
    before: Before,
}

/// Translates a pattern.
pub fn translate(pattern: &str) -> Result<String, PcreError> {
    let scan = Scan { characters: pattern.chars().collect(), at: 0, ascii: false };
    let mut translator = Translator {
        scan,
        out: String::with_capacity(pattern.len() * 2),
        flags: Flags::default(),
        groups: Vec::new(),
        before: Before::Nothing,
    };
    while let Some(c) = translator.scan.next() {
        translator.one(c)?;
    }
    match translator.groups.last() {
        Some((open, _)) => Err(PcreError::new("missing ), unterminated subpattern", *open)),
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
        self.out.push_str(&format!("(?:\\{number})"));
        self.before = Before::Atom;
        Ok(None)
    }

    fn open(&mut self, at: usize) -> Result<(), PcreError> {
        let outside = self.flags;
        let opening = if self.scan.eat('?') {
            match self.extension(at)? {
                Some(opening) => opening,
                None => return Ok(()),
            }
        } else {
            "(".to_owned()
        };
        if self.groups.len() >= MAX_DEPTH {
            return Err(PcreError::new(format!("more than {MAX_DEPTH} groups in each other"), at));
        }
        self.groups.push((at, outside));
        self.out.push_str(&opening);
        self.before = Before::Nothing;
        Ok(())
    }

    /// What stands behind `(?`: the opening to write, or `None` when it is complete already.
    fn extension(&mut self, at: usize) -> Result<Option<String>, PcreError> {
        let unexpected = || PcreError::new("unexpected end of pattern", at + 2);
        let c = self.scan.next().ok_or_else(unexpected)?;
        let simple = |text: &str| Ok(Some(format!("(?{text}")));
        match c {
            ':' | '=' | '!' | '>' => simple(&c.to_string()),
            '<' => match self.scan.next() {
                Some('=') => simple("<="),
                Some('!') => simple("<!"),
                Some(other) => Err(PcreError::new(format!("unknown extension ?<{other}"), at + 1)),
                None => Err(unexpected()),
            },
            '#' => match self.scan.until(')') {
                Some(_) => Ok(None),
                None => Err(PcreError::new("missing ), unterminated comment", at)),
            },
            'P' => self.named(at),
            '(' => {
                let name =
                    self.scan.until(')').ok_or_else(|| PcreError::new("missing ), unterminated name", at + 3))?;
                self.check_name(&name, at + 3, true)?;
                let reference = if name.parse::<u32>().is_ok() { name } else { format!("<{name}>") };
                simple(&format!("({reference})"))
            }
            c if c == '-' || "aiLmsux".contains(c) => self.set_flags(c, at),
            c => Err(PcreError::new(format!("unknown extension ?{c}"), at + 1)),
        }
    }

    fn named(&mut self, at: usize) -> Result<Option<String>, PcreError> {
        let unterminated = |end| PcreError::new(format!("missing {end}, unterminated name"), at + 4);
        match self.scan.next() {
            Some('<') => {
                let name = self.scan.until('>').ok_or_else(|| unterminated('>'))?;
                self.check_name(&name, at + 4, false)?;
                Ok(Some(format!("(?P<{name}>")))
            }
            Some('=') => {
                let name = self.scan.until(')').ok_or_else(|| unterminated(')'))?;
                self.check_name(&name, at + 4, false)?;
                self.out.push_str(&format!("(?P={name})"));
                self.before = Before::Atom;
                Ok(None)
            }
            Some(other) => Err(PcreError::new(format!("unknown extension ?P{other}"), at + 1)),
            None => Err(PcreError::new("unexpected end of pattern", at + 3)),
        }
    }

    fn check_name(&self, name: &str, at: usize, number_too: bool) -> Result<(), PcreError> {
        let identifier = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        if name.is_empty() {
            return Err(PcreError::new("missing group name", at));
        }
        if identifier || (number_too && name.chars().all(|c| c.is_ascii_digit())) {
            return Ok(());
        }
        Err(PcreError::new(format!("bad character in group name '{name}'"), at))
    }

    /// `(?i)` for the whole pattern, or `(?i-s:` for a group.
    fn set_flags(&mut self, first: char, at: usize) -> Result<Option<String>, PcreError> {
        let (mut on, mut off, mut negative) = (String::new(), String::new(), false);
        let mut next = Some(first);
        loop {
            match next {
                Some('-') if !negative => negative = true,
                Some(flag) if "aiLmsux".contains(flag) => {
                    if negative { &mut off } else { &mut on }.push(flag);
                }
                Some(':') => break,
                Some(')') if !negative && at == 0 => break,
                Some(')') if !negative => {
                    return Err(PcreError::new("global flags not at the start of the expression", at));
                }
                Some(_) => return Err(PcreError::new("unknown flag", self.scan.position() - 1)),
                None => return Err(PcreError::new("missing -, : or )", self.scan.position())),
            }
            next = self.scan.next();
        }
        if on.contains('L') || off.contains(['a', 'L', 'u']) {
            return Err(PcreError::new("bad inline flags", self.scan.position() - 1));
        }
        self.scan.ascii |= on.contains('a');
        self.flags.multiline = (self.flags.multiline || on.contains('m')) && !off.contains('m');
        self.flags.verbose = (self.flags.verbose || on.contains('x')) && !off.contains('x');
        // Verbose mode is undone here and ASCII mode in the classes: the other side needs neither.
        on.retain(|flag| "ims".contains(flag));
        off.retain(|flag| "ims".contains(flag));
        let minus = if off.is_empty() { "" } else { "-" };
        if next == Some(':') {
            return Ok(Some(format!("(?{on}{minus}{off}:")));
        }
        if !on.is_empty() {
            self.out.push_str(&format!("(?{on})"));
        }
        Ok(None)
    }

    fn close(&mut self, at: usize) -> Result<(), PcreError> {
        let (_, outside) = self.groups.pop().ok_or_else(|| PcreError::new("unbalanced parenthesis", at))?;
        self.flags = outside;
        self.out.push(')');
        self.before = Before::Atom;
        Ok(())
    }
}
