//! Lists of revoked certificates.

use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};
use x509_cert::Version;
use x509_cert::crl::{CertificateList, RevokedCert, TbsCertList};
use x509_cert::der::asn1::{BitString, GeneralizedTime};
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralNames;
use x509_cert::ext::pkix::{CrlNumber, CrlReason};
use x509_cert::time::Time;

use super::certificate::{Certificate, serial, serial_word};
use super::document::{Document, Kind};
use super::extension::{Around, Place};
use super::given::Given;
use super::signer::{Public, Signer, algorithm_name, is_signed_by};
use super::times::{self, DAY};
use super::{PkiResult, extension, general, name, nonsense};

/// A list.
pub type List = Document<CertificateList>;

impl Kind for CertificateList {
    const LABEL: &'static str = "X509 CRL";
    const NOUN: &'static str = "certificate revocation list";
    const SHORT: &'static str = "list";
}

impl List {
    /// True if it is signed by the private half of a key.
    pub fn is_signed_by(&self, public: &Public) -> PkiResult<bool> {
        let form = self.held.tbs_cert_list.to_der()?;
        is_signed_by(public, &self.held.signature_algorithm, &form, self.held.signature.raw_bytes())
    }

    pub(super) fn extensions(&self) -> &[Extension] {
        self.held.tbs_cert_list.crl_extensions.as_deref().unwrap_or_default()
    }

    pub(super) fn entries(&self) -> &[RevokedCert] {
        self.held.tbs_cert_list.revoked_certificates.as_deref().unwrap_or_default()
    }

    /// When the next is due, in seconds since 1970.
    pub(super) fn end(&self) -> i64 {
        self.held.tbs_cert_list.next_update.map_or(i64::MAX, times::seconds)
    }

    /// Its number, if it has one that is not beyond all use.
    pub fn number(&self) -> Option<i64> {
        let found = self.extensions().iter().find(|one| extension::name(one.extn_id) == "cRLNumber")?;
        let number = CrlNumber::from_der(found.extn_value.as_bytes()).ok()?.0;
        number.as_bytes().iter().try_fold(0_i64, |sum, byte| sum.checked_mul(256)?.checked_add(i64::from(*byte)))
    }

    /// All that it says.
    pub fn shown(&self) -> PkiResult<Map> {
        let tbs = &self.held.tbs_cert_list;
        let mut revoked = Map::new();
        for entry in self.entries() {
            let extensions = extension::shown(entry.crl_entry_extensions.as_deref().unwrap_or_default())?;
            let said = [
                ("revocation_date", Value::from(times::shown(entry.revocation_date))),
                ("extensions", extensions.into()),
            ];
            revoked.insert(serial_word(&entry.serial_number).to_ascii_uppercase(), Map::from_iter(said));
        }
        Ok(Map::from_iter([
            ("issuer", Value::from(name::parts(&tbs.issuer))),
            ("last_update", times::shown(tbs.this_update).into()),
            ("next_update", tbs.next_update.map_or(Value::Null, |at| times::shown(at).into())),
            ("revoked_certificates", revoked.into()),
            ("extensions", extension::shown(self.extensions())?.into()),
            ("signature_algorithm", algorithm_name(&self.held.signature_algorithm).into()),
        ]))
    }
}

/// What is asked for of a list.
#[derive(Debug)]
pub struct Crl {
    /// Who signs.
    pub signer: Signer,
    /// The certificate of who signs.
    pub issuer: Certificate,
    /// What is revoked: mappings of `serial_number` or `certificate`, `revocation_date`, `not_after`, `extensions`.
    pub revoked: Vec<Value>,
    /// Also what has ended.
    pub include_expired: bool,
    /// Days until the next is due.
    pub days_valid: i64,
    /// The digest of the signature.
    pub digest: String,
    /// Extensions by their names.
    pub said: Map,
}

/// An entry that is asked for.
pub(super) struct Entry {
    pub entry: RevokedCert,
    /// False if its date is that of now, for want of another.
    pub is_dated: bool,
}

impl Crl {
    fn around(&self) -> Around<'_> {
        let key = &self.signer.public.key;
        Around { subject_key: key, issuer_key: key, issuer: Some(&self.issuer.held) }
    }

    /// Its extensions.
    pub(super) fn extensions(&self) -> PkiResult<Vec<Extension>> {
        extension::all(Place::List, &self.said, &self.around(), &[])
    }

    /// Its entries, without those that have ended.
    pub(super) fn entries(&self) -> PkiResult<Vec<Entry>> {
        let mut all = Vec::new();
        for item in &self.revoked {
            let said = said_of(item)?;
            if let Some((key, _)) = said.iter().find(|(key, _)| !KEYS.contains(&str_(key).as_str())) {
                return nonsense(format!("an entry of 'revoked' has no '{}': it has {}", str_(key), KEYS.join(", ")));
            }
            let certificate = said.get("certificate").map(|given| Certificate::load(&str_(given))).transpose()?;
            let number = match (&certificate, said.get("serial_number")) {
                (Some(certificate), _) => certificate.held.tbs_certificate().serial_number().clone(),
                (None, Some(number)) => serial(number)?,
                (None, None) => return nonsense("Need serial_number or certificate in each entry of 'revoked'"),
            };
            let end = match said.get("not_after") {
                Some(at) => Some(times::parse(&str_(at))?),
                None => certificate.as_ref().map(Certificate::end),
            };
            if !self.include_expired && end.is_some_and(|end| end < times::now()) {
                continue;
            }
            let date = said.get("revocation_date").map(|at| times::parse(&str_(at))).transpose()?;
            let no_map = Map::new();
            let extensions = said.get("extensions").and_then(Value::as_map).unwrap_or(&no_map);
            let extensions = extension::all(Place::Entry, extensions, &self.around(), &[])?;
            let entry = RevokedCert {
                serial_number: number,
                revocation_date: times::held(date.unwrap_or_else(times::now))?,
                crl_entry_extensions: Some(extensions).filter(|all| !all.is_empty()),
            };
            all.push(Entry { entry, is_dated: date.is_some() });
        }
        Ok(all)
    }

    /// What can be found wrong before anything is written.
    pub fn check(&self) -> PkiResult<()> {
        self.signer.algorithm(&self.digest)?;
        self.entries()?;
        self.extensions()?;
        if self.days_valid < 1 {
            return nonsense("'days_valid' of a list is at least 1");
        }
        if self.issuer.public()? != self.signer.public {
            return nonsense("Signing private key does not match the certificate's public key");
        }
        Ok(())
    }

    /// Makes and signs it. Entries whose date nobody said keep that of the list before it.
    pub fn make(&self, before: Option<&List>) -> PkiResult<List> {
        self.check()?;
        let algorithm = self.signer.algorithm(&self.digest)?;
        let kept = |entry: &RevokedCert| {
            let known = before?.entries().iter().find(|known| known.serial_number == entry.serial_number)?;
            Some(known.revocation_date)
        };
        let mut revoked = Vec::new();
        for Entry { mut entry, is_dated } in self.entries()? {
            if let Some(date) = kept(&entry).filter(|_| !is_dated) {
                entry.revocation_date = date;
            }
            revoked.push(entry);
        }
        let now = times::now();
        let next: Time = times::held(now.saturating_add(self.days_valid.saturating_mul(DAY)))?;
        let tbs = TbsCertList {
            version: Version::V2,
            signature: algorithm.clone(),
            issuer: self.issuer.held.tbs_certificate().subject().clone(),
            this_update: times::held(now)?,
            next_update: Some(next),
            revoked_certificates: Some(revoked).filter(|all| !all.is_empty()),
            crl_extensions: Some(self.extensions()?).filter(|all| !all.is_empty()),
        };
        let signature = BitString::from_bytes(&self.signer.sign(&self.digest, &tbs.to_der()?)?)?;
        let list = CertificateList { tbs_cert_list: tbs, signature_algorithm: algorithm, signature };
        List::of_form(&list.to_der()?)
    }
}

const KEYS: &[&str] = &["serial_number", "certificate", "revocation_date", "not_after", "extensions"];

/// An entry of a tree; in older ones it is below a name of its own, as a list of mappings.
fn said_of(item: &Value) -> PkiResult<Map> {
    let Some(map) = item.as_map() else { return nonsense("each entry of 'revoked' is a mapping") };
    match (map.len(), map.get_index(0)) {
        (1, Some((_, Value::List(parts)))) => Ok(parts
            .iter()
            .filter_map(Value::as_map)
            .flat_map(|part| part.iter())
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()),
        _ => Ok(map.clone()),
    }
}

const REASONS: &[(&str, CrlReason)] = &[
    ("unspecified", CrlReason::Unspecified),
    ("keyCompromise", CrlReason::KeyCompromise),
    ("cACompromise", CrlReason::CaCompromise),
    ("affiliationChanged", CrlReason::AffiliationChanged),
    ("superseded", CrlReason::Superseded),
    ("cessationOfOperation", CrlReason::CessationOfOperation),
    ("certificateHold", CrlReason::CertificateHold),
    ("removeFromCRL", CrlReason::RemoveFromCRL),
    ("privilegeWithdrawn", CrlReason::PrivilegeWithdrawn),
    ("aACompromise", CrlReason::AaCompromise),
];

/// The form of an extension of an entry.
pub(super) fn entry_extension(name: &str, given: &Given) -> PkiResult<Vec<u8>> {
    let word = given.items().first().map(str_).unwrap_or_default();
    Ok(match name {
        "certificateIssuer" => general::parse_all(&Value::List(given.items()))?.to_der()?,
        "CRLReason" => match REASONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(&word)) {
            Some((_, reason)) => reason.to_der()?,
            None => return nonsense(format!("'{word}' is not a valid ReasonFlags")),
        },
        "invalidityDate" => {
            let at = times::held(times::parse(&word)?)?.to_date_time();
            GeneralizedTime::from_date_time(at).to_der()?
        }
        other => return nonsense(format!("there is no extension '{other}'")),
    })
}

/// An extension of an entry, or one that is not known, as it is shown.
pub(super) fn entry_shown(name: &str, bytes: &[u8]) -> PkiResult<Value> {
    Ok(match name {
        "certificateIssuer" => general::shown_all(&GeneralNames::from_der(bytes)?),
        "CRLReason" => {
            let held = CrlReason::from_der(bytes)?;
            REASONS.iter().find(|(_, reason)| *reason == held).map_or(Value::Null, |(name, _)| (*name).into())
        }
        "invalidityDate" => times::shown(Time::GeneralTime(GeneralizedTime::from_der(bytes)?)).into(),
        _ => super::colons(bytes).into(),
    })
}
