//! Versions of RPM packages in rpm's order.

use std::cmp::Ordering;

/// Compares `[epoch:]version[-release]` as rpm does. Where one has no release, releases do not count.
pub fn compare(left: &str, right: &str) -> Ordering {
    let (left, right) = (split(left), split(right));
    let versions = left.0.cmp(&right.0).then_with(|| part(left.1, right.1));
    match (left.2, right.2) {
        (Some(left), Some(right)) => versions.then_with(|| part(left, right)),
        _ => versions,
    }
}

fn split(text: &str) -> (u64, &str, Option<&str>) {
    let text = text.trim();
    let (epoch, rest) = match text.split_once(':') {
        Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
        None => (0, text),
    };
    match rest.rsplit_once('-') {
        Some((version, release)) => (epoch, version, Some(release)),
        None => (epoch, rest, None),
    }
}

/// Compares runs of digits and runs of letters in turn; `~` sorts before everything, the end included, `^` after the
/// end and before everything else. Other characters only separate.
fn part(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    loop {
        (left, right) = (start(left), start(right));
        let (a, b) = (left.first().copied(), right.first().copied());
        if a == Some(b'~') || b == Some(b'~') {
            match (a == Some(b'~')).cmp(&(b == Some(b'~'))) {
                Ordering::Equal => (left, right) = (rest(left), rest(right)),
                other => return other.reverse(),
            }
            continue;
        }
        if a == Some(b'^') || b == Some(b'^') {
            match (a, b) {
                (Some(b'^'), Some(b'^')) => (left, right) = (rest(left), rest(right)),
                (None, _) => return Ordering::Less,
                (_, None) => return Ordering::Greater,
                (Some(b'^'), _) => return Ordering::Less,
                _ => return Ordering::Greater,
            }
            continue;
        }
        let (Some(first), Some(_)) = (a, b) else { return left.len().min(1).cmp(&right.len().min(1)) };
        let numeric = first.is_ascii_digit();
        let is_same = |byte: u8| if numeric { byte.is_ascii_digit() } else { byte.is_ascii_alphabetic() };
        let (one, other) = (take(&mut left, is_same), take(&mut right, is_same));
        if other.is_empty() {
            // Numbers are newer than letters.
            return if numeric { Ordering::Greater } else { Ordering::Less };
        }
        let order = if numeric {
            let (one, other) = (stripped(one), stripped(other));
            one.len().cmp(&other.len()).then_with(|| one.cmp(other))
        } else {
            one.cmp(other)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn start(text: &[u8]) -> &[u8] {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'~' | b'^');
    text.get(text.iter().position(is_part).unwrap_or(text.len())..).unwrap_or_default()
}

fn rest(text: &[u8]) -> &[u8] {
    text.get(1..).unwrap_or_default()
}

fn take<'t>(text: &mut &'t [u8], is_same: impl Fn(u8) -> bool) -> &'t [u8] {
    let end = text.iter().position(|byte| !is_same(*byte)).unwrap_or(text.len());
    let (run, rest) = text.split_at(end);
    *text = rest;
    run
}

fn stripped(digits: &[u8]) -> &[u8] {
    digits.get(digits.iter().take_while(|byte| **byte == b'0').count()..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::command::{Command, which};

    #[test]
    fn the_order_is_rpms() {
        let versions = [
            "1.0",
            "1.0.1",
            "1.0a",
            "1.a",
            "1.0~rc1",
            "1.0~",
            "1.0^git1",
            "1.0^",
            "1.0^git1~pre",
            "1.00",
            "1.10",
            "1.9",
            "2",
            "a",
            "A",
            "1_0",
            "1.0.",
            "10a2",
            "10b1",
            "~",
            "^",
            "99999999999999999999999",
            "1.el8",
            "1.el8_10.1",
        ];
        assert_eq!(compare("1:1.0-1", "2.0-1"), Ordering::Greater);
        assert_eq!(compare("1.0", "1.0-7"), Ordering::Equal);
        assert_eq!(compare("1.0-2", "1.0-10"), Ordering::Less);
        if which("rpm", None).is_none() {
            return;
        }
        for left in versions {
            let calls: Vec<String> = versions.iter().map(|right| format!("rpm.vercmp('{left}','{right}')")).collect();
            let line = format!("%{{lua: print(table.concat({{{}}}, ' '))}}", calls.join(","));
            let finished = Command::argv(["rpm", "--eval", &line]).run().unwrap();
            let answers: Vec<i64> = finished.out().split(' ').map(|word| word.parse().unwrap()).collect();
            for (right, answer) in versions.iter().zip(answers) {
                assert_eq!(part(left, right) as i64, answer, "{left} against {right}");
            }
        }
    }
}
