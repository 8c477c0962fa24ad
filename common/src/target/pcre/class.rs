//! Character sets and single characters of Python's regular expressions.

use std::fmt::Write;

use super::PcreError;
use super::translate::Scan;

/// A member of a set, or what an escape stands for.
pub enum Member {
    /// One character.
    Character(char),
    /// `\d` and the like, as this side writes it.
    Class(&'static str),
}

/// Writes a character so that it means itself, inside and outside sets.
pub fn literal(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || !c.is_ascii() {
        out.push(c);
    } else {
        // Writing to a String can't fail.
        let _ = write!(out, "\\x{{{:x}}}", u32::from(c));
    }
}

/// Translates a set; the scan stands behind its `[`.
pub fn set(scan: &mut Scan, out: &mut String) -> Result<(), PcreError> {
    let open = scan.position() - 1;
    let unterminated = || PcreError::new("unterminated character set", open);
    out.push('[');
    if scan.eat('^') {
        out.push('^');
    }
    let mut first = true;
    loop {
        let at = scan.position();
        let c = scan.next().ok_or_else(unterminated)?;
        if c == ']' && !first {
            out.push(']');
            return Ok(());
        }
        first = false;
        let low = member(scan, c, at)?;
        // A `-` before the closing bracket is itself.
        if scan.peek() != Some('-') || scan.peek_second() == Some(']') {
            write_member(out, &low);
            continue;
        }
        scan.next();
        let high_at = scan.position();
        let c = scan.next().ok_or_else(unterminated)?;
        let high = member(scan, c, high_at)?;
        match (low, high) {
            (Member::Character(low), Member::Character(high)) if low <= high => {
                literal(out, low);
                out.push('-');
                literal(out, high);
            }
            _ => {
                let text = scan.between(at, scan.position());
                return Err(PcreError::new(format!("bad character range {text}"), at));
            }
        }
    }
}

fn member(scan: &mut Scan, c: char, at: usize) -> Result<Member, PcreError> {
    if c != '\\' {
        return Ok(Member::Character(c));
    }
    let escaped = scan.next().ok_or_else(|| PcreError::new("bad escape (end of pattern)", at))?;
    match escaped {
        'b' => Ok(Member::Character('\u{8}')),
        '0'..='7' => octal(scan, escaped, at),
        other => escape(scan, other, at),
    }
}

fn write_member(out: &mut String, member: &Member) {
    match member {
        Member::Character(c) => literal(out, *c),
        Member::Class(class) => out.push_str(class),
    }
}

/// An octal escape of up to three digits, the first already taken.
pub fn octal(scan: &mut Scan, first: char, at: usize) -> Result<Member, PcreError> {
    let mut value = first.to_digit(8).unwrap_or(0);
    for _ in 0..2 {
        let Some(digit) = scan.peek().and_then(|c| c.to_digit(8)) else { break };
        scan.next();
        value = value * 8 + digit;
    }
    let outside = || PcreError::new("octal escape value outside of range 0-0o377", at);
    char::from_u32(value).filter(|_| value <= 0o377).map(Member::Character).ok_or_else(outside)
}

/// What an escape means that is the same inside and outside sets; `at` is its backslash.
pub fn escape(scan: &mut Scan, c: char, at: usize) -> Result<Member, PcreError> {
    let ascii = scan.ascii;
    Ok(match c {
        'd' => Member::Class(if ascii { "0-9" } else { "\\d" }),
        'w' => Member::Class(if ascii { "0-9A-Za-z_" } else { "\\w" }),
        's' => Member::Class(if ascii { "\\x{9}-\\x{d}\\x{20}" } else { "\\s" }),
        'D' if ascii => Member::Class("[^0-9]"),
        'W' if ascii => Member::Class("[^0-9A-Za-z_]"),
        'S' if ascii => Member::Class("[^\\x{9}-\\x{d}\\x{20}]"),
        'D' => Member::Class("\\D"),
        'W' => Member::Class("\\W"),
        'S' => Member::Class("\\S"),
        'a' => Member::Character('\u{7}'),
        'f' => Member::Character('\u{c}'),
        'n' => Member::Character('\n'),
        'r' => Member::Character('\r'),
        't' => Member::Character('\t'),
        'v' => Member::Character('\u{b}'),
        'x' => hexadecimal(scan, 2, at)?,
        'u' => hexadecimal(scan, 4, at)?,
        'U' => hexadecimal(scan, 8, at)?,
        c if c.is_ascii_alphanumeric() => return Err(PcreError::new(format!("bad escape \\{c}"), at)),
        c => Member::Character(c),
    })
}

fn hexadecimal(scan: &mut Scan, digits: usize, at: usize) -> Result<Member, PcreError> {
    let mut value = 0;
    for _ in 0..digits {
        match scan.peek().and_then(|c| c.to_digit(16)) {
            Some(digit) => value = value << 4 | digit,
            None => {
                let text = scan.between(at, scan.position());
                return Err(PcreError::new(format!("incomplete escape {text}"), at));
            }
        }
        scan.next();
    }
    char::from_u32(value).map(Member::Character).ok_or_else(|| PcreError::new("bad escape", at))
}
