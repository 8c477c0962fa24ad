//! Identities: Ed25519 keys that sign and X25519 keys for Noise, as PEM files in a `pki` directory.

use std::fmt;
use std::path::Path;

use ring::rand::SecureRandom;
use ring::signature::{self, Ed25519KeyPair, KeyPair};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use super::certificate::{Signed, minion_predecessors, succeed_minion};
use super::fingerprint::Fingerprint;
use super::pem::{self, Label};
use super::{PemError, keyfile};
use crate::diag::Diagnostic;
use crate::secret::Secret;

pub use super::master::MasterKeys;

/// An Ed25519 public key: who somebody is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// The key as a PEM text (SubjectPublicKeyInfo), as the files under `pki` hold it.
    pub fn to_pem(&self) -> String {
        pem::encode(Label::Public, &self.0).to_string()
    }

    /// Reads a PEM text.
    pub fn from_pem(text: &str) -> Result<Self, PemError> {
        pem::decode(Label::Public, text).map(|key| Self(*key))
    }

    /// What people compare.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&Label::Public.der(&self.0))
    }

    /// True when `signature` is this key's over `message`.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        signature::UnparsedPublicKey::new(&signature::ED25519, &self.0).verify(message, signature).is_ok()
    }

    /// The key in a file; `None` when there is none.
    pub fn load(path: &Path) -> Result<Option<Self>, Diagnostic> {
        let Some(text) = keyfile::read_public(path)? else { return Ok(None) };
        Self::from_pem(&text).map(Some).map_err(|error| keyfile::about(path, error.to_string()))
    }

    /// Writes the key into a new file. `false` when the file exists already: it is left as it is.
    pub fn create(&self, path: &Path) -> Result<bool, Diagnostic> {
        keyfile::create(path, &self.to_pem(), keyfile::PUBLIC)
    }

    /// Puts the key in the place of what the file holds, atomically.
    pub fn replace(&self, path: &Path) -> Result<(), Diagnostic> {
        keyfile::replace(path, &self.to_pem(), keyfile::PUBLIC)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint())
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_bytes::ByteArray::<32>::deserialize(deserializer).map(|bytes| Self(bytes.into_array()))
    }
}

/// An Ed25519 private key.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl SigningKey {
    /// A new random key.
    pub fn generate() -> Self {
        Self::from_seed(&random_bytes())
    }

    /// The key in a file; a new one is made and stored when there is none.
    pub fn load_or_create(path: &Path) -> Result<Self, Diagnostic> {
        load_or_create(path, Label::Private).map(|seed| Self::from_seed(&seed))
    }

    /// A new key in new files `NAME.pem` and `NAME.pub`, for a minion that is prepared elsewhere.
    pub fn create(directory: &Path, name: &str) -> Result<PublicKey, Diagnostic> {
        let (path, seed) = (directory.join(format!("{name}.pem")), random_bytes());
        if !keyfile::create(&path, &pem::encode(Label::Private, &seed), keyfile::SECRET)? {
            return Err(keyfile::about(&path, "there is a key already").help("choose another name or directory"));
        }
        let key = Self::from_seed(&seed);
        key.public().replace(&directory.join(format!("{name}.pub")))?;
        Ok(key.public())
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Signs; 64 bytes.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(self.pair.sign(message).as_ref());
        bytes
    }

    /// A new key in the place of what the file holds.
    pub(super) fn replace(path: &Path) -> Result<(), Diagnostic> {
        keyfile::replace(path, &pem::encode(Label::Private, &random_bytes()), keyfile::SECRET)
    }

    fn from_seed(seed: &[u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("every 32 bytes are an Ed25519 seed");
        let mut public = [0; 32];
        public.copy_from_slice(pair.public_key().as_ref());
        Self { pair, public: PublicKey(public) }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, ..)", self.public.fingerprint())
    }
}

/// A static X25519 key pair for Noise.
#[derive(Debug)]
pub struct NoiseKey {
    private: Secret<[u8; 32]>,
    public: [u8; 32],
}

impl NoiseKey {
    /// A new random key.
    pub fn generate() -> Self {
        Self::from_private(&random_bytes())
    }

    /// The key in a file; a new one is made and stored when there is none.
    pub fn load_or_create(path: &Path) -> Result<Self, Diagnostic> {
        load_or_create(path, Label::Noise).map(|private| Self::from_private(&private))
    }

    /// A new key in the place of what the file holds.
    pub(super) fn replace(path: &Path) -> Result<(), Diagnostic> {
        keyfile::replace(path, &pem::encode(Label::Noise, &random_bytes()), keyfile::SECRET)
    }

    /// The public half.
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// The private half, for the handshake.
    pub(super) fn private(&self) -> &Secret<[u8; 32]> {
        &self.private
    }

    fn from_private(private: &[u8; 32]) -> Self {
        let public = curve25519_dalek::MontgomeryPoint::mul_base_clamped(*private).to_bytes();
        Self { private: Secret::new(*private), public }
    }
}

/// What a minion is: an Ed25519 key and the Noise key it vouches for.
#[derive(Debug)]
pub struct Identity {
    signing: SigningKey,
    noise: NoiseKey,
    successions: Vec<Signed>,
}

/// The file with the successions that led to a minion's key, oldest first, one a line.
const SUCCESSIONS: &str = "minion_successions";
/// How many of them are kept and shown: a master that was away for more has to accept the key anew.
const KEPT: usize = 4;

impl Identity {
    /// The identity in a minion's `pki` directory: `minion.pem`, `minion.pub`, `minion_noise.pem`. What is missing is
    /// made, closed to others. Secrets that others can read are refused.
    pub fn load_or_create(directory: &Path) -> Result<Self, Diagnostic> {
        keyfile::directory(directory)?;
        let signing = SigningKey::load_or_create(&directory.join("minion.pem"))?;
        keep_public(&signing, &directory.join("minion.pub"))?;
        let noise = NoiseKey::load_or_create(&directory.join("minion_noise.pem"))?;
        let successions = keyfile::statements(&directory.join(SUCCESSIONS))?;
        Ok(Self { signing, noise, successions })
    }

    /// Puts a new key in the place of the old one, which signs for it; returns both, old first. A master that accepts
    /// the old key accepts the new one at the next session, and the old one no more.
    pub fn rotate(directory: &Path) -> Result<(PublicKey, PublicKey), Diagnostic> {
        keyfile::directory(directory)?;
        let old = SigningKey::load_or_create(&directory.join("minion.pem"))?;
        let new = SigningKey::load_or_create(&directory.join("minion_next.pem"))?;
        let path = directory.join(SUCCESSIONS);
        let mut chain = keyfile::statements(&path)?;
        // A stop between the word and the key leaves a word that leads nowhere.
        while !chain.is_empty() && minion_predecessors(&old.public(), &chain).is_empty() {
            chain.pop();
        }
        chain.push(succeed_minion(&old, new.public()));
        keyfile::keep_statements(&path, &chain[chain.len().saturating_sub(KEPT)..])?;
        keyfile::rename(&directory.join("minion_next.pem"), &directory.join("minion.pem"))?;
        keep_public(&new, &directory.join("minion.pub"))?;
        keyfile::remove(&directory.join("minion_noise.pem"))?;
        Ok((old.public(), new.public()))
    }

    /// An identity that lives in memory only, for tests and simulations.
    pub fn generate() -> Self {
        Self { signing: SigningKey::generate(), noise: NoiseKey::generate(), successions: Vec::new() }
    }

    /// Who it is.
    pub fn public(&self) -> PublicKey {
        self.signing.public()
    }

    /// What people compare.
    pub fn fingerprint(&self) -> Fingerprint {
        self.public().fingerprint()
    }

    pub(super) fn signing(&self) -> &SigningKey {
        &self.signing
    }

    pub(super) fn successions(&self) -> &[Signed] {
        &self.successions
    }

    pub(super) fn noise(&self) -> &NoiseKey {
        &self.noise
    }
}

/// A random text that cannot be guessed: 160 bits as forty hexadecimal digits.
pub fn random_token() -> String {
    random_bytes()[..20].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Random bytes for keys.
pub(super) fn random_bytes() -> Zeroizing<[u8; 32]> {
    let mut bytes = Zeroizing::new([0; 32]);
    ring::rand::SystemRandom::new().fill(&mut *bytes).expect("the kernel's random source answers");
    bytes
}

/// Writes the public half beside a private key where it is missing or another's.
pub(super) fn keep_public(key: &SigningKey, path: &Path) -> Result<(), Diagnostic> {
    match PublicKey::load(path) {
        Ok(Some(found)) if found == key.public() => Ok(()),
        _ => key.public().replace(path),
    }
}

fn load_or_create(path: &Path, label: Label) -> Result<Zeroizing<[u8; 32]>, Diagnostic> {
    let parse = |text: &str| pem::decode(label, text).map_err(|error| unusable(path, text, &error));
    if let Some(text) = keyfile::read_secret(path)? {
        return parse(&text);
    }
    let key = random_bytes();
    if keyfile::create(path, &pem::encode(label, &key), keyfile::SECRET)? {
        return Ok(key);
    }
    // Another process was faster: its key counts.
    match keyfile::read_secret(path)? {
        Some(text) => parse(&text),
        None => Err(keyfile::about(path, "the key file appeared and vanished while it was made")),
    }
}

fn unusable(path: &Path, text: &str, error: &PemError) -> Diagnostic {
    let fault = keyfile::about(path, error.to_string());
    // The reference's keys are RSA, in either of these forms.
    let rsa = text.contains("BEGIN RSA PRIVATE KEY") || *error == PemError::Kind;
    if rsa { fault.help("keys of Salt are not taken over: move it away, and a new key is made") } else { fault }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_stays_the_same_over_starts() {
        let dir = tempfile::tempdir().unwrap();
        let pki = dir.path().join("pki/minion");
        let first = Identity::load_or_create(&pki).unwrap();
        let second = Identity::load_or_create(&pki).unwrap();
        assert_eq!(first.public(), second.public());
        assert_eq!(first.noise.public(), second.noise.public());
        assert_eq!(PublicKey::load(&pki.join("minion.pub")).unwrap(), Some(first.public()));
        // A public file that does not belong to the key is put right.
        SigningKey::generate().public().replace(&pki.join("minion.pub")).unwrap();
        Identity::load_or_create(&pki).unwrap();
        assert_eq!(PublicKey::load(&pki.join("minion.pub")).unwrap(), Some(first.public()));
    }

    #[test]
    fn keys_print_no_secret() {
        let identity = Identity::generate();
        let shown = format!("{identity:?}");
        assert!(shown.contains("Secret(..)") && shown.contains(&identity.fingerprint().to_string()), "{shown}");
    }

    #[test]
    fn signatures_belong_to_their_key_and_message() {
        let key = SigningKey::generate();
        let signature = key.sign(b"m");
        assert!(key.public().verify(b"m", &signature));
        assert!(!key.public().verify(b"n", &signature));
        assert!(!SigningKey::generate().public().verify(b"m", &signature));
        assert!(!key.public().verify(b"m", &signature[..63]));
    }

    /// The key pair of RFC 8410, and the digest `openssl pkey -pubin -outform der | sha256sum` prints for it.
    #[test]
    fn keys_are_those_of_rfc_8410_and_openssl() {
        let private = "-----BEGIN PRIVATE KEY-----\n\
            MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
            -----END PRIVATE KEY-----\n";
        let public = "-----BEGIN PUBLIC KEY-----\n\
            MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
            -----END PUBLIC KEY-----\n";
        let dir = tempfile::tempdir().unwrap();
        keyfile::create(&dir.path().join("minion.pem"), private, keyfile::SECRET).unwrap();
        let identity = Identity::load_or_create(dir.path()).unwrap();
        assert_eq!(identity.public().to_pem(), public);
        let finger = "a1:e9:15:60:54:e0:4f:ac:89:9a:e9:f2:75:13:2c:dc:07:a5:db:c4:ea:2c:2a:d3:a1:ff:c6:e0:d2:53:68:1f";
        assert_eq!(identity.fingerprint().to_string(), finger);
    }

    #[test]
    fn an_rsa_key_of_the_reference_is_explained() {
        let dir = tempfile::tempdir().unwrap();
        let text = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n";
        keyfile::create(&dir.path().join("minion.pem"), text, keyfile::SECRET).unwrap();
        assert!(Identity::load_or_create(dir.path()).unwrap_err().to_string().contains("move it away"));
    }

    #[test]
    fn a_broken_key_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pub");
        std::fs::write(&path, "nonsense").unwrap();
        assert!(PublicKey::load(&path).unwrap_err().to_string().contains("x.pub: it is not a PEM document"));
    }
}
