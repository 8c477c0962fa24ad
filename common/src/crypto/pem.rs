//! PEM text around the few fixed-size keys we keep, and the DER prefixes of RFC 8410.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// DER of an Ed25519 SubjectPublicKeyInfo up to the 32 bytes of the key.
const ED25519_PUBLIC: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// DER of an Ed25519 PKCS8 document (version 1, as OpenSSL writes it) up to the 32 bytes of the seed.
const ED25519_PRIVATE: &[u8] =
    &[0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// What a PEM document holds, with its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// An Ed25519 public key.
    Public,
    /// An Ed25519 private key in PKCS8.
    Private,
    /// An X25519 private key for Noise, 32 raw bytes.
    Noise,
}

impl Label {
    fn text(self) -> &'static str {
        match self {
            Self::Public => "PUBLIC KEY",
            Self::Private => "PRIVATE KEY",
            Self::Noise => "NOISE PRIVATE KEY",
        }
    }

    fn prefix(self) -> &'static [u8] {
        match self {
            Self::Public => ED25519_PUBLIC,
            Self::Private => ED25519_PRIVATE,
            Self::Noise => &[],
        }
    }

    /// The whole DER document around a key.
    pub(super) fn der(self, key: &[u8; 32]) -> Zeroizing<Vec<u8>> {
        // The capacity is exact: growing would leave an unwiped copy behind.
        let mut der = Zeroizing::new(Vec::with_capacity(self.prefix().len() + 32));
        der.extend_from_slice(self.prefix());
        der.extend_from_slice(key);
        der
    }
}

/// Why a text is not the key that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// The BEGIN or END line is missing or names something else.
    #[error("it is not a PEM document with the label {0:?}")]
    Label(&'static str),
    /// The lines between are not base64.
    #[error("its content is not base64")]
    Base64,
    /// Another kind of key, or none.
    #[error("it holds no key of the expected kind (Ed25519 for identities)")]
    Kind,
}

/// The PEM text of a key.
pub(super) fn encode(label: Label, key: &[u8; 32]) -> Zeroizing<String> {
    let name = label.text();
    let body = Zeroizing::new(STANDARD.encode(label.der(key).as_slice()));
    // 48 bytes at most: the base64 text fits in one line of 64.
    Zeroizing::new(format!("-----BEGIN {name}-----\n{}\n-----END {name}-----\n", *body))
}

/// The key in a PEM text.
pub(super) fn decode(label: Label, text: &str) -> Result<Zeroizing<[u8; 32]>, PemError> {
    let name = label.text();
    let body = text
        .trim()
        .strip_prefix(&format!("-----BEGIN {name}-----"))
        .and_then(|rest| rest.strip_suffix(&format!("-----END {name}-----")))
        .ok_or(PemError::Label(name))?;
    let packed: Zeroizing<String> = Zeroizing::new(body.split_whitespace().collect());
    let der = Zeroizing::new(STANDARD.decode(packed.as_bytes()).map_err(|_| PemError::Base64)?);
    let raw = der.strip_prefix(label.prefix()).ok_or(PemError::Kind)?;
    let mut key = Zeroizing::new([0; 32]);
    if raw.len() != key.len() {
        return Err(PemError::Kind);
    }
    key.copy_from_slice(raw);
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_and_kinds_are_told_apart() {
        let key = [7; 32];
        for label in [Label::Public, Label::Private, Label::Noise] {
            let text = encode(label, &key);
            assert_eq!(*decode(label, &text).unwrap(), key);
        }
        let public = encode(Label::Public, &key);
        assert_eq!(decode(Label::Private, &public).unwrap_err(), PemError::Label("PRIVATE KEY"));
        let other = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEABwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n-----END PUBLIC KEY-----";
        assert_eq!(decode(Label::Public, other).unwrap_err(), PemError::Kind);
        assert_eq!(decode(Label::Public, &public.replace('M', "?")).unwrap_err(), PemError::Base64);
    }

    #[test]
    fn random_text_is_refused() {
        use rand::Rng;
        let mut rng = rand::rng();
        for _ in 0..2000 {
            let size = rng.random_range(0..200);
            let bytes: Vec<u8> = (0..size).map(|_| rng.random()).collect();
            assert!(decode(Label::Public, &String::from_utf8_lossy(&bytes)).is_err());
        }
    }
}
