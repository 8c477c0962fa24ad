//! String literals: read with Python's escapes, handed to the parser in the escapes it knows.

/// The literal for the parser, or `None` when an escape is broken (the parser then says so).
pub(super) fn for_parser(raw: &str) -> Option<String> {
    let inner = raw.get(1..raw.len().checked_sub(1)?)?;
    let text = unescape(inner)?;
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    // Line breaks written as such must stay such, or line numbers would move.
    let mut breaks = inner.matches('\n').count();
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' if breaks > 0 => {
                breaks -= 1;
                out.push('\n');
            }
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out.push('"');
    Some(out)
}

fn unescape(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next()? {
            '\n' => {}
            c @ ('\\' | '\'' | '"') => out.push(c),
            'a' => out.push('\x07'),
            'b' => out.push('\x08'),
            'f' => out.push('\x0c'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'v' => out.push('\x0b'),
            'x' => out.push(digits(&mut chars, 2)?),
            'u' => out.push(digits(&mut chars, 4)?),
            'U' => out.push(digits(&mut chars, 8)?),
            first @ '0'..='7' => {
                let mut number = first.to_digit(8)?;
                for _ in 0..2 {
                    let Some(digit) = chars.peek().and_then(|c| c.to_digit(8)) else { break };
                    number = number * 8 + digit;
                    chars.next();
                }
                out.push(char::from_u32(number)?);
            }
            other => {
                out.push('\\');
                out.push(other);
            }
        }
    }
    Some(out)
}

fn digits(chars: &mut impl Iterator<Item = char>, count: usize) -> Option<char> {
    let mut number = 0;
    for _ in 0..count {
        number = number * 16 + chars.next()?.to_digit(16)?;
    }
    char::from_u32(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_pythons() {
        assert_eq!(unescape(r"a\/b\d\x41\101\u017e\n").as_deref(), Some("a\\/b\\dAA\u{17e}\n"));
        assert_eq!(unescape(r"\x4"), None);
    }

    #[test]
    fn line_breaks_in_literals_stay() {
        assert_eq!(for_parser("'a\\n\nb'").as_deref(), Some("\"a\n\\nb\""));
    }
}
