//! Keys and certificates through the program `openssl`: keys go through its standard streams, passphrases through its
//! environment, so that no process list and no other file shows either.

use std::ffi::OsStr;
use std::path::Path;

use super::command::{Command, CommandError, Finished, which};

/// The variable that passphrases go through.
const PASSPHRASE: &str = "FLEET_PASSPHRASE";
/// The variable that the passphrase of what is written goes through.
const NEW_PASSPHRASE: &str = "FLEET_NEW_PASSPHRASE";

/// Why something of X.509 could not be done.
#[derive(Debug, thiserror::Error)]
pub enum OpensslError {
    /// There is no program.
    #[error("openssl is not on this machine: is it installed?")]
    Missing,
    /// It could not be run.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// It failed; its first words.
    #[error("openssl: {0}")]
    Said(String),
    /// What is asked for makes no sense.
    #[error("{0}")]
    Nonsense(String),
}

/// What kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA.
    Rsa,
    /// An elliptic curve of NIST.
    Ec,
    /// Ed25519.
    Ed25519,
    /// Ed448.
    Ed448,
}

impl Algorithm {
    /// By its name in trees.
    pub fn named(name: &str) -> Result<Self, OpensslError> {
        match name {
            "rsa" => Ok(Self::Rsa),
            "ec" => Ok(Self::Ec),
            "ed25519" => Ok(Self::Ed25519),
            "ed448" => Ok(Self::Ed448),
            other => Err(OpensslError::Nonsense(format!(
                "Invalid algorithm specified for generating private key: {other}. Valid: rsa, ec, ed25519, ed448"
            ))),
        }
    }

    /// Its name in trees.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::Ec => "ec",
            Self::Ed25519 => "ed25519",
            Self::Ed448 => "ed448",
        }
    }

    /// The size a key gets: the one that is asked for, or the usual one; `None` where there is but one.
    pub fn size(self, asked: Option<i64>) -> Result<Option<i64>, OpensslError> {
        let odd = |size: i64, what: &str| {
            let text = format!("Invalid keysize {size} for algorithm {}. Valid: {what}", self.name());
            Err(OpensslError::Nonsense(text))
        };
        match (self, asked) {
            (Self::Rsa, None) => Ok(Some(2048)),
            (Self::Rsa, Some(size)) if !(2048..=16384).contains(&size) => odd(size, "2048 to 16384"),
            (Self::Ec, None) => Ok(Some(256)),
            (Self::Ec, Some(size)) if ![256, 384, 521].contains(&size) => odd(size, "256, 384, 521"),
            (Self::Rsa | Self::Ec, size) => Ok(size),
            (Self::Ed25519 | Self::Ed448, _) => Ok(None),
        }
    }
}

/// A private key as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// What kind.
    pub algorithm: Algorithm,
    /// Bits; `None` where there is but one size.
    pub size: Option<i64>,
}

fn run(words: &[&str], input: &[u8], passphrase: Option<&str>) -> Result<String, OpensslError> {
    Ok(finished(words, input, passphrase)?.out())
}

fn finished(words: &[&str], input: &[u8], passphrase: Option<&str>) -> Result<Finished, OpensslError> {
    finished_with(words, input, passphrase, None)
}

fn finished_with(
    words: &[&str],
    input: &[u8],
    passphrase: Option<&str>,
    new: Option<&str>,
) -> Result<Finished, OpensslError> {
    let program = which("openssl", std::env::var_os("PATH").as_deref()).ok_or(OpensslError::Missing)?;
    let argv = std::iter::once(program.into_os_string()).chain(words.iter().map(Into::into));
    let command = Command::argv(argv).c_locale().cwd("/").stdin(input);
    // Always set: without it the program would ask a terminal.
    let secret = |given: Option<&'_ str>| given.unwrap_or_default().to_owned();
    let command = command.env(PASSPHRASE, Some(OsStr::new(&secret(passphrase))));
    let finished = command.env(NEW_PASSPHRASE, Some(OsStr::new(&secret(new)))).run()?;
    if finished.status == 0 {
        return Ok(finished);
    }
    let err = finished.err();
    Err(OpensslError::Said(err.lines().next().unwrap_or("failed without a word").to_owned()))
}

/// Makes a private key, as PEM; closed with a passphrase when one is given.
pub fn generate(algorithm: Algorithm, size: Option<i64>, passphrase: Option<&str>) -> Result<String, OpensslError> {
    let size = algorithm.size(size)?.map(|size| size.to_string()).unwrap_or_default();
    let (name, option) = match algorithm {
        Algorithm::Rsa => ("RSA", format!("rsa_keygen_bits:{size}")),
        Algorithm::Ec => ("EC", format!("ec_paramgen_curve:P-{size}")),
        Algorithm::Ed25519 => ("ED25519", String::new()),
        Algorithm::Ed448 => ("ED448", String::new()),
    };
    let mut words = vec!["genpkey", "-algorithm", name];
    if !option.is_empty() {
        words.extend(["-pkeyopt", &option]);
    }
    let from = format!("env:{PASSPHRASE}");
    if passphrase.is_some() {
        words.extend(["-aes-256-cbc", "-pass", &from]);
    }
    let pem = run(&words, b"", passphrase)?;
    Ok(pem + "\n")
}

/// What a private key is.
pub fn inspect(pem: &[u8], passphrase: Option<&str>) -> Result<Key, OpensslError> {
    let from = format!("env:{PASSPHRASE}");
    read(&run(&["pkey", "-passin", &from, "-noout", "-text_pub"], pem, passphrase)?)
}

/// `Public-Key: (2048 bit)`, `ED25519 Public-Key:`.
fn read(text: &str) -> Result<Key, OpensslError> {
    let first = text.lines().next().unwrap_or_default();
    let bits = first.split_once('(').and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
    let has = |word: &str| text.lines().any(|line| line.starts_with(word));
    let (algorithm, size) = match (first.split(' ').next(), bits) {
        (Some("ED25519"), _) => (Algorithm::Ed25519, None),
        (Some("ED448"), _) => (Algorithm::Ed448, None),
        (_, Some(bits)) if has("Modulus") => (Algorithm::Rsa, Some(bits)),
        (_, Some(bits)) if has("ASN1 OID") => (Algorithm::Ec, Some(bits)),
        _ => return Err(OpensslError::Nonsense(format!("a key of a kind that is not known here: {first}"))),
    };
    Ok(Key { algorithm, size })
}

/// The public half of a private key, of a certificate, or of a public key, as PEM.
pub fn public(pem: &[u8], passphrase: Option<&str>) -> Result<String, OpensslError> {
    let from = format!("env:{PASSPHRASE}");
    let has = |label: &str| String::from_utf8_lossy(pem).contains(&format!("-----BEGIN {label}-----"));
    let words: &[&str] = if has("CERTIFICATE") {
        &["x509", "-noout", "-pubkey"]
    } else if has("CERTIFICATE REQUEST") {
        &["req", "-noout", "-pubkey"]
    } else if has("PUBLIC KEY") {
        &["pkey", "-pubin", "-pubout"]
    } else {
        &["pkey", "-passin", &from, "-pubout"]
    };
    Ok(run(words, pem, passphrase)? + "\n")
}

/// True if a certificate ends within so many seconds, or has ended.
pub fn ends_within(pem: &[u8], seconds: i64) -> Result<bool, OpensslError> {
    let seconds = seconds.max(0).to_string();
    // The status says it, and is 1 for what can't be read, too.
    run(&["x509", "-noout"], pem, None)?;
    Ok(run(&["x509", "-noout", "-checkend", &seconds], pem, None).is_err())
}

/// A signature over `message` with a private key.
///
/// The key goes through the standard input, the message, which is no secret, through a file.
pub fn sign(
    algorithm: Algorithm,
    digest: &str,
    key: &[u8],
    passphrase: Option<&str>,
    message: &Path,
) -> Result<Vec<u8>, OpensslError> {
    let (from, message) = (format!("env:{PASSPHRASE}"), message.display().to_string());
    let hashed = format!("-{digest}");
    let words: &[&str] = match algorithm {
        Algorithm::Rsa | Algorithm::Ec => &["dgst", &hashed, "-passin", &from, "-sign", "/dev/stdin", &message],
        Algorithm::Ed25519 | Algorithm::Ed448 => {
            &["pkeyutl", "-sign", "-rawin", "-passin", &from, "-inkey", "/dev/stdin", "-in", &message]
        }
    };
    Ok(finished(words, key, passphrase)?.stdout)
}

/// True if a signature over `message` is of the private half of a public key.
pub fn is_signed(
    algorithm: Algorithm,
    digest: &str,
    public: &[u8],
    message: &Path,
    signature: &Path,
) -> Result<bool, OpensslError> {
    let (message, signature) = (message.display().to_string(), signature.display().to_string());
    let hashed = format!("-{digest}");
    let words: &[&str] = match algorithm {
        Algorithm::Rsa | Algorithm::Ec => {
            &["dgst", &hashed, "-verify", "/dev/stdin", "-signature", &signature, &message]
        }
        Algorithm::Ed25519 | Algorithm::Ed448 => {
            let raw = ["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "/dev/stdin"];
            &[&raw[..], &["-in", &message, "-sigfile", &signature]].concat()
        }
    };
    // A public key that can't be read fails as a wrong signature does: it is read before.
    finished(&["pkey", "-pubin", "-noout"], public, None)?;
    match finished(words, public, None) {
        Ok(_) => Ok(true),
        Err(OpensslError::Said(_)) => Ok(false),
        Err(other) => Err(other),
    }
}

/// How a private key is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyForm {
    /// Text.
    Pem,
    /// Bytes.
    Der,
}

/// A private key written otherwise: closed with `new` when that is given, else open.
pub fn rewrite(key: &[u8], old: Option<&str>, new: Option<&str>, form: KeyForm) -> Result<Vec<u8>, OpensslError> {
    let (from, to) = (format!("env:{PASSPHRASE}"), format!("env:{NEW_PASSPHRASE}"));
    let form = if form == KeyForm::Pem { "PEM" } else { "DER" };
    let mut words = vec!["pkcs8", "-topk8", "-passin", &from, "-outform", form];
    match new {
        Some(_) => words.extend(["-v2", "aes-256-cbc", "-passout", &to]),
        None => words.push("-nocrypt"),
    }
    Ok(finished_with(&words, key, old, new)?.stdout)
}

/// Certificates (PEM) as a message of PKCS#7, in PEM or DER.
pub fn to_pkcs7(certificates: &[u8], form: KeyForm) -> Result<Vec<u8>, OpensslError> {
    let form = if form == KeyForm::Pem { "PEM" } else { "DER" };
    let words = ["crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin", "-outform", form];
    Ok(finished(&words, certificates, None)?.stdout)
}

/// The certificates of a message of PKCS#7, as PEM.
pub fn of_pkcs7(message: &[u8], form: KeyForm) -> Result<String, OpensslError> {
    let form = if form == KeyForm::Pem { "PEM" } else { "DER" };
    run(&["pkcs7", "-print_certs", "-inform", form], message, None)
}

/// A container of PKCS#12 of certificates and, if there is one, their private key, all PEM.
pub fn to_pkcs12(
    entries: &[u8],
    has_key: bool,
    key_passphrase: Option<&str>,
    passphrase: Option<&str>,
    name: Option<&str>,
    is_old: bool,
) -> Result<Vec<u8>, OpensslError> {
    let (from, to) = (format!("env:{PASSPHRASE}"), format!("env:{NEW_PASSPHRASE}"));
    let mut words = vec!["pkcs12", "-export", "-passin", &from, "-passout", &to];
    if !has_key {
        words.push("-nokeys");
    }
    if is_old {
        words.extend(["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"]);
    }
    if let Some(name) = name {
        words.extend(["-name", name]);
    }
    Ok(finished_with(&words, entries, key_passphrase, passphrase)?.stdout)
}

/// What a container of PKCS#12 holds of certificates, as PEM with what is said of each before it.
pub fn of_pkcs12(container: &[u8], passphrase: Option<&str>) -> Result<String, OpensslError> {
    run(&["pkcs12", "-nokeys", "-passin", &format!("env:{PASSPHRASE}")], container, passphrase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_says_of_keys_is_read() {
        let of = |text| read(text).ok().map(|key| (key.algorithm, key.size));
        assert_eq!(
            of("Public-Key: (3072 bit)\nModulus:\n    00:b6\nExponent: 65537"),
            Some((Algorithm::Rsa, Some(3072)))
        );
        assert_eq!(of("Public-Key: (256 bit)\npub:\n    04\nASN1 OID: prime256v1"), Some((Algorithm::Ec, Some(256))));
        assert_eq!(of("ED25519 Public-Key:\npub:\n"), Some((Algorithm::Ed25519, None)));
        assert_eq!(of("X448 Public-Key:\npub:\n"), None);
        assert!(Algorithm::Rsa.size(Some(1024)).is_err() && Algorithm::Ec.size(Some(255)).is_err());
        assert!(Algorithm::named("dsa").is_err());
    }
}
