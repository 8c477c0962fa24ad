//! Filling paragraphs, as Python's `textwrap` does.

/// The text in lines of at most `width` characters, each starting with `indent` spaces.
///
/// White space of all kinds counts as blanks; words break after hyphens between letters, and anywhere when a
/// word alone is too long.
pub(super) fn fill(text: &str, width: usize, indent: usize) -> String {
    let room = width.saturating_sub(indent).max(1);
    let mut chunks: std::collections::VecDeque<String> = chunks(&expanded(text)).into();
    let mut lines: Vec<String> = Vec::new();
    while !chunks.is_empty() {
        let mut line = String::new();
        if !lines.is_empty() && chunks.front().is_some_and(|chunk| chunk.trim().is_empty()) {
            chunks.pop_front();
        }
        let mut length = 0;
        while let Some(chunk) = chunks.front() {
            let size = chunk.chars().count();
            if length + size > room {
                break;
            }
            length += size;
            line.push_str(chunk);
            chunks.pop_front();
        }
        if let Some(chunk) = chunks.front_mut().filter(|chunk| chunk.chars().count() > room) {
            let head: String = chunk.chars().take(room - length).collect();
            *chunk = chunk.chars().skip(room - length).collect();
            line.push_str(&head);
        }
        let line = line.trim_end();
        if !line.is_empty() {
            lines.push(format!("{}{line}", " ".repeat(indent)));
        }
    }
    lines.join("\n")
}

/// Tabs to the next multiple of eight, other white space as a blank.
fn expanded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut column = 0;
    for c in text.chars() {
        let blanks = match c {
            '\t' => 8 - column % 8,
            '\n' | '\r' => {
                out.push(' ');
                column = 0;
                continue;
            }
            '\u{b}' | '\u{c}' | ' ' => 1,
            c => {
                out.push(c);
                column += 1;
                continue;
            }
        };
        out.extend(std::iter::repeat_n(' ', blanks));
        column += blanks;
    }
    out
}

/// Runs of blanks, and words with their parts up to hyphens.
fn chunks(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut out: Vec<String> = Vec::new();
    let mut current = String::new();
    for (index, &c) in chars.iter().enumerate() {
        let blank = c == ' ';
        if current.ends_with(' ') != blank && !current.is_empty() {
            out.push(std::mem::take(&mut current));
        }
        current.push(c);
        if c == '-' && breaks_after(&chars, index) {
            out.push(std::mem::take(&mut current));
        }
    }
    if !current.is_empty() {
        out.push(current);
    }
    out
}

/// True for a hyphen with a word that ends in a letter before it and one of two characters after it.
fn breaks_after(chars: &[char], hyphen: usize) -> bool {
    let is_word = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric() || *c == '_');
    let is_letter = |c: Option<&char>| c.is_some_and(|c| c.is_alphabetic() || *c == '_');
    let before = hyphen >= 2 && is_letter(chars.get(hyphen - 1)) && is_word(chars.get(hyphen - 2));
    let after = chars[hyphen + 1..].iter().take_while(|c| is_word(Some(c))).skip(1).any(|c| is_letter(Some(c)));
    before && after
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn words_fill_lines() {
        assert_eq!(fill("aa bb\ncc  dd", 6, 1), " aa bb\n cc\n dd");
        assert_eq!(fill("abcdefgh", 4, 0), "abcd\nefgh");
        assert_eq!(fill("well-known x", 7, 0), "well-\nknown x");
    }
}
