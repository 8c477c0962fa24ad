//! Shell patterns as Python's `fnmatch` reads them: `*`, `?`, `[abc]`, `[!abc]`, ranges; no escapes; case matters.

/// True if the pattern has any wildcard.
pub fn is_pattern(pattern: &str) -> bool {
    pattern.contains(['*', '?', '['])
}

/// True if the whole text matches the pattern. Takes at most `pattern × text` steps.
pub fn matches(pattern: &str, text: &str) -> bool {
    if !is_pattern(pattern) {
        return pattern == text;
    }
    let (mut pattern, mut text) = (pattern, text);
    // Where to go on when the text after the last `*` does not fit: behind that `*`, one character further.
    let mut retry: Option<(&str, &str)> = None;
    loop {
        if let Some(rest) = pattern.strip_prefix('*') {
            pattern = rest;
            retry = Some((rest, text));
            continue;
        }
        let step = match text.chars().next() {
            Some(c) => one(pattern, c).map(|rest| (rest, &text[c.len_utf8()..])),
            None if pattern.is_empty() => return true,
            None => return false,
        };
        (pattern, text) = match (step, retry) {
            (Some(next), _) => next,
            (None, Some((rest, from))) => {
                let mut characters = from.chars();
                if characters.next().is_none() {
                    return false;
                }
                retry = Some((rest, characters.as_str()));
                (rest, characters.as_str())
            }
            (None, None) => return false,
        };
    }
}

/// The pattern behind its first element, if that element matches the character.
pub(super) fn one(pattern: &str, c: char) -> Option<&str> {
    let first = pattern.chars().next()?;
    let rest = &pattern[first.len_utf8()..];
    match first {
        '?' => Some(rest),
        '[' => match class(rest) {
            Some((members, behind)) => in_class(members, c).then_some(behind),
            None => (c == '[').then_some(rest),
        },
        _ => (c == first).then_some(rest),
    }
}

/// Splits `abc]rest` into members and rest; a `]` in first place is a member.
pub(super) fn class(pattern: &str) -> Option<(&str, &str)> {
    let skip = usize::from(pattern.starts_with('!'));
    let skip = skip + usize::from(pattern[skip..].starts_with(']'));
    let end = skip + pattern[skip..].find(']')?;
    Some((&pattern[..end], &pattern[end + 1..]))
}

fn in_class(members: &str, c: char) -> bool {
    let (negated, members) = match members.strip_prefix('!') {
        Some(members) => (true, members),
        None => (false, members),
    };
    let mut found = false;
    let mut rest = members.chars();
    while let Some(low) = rest.next() {
        let mut ahead = rest.clone();
        match (ahead.next(), ahead.next()) {
            (Some('-'), Some(high)) => {
                found |= (low..=high).contains(&c);
                rest = ahead;
            }
            _ => found |= low == c,
        }
    }
    found != negated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_follow_fnmatch() {
        for (pattern, text) in [
            ("*", ""),
            ("web*", "web1"),
            ("*b*1", "web11"),
            ("a?c", "aüc"),
            ("[a-c]x", "bx"),
            ("[!a-c]x", "dx"),
            ("[]a]", "]"),
            ("[", "["),
            ("a[b", "a[b"),
            ("[a-]", "-"),
            ("a.b", "a.b"),
            ("*a*b*c", "xxaybzzc"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("web*", "xweb"), ("a?c", "ac"), ("[a-c]x", "dx"), ("[!a]", "a"), ("a.b", "axb"), ("", "a"), ("*a", "ab")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn hostile_patterns_end_soon() {
        let pattern = "*a".repeat(500) + "b";
        assert!(!matches(&pattern, &"a".repeat(5000)));
    }
}
