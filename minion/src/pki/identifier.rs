//! Which key it is and which key signed it: `subjectKeyIdentifier`, `authorityKeyIdentifier`.

use fleet_common::digest;
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};
use x509_cert::der::asn1::OctetString;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, SubjectKeyIdentifier};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use super::extension::Around;
use super::general;
use super::given::Given;
use super::source::hexadecimal;
use super::{PkiResult, colons, nonsense};

/// The SHA-1 of a public key without its envelope, as RFC 5280 has it.
pub(super) fn of_key(public: &SubjectPublicKeyInfoOwned) -> Vec<u8> {
    digest::of_bytes("sha1", public.subject_public_key.raw_bytes()).unwrap_or_default()
}

/// `hash`, or the identifier in hexadecimal.
pub(super) fn subject(given: &Given, around: &Around<'_>) -> PkiResult<SubjectKeyIdentifier> {
    let words: Vec<String> = given.items().iter().map(str_).collect();
    let bytes = match words.as_slice() {
        [word] if word == "hash" => of_key(around.subject_key),
        [word] => match hexadecimal(word) {
            Some(bytes) => bytes,
            None => return nonsense(format!("subjectKeyIdentifier: '{word}' is neither 'hash' nor hexadecimal")),
        },
        _ => return nonsense("subjectKeyIdentifier: it is 'hash' or one value in hexadecimal"),
    };
    Ok(SubjectKeyIdentifier(OctetString::new(bytes)?))
}

/// `keyid:always, issuer`: the issuer's name and serial number are there if asked for always, or if no key is.
pub(super) fn authority(given: &Given, around: &Around<'_>) -> PkiResult<AuthorityKeyIdentifier> {
    let words = match given.map() {
        None => given.words(),
        Some(map) => map.iter().map(|(key, value)| format!("{}:{}", str_(key), str_(value))).collect(),
    };
    let (mut by_key, mut by_name, mut always) = (false, false, false);
    for word in &words {
        let (what, how) = word.split_once(':').unwrap_or((word, ""));
        match what {
            "keyid" => by_key = true,
            "issuer" => (by_name, always) = (true, how.trim() == "always"),
            other => return nonsense(format!("authorityKeyIdentifier has no '{other}': it has 'keyid' and 'issuer'")),
        }
    }
    let mut identifier = AuthorityKeyIdentifier::default();
    if by_key {
        identifier.key_identifier = Some(OctetString::new(around.issuer_identifier())?);
    }
    if let Some(issuer) = around.issuer.filter(|_| by_name && (always || !by_key)) {
        let tbs = issuer.tbs_certificate();
        identifier.authority_cert_issuer = Some(vec![GeneralName::DirectoryName(tbs.issuer().clone())]);
        identifier.authority_cert_serial_number = Some(tbs.serial_number().clone());
    }
    Ok(identifier)
}

pub(super) fn authority_shown(held: &AuthorityKeyIdentifier) -> Map {
    let key = held.key_identifier.as_ref().map(|bytes| colons(bytes.as_bytes()));
    let issuer = held.authority_cert_issuer.as_ref().map(|names| general::shown_all(names));
    let serial = held.authority_cert_serial_number.as_ref().map(super::certificate::serial_shown);
    Map::from_iter([
        ("keyid", key.map_or(Value::Null, Value::from)),
        ("issuer", issuer.unwrap_or(Value::Null)),
        ("issuer_sn", serial.map_or(Value::Null, Value::from)),
    ])
}
