//! Splitting a line into words and quoting words, as a POSIX shell does.

use fleet_common::call::CallError;

/// Splits a line at blanks, minding quotes and backslashes. Nothing is expanded; comment signs are words.
pub fn split_words(line: &str) -> Result<Vec<String>, CallError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\'' => {
                let current = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        Some('\'') => break,
                        Some(other) => current.push(other),
                        None => return Err(CallError::Invocation("No closing quotation".to_owned())),
                    }
                }
            }
            '"' => {
                let current = word.get_or_insert_default();
                loop {
                    match characters.next() {
                        Some('"') => break,
                        Some('\\') => match characters.next() {
                            Some(escaped @ ('"' | '\\')) => current.push(escaped),
                            Some(other) => current.extend(['\\', other]),
                            None => return Err(CallError::Invocation("No escaped character".to_owned())),
                        },
                        Some(other) => current.push(other),
                        None => return Err(CallError::Invocation("No closing quotation".to_owned())),
                    }
                }
            }
            '\\' => match characters.next() {
                Some(escaped) => word.get_or_insert_default().push(escaped),
                None => return Err(CallError::Invocation("No escaped character".to_owned())),
            },
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Quotes a word so that a shell reads it back as it is.
pub fn quote(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@%_-+=:,./".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\"'\"'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_by_a_shell() {
        let line = "echo \"q  q\" 'r \\' a\\ b \"\" x\"y\"'z' \"a\\\"b\\n\" # c";
        let words = ["echo", "q  q", "r \\", "a b", "", "xyz", "a\"b\\n", "#", "c"];
        assert_eq!(split_words(line).unwrap(), words);
        assert_eq!(split_words("a 'b").unwrap_err().to_string(), "No closing quotation");
        assert!(split_words("  ").unwrap().is_empty());
    }

    #[test]
    fn quoted_words_survive() {
        for word in ["a", "", "it's", "a b", "$HOME;`x`", "ž\n"] {
            assert_eq!(split_words(&quote(word)).unwrap(), [word]);
        }
    }
}
