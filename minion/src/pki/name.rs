//! Distinguished names: from arguments and from texts of RFC 4514, and as they are shown.

use std::str::FromStr;

use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Any, Encode, Tag};
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};

use super::{PkiError, PkiResult, fingerprint, nonsense};

/// What may be said of a subject, in the order it is written: name, older name, identifier, whether RFC 4514 names it.
const ATTRIBUTES: &[(&str, &str, &str, bool)] = &[
    ("C", "countryName", "2.5.4.6", true),
    ("ST", "stateOrProvinceName", "2.5.4.8", true),
    ("L", "localityName", "2.5.4.7", true),
    ("STREET", "streetAddress", "2.5.4.9", true),
    ("O", "organizationName", "2.5.4.10", true),
    ("OU", "organizationalUnitName", "2.5.4.11", true),
    ("CN", "commonName", "2.5.4.3", true),
    ("MAIL", "emailAddress", "1.2.840.113549.1.9.1", false),
    ("SN", "surname", "2.5.4.4", false),
    ("GN", "givenName", "2.5.4.42", false),
    ("UID", "userId", "0.9.2342.19200300.100.1.1", true),
    ("SERIALNUMBER", "serialNumber", "2.5.4.5", false),
];

/// True for an argument that is a part of the subject.
pub fn is_attribute(argument: &str) -> bool {
    ATTRIBUTES.iter().any(|(name, older, ..)| *name == argument || *older == argument)
}

/// The name of now of a part of the subject; other names stay.
pub fn plain_attribute(argument: &str) -> &str {
    ATTRIBUTES.iter().find(|(_, older, ..)| *older == argument).map_or(argument, |(name, ..)| name)
}

/// The subject: `subject` when it is given, else what the arguments say of its parts; empty when they say nothing.
pub(super) fn subject(whole: Option<&Value>, parts: &Map) -> PkiResult<Name> {
    match whole {
        None | Some(Value::Null) => of_parts(parts),
        Some(Value::Map(parts)) => {
            if let Some((key, _)) = parts.iter().find(|(key, _)| !is_attribute(&str_(key))) {
                return nonsense(format!("a subject has no '{}'", str_(key)));
            }
            of_parts(parts)
        }
        Some(Value::List(items)) => {
            let mut name = RdnSequence::default();
            for item in items {
                name.push(rdn(&str_(item))?);
            }
            finished(name)
        }
        Some(text) => parse(&str_(text)),
    }
}

fn of_parts(parts: &Map) -> PkiResult<Name> {
    let mut name = RdnSequence::default();
    for (short, older, ..) in ATTRIBUTES {
        if let Some(value) = parts.get(older).or_else(|| parts.get(short)).filter(|value| !value.is_null()) {
            name.push(RelativeDistinguishedName::try_from(vec![attribute(short, &str_(value))?])?);
        }
    }
    finished(name)
}

/// A name of its parts. The crate gives none but through the form.
fn finished(parts: RdnSequence) -> PkiResult<Name> {
    use x509_cert::der::Decode as _;
    Ok(Name::from_der(&parts.to_der()?)?)
}

/// `CN=shop.example,O=Shop,C=US`: the last part is the first of the name.
pub(super) fn parse(text: &str) -> PkiResult<Name> {
    let mut name = RdnSequence::default();
    for part in split(text, ',').iter().rev() {
        name.push(rdn(part)?);
    }
    finished(name)
}

/// `CN=shop.example+OU=web`.
pub(super) fn rdn(text: &str) -> PkiResult<RelativeDistinguishedName> {
    let pairs: PkiResult<Vec<AttributeTypeAndValue>> = split(text, '+')
        .iter()
        .map(|pair| match pair.split_once('=') {
            Some((key, value)) => attribute(key.trim(), &unescaped(value.trim())),
            None => nonsense(format!("Failed parsing rfc4514 dirName string: '{pair}' is not of the form KEY=VALUE")),
        })
        .collect();
    Ok(RelativeDistinguishedName::try_from(pairs?)?)
}

/// Parts between signs that no backslash stands before.
fn split(text: &str, sign: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut is_escaped = false;
    for c in text.chars() {
        if c == sign && !is_escaped {
            parts.push(String::new());
            continue;
        }
        is_escaped = c == '\\' && !is_escaped;
        if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut signs = text.chars();
    while let Some(c) = signs.next() {
        plain.push(if c == '\\' { signs.next().unwrap_or('\\') } else { c });
    }
    plain
}

fn attribute(key: &str, value: &str) -> PkiResult<AttributeTypeAndValue> {
    let known =
        ATTRIBUTES.iter().find(|(name, older, ..)| name.eq_ignore_ascii_case(key) || older.eq_ignore_ascii_case(key));
    let identifier = match (known, key.to_ascii_uppercase().as_str()) {
        (Some((.., identifier, _)), _) => identifier,
        (None, "DC") => DC,
        (None, _) => key,
    };
    let unknown = |_| PkiError::Nonsense(format!("Failed parsing rfc4514 dirName string: a name has no '{key}'"));
    let oid = ObjectIdentifier::from_str(identifier).map_err(unknown)?;
    let tag = match known.map(|(name, ..)| *name) {
        Some("C") if value.len() != 2 || !value.is_ascii() => {
            return nonsense(format!("Country name must be a 2 character country code, not '{value}'"));
        }
        Some("C" | "SERIALNUMBER") => Tag::PrintableString,
        Some("MAIL") => Tag::Ia5String,
        None if identifier == DC => Tag::Ia5String,
        _ => Tag::Utf8String,
    };
    if tag != Tag::Utf8String && !value.is_ascii() {
        return nonsense(format!("the '{key}' of a name can only hold ASCII, not '{value}'"));
    }
    Ok(AttributeTypeAndValue { oid, value: Any::new(tag, value.as_bytes())? })
}

/// A part of names of domains.
const DC: &str = "0.9.2342.19200300.100.1.25";

/// What a part holds; strings of two bytes a sign are told apart, the others are of UTF-8 or a part of it.
fn held(attribute: &AttributeTypeAndValue) -> String {
    let bytes = attribute.value.value();
    if attribute.value.header().tag() == Tag::BmpString {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
        return String::from_utf16_lossy(&units);
    }
    String::from_utf8_lossy(bytes).into_owned()
}

/// The common name, empty when there is none.
pub(super) fn common_name(name: &Name) -> String {
    let is_cn = |part: &&AttributeTypeAndValue| part.oid.to_string() == "2.5.4.3";
    name.iter().find(is_cn).map(held).unwrap_or_default()
}

/// Parts by their names: `{C: US, CN: shop.example}`.
pub(super) fn parts(name: &Name) -> Map {
    let called = |oid: String| {
        let known = ATTRIBUTES.iter().find(|(_, _, identifier, _)| *identifier == oid);
        known.map_or(oid.clone(), |(short, ..)| (*short).to_owned())
    };
    name.iter().map(|part| (called(part.oid.to_string()), held(part))).collect()
}

/// As RFC 4514 writes it, the last part first.
pub(super) fn text(name: &Name) -> String {
    let rdns: Vec<String> = name.iter_rdn().map(rdn_text).collect();
    rdns.into_iter().rev().collect::<Vec<_>>().join(",")
}

pub(super) fn rdn_text(rdn: &RelativeDistinguishedName) -> String {
    let pairs: Vec<String> = rdn.iter().map(pair_text).collect();
    pairs.join("+")
}

fn pair_text(part: &AttributeTypeAndValue) -> String {
    let oid = part.oid.to_string();
    let known = ATTRIBUTES.iter().find(|(_, _, identifier, is_named)| *identifier == oid && *is_named);
    let key = match known {
        Some((short, ..)) => short,
        None if oid == DC => "DC",
        None => oid.as_str(),
    };
    let value = held(part);
    let mut shown = format!("{key}=");
    let last = value.chars().count().saturating_sub(1);
    for (at, c) in value.chars().enumerate() {
        let at_edge = (at == 0 && (c == '#' || c == ' ')) || (at == last && c == ' ');
        if at_edge || "\",+;<>\\".contains(c) {
            shown.push('\\');
        }
        shown.push(c);
    }
    shown
}

/// The sum that names are looked up by in directories of certificates.
pub(super) fn hash(name: &Name) -> PkiResult<String> {
    let all = fingerprint("sha1", &name.to_der()?);
    let first: Vec<&str> = all.split(':').take(4).collect();
    Ok(first.into_iter().rev().collect::<Vec<_>>().join(":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_shown() {
        let parts = Map::from_iter([("CN", "a, b"), ("C", "US"), ("emailAddress", "m@x.y")]);
        let name = subject(None, &parts).unwrap();
        assert_eq!(text(&name), "1.2.840.113549.1.9.1=m@x.y,CN=a\\, b,C=US");
        assert_eq!(
            parse("CN=a\\, b,C=US").unwrap(),
            subject(None, &Map::from_iter([("C", "US"), ("CN", "a, b")])).unwrap()
        );
        assert_eq!(common_name(&name), "a, b");
        let listed = subject(Some(&Value::List(vec!["C=US".into(), "CN=a+OU=z".into()])), &Map::new()).unwrap();
        assert_eq!(text(&listed), "CN=a+OU=z,C=US");
        assert_eq!(hash(&parse("CN=ca").unwrap()).unwrap(), "D2:8C:04:11");
        for wrong in ["foo", "FOO=bar", "C=USA", "C=\u{e4}"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
