//! What a chain is bound to: `certificatePolicies`, `policyConstraints`, `nameConstraints`.

use std::str::FromStr;

use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};
use x509_cert::der::asn1::{Ia5String, ObjectIdentifier, Uint};
use x509_cert::der::{Any, AnyRef, Decode, Encode, Reader, Tag};
use x509_cert::ext::pkix::PolicyConstraints;
use x509_cert::ext::pkix::certpolicy::{CertificatePolicies, PolicyInformation, PolicyQualifierInfo};
use x509_cert::ext::pkix::constraints::name::{GeneralSubtree, GeneralSubtrees, NameConstraints};

use super::given::{Given, listed, number};
use super::{PkiError, PkiResult, general, joined, nonsense};

const STATEMENT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.2.1");
const NOTICE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.2.2");

/// A list of identifiers, or a mapping of them to a statement's address or a list of those and of notices.
pub(super) fn policies(given: &Given) -> PkiResult<CertificatePolicies> {
    let policy = |oid: &str, qualifiers: Vec<PolicyQualifierInfo>| {
        let wrong = |_| PkiError::Nonsense(format!("certificatePolicies: Invalid oid: {oid}"));
        Ok(PolicyInformation {
            policy_identifier: ObjectIdentifier::from_str(oid).map_err(wrong)?,
            policy_qualifiers: Some(qualifiers).filter(|all| !all.is_empty()),
        })
    };
    let Some(map) = given.map() else {
        let all: PkiResult<Vec<_>> = given.words().iter().map(|oid| policy(oid, Vec::new())).collect();
        return all.map(CertificatePolicies);
    };
    let all: PkiResult<Vec<_>> = map
        .iter()
        .map(|(oid, said)| policy(&str_(oid), listed(said).iter().map(qualifier).collect::<PkiResult<_>>()?))
        .collect();
    all.map(CertificatePolicies)
}

fn qualifier(said: &Value) -> PkiResult<PolicyQualifierInfo> {
    let Some(map) = said.as_map() else {
        let address = Ia5String::try_from(str_(said))?;
        let value = Any::encode_from(&address)?;
        return Ok(PolicyQualifierInfo { policy_qualifier_id: STATEMENT, qualifier: Some(value) });
    };
    let mut parts = Vec::new();
    if let Some(organization) = map.get("organization") {
        let numbers: PkiResult<Vec<Vec<u8>>> = map
            .get("noticeNumbers")
            .map(listed)
            .unwrap_or_default()
            .iter()
            .map(|value| Ok(number::<u32>("noticeNumbers", value)?.to_der()?))
            .collect();
        let name = Any::new(Tag::Utf8String, str_(organization).into_bytes())?.to_der()?;
        parts.push(joined(Tag::Sequence, &[name, joined(Tag::Sequence, &numbers?)?])?);
    }
    if let Some(text) = map.get("text") {
        parts.push(Any::new(Tag::Utf8String, str_(text).into_bytes())?.to_der()?);
    }
    if parts.is_empty() {
        return nonsense("certificatePolicies: a notice has an 'organization' with 'noticeNumbers', or a 'text'");
    }
    let notice = Any::from_der(&joined(Tag::Sequence, &parts)?)?;
    Ok(PolicyQualifierInfo { policy_qualifier_id: NOTICE, qualifier: Some(notice) })
}

pub(super) fn policies_shown(held: &CertificatePolicies) -> Value {
    let shown = |policy: &PolicyInformation| {
        let qualifiers = policy.policy_qualifiers.iter().flatten().map(qualifier_shown).collect();
        Value::from(Map::from_iter([(policy.policy_identifier.to_string(), Value::List(qualifiers))]))
    };
    Value::List(held.0.iter().map(shown).collect())
}

fn qualifier_shown(held: &PolicyQualifierInfo) -> Value {
    let value = held.qualifier.as_ref().map(Any::to_ref);
    let text = |any: AnyRef<'_>| Value::from(String::from_utf8_lossy(any.value()).into_owned());
    match value {
        Some(value) if held.policy_qualifier_id == STATEMENT => {
            Map::from_iter([("practice_statement", text(value))]).into()
        }
        Some(value) if held.policy_qualifier_id == NOTICE => notice_shown(value).unwrap_or(Value::Null),
        _ => held.policy_qualifier_id.to_string().into(),
    }
}

fn notice_shown(notice: AnyRef<'_>) -> Option<Value> {
    let text = |any: AnyRef<'_>| Value::from(String::from_utf8_lossy(any.value()).into_owned());
    let mut parts: Vec<AnyRef<'_>> = Vec::new();
    notice
        .sequence(|reader| -> Result<(), x509_cert::der::Error> {
            while !reader.is_finished() {
                parts.push(reader.decode()?);
            }
            Ok(())
        })
        .ok()?;
    let (mut organization, mut numbers, mut said) = (Value::Null, Vec::new(), Value::Null);
    for part in parts {
        if part.header().tag() != Tag::Sequence {
            said = text(part);
            continue;
        }
        part.sequence(|reader| -> Result<(), x509_cert::der::Error> {
            organization = text(reader.decode()?);
            let list: AnyRef<'_> = reader.decode()?;
            list.sequence(|reader| {
                while !reader.is_finished() {
                    let number: Uint = reader.decode()?;
                    numbers.push(number.as_bytes().iter().fold(0_i64, |sum, byte| sum << 8 | i64::from(*byte)).into());
                }
                Ok(())
            })
        })
        .ok()?;
    }
    // The first key is spelt as it is elsewhere: trees read it so.
    let shown = [("organizataion", organization), ("notice_numbers", Value::List(numbers)), ("explicit_text", said)];
    Some(Map::from_iter(shown).into())
}

/// `requireExplicitPolicy:3, inhibitPolicyMapping:1`.
pub(super) fn constraints(given: &Given) -> PkiResult<PolicyConstraints> {
    let mut all = PolicyConstraints { require_explicit_policy: None, inhibit_policy_mapping: None };
    for (key, value) in given.pairs("policyConstraints")? {
        let count = Some(number("policyConstraints", &value)?);
        match key.as_str() {
            "requireexplicitpolicy" => all.require_explicit_policy = count,
            "inhibitpolicymapping" => all.inhibit_policy_mapping = count,
            other => {
                let text = "it has requireExplicitPolicy and inhibitPolicyMapping";
                return nonsense(format!("policyConstraints has no '{other}': {text}"));
            }
        }
    }
    Ok(all)
}

pub(super) fn constraints_shown(held: &PolicyConstraints) -> Map {
    let shown = |count: Option<u32>| count.map_or(Value::Null, |count| i64::from(count).into());
    Map::from_iter([
        ("inhibitPolicyMapping", shown(held.inhibit_policy_mapping)),
        ("requireExplicitPolicy", shown(held.require_explicit_policy)),
    ])
}

/// `permitted;email:.example.com, excluded;email:.com`, or a mapping of `permitted` and `excluded` to lists.
pub(super) fn names(given: &Given) -> PkiResult<NameConstraints> {
    let mut all = NameConstraints { permitted_subtrees: None, excluded_subtrees: None };
    let mut add = |which: &str, name: &Value| {
        let trees = match which {
            "permitted" => &mut all.permitted_subtrees,
            "excluded" => &mut all.excluded_subtrees,
            other => return nonsense(format!("nameConstraints has no '{other}': it has permitted and excluded")),
        };
        let name = str_(name);
        if name.to_ascii_lowercase().starts_with("ip:") && !name.contains('/') {
            return nonsense(format!(
                "nameConstraints: {name} is one address: a network is needed, as in 192.0.2.0/24"
            ));
        }
        let tree = GeneralSubtree { base: general::parse(name.trim())?, minimum: 0, maximum: None };
        trees.get_or_insert_with(Vec::new).push(tree);
        Ok(())
    };
    for (which, names) in given.map().into_iter().flat_map(Map::iter) {
        for name in listed(names) {
            add(&str_(which), &name)?;
        }
    }
    for item in given.items().iter().map(str_).filter(|_| given.map().is_none()) {
        match item.split_once(';') {
            Some((which, name)) => add(which.trim(), &name.into())?,
            None => return nonsense(format!("nameConstraints: '{item}' is not of the form permitted;DNS:example.com")),
        }
    }
    Ok(all)
}

pub(super) fn names_shown(held: &NameConstraints) -> Map {
    let shown = |trees: &Option<GeneralSubtrees>| {
        let names = trees.iter().flatten().map(|tree| general::shown(&tree.base).into());
        Value::List(names.collect())
    };
    Map::from_iter([("excluded", shown(&held.excluded_subtrees)), ("permitted", shown(&held.permitted_subtrees))])
}
