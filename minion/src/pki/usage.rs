//! What a key is for: `basicConstraints`, `keyUsage`, `extendedKeyUsage`, `tlsfeature`.

use std::str::FromStr;

use fleet_common::value::{Map, Value};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::flagset::FlagSet;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages};

use super::given::{Given, number, truth};
use super::{PkiError, PkiResult, nonsense};

/// `CA:TRUE, pathlen:1`.
pub(super) fn basic(given: &Given) -> PkiResult<BasicConstraints> {
    let mut constraints = BasicConstraints { ca: false, path_len_constraint: None };
    let mut is_said = false;
    for (key, value) in given.pairs("basicConstraints")? {
        match key.as_str() {
            "ca" => (constraints.ca, is_said) = (truth("basicConstraints", &value)?, true),
            "pathlen" if value.is_null() => {}
            "pathlen" => constraints.path_len_constraint = Some(number("basicConstraints", &value)?),
            other => return nonsense(format!("basicConstraints has no '{other}': it has 'CA' and 'pathlen'")),
        }
    }
    match (is_said, constraints) {
        (false, _) => nonsense("Invalid configuration for basicConstraints: 'CA' is missing, as in CA:TRUE"),
        (_, BasicConstraints { ca: false, path_len_constraint: Some(_) }) => {
            nonsense("basicConstraints: only a CA has a 'pathlen'")
        }
        (true, constraints) => Ok(constraints),
    }
}

pub(super) fn basic_shown(constraints: &BasicConstraints) -> Map {
    let length = constraints.path_len_constraint.map_or(Value::Null, |length| i64::from(length).into());
    Map::from_iter([("ca", Value::from(constraints.ca)), ("pathlen", length)])
}

/// In the order they are shown.
const USAGES: &[(&str, KeyUsages)] = &[
    ("cRLSign", KeyUsages::CRLSign),
    ("dataEncipherment", KeyUsages::DataEncipherment),
    ("decipherOnly", KeyUsages::DecipherOnly),
    ("digitalSignature", KeyUsages::DigitalSignature),
    ("encipherOnly", KeyUsages::EncipherOnly),
    ("keyAgreement", KeyUsages::KeyAgreement),
    ("keyCertSign", KeyUsages::KeyCertSign),
    ("keyEncipherment", KeyUsages::KeyEncipherment),
    ("nonRepudiation", KeyUsages::NonRepudiation),
];

/// `digitalSignature, keyEncipherment`.
pub(super) fn key(given: &Given) -> PkiResult<KeyUsage> {
    let mut usages = FlagSet::default();
    for word in given.words() {
        let word = if word == "contentCommitment" { "nonRepudiation" } else { word.as_str() };
        match USAGES.iter().find(|(name, _)| *name == word) {
            Some((_, usage)) => usages |= *usage,
            None => {
                let known: Vec<&str> = USAGES.iter().map(|(name, _)| *name).collect();
                return nonsense(format!("keyUsage has no '{word}': it has {}", known.join(", ")));
            }
        }
    }
    Ok(KeyUsage(usages))
}

pub(super) fn key_shown(held: &KeyUsage) -> Map {
    USAGES.iter().map(|(name, usage)| (*name, held.0.contains(*usage))).collect()
}

const PURPOSES: &[(&str, &str)] = &[
    ("serverAuth", "1.3.6.1.5.5.7.3.1"),
    ("clientAuth", "1.3.6.1.5.5.7.3.2"),
    ("codeSigning", "1.3.6.1.5.5.7.3.3"),
    ("emailProtection", "1.3.6.1.5.5.7.3.4"),
    ("timeStamping", "1.3.6.1.5.5.7.3.8"),
    ("OCSPSigning", "1.3.6.1.5.5.7.3.9"),
    ("msSmartcardLogin", "1.3.6.1.4.1.311.20.2.2"),
    ("pkInitKDC", "1.3.6.1.5.2.3.5"),
    ("anyExtendedKeyUsage", "2.5.29.37.0"),
];

/// `serverAuth, clientAuth, 1.2.3.4`.
pub(super) fn extended(given: &Given) -> PkiResult<ExtendedKeyUsage> {
    let oid = |word: &String| {
        let known = PURPOSES.iter().find(|(name, _)| *name == word).map(|(_, oid)| *oid);
        let wrong = |_| PkiError::Nonsense(format!("Invalid oid: {word}"));
        ObjectIdentifier::from_str(known.unwrap_or(word)).map_err(wrong)
    };
    given.words().iter().map(oid).collect::<PkiResult<Vec<_>>>().map(ExtendedKeyUsage)
}

pub(super) fn extended_shown(held: &ExtendedKeyUsage) -> Value {
    let shown = |oid: &ObjectIdentifier| {
        let oid = oid.to_string();
        let known = PURPOSES.iter().find(|(_, known)| *known == oid);
        Value::from(known.map_or(oid, |(name, _)| (*name).to_owned()))
    };
    Value::List(held.0.iter().map(shown).collect())
}

const FEATURES: &[(&str, u16)] = &[("status_request", 5), ("status_request_v2", 17)];

/// `status_request`: numbers of features.
pub(super) fn features(given: &Given) -> PkiResult<Vec<u16>> {
    let feature = |word: &String| match FEATURES.iter().find(|(name, _)| name == word) {
        Some((_, feature)) => Ok(*feature),
        None => nonsense(format!("tlsfeature has no '{word}': it has status_request and status_request_v2")),
    };
    given.words().iter().map(feature).collect()
}

pub(super) fn features_shown(held: &[u16]) -> Value {
    let shown = |number: &u16| match FEATURES.iter().find(|(_, known)| known == number) {
        Some((name, _)) => Value::from(*name),
        None => i64::from(*number).into(),
    };
    Value::List(held.iter().map(shown).collect())
}
