//! Checksums as people write them: `sha256=…`, bare, or in lists such as `SHA256SUMS`.

use fleet_common::digest;

/// A checksum that a file must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    /// `sha256` or another name that is known.
    pub kind: &'static str,
    /// In lower-case hexadecimal.
    pub hex: String,
}

impl Checksum {
    /// A written checksum: `md5=…`, `md5:…`, or the checksum alone.
    pub fn written(text: &str) -> Option<Self> {
        let text = text.trim();
        let (kind, sum) =
            text.split_once(['=', ':']).map_or((None, text), |(kind, sum)| (Some(kind.trim()), sum.trim()));
        let known = digest::NAMES
            .iter()
            .find(|(name, length)| *length == sum.len() && kind.is_none_or(|kind| kind.eq_ignore_ascii_case(name)))?;
        let is_hex = sum.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| Self { kind: known.0, hex: sum.to_lowercase() })
    }

    /// The checksum in a list (`sum  name`, `sum *name`, `KIND (name) = sum`, `name sum`) of the first of `names` that is
    /// in it; else the first of the list, as the reference has it. `kind` limits to one kind unless it is empty.
    pub fn listed(text: &str, kind: &str, names: &[&str]) -> Option<Self> {
        let mut first = None;
        let mut best: Option<(usize, Self)> = None;
        for line in text.lines() {
            let words = || line.split([' ', '\t', '(', ')', '=', ':']).filter(|word| !word.is_empty());
            let Some((word, sum)) = words().find_map(|word| Self::written(word).map(|sum| (word, sum))) else {
                continue;
            };
            if !kind.is_empty() && sum.kind != kind {
                continue;
            }
            let others: Vec<&str> = words().filter(|other| *other != word).collect();
            let rank =
                names.iter().position(|name| !name.is_empty() && others.iter().any(|other| is_named(other, name)));
            if let Some(rank) = rank.filter(|rank| best.as_ref().is_none_or(|(held, _)| rank < held)) {
                best = Some((rank, sum.clone()));
            }
            first = first.or(Some(sum));
        }
        best.map(|(_, sum)| sum).or(first)
    }

    /// True for content that has this checksum.
    pub fn fits(&self, bytes: &[u8]) -> bool {
        digest::hex_of_bytes(self.kind, bytes).as_deref() == Some(self.hex.as_str())
    }
}

/// True if a word of a list means the file of a path or address.
fn is_named(word: &str, name: &str) -> bool {
    let word = word.trim_start_matches('*');
    let end = |path: &str| path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    let name = name.split(['?', '#']).next().unwrap_or_default();
    !word.is_empty() && (word == name || end(word) == end(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_found_in_lists() {
        let (one, two) = ("a".repeat(32), "B".repeat(32));
        let list = format!("# sums\n{one}  ./x.tar\n{two} *dir/y.tar\nMD5 (z.tar) = {}\n", "c".repeat(32));
        let sum = |name: &str| Checksum::listed(&list, "md5", &["", name]).map(|sum| sum.hex);
        assert_eq!(sum("x.tar").as_deref(), Some(one.as_str()));
        assert_eq!(sum("/tmp/y.tar"), Some(two.to_lowercase()));
        assert_eq!(sum("https://example.org/z.tar?x=1"), Some("c".repeat(32)));
        assert_eq!(sum("gone").as_deref(), Some(one.as_str()), "the first of the list");
        assert_eq!(Checksum::listed(&list, "sha256", &["x.tar"]), None);
        // The name that comes first wins, wherever it stands.
        assert_eq!(Checksum::listed(&list, "", &["y.tar", "x.tar"]).map(|sum| sum.hex), Some(two.to_lowercase()));
    }

    #[test]
    fn sums_are_read_as_written() {
        let sum = "A".repeat(64);
        let wanted = Some(Checksum { kind: "sha256", hex: "a".repeat(64) });
        for text in [sum.clone(), format!("sha256={sum}"), format!("SHA256: {sum}")] {
            assert_eq!(Checksum::written(&text), wanted, "{text}");
        }
        assert_eq!(Checksum::written(&format!("md5={sum}")), None);
        assert_eq!(Checksum::written("https://example.org/sums"), None);
    }
}
