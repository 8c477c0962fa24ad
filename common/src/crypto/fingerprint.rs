//! Fingerprints: what people compare to know a key, as `keyctl -F` prints them and `master_finger` holds them.

use std::fmt;
use std::str::FromStr;

use ring::digest;

/// SHA-256 of a public key's DER form (SubjectPublicKeyInfo), so that
/// `openssl pkey -pubin -in FILE -outform der | sha256sum` gives the same digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// The text is no fingerprint: 32 pairs of hexadecimal digits are expected, with or without colons between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is 32 pairs of hexadecimal digits joined by colons")]
pub struct BadFingerprint;

impl Fingerprint {
    /// The fingerprint of a DER document.
    pub(super) fn of(der: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, der).as_ref());
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = BadFingerprint;

    fn from_str(text: &str) -> Result<Self, BadFingerprint> {
        let digits: Vec<u32> = text
            .trim()
            .chars()
            .filter(|c| *c != ':')
            .map(|c| c.to_digit(16))
            .collect::<Option<_>>()
            .ok_or(BadFingerprint)?;
        if digits.len() != 64 {
            return Err(BadFingerprint);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = (pair[0] << 4 | pair[1]) as u8;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_survives_a_round_trip() {
        let print = Fingerprint::of(b"abc");
        let text = print.to_string();
        assert_eq!(text.len(), 32 * 3 - 1);
        assert!(text.starts_with("ba:78:16:bf"));
        assert_eq!(text.parse(), Ok(print));
        assert_eq!(text.to_uppercase().replace(':', "").parse(), Ok(print));
        for bad in ["", "ba:78", "zz", &format!("{text}:00")] {
            assert_eq!(bad.parse::<Fingerprint>(), Err(BadFingerprint), "{bad}");
        }
    }
}
