//! Certificates: what is asked for, made into one; and one that is there, read.

use fleet_common::value::python::str_;
use fleet_common::value::{BigInt, Map, Value};
use rand::random;
use x509_cert::der::asn1::{BitString, Int};
use x509_cert::der::{Any, Decode, Encode, Tag};
use x509_cert::ext::Extension;
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::Validity;

use super::document::{Document, Kind};
use super::extension::{Around, Place};
use super::signer::{Public, Signer, algorithm_name, is_signed_by};
use super::source::hexadecimal;
use super::times::{self, DAY};
use super::{PkiResult, Request, colons, extension, fingerprint, joined, name, nonsense, part};

/// A certificate.
pub type Certificate = Document<x509_cert::Certificate>;

impl Kind for x509_cert::Certificate {
    const LABEL: &'static str = "CERTIFICATE";
    const NOUN: &'static str = "certificate";
    const SHORT: &'static str = "certificate";
}

/// The number of a certificate as it is shown, without the byte that only says it is positive.
pub(super) fn serial_shown(serial: &SerialNumber) -> String {
    colons(plain(serial))
}

fn plain(serial: &SerialNumber) -> &[u8] {
    match serial.as_bytes() {
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    }
}

/// The number of a certificate in one word, for names of files and keys of lists.
pub(super) fn serial_word(serial: &SerialNumber) -> String {
    fleet_common::digest::hex(plain(serial))
}

/// A number of a tree: decimal, or hexadecimal with colons (or with letters).
pub(super) fn serial(value: &Value) -> PkiResult<SerialNumber> {
    let text = str_(value);
    let decimal = text.parse::<BigInt>().ok().filter(|number| *number >= BigInt::from(0));
    let bytes = decimal.map(|number| number.to_bytes_be().1).or_else(|| hexadecimal(&text));
    match bytes.map(|bytes| SerialNumber::new(&bytes)) {
        Some(Ok(serial)) => Ok(serial),
        Some(Err(_)) => nonsense(format!("the serial number {text} has more than 20 bytes")),
        None => nonsense(format!("Could not parse serial number {text}")),
    }
}

impl Certificate {
    /// Its key.
    pub fn public(&self) -> PkiResult<Public> {
        Public::new(self.held.tbs_certificate().subject_public_key_info().clone())
    }

    /// Its number, as one word of hexadecimal.
    pub fn serial(&self) -> String {
        serial_word(self.held.tbs_certificate().serial_number())
    }

    /// The common name of its subject; empty when there is none.
    pub fn common_name(&self) -> String {
        name::common_name(self.held.tbs_certificate().subject())
    }

    /// True if it is signed by the private half of a key.
    pub fn is_signed_by(&self, public: &Public) -> PkiResult<bool> {
        let form = self.held.tbs_certificate().to_der()?;
        is_signed_by(public, self.held.signature_algorithm(), &form, self.held.signature().raw_bytes())
    }

    pub(super) fn extensions(&self) -> &[Extension] {
        self.held.tbs_certificate().extensions().map_or(&[], Vec::as_slice)
    }

    /// When it ends, in seconds since 1970.
    pub(super) fn end(&self) -> i64 {
        times::seconds(self.held.tbs_certificate().validity().not_after)
    }

    /// All that it says.
    pub fn shown(&self) -> PkiResult<Map> {
        let tbs = self.held.tbs_certificate();
        let public = self.public()?;
        let sums = ["sha1", "sha256", "md5"].map(|sum| (sum, Value::from(fingerprint(sum, self.form()))));
        Ok(Map::from_iter([
            ("version", Value::from(i64::from(tbs.version() as u8) + 1)),
            ("key_size", public.size().map_or(Value::Null, Value::from)),
            ("key_type", public.kind().into()),
            ("serial_number", serial_shown(tbs.serial_number()).into()),
            ("fingerprints", Map::from_iter(sums).into()),
            ("subject", name::parts(tbs.subject()).into()),
            ("subject_hash", name::hash(tbs.subject())?.into()),
            ("subject_str", name::text(tbs.subject()).into()),
            ("issuer", name::parts(tbs.issuer()).into()),
            ("issuer_hash", name::hash(tbs.issuer())?.into()),
            ("issuer_str", name::text(tbs.issuer()).into()),
            ("not_before", times::shown(tbs.validity().not_before).into()),
            ("not_after", times::shown(tbs.validity().not_after).into()),
            ("public_key", public.pem()?.into()),
            ("extensions", extension::shown(self.extensions())?.into()),
            ("signature_algorithm", algorithm_name(self.held.signature_algorithm()).into()),
        ]))
    }
}

/// What is asked for of a certificate.
#[derive(Debug)]
pub struct Issue {
    /// Who signs.
    pub signer: Signer,
    /// The certificate of who signs; none for one that signs itself.
    pub issuer: Option<Certificate>,
    /// The key that is certified.
    pub public: Public,
    /// A request that says more.
    pub request: Option<Request>,
    /// The digest of the signature.
    pub digest: String,
    /// The whole subject; else `said` says its parts.
    pub subject: Option<Value>,
    /// Parts of the subject and extensions, by their names.
    pub said: Map,
    /// Its number, if it is said.
    pub serial: Option<Value>,
    /// Its begin, if it is said.
    pub not_before: Option<String>,
    /// Its end, if it is said.
    pub not_after: Option<String>,
    /// Days that it lasts if its end is not said.
    pub days_valid: i64,
}

impl Issue {
    /// Its subject.
    pub(super) fn name(&self) -> PkiResult<Name> {
        name::subject(self.subject.as_ref(), &part(&self.said, name::is_attribute))
    }

    /// The subject of who signs.
    pub(super) fn issuer_name(&self) -> PkiResult<Name> {
        match &self.issuer {
            Some(issuer) => Ok(issuer.held.tbs_certificate().subject().clone()),
            None => self.name(),
        }
    }

    /// Its extensions.
    pub(super) fn extensions(&self) -> PkiResult<Vec<Extension>> {
        let around = Around {
            subject_key: &self.public.key,
            issuer_key: &self.signer.public.key,
            issuer: self.issuer.as_ref().map(|issuer| &issuer.held),
        };
        let asked = self.request.as_ref().map(Request::extensions).transpose()?.unwrap_or_default();
        extension::all(Place::Certificate, &part(&self.said, extension::is_extension), &around, &asked)
    }

    /// What can be found wrong before anything is written.
    pub fn check(&self) -> PkiResult<()> {
        self.signer.algorithm(&self.digest)?;
        self.validity()?;
        self.name()?;
        self.extensions()?;
        self.serial.as_ref().map(serial).transpose()?;
        match &self.issuer {
            Some(issuer) if issuer.public()? != self.signer.public => {
                nonsense("Signing private key does not match the certificate's public key")
            }
            _ => Ok(()),
        }
    }

    fn validity(&self) -> PkiResult<Validity> {
        let begin = self.not_before.as_deref().map_or_else(|| Ok(times::now()), times::parse)?;
        let end = match &self.not_after {
            Some(end) => times::parse(end)?,
            None => {
                self.days_valid.checked_mul(DAY).and_then(|days| times::now().checked_add(days)).unwrap_or(i64::MAX)
            }
        };
        if end <= begin {
            return nonsense("the certificate would end before it begins: see 'not_before', 'not_after', 'days_valid'");
        }
        Ok(Validity::new(times::held(begin)?, times::held(end)?))
    }

    /// Makes and signs it.
    pub fn make(&self) -> PkiResult<Certificate> {
        self.check()?;
        let algorithm = self.signer.algorithm(&self.digest)?;
        let number = match &self.serial {
            Some(said) => serial(said)?,
            None => SerialNumber::new(&fresh())?,
        };
        // The third version, which is the one with extensions, is written as 2.
        let version =
            Any::new(Tag::ContextSpecific { constructed: true, number: x509_cert::der::TagNumber(0) }, 2_u8.to_der()?)?;
        let mut parts = vec![
            version.to_der()?,
            Int::from_der(&number.to_der()?)?.to_der()?,
            algorithm.to_der()?,
            self.issuer_name()?.to_der()?,
            self.validity()?.to_der()?,
            self.name()?.to_der()?,
            self.public.key.to_der()?,
        ];
        let extensions = self.extensions()?;
        if !extensions.is_empty() {
            let tag = Tag::ContextSpecific { constructed: true, number: x509_cert::der::TagNumber(3) };
            parts.push(Any::new(tag, extensions.to_der()?)?.to_der()?);
        }
        let tbs = joined(Tag::Sequence, &parts)?;
        let signature = BitString::from_bytes(&self.signer.sign(&self.digest, &tbs)?)?;
        Certificate::of_form(&joined(Tag::Sequence, &[tbs, algorithm.to_der()?, signature.to_der()?])?)
    }
}

/// A number that nobody guesses: 20 bytes, positive and not beginning with a zero.
fn fresh() -> [u8; 20] {
    let mut bytes: [u8; 20] = random();
    bytes[0] = bytes[0] & 0x3f | 0x40;
    bytes
}
