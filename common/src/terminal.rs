//! What people read on a terminal was often written by somebody else: it may show what it likes there, and do nothing.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

/// Longest colour that is let through, in bytes.
const LONGEST: usize = 16;

/// A stream; when it ends on a terminal, nothing but text, line ends, tabs and colours reach it.
#[derive(Debug)]
pub struct Harmless<W> {
    stream: W,
    is_terminal: bool,
}

/// The standard output.
pub fn out() -> Harmless<io::StdoutLock<'static>> {
    Harmless::new(io::stdout().lock())
}

/// The standard error.
pub fn err() -> Harmless<io::Stderr> {
    Harmless::new(io::stderr())
}

impl<W: Write + IsTerminal> Harmless<W> {
    fn new(stream: W) -> Self {
        let is_terminal = stream.is_terminal();
        Self { stream, is_terminal }
    }
}

impl<W: Write> Write for Harmless<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Texts come whole; what is none is nobody's to steer by either.
        let text = String::from_utf8_lossy(bytes);
        let written = if self.is_terminal {
            self.stream.write_all(harmless(&text).as_bytes())
        } else {
            self.stream.write_all(bytes)
        };
        written.map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// The text without what steers a terminal: each such character is a question mark.
pub fn harmless(text: &str) -> Cow<'_, str> {
    let steers = |c: char| c.is_control() && c != '\n' && c != '\t';
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(steers) {
        safe.push_str(&rest[..at]);
        rest = &rest[at..];
        let kept = color(rest).or(rest.starts_with("\r\n").then_some(1)).unwrap_or(0);
        safe.push_str(&rest[..kept]);
        if kept == 0 {
            safe.push('?');
        }
        let width = rest.chars().next().map_or(1, char::len_utf8);
        rest = &rest[kept.max(width)..];
    }
    safe.push_str(rest);
    Cow::Owned(safe)
}

/// How long the colour is with which a text begins.
fn color(text: &str) -> Option<usize> {
    let end = text.bytes().take(LONGEST).position(|byte| byte == b'm')?;
    let numbers = text[..end].strip_prefix("\x1b[")?;
    numbers.bytes().all(|byte| byte.is_ascii_digit() || byte == b';').then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_colours_pass_and_nothing_steers() {
        for text in ["", "é日\t1\n", "\x1b[0;32mok\x1b[0;0m\n", "a\r\nb"] {
            assert_eq!(harmless(text), text);
        }
        for (text, shown) in [
            ("a\x1b[2Jb", "a?[2Jb"),
            ("\x1b]52;c;cm0gLXJmIC8=\x07", "?]52;c;cm0gLXJmIC8=?"),
            ("\x1b]0;title\x1b\\", "?]0;title?\\"),
            ("right\rwrong", "right?wrong"),
            ("ab\x08\x7f", "ab??"),
            ("\u{9b}2J\u{90}q", "?2J?q"),
            ("\x1b[1;1H\x1b[8m", "?[1;1H\x1b[8m"),
            ("\x1b[?1049h", "?[?1049h"),
            ("\x1b", "?"),
            ("\x1b[0000000000000000m", "?[0000000000000000m"),
            ("\x1bé", "?é"),
        ] {
            assert_eq!(harmless(text), shown, "{text:?}");
        }
    }

    #[test]
    fn only_terminals_are_kept_from_it() {
        let mut bytes = Vec::new();
        for is_terminal in [false, true] {
            let mut stream = Harmless { stream: &mut bytes, is_terminal };
            write!(stream, "\x1b[2J|").unwrap();
            stream.write_all(b"\xff").unwrap();
        }
        assert_eq!(bytes, b"\x1b[2J|\xff?[2J|\xef\xbf\xbd");
    }
}
