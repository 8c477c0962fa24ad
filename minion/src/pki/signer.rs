//! Keys and signatures: which algorithm a key and a digest make, and what the program makes of them.

use std::io::Write as _;

use tempfile::NamedTempFile;
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{Any, AnyRef, Decode, Encode, Reader};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use super::{PkiError, PkiResult, nonsense, pem, source};
use crate::system::openssl::{self, Algorithm};

/// Names of digests, as trees write them, and the identifiers of signatures: with RSA, with ECDSA.
const DIGESTS: &[(&str, &str, &str, &str)] = &[
    ("sha1", "sha1", "1.2.840.113549.1.1.5", "1.2.840.10045.4.1"),
    ("sha224", "sha224", "1.2.840.113549.1.1.14", "1.2.840.10045.4.3.1"),
    ("sha256", "sha256", "1.2.840.113549.1.1.11", "1.2.840.10045.4.3.2"),
    ("sha384", "sha384", "1.2.840.113549.1.1.12", "1.2.840.10045.4.3.3"),
    ("sha512", "sha512", "1.2.840.113549.1.1.13", "1.2.840.10045.4.3.4"),
    ("sha512_224", "sha512-224", "1.2.840.113549.1.1.15", ""),
    ("sha512_256", "sha512-256", "1.2.840.113549.1.1.16", ""),
    ("sha3_224", "sha3-224", "2.16.840.1.101.3.4.3.13", "2.16.840.1.101.3.4.3.9"),
    ("sha3_256", "sha3-256", "2.16.840.1.101.3.4.3.14", "2.16.840.1.101.3.4.3.10"),
    ("sha3_384", "sha3-384", "2.16.840.1.101.3.4.3.15", "2.16.840.1.101.3.4.3.11"),
    ("sha3_512", "sha3-512", "2.16.840.1.101.3.4.3.16", "2.16.840.1.101.3.4.3.12"),
];

const ED25519: &str = "1.3.101.112";
const ED448: &str = "1.3.101.113";

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Public {
    /// The key in its form.
    pub(super) key: SubjectPublicKeyInfoOwned,
    algorithm: Algorithm,
}

impl Public {
    /// The public half of what is given: a key of either kind, a certificate or a request.
    pub fn load(given: &str, passphrase: Option<&str>) -> PkiResult<Self> {
        Self::of(&source::bytes(given)?, passphrase)
    }

    fn of(bytes: &[u8], passphrase: Option<&str>) -> PkiResult<Self> {
        let text = match pem::is_pem(bytes) {
            true => openssl::public(bytes, passphrase)?,
            false => of_forms(bytes, passphrase)?,
        };
        let forms = source::forms(text.as_bytes(), "PUBLIC KEY", "public key")?;
        Self::new(SubjectPublicKeyInfoOwned::from_der(forms.first().map_or(&[][..], Vec::as_slice))?)
    }

    /// A key that was read from a certificate or a request.
    pub(super) fn new(key: SubjectPublicKeyInfoOwned) -> PkiResult<Self> {
        let algorithm = match key.algorithm.oid.to_string().as_str() {
            "1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.10" => Algorithm::Rsa,
            "1.2.840.10045.2.1" => Algorithm::Ec,
            ED25519 => Algorithm::Ed25519,
            ED448 => Algorithm::Ed448,
            other => return nonsense(format!("a key of a kind that is not known here: {other}")),
        };
        Ok(Self { key, algorithm })
    }

    /// `rsa`, `ec`, `ed25519` or `ed448`.
    pub fn kind(&self) -> &'static str {
        self.algorithm.name()
    }

    /// Bits, where there is more than one size.
    pub fn size(&self) -> Option<i64> {
        match self.algorithm {
            Algorithm::Rsa => {
                let form = AnyRef::from_der(self.key.subject_public_key.raw_bytes()).ok()?;
                let modulus = form.sequence(|reader| -> Result<Vec<u8>, x509_cert::der::Error> {
                    let modulus: UintRef<'_> = reader.decode()?;
                    let _exponent: UintRef<'_> = reader.decode()?;
                    Ok(modulus.as_bytes().to_vec())
                });
                let modulus = modulus.ok()?;
                let unused = i64::from(modulus.first()?.leading_zeros());
                Some(i64::try_from(modulus.len()).ok()? * 8 - unused)
            }
            Algorithm::Ec => {
                let curve: ObjectIdentifier = self.key.algorithm.parameters.as_ref()?.decode_as().ok()?;
                match curve.to_string().as_str() {
                    "1.2.840.10045.3.1.7" => Some(256),
                    "1.3.132.0.34" => Some(384),
                    "1.3.132.0.35" => Some(521),
                    _ => None,
                }
            }
            Algorithm::Ed25519 | Algorithm::Ed448 => None,
        }
    }

    /// As PEM.
    pub fn pem(&self) -> PkiResult<String> {
        Ok(pem::encoded("PUBLIC KEY", &self.key.to_der()?))
    }
}

/// The public half of what is given in bytes: what they are is found by trying.
fn of_forms(bytes: &[u8], passphrase: Option<&str>) -> PkiResult<String> {
    if let Ok(certificate) = x509_cert::Certificate::from_der(bytes) {
        return Public::new(certificate.tbs_certificate().subject_public_key_info().clone())?.pem();
    }
    if let Ok(request) = x509_cert::request::CertReq::from_der(bytes) {
        return Public::new(request.info.public_key)?.pem();
    }
    if let Ok(key) = SubjectPublicKeyInfoOwned::from_der(bytes) {
        return Public::new(key)?.pem();
    }
    Ok(openssl::public(bytes, passphrase)?)
}

/// A private key that signs.
pub struct Signer {
    key: Vec<u8>,
    passphrase: Option<String>,
    /// Its public half.
    pub public: Public,
}

/// Without the key.
impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.public.kind())
    }
}

impl Signer {
    /// The private key that is given, opened with its passphrase.
    pub fn load(given: &str, passphrase: Option<&str>) -> PkiResult<Self> {
        let key = source::bytes(given)?;
        let public = Public::of(&key, passphrase)?;
        if openssl::inspect(&key, passphrase).is_err() {
            return nonsense("what shall sign is no private key");
        }
        Ok(Self { key, passphrase: passphrase.map(str::to_owned), public })
    }

    /// What signatures of this key with that digest are called.
    pub(super) fn algorithm(&self, digest: &str) -> PkiResult<AlgorithmIdentifierOwned> {
        let Some((name, _, rsa, ec)) = DIGESTS.iter().find(|(name, ..)| *name == digest) else {
            let known: Vec<&str> = DIGESTS.iter().map(|(name, ..)| *name).collect();
            return nonsense(format!("Invalid value '{digest}' for digest. Valid: {}", known.join(", ")));
        };
        let (oid, parameters) = match self.public.algorithm {
            Algorithm::Rsa => (*rsa, Some(Any::null())),
            Algorithm::Ec if ec.is_empty() => {
                return nonsense(format!("the digest '{name}' can't be signed by this key"));
            }
            Algorithm::Ec => (*ec, None),
            Algorithm::Ed25519 => (ED25519, None),
            Algorithm::Ed448 => (ED448, None),
        };
        let oid = ObjectIdentifier::new(oid).map_err(x509_cert::der::Error::from)?;
        Ok(AlgorithmIdentifierOwned { oid, parameters })
    }

    /// The signature over a form.
    pub(super) fn sign(&self, digest: &str, form: &[u8]) -> PkiResult<Vec<u8>> {
        let of_program = DIGESTS.iter().find(|(name, ..)| *name == digest).map_or("sha256", |(_, name, ..)| name);
        let message = scratch(form)?;
        let passphrase = self.passphrase.as_deref();
        Ok(openssl::sign(self.public.algorithm, of_program, &self.key, passphrase, message.path())?)
    }
}

fn scratch(bytes: &[u8]) -> PkiResult<NamedTempFile> {
    let mut file = NamedTempFile::new()?;
    file.write_all(bytes)?;
    file.flush()?;
    Ok(file)
}

/// The digest in a signature's algorithm; `None` for those that have no choice of one.
pub(super) fn digest(algorithm: &AlgorithmIdentifierOwned) -> Option<&'static str> {
    let oid = algorithm.oid.to_string();
    DIGESTS.iter().find(|(_, _, rsa, ec)| *rsa == oid || *ec == oid).map(|(name, ..)| *name)
}

/// The name of a signature's algorithm as it is shown.
pub(super) fn algorithm_name(algorithm: &AlgorithmIdentifierOwned) -> String {
    let oid = algorithm.oid.to_string();
    match DIGESTS.iter().find(|(_, _, rsa, ec)| *rsa == oid || *ec == oid) {
        Some((name, _, rsa, _)) if *rsa == oid => format!("{name}WithRSAEncryption"),
        Some((name, ..)) => format!("ecdsa-with-{}", name.to_ascii_uppercase()),
        None if oid == ED25519 => "ed25519".to_owned(),
        None if oid == ED448 => "ed448".to_owned(),
        None => oid,
    }
}

/// True if a signature over a form is of the private half of this key.
pub fn is_signed_by(
    public: &Public,
    algorithm: &AlgorithmIdentifierOwned,
    form: &[u8],
    signature: &[u8],
) -> PkiResult<bool> {
    let is_of_kind = match (public.algorithm, algorithm.oid.to_string().as_str()) {
        (Algorithm::Ed25519, oid) => oid == ED25519,
        (Algorithm::Ed448, oid) => oid == ED448,
        (Algorithm::Rsa, oid) => DIGESTS.iter().any(|(_, _, rsa, _)| *rsa == oid),
        (Algorithm::Ec, oid) => DIGESTS.iter().any(|(_, _, _, ec)| *ec == oid),
    };
    if !is_of_kind {
        // Of another kind of key, unless nobody here knows what it is.
        return match algorithm_name(algorithm) {
            name if name.contains('.') => Err(PkiError::Unbuilt(format!("checking signatures of the kind {name}"))),
            _ => Ok(false),
        };
    }
    let of_program = digest(algorithm).and_then(|name| DIGESTS.iter().find(|(known, ..)| *known == name));
    let digest = of_program.map_or("sha256", |(_, name, ..)| name);
    let (message, signature) = (scratch(form)?, scratch(signature)?);
    let key = public.pem()?;
    Ok(openssl::is_signed(public.algorithm, digest, key.as_bytes(), message.path(), signature.path())?)
}
