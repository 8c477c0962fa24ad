//! Python's regular expressions on top of the `fancy-regex` package.

use fancy_regex::Regex;

use super::fault::{Fault, Res};
use super::interpret::Arguments;
use super::object::Val;
use super::size;

/// Longest pattern.
const LONGEST: usize = 10_000;

/// Flags that filters and tests take.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    /// `ignorecase`
    pub ignorecase: bool,
    /// `multiline`
    pub multiline: bool,
}

impl Flags {
    /// Takes `ignorecase` and `multiline` from the arguments.
    pub fn take(arguments: &mut Arguments) -> Res<Self> {
        Ok(Self { ignorecase: arguments.flag("ignorecase", false)?, multiline: arguments.flag("multiline", false)? })
    }
}

/// A compiled pattern.
pub(super) struct Pattern(Regex);

/// Compiles a pattern as Python writes it.
pub(super) fn compile(pattern: &str, flags: Flags) -> Res<Pattern> {
    if pattern.len() > LONGEST {
        return Err(Fault::limit(format!("a regular expression is longer than {LONGEST} bytes")));
    }
    let mut text = String::new();
    if flags.ignorecase {
        text.push_str("(?i)");
    }
    if flags.multiline {
        text.push_str("(?m)");
    }
    // `\Z` is the very end in Python; elsewhere it may come before a last line break.
    text.push_str(&pattern.replace("\\Z", "\\z"));
    match Regex::new(&text) {
        Ok(regex) => Ok(Pattern(regex)),
        Err(error) => Err(Fault::error(format!("bad regular expression {pattern:?}: {error}"))),
    }
}

fn failed(error: &fancy_regex::Error) -> Fault {
    Fault::error(format!("the regular expression failed: {error}"))
}

impl Pattern {
    /// True if the text begins with a match.
    pub fn matches_start(&self, text: &str) -> Res<bool> {
        Ok(self.groups(text, true)?.is_some())
    }

    /// The groups of the first match (`match` when it must be at the beginning).
    pub fn groups(&self, text: &str, at_start: bool) -> Res<Option<Vec<Val>>> {
        let Some(found) = self.0.captures(text).map_err(|error| failed(&error))? else { return Ok(None) };
        if at_start && found.get(0).is_some_and(|whole| whole.start() > 0) {
            return Ok(None);
        }
        let group = |index: usize| found.get(index).map_or(Val::None, |part| Val::str(part.as_str()));
        Ok(Some((1..found.len()).map(group).collect()))
    }

    /// `re.sub(replacement, text)`.
    pub fn replace_all(&self, text: &str, replacement: &str, count: usize) -> Res<String> {
        let mut out = String::with_capacity(text.len());
        let mut last = 0;
        for (index, found) in self.0.captures_iter(text).enumerate() {
            if count > 0 && index >= count {
                break;
            }
            let found = found.map_err(|error| failed(&error))?;
            let Some(whole) = found.get(0) else { continue };
            out.push_str(&text[last..whole.start()]);
            expand(replacement, &found, &mut out)?;
            last = whole.end();
            size::text(1, out.len(), 0)?;
        }
        out.push_str(&text[last..]);
        Ok(out)
    }
}

/// Python's replacement templates: `\1`, `\g<name>`, `\n`.
fn expand(replacement: &str, found: &fancy_regex::Captures<'_>, out: &mut String) -> Res<()> {
    let mut chars = replacement.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let group = match chars.next() {
            Some('g') if chars.peek() == Some(&'<') => {
                chars.next();
                let name: String = chars.by_ref().take_while(|c| *c != '>').collect();
                match name.parse::<usize>() {
                    Ok(index) if index < found.len() => found.get(index),
                    Ok(index) => return Err(Fault::error(format!("invalid group reference {index}"))),
                    Err(_) => found.name(&name),
                }
            }
            Some(digit @ '1'..='9') => {
                let mut index = digit.to_digit(10).unwrap_or(0) as usize;
                if let Some(second) = chars.peek().and_then(|c| c.to_digit(10)) {
                    index = index * 10 + second as usize;
                    chars.next();
                }
                if index >= found.len() {
                    return Err(Fault::error(format!("invalid group reference {index}")));
                }
                found.get(index)
            }
            Some('n') => {
                out.push('\n');
                None
            }
            Some('t') => {
                out.push('\t');
                None
            }
            Some('\\') | None => {
                out.push('\\');
                None
            }
            Some(other) if other.is_ascii_alphabetic() => {
                return Err(Fault::error(format!("bad escape \\{other}")));
            }
            Some(other) => {
                out.push('\\');
                out.push(other);
                None
            }
        };
        if let Some(part) = group {
            out.push_str(part.as_str());
        }
    }
    Ok(())
}

/// True if a shell pattern fits the whole text.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let mut regex = String::from("(?s)^");
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '[' => {
                let inner: String = chars.by_ref().take_while(|c| *c != ']').collect();
                let inner = inner.replace('\\', "\\\\");
                let inner = inner.strip_prefix('!').map_or_else(|| inner.clone(), |rest| format!("^{rest}"));
                regex.push_str(&format!("[{inner}]"));
            }
            c => regex.push_str(&fancy_regex::escape(&c.to_string())),
        }
    }
    regex.push('$');
    Regex::new(&regex).is_ok_and(|regex| regex.is_match(text).unwrap_or(false))
}
