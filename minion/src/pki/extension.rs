//! Extensions by their names in trees: made from a value, and shown.

use fleet_common::value::python::str_;
use fleet_common::value::{BigInt, Map, Value};
use x509_cert::Certificate;
use x509_cert::der::asn1::{Null, ObjectIdentifier, OctetString, Uint};
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralNames;
use x509_cert::ext::pkix::{CertificatePolicies, SubjectAltName, SubjectKeyIdentifier};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use super::crl::{entry_extension, entry_shown};
use super::given::{Given, number};
use super::{PkiResult, colons, general, identifier, nonsense, points, policies, usage};

type Rows = &'static [(&'static str, ObjectIdentifier)];

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

/// What may be said of a certificate, in the order it is written: name in trees and identifier.
const CERTIFICATE: Rows = &[
    ("basicConstraints", oid("2.5.29.19")),
    ("keyUsage", oid("2.5.29.15")),
    ("extendedKeyUsage", oid("2.5.29.37")),
    ("subjectKeyIdentifier", oid("2.5.29.14")),
    ("authorityKeyIdentifier", oid("2.5.29.35")),
    ("issuerAltName", oid("2.5.29.18")),
    ("authorityInfoAccess", oid("1.3.6.1.5.5.7.1.1")),
    ("subjectAltName", oid("2.5.29.17")),
    ("crlDistributionPoints", oid("2.5.29.31")),
    ("certificatePolicies", oid("2.5.29.32")),
    ("policyConstraints", oid("2.5.29.36")),
    ("inhibitAnyPolicy", oid("2.5.29.54")),
    ("nameConstraints", oid("2.5.29.30")),
    ("noCheck", oid("1.3.6.1.5.5.7.48.1.5")),
    ("tlsfeature", oid("1.3.6.1.5.5.7.1.24")),
];

/// What only who signs can say: requests do not hold it.
const OF_ISSUER: &[&str] = &["authorityInfoAccess", "authorityKeyIdentifier", "issuerAltName", "crlDistributionPoints"];

/// What may be said of a list of revoked certificates.
const LIST: Rows = &[
    ("authorityKeyIdentifier", oid("2.5.29.35")),
    ("issuerAltName", oid("2.5.29.18")),
    ("authorityInfoAccess", oid("1.3.6.1.5.5.7.1.1")),
    ("issuingDistributionPoint", oid("2.5.29.28")),
    ("cRLNumber", oid("2.5.29.20")),
    ("deltaCRLIndicator", oid("2.5.29.27")),
    ("freshestCRL", oid("2.5.29.46")),
];

/// What may be said of one entry of such a list.
const ENTRY: Rows =
    &[("certificateIssuer", oid("2.5.29.29")), ("CRLReason", oid("2.5.29.21")), ("invalidityDate", oid("2.5.29.24"))];

/// What an extension stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Certificate,
    Request,
    List,
    Entry,
}

/// The keys and certificates around an extension.
pub(super) struct Around<'a> {
    /// The key that is certified.
    pub subject_key: &'a SubjectPublicKeyInfoOwned,
    /// The key that signs.
    pub issuer_key: &'a SubjectPublicKeyInfoOwned,
    /// The certificate of who signs.
    pub issuer: Option<&'a Certificate>,
}

impl Around<'_> {
    /// The identifier of the key that signs: as its certificate says, else its sum.
    pub fn issuer_identifier(&self) -> Vec<u8> {
        let said = self.issuer.and_then(|issuer| {
            issuer.tbs_certificate().get_extension::<SubjectKeyIdentifier>().ok().flatten().map(|(_, said)| said)
        });
        said.map_or_else(|| identifier::of_key(self.issuer_key), |said| said.0.as_bytes().to_vec())
    }
}

/// True for an argument that is an extension of certificates.
pub fn is_extension(argument: &str) -> bool {
    CERTIFICATE.iter().any(|(name, _)| *name == argument)
}

/// The name of an identifier in trees, else the identifier.
pub(super) fn name(oid: ObjectIdentifier) -> String {
    let known = [CERTIFICATE, LIST, ENTRY].into_iter().flatten().find(|(_, known)| *known == oid);
    known.map_or_else(|| oid.to_string(), |(name, _)| (*name).to_owned())
}

/// All that is said, in the order it is written; what `others` (of a request) holds besides is taken over.
pub(super) fn all(place: Place, said: &Map, around: &Around<'_>, others: &[Extension]) -> PkiResult<Vec<Extension>> {
    let table = match place {
        Place::Certificate | Place::Request => CERTIFICATE,
        Place::List => LIST,
        Place::Entry => ENTRY,
    };
    if let Some((key, _)) = said.iter().find(|(key, _)| !table.iter().any(|(name, _)| Some(*name) == key.as_str())) {
        let known: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
        return nonsense(format!("there is no extension '{}' here: there are {}", str_(key), known.join(", ")));
    }
    let mut all = Vec::new();
    for (name, oid) in table {
        let is_of_issuer = OF_ISSUER.contains(name);
        let other = others.iter().find(|other| other.extn_id == *oid && !is_of_issuer);
        match said.get(name).filter(|value| !value.is_null()) {
            Some(_) if place == Place::Request && is_of_issuer => {}
            Some(Value::Bool(false)) if *name == "noCheck" => {}
            Some(value) => {
                let given = Given::new(value);
                let extn_value = OctetString::new(form(name, &given, around)?)?;
                all.push(Extension { extn_id: *oid, critical: given.critical, extn_value });
            }
            None => all.extend(other.cloned()),
        }
    }
    Ok(all)
}

/// The form of one extension.
fn form(name: &str, given: &Given, around: &Around<'_>) -> PkiResult<Vec<u8>> {
    let one = || given.items().first().cloned().unwrap_or(Value::Null);
    let names = || -> PkiResult<GeneralNames> {
        // The names of who signs, if they are asked for.
        if name == "issuerAltName" && given.words().iter().any(|word| word == "issuer:copy") {
            let said = around.issuer.and_then(|issuer| {
                issuer.tbs_certificate().get_extension::<SubjectAltName>().ok().flatten().map(|(_, said)| said.0)
            });
            return said.map_or_else(|| nonsense("issuerAltName: the issuer's certificate has no subjectAltName"), Ok);
        }
        general::parse_all(&Value::List(given.items()))
    };
    Ok(match name {
        "basicConstraints" => usage::basic(given)?.to_der()?,
        "keyUsage" => usage::key(given)?.to_der()?,
        "extendedKeyUsage" => usage::extended(given)?.to_der()?,
        "subjectKeyIdentifier" => identifier::subject(given, around)?.to_der()?,
        "authorityKeyIdentifier" => identifier::authority(given, around)?.to_der()?,
        "issuerAltName" | "subjectAltName" => names()?.to_der()?,
        "authorityInfoAccess" => points::access(given)?.to_der()?,
        "crlDistributionPoints" | "freshestCRL" => points::points(name, given)?.to_der()?,
        "issuingDistributionPoint" => points::issuing(given)?.to_der()?,
        "certificatePolicies" => policies::policies(given)?.to_der()?,
        "policyConstraints" => policies::constraints(given)?.to_der()?,
        "nameConstraints" => policies::names(given)?.to_der()?,
        "inhibitAnyPolicy" | "cRLNumber" | "deltaCRLIndicator" => number::<u64>(name, &one())?.to_der()?,
        "noCheck" => Null.to_der()?,
        "tlsfeature" => usage::features(given)?.to_der()?,
        other => entry_extension(other, given)?,
    })
}

/// Extensions by name, each a mapping with `critical`.
pub(super) fn shown(held: &[Extension]) -> PkiResult<Map> {
    held.iter().map(|one| Ok((name(one.extn_id), Value::Map(one_shown(one)?)))).collect()
}

fn one_shown(held: &Extension) -> PkiResult<Map> {
    let bytes = held.extn_value.as_bytes();
    let mut all = Map::from_iter([("critical", held.critical)]);
    let value = |value: Value| Map::from_iter([("value", value)]);
    let more = match name(held.extn_id).as_str() {
        "basicConstraints" => usage::basic_shown(&Decode::from_der(bytes)?),
        "keyUsage" => usage::key_shown(&Decode::from_der(bytes)?),
        "extendedKeyUsage" => value(usage::extended_shown(&Decode::from_der(bytes)?)),
        "subjectKeyIdentifier" => value(colons(SubjectKeyIdentifier::from_der(bytes)?.0.as_bytes()).into()),
        "authorityKeyIdentifier" => identifier::authority_shown(&Decode::from_der(bytes)?),
        "issuerAltName" | "subjectAltName" => value(general::shown_all(&GeneralNames::from_der(bytes)?)),
        "authorityInfoAccess" => value(points::access_shown(&Vec::from_der(bytes)?)),
        "crlDistributionPoints" | "freshestCRL" => value(points::points_shown(&Vec::from_der(bytes)?)),
        "issuingDistributionPoint" => points::issuing_shown(&Decode::from_der(bytes)?),
        "certificatePolicies" => value(policies::policies_shown(&CertificatePolicies::from_der(bytes)?)),
        "policyConstraints" => policies::constraints_shown(&Decode::from_der(bytes)?),
        "nameConstraints" => policies::names_shown(&Decode::from_der(bytes)?),
        "inhibitAnyPolicy" | "cRLNumber" | "deltaCRLIndicator" => {
            let number = Uint::from_der(bytes)?;
            let digits = BigInt::from_signed_bytes_be(&[&[0], number.as_bytes()].concat());
            value(Value::integer(digits))
        }
        "noCheck" => value(true.into()),
        "tlsfeature" => value(usage::features_shown(&Vec::from_der(bytes)?)),
        other => value(entry_shown(other, bytes)?),
    };
    all.extend(more);
    Ok(all)
}
