//! Versions of Debian packages in dpkg's order.

use std::cmp::Ordering;

/// Compares two versions as `dpkg --compare-versions` does; any text has a place in the order.
pub fn compare(left: &str, right: &str) -> Ordering {
    let (left, right) = (split(left), split(right));
    left.0.cmp(&right.0).then_with(|| part(left.1, right.1)).then_with(|| part(left.2, right.2))
}

/// The version without its epoch.
pub fn without_epoch(version: &str) -> &str {
    match version.split_once(':') {
        Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        _ => version,
    }
}

/// Epoch, upstream version and revision. A missing revision is less than any but equal to `0`, as an empty part is.
fn split(version: &str) -> (u64, &str, &str) {
    let version = version.trim();
    let (epoch, rest) = match version.split_once(':') {
        Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
        None => (0, version),
    };
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch, upstream, revision)
}

/// Compares runs of other characters and runs of digits in turn.
fn part(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    while !left.is_empty() || !right.is_empty() {
        loop {
            let (a, b) = (left.first().copied(), right.first().copied());
            let digit = |byte: Option<u8>| byte.is_none_or(|byte| byte.is_ascii_digit());
            if digit(a) && digit(b) {
                break;
            }
            match weight(a).cmp(&weight(b)) {
                Ordering::Equal => (left, right) = (rest(left), rest(right)),
                other => return other,
            }
        }
        let (a, b) = (number(&mut left), number(&mut right));
        match a.len().cmp(&b.len()).then_with(|| a.cmp(b)) {
            Ordering::Equal => {}
            other => return other,
        }
    }
    Ordering::Equal
}

fn rest(text: &[u8]) -> &[u8] {
    text.get(1..).unwrap_or_default()
}

/// A tilde sorts before the end, the end and digits before letters, letters before all else.
fn weight(byte: Option<u8>) -> i32 {
    match byte {
        None => 0,
        Some(b'~') => -1,
        Some(byte) if byte.is_ascii_digit() => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(byte),
        Some(byte) => i32::from(byte) + 256,
    }
}

/// Takes the digits in front, without leading zeros: longer is larger, equally long ones compare as text.
fn number<'t>(text: &mut &'t [u8]) -> &'t [u8] {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    let zeros = digits.iter().take_while(|byte| **byte == b'0').count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::command::{Command, which};

    #[test]
    fn the_order_is_dpkgs() {
        let versions = [
            "1.0",
            "1.0-1",
            "1.0-0",
            "1:0.5-2",
            "0",
            "00",
            "1.0~rc1",
            "1.0~",
            "1.0~~",
            "1.0a",
            "1.0+b1",
            "1.00",
            "1.10",
            "1.9",
            "2.0-1ubuntu1",
            "2.0-1+deb12u1",
            "2.0-1~bpo12+1",
            "1.0.0",
            "1.0-a-b",
            "1.0-a",
            "0:1.0",
            "1a2",
            "1a02",
            "99999999999999999999999",
            "1.2.3-4.5",
        ];
        let sign = |order: Ordering| match order {
            Ordering::Less => "lt",
            Ordering::Equal => "eq",
            Ordering::Greater => "gt",
        };
        assert_eq!(compare("1.0~rc1", "1.0"), Ordering::Less);
        assert_eq!(compare("1.0", "1.0-0"), Ordering::Equal);
        if which("dpkg", None).is_none() {
            return;
        }
        for left in versions {
            for right in versions.iter().step_by(3) {
                let says = sign(compare(left, right));
                let finished = Command::argv(["dpkg", "--compare-versions", left, says, right]).run().unwrap();
                assert_eq!(finished.status, 0, "{left} {says} {right} is not what dpkg says");
            }
        }
    }

    #[test]
    fn an_epoch_is_only_digits() {
        assert_eq!((without_epoch("1:2.0"), without_epoch("2.0"), without_epoch("a:2")), ("2.0", "2.0", "a:2"));
    }
}
