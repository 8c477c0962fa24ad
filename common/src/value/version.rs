//! Versions in order: `2.6.32 < 2.6.100 < 3`, `6.1.0-rc2 < 6.1.0 < 6.1.0-18-amd64`, `1.0~beta < 1.0`.

use std::cmp::Ordering;

/// Words that stand before the release they are part of.
const BEFORE_RELEASE: &[&str] = &["a", "alpha", "b", "beta", "c", "dev", "pre", "preview", "rc", "snapshot"];

/// A piece of a version. The order of the variants is the order of versions that differ in it: what comes before a
/// release, the release itself, what adds to it by words, what adds to it by numbers.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Piece<'v> {
    Tilde,
    Before(String),
    End,
    Word(String),
    /// Digits without leading zeros: the longer is the larger.
    Number(usize, &'v str),
}

/// Compares two versions piece by piece: digits as numbers of any length, words without regard to case. What separates
/// pieces (`.`, `-`, `_`, `+`, a change from digits to letters) does not count.
pub fn compare(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.trim(), right.trim());
    loop {
        let (a, b) = (piece(&mut left), piece(&mut right));
        match a.cmp(&b) {
            Ordering::Equal if a == Piece::End => return Ordering::Equal,
            Ordering::Equal => {}
            // `1` and `1.0` are the same release.
            _ if is_zero(&a) && b == Piece::End => {}
            _ if is_zero(&b) && a == Piece::End => {}
            unequal => return unequal,
        }
    }
}

fn is_zero(piece: &Piece<'_>) -> bool {
    matches!(piece, Piece::Number(0, _))
}

/// Takes the next piece off.
fn piece<'v>(rest: &mut &'v str) -> Piece<'v> {
    let text = rest.trim_start_matches(|c: char| c != '~' && !c.is_alphanumeric());
    let Some(first) = text.chars().next() else {
        *rest = text;
        return Piece::End;
    };
    if first == '~' {
        *rest = &text[1..];
        return Piece::Tilde;
    }
    let digits = first.is_ascii_digit();
    let end = text.find(|c: char| !c.is_alphanumeric() || c.is_ascii_digit() != digits).unwrap_or(text.len());
    let (taken, behind) = text.split_at(end);
    *rest = behind;
    if digits {
        let number = taken.trim_start_matches('0');
        return Piece::Number(number.len(), number);
    }
    let word = taken.to_lowercase();
    if BEFORE_RELEASE.contains(&word.as_str()) { Piece::Before(word) } else { Piece::Word(word) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_the_order_people_expect() {
        let ordered = [
            "0.9",
            "1.0~~",
            "1.0~beta1",
            "1.0-alpha",
            "1.0-rc1",
            "1.0rc2",
            "1.0",
            "1.0.1",
            "1.0.9",
            "1.0.10",
            "1.2",
            "2.6.32-431.el6",
            "2.6.100",
            "6.1.0-rc2",
            "6.1.0",
            "6.1.0-amd64",
            "6.1.0-9-amd64",
            "6.1.0-18-amd64",
            "12",
            "20.04",
            "99999999999999999999999999",
            "100000000000000000000000000",
        ];
        for (index, left) in ordered.iter().enumerate() {
            for (other, right) in ordered.iter().enumerate() {
                assert_eq!(compare(left, right), index.cmp(&other), "{left} {right}");
            }
        }
        for (left, right) in
            [("1", "1.0"), ("1.0.0", "1"), ("01.2", "1.02"), ("1-2", "1.2"), ("2.0RC1", "2.0rc1"), ("", "")]
        {
            assert_eq!(compare(left, right), Ordering::Equal, "{left} {right}");
        }
    }
}
