//! Groups, references to them, flags: what stands in parentheses.

use super::{Before, Open, Translator};
use crate::target::pcre::PcreError;

/// Deepest nesting of groups; the compiler behind is recursive.
const MAX_DEPTH: usize = 100;

impl Translator {
    pub(super) fn open(&mut self, at: usize) -> Result<(), PcreError> {
        let outside = self.flags;
        let known = self.names.len();
        let opening = if self.scan.eat('?') {
            match self.extension(at)? {
                Some(opening) => opening,
                None => return Ok(()),
            }
        } else {
            self.names.push(None);
            "(".to_owned()
        };
        let number = (self.names.len() > known).then_some(self.names.len());
        let look = ["(?=", "(?!", "(?<=", "(?<!"].contains(&opening.as_str()).then_some(self.out.len());
        if self.groups.len() >= MAX_DEPTH {
            return Err(PcreError::new(format!("more than {MAX_DEPTH} groups in each other"), at));
        }
        self.groups.push(Open { at, outside, number, look });
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
                if self.number_of(&name).is_some() {
                    return Err(PcreError::new(format!("redefinition of group name '{name}'"), at + 4));
                }
                self.names.push(Some(name.clone()));
                Ok(Some(format!("(?P<{name}>")))
            }
            Some('=') => {
                let name = self.scan.until(')').ok_or_else(|| unterminated(')'))?;
                self.check_name(&name, at + 4, false)?;
                let number = self.number_of(&name);
                let unknown = || PcreError::new(format!("unknown group name '{name}'"), at + 4);
                self.check_reference(Some(number.ok_or_else(unknown)?), &name, at + 4)?;
                self.out.push_str(&format!("(?P={name})"));
                self.before = Before::Atom;
                Ok(None)
            }
            Some(other) => Err(PcreError::new(format!("unknown extension ?P{other}"), at + 1)),
            None => Err(PcreError::new("unexpected end of pattern", at + 3)),
        }
    }

    fn number_of(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known.as_deref() == Some(name)).map(|place| place + 1)
    }

    /// A reference is to a group that is there and closed.
    pub(super) fn check_reference(&self, number: Option<usize>, written: &str, at: usize) -> Result<(), PcreError> {
        match number.filter(|number| *number <= self.names.len()) {
            None => Err(PcreError::new(format!("invalid group reference {written}"), at + 1)),
            Some(_) if self.groups.iter().any(|open| open.number == number) => {
                Err(PcreError::new("cannot refer to an open group", at))
            }
            Some(_) => Ok(()),
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
                Some(')') if !negative && self.out.len() == self.preamble && self.groups.is_empty() => break,
                Some(')') if !negative => {
                    return Err(PcreError::new("global flags not at the start of the expression", at));
                }
                Some(_) => return Err(PcreError::new("unknown flag", self.scan.position() - 1)),
                None => return Err(PcreError::new("missing -, : or )", self.scan.position())),
            }
            next = self.scan.next();
        }
        if on.contains('L') || off.contains(['a', 'L', 'u']) || (on.contains('a') && on.contains('u')) {
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
        self.preamble = self.out.len();
        Ok(None)
    }

    pub(super) fn close(&mut self, at: usize) -> Result<(), PcreError> {
        let open = self.groups.pop().ok_or_else(|| PcreError::new("unbalanced parenthesis", at))?;
        self.flags = open.outside;
        self.out.push(')');
        self.before = open.look.map_or(Before::Atom, Before::Look);
        Ok(())
    }
}
