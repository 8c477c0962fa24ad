//! What one subscriber wants: message prefixes, limited in number and bytes.

/// The subscriber wants more than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused;

/// Prefixes of one subscriber. The same prefix may be wanted several times and counts each time.
#[derive(Debug, Default)]
pub struct Subscriptions {
    prefixes: Vec<Box<[u8]>>,
}

impl Subscriptions {
    /// Adds a prefix, within limits.
    pub fn add(&mut self, prefix: &[u8], most: usize, most_bytes: usize) -> Result<(), Refused> {
        let bytes: usize = self.prefixes.iter().map(|prefix| prefix.len()).sum();
        if self.prefixes.len() >= most || bytes + prefix.len() > most_bytes {
            return Err(Refused);
        }
        self.prefixes.push(prefix.into());
        Ok(())
    }

    /// Takes one back; one that was never wanted is ignored.
    pub fn remove(&mut self, prefix: &[u8]) {
        if let Some(index) = self.prefixes.iter().position(|known| **known == *prefix) {
            self.prefixes.swap_remove(index);
        }
    }

    /// True if a message begins with one of them.
    pub fn wants(&self, message: &[u8]) -> bool {
        self.prefixes.iter().any(|prefix| message.starts_with(prefix))
    }

    /// True if nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_counted_and_limited() {
        let mut wanted = Subscriptions::default();
        assert!(!wanted.wants(b"abc"));
        assert_eq!(wanted.add(b"ab", 3, 6), Ok(()));
        assert_eq!(wanted.add(b"ab", 3, 6), Ok(()));
        assert_eq!(wanted.add(b"xyz", 3, 6), Err(Refused));
        wanted.remove(b"ab");
        assert!(wanted.wants(b"abc") && !wanted.wants(b"a"));
        wanted.remove(b"ab");
        wanted.remove(b"ab");
        assert!(wanted.is_empty());
        assert_eq!(wanted.add(b"", 1, 6), Ok(()));
        assert!(wanted.wants(b""));
        assert_eq!(wanted.add(b"", 1, 6), Err(Refused));
    }
}
