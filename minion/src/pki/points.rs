//! Where more is found: `authorityInfoAccess`, `crlDistributionPoints`, `freshestCRL`, `issuingDistributionPoint`.

use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::flagset::FlagSet;
use x509_cert::ext::pkix::AccessDescription;
use x509_cert::ext::pkix::crl::dp::{DistributionPoint, IssuingDistributionPoint, Reasons};
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};

use super::given::{Given, listed, truth};
use super::{PkiResult, general, name, nonsense};

const METHODS: &[(&str, ObjectIdentifier)] = &[
    ("OCSP", ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1")),
    ("caIssuers", ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.2")),
];

/// `OCSP;URI:http://ocsp.example/`, or `{OCSP: URI:...}`.
pub(super) fn access(given: &Given) -> PkiResult<Vec<AccessDescription>> {
    let described = |method: &str, place: &str| {
        let Some((_, oid)) = METHODS.iter().find(|(name, _)| name.eq_ignore_ascii_case(method)) else {
            return nonsense(format!("authorityInfoAccess has no '{method}': it has OCSP and caIssuers"));
        };
        Ok(AccessDescription { access_method: *oid, access_location: general::parse(place)? })
    };
    let items = given.map().map_or_else(|| given.items(), |map| vec![Value::Map(map.clone())]);
    let mut all = Vec::new();
    for item in &items {
        if let Some(map) = item.as_map() {
            for (method, places) in map.iter() {
                for place in listed(places) {
                    all.push(described(&str_(method), &str_(&place))?);
                }
            }
            continue;
        }
        let item = str_(item);
        let Some((method, place)) = item.split_once(';') else {
            return nonsense(format!("authorityInfoAccess: '{item}' is not of the form OCSP;URI:http://..."));
        };
        all.push(described(method.trim(), place.trim())?);
    }
    Ok(all)
}

pub(super) fn access_shown(held: &[AccessDescription]) -> Value {
    let shown = |item: &AccessDescription| {
        let known = METHODS.iter().find(|(_, oid)| *oid == item.access_method);
        let method = known.map_or(item.access_method.to_string(), |(name, _)| (*name).to_owned());
        let place = match &item.access_location {
            GeneralName::UniformResourceIdentifier(uri) => uri.as_str().to_owned(),
            other => general::shown(other),
        };
        Value::from(Map::from_iter([(method, place)]))
    };
    Value::List(held.iter().map(shown).collect())
}

const REASONS: &[(&str, Reasons)] = &[
    ("keyCompromise", Reasons::KeyCompromise),
    ("cACompromise", Reasons::CaCompromise),
    ("affiliationChanged", Reasons::AffiliationChanged),
    ("superseded", Reasons::Superseded),
    ("cessationOfOperation", Reasons::CessationOfOperation),
    ("certificateHold", Reasons::CertificateHold),
    ("privilegeWithdrawn", Reasons::PrivilegeWithdrawn),
    ("aACompromise", Reasons::AaCompromise),
];

fn reasons(value: Option<&Value>) -> PkiResult<Option<FlagSet<Reasons>>> {
    let words = value.map(listed).unwrap_or_default();
    if words.is_empty() {
        return Ok(None);
    }
    let mut all = FlagSet::default();
    for word in words.iter().map(str_) {
        match REASONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(&word)) {
            Some((_, reason)) => all |= *reason,
            None => return nonsense(format!("'{word}' is not a valid ReasonFlags")),
        }
    }
    Ok(Some(all))
}

fn reasons_shown(held: Option<FlagSet<Reasons>>) -> Value {
    let is_held = |reason: &Reasons| held.is_some_and(|held| held.contains(*reason));
    let mut names: Vec<&str> = REASONS.iter().filter(|(_, reason)| is_held(reason)).map(|(name, _)| *name).collect();
    names.sort_unstable();
    Value::List(names.into_iter().map(Value::from).collect())
}

/// The place of a mapping: `fullname` or `relativename`.
fn place(map: &Map) -> PkiResult<Option<DistributionPointName>> {
    match (map.get("fullname"), map.get("relativename")) {
        (Some(_), Some(_)) => nonsense("a distribution point has either a 'fullname' or a 'relativename'"),
        (Some(full), None) => Ok(Some(DistributionPointName::FullName(general::parse_all(full)?))),
        (None, Some(relative)) => Ok(Some(DistributionPointName::NameRelativeToCRLIssuer(name::rdn(&str_(relative))?))),
        (None, None) => Ok(None),
    }
}

fn known(map: &Map, extension: &str, keys: &[&str]) -> PkiResult<()> {
    match map.iter().map(|(key, _)| str_(key)).find(|key| !keys.contains(&key.as_str())) {
        Some(key) => nonsense(format!("{extension} has no '{key}': it has {}", keys.join(", "))),
        None => Ok(()),
    }
}

/// `URI:http://e/a.crl`, or mappings of `fullname`, `relativename`, `crlissuer`, `reasons`.
pub(super) fn points(extension: &str, given: &Given) -> PkiResult<Vec<DistributionPoint>> {
    let items = match given.map() {
        Some(map) => vec![Value::Map(map.clone())],
        None => given.items(),
    };
    let point = |item: &Value| {
        let Some(map) = item.as_map() else {
            let name = Some(DistributionPointName::FullName(general::parse_all(item)?));
            return Ok(DistributionPoint { distribution_point: name, reasons: None, crl_issuer: None });
        };
        known(map, extension, &["fullname", "relativename", "crlissuer", "reasons"])?;
        let issuer = map.get("crlissuer").map(general::parse_all).transpose()?;
        Ok(DistributionPoint {
            distribution_point: place(map)?,
            reasons: reasons(map.get("reasons"))?,
            crl_issuer: issuer.filter(|names| !names.is_empty()),
        })
    };
    items.iter().map(point).collect()
}

fn place_shown(held: Option<&DistributionPointName>) -> (Value, Value) {
    match held {
        Some(DistributionPointName::FullName(names)) => (general::shown_all(names), Value::Null),
        Some(DistributionPointName::NameRelativeToCRLIssuer(rdn)) => {
            (Value::List(Vec::new()), name::rdn_text(rdn).into())
        }
        None => (Value::List(Vec::new()), Value::Null),
    }
}

pub(super) fn points_shown(held: &[DistributionPoint]) -> Value {
    let shown = |point: &DistributionPoint| {
        let (full, relative) = place_shown(point.distribution_point.as_ref());
        Value::from(Map::from_iter([
            ("crlissuer", general::shown_all(point.crl_issuer.as_deref().unwrap_or_default())),
            ("fullname", full),
            ("reasons", reasons_shown(point.reasons)),
            ("relativename", relative),
        ]))
    };
    Value::List(held.iter().map(shown).collect())
}

/// What a list covers: a mapping of `fullname`, `onlysomereasons`, `onlyuser` ...
pub(super) fn issuing(given: &Given) -> PkiResult<IssuingDistributionPoint> {
    let extension = "issuingDistributionPoint";
    let Some(map) = given.map() else {
        return nonsense(format!("{extension}: it is a mapping with 'fullname' or 'relativename'"));
    };
    let words = ["onlyuser", "onlyCA", "indirectCRL", "onlyAA"];
    known(map, extension, &[&["fullname", "relativename", "onlysomereasons"], &words[..]].concat())?;
    let on = |word: &str| map.get(word).map_or(Ok(false), |value| truth(extension, value));
    Ok(IssuingDistributionPoint {
        distribution_point: place(map)?,
        only_contains_user_certs: on("onlyuser")?,
        only_contains_ca_certs: on("onlyCA")?,
        only_some_reasons: reasons(map.get("onlysomereasons"))?,
        indirect_crl: on("indirectCRL")?,
        only_contains_attribute_certs: on("onlyAA")?,
    })
}

pub(super) fn issuing_shown(held: &IssuingDistributionPoint) -> Map {
    let (full, relative) = place_shown(held.distribution_point.as_ref());
    Map::from_iter([
        ("fullname", full),
        ("onysomereasons", reasons_shown(held.only_some_reasons)),
        ("relativename", relative),
        ("onlyuser", held.only_contains_user_certs.into()),
        ("onlyCA", held.only_contains_ca_certs.into()),
        ("onlyAA", held.only_contains_attribute_certs.into()),
        ("indirectCRL", held.indirect_crl.into()),
    ])
}
