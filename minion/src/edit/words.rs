//! Whether a text holds lines already, as `file.append` and `file.prepend` ask.

use fleet_common::pattern::{Flags, Pattern, escape};

use super::EditError;

/// True if the lines of `wanted` stand in the text; blanks between words, and around lines, may differ.
pub fn holds_words(text: &str, wanted: &str) -> Result<bool, EditError> {
    let quote = ['"', '\''].into_iter().find(|quote| wanted.contains(*quote));
    let lines: Vec<String> = wanted
        .lines()
        .map(|line| {
            let words: Vec<String> = words(line, quote).into_iter().map(escape).collect();
            format!(r"(?:[\s]+)?{}(?:[\s]+)?", words.join(r"(?:[\s]+)?"))
        })
        .collect();
    holds_pattern(text, &format!("^{}$", lines.concat()))
}

/// True if the pattern is found in the text, `^` and `$` standing for the ends of its lines.
pub fn holds_pattern(text: &str, pattern: &str) -> Result<bool, EditError> {
    Ok(Pattern::new(pattern, Flags { multiline: true, ..Flags::default() })?.search(text)?)
}

/// The words of a line; one that starts with the quote reaches to the next quote, blanks included.
fn words(line: &str, quote: Option<char>) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let quoted = quote.filter(|quote| *quote == first).and_then(|quote| rest[1..].find(quote));
        let end = match quoted {
            Some(at) => at + 2,
            None => rest.find(char::is_whitespace).unwrap_or(rest.len()),
        };
        found.push(&rest[..end]);
        rest = rest[end..].trim_start();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_between_words_do_not_count() {
        let text = "one\n  a  b.c\nx\n  y\n";
        assert!(holds_words(text, "a b.c").unwrap());
        assert!(holds_words(text, "x\ny").unwrap());
        assert!(!holds_words(text, "a bxc").unwrap());
        assert!(!holds_words(text, "a").unwrap(), "only whole lines count");
        assert!(!holds_words("say 'a  b'\n", "say 'a b'").unwrap(), "blanks in quotes count");
    }
}
