//! What a certificate, a request or a list that is there lacks of what is asked for, in the keys of states' changes.

use fleet_common::value::{Map, Value};
use x509_cert::crl::RevokedCert;
use x509_cert::ext::Extension;
use x509_cert::name::Name;
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::certificate::{self, serial_shown};
use super::crl::Crl;
use super::times::{self, DAY};
use super::{Ask, Certificate, Issue, List, PkiResult, Request, Signer, extension, name, signer};

/// Keys that sign without a digest of one's choice never lack another.
fn of_digest(
    signer: &Signer,
    asked: &str,
    held: &AlgorithmIdentifierOwned,
) -> PkiResult<Option<(&'static str, Value)>> {
    let chosen = signer::digest(&signer.algorithm(asked)?);
    Ok(signer::digest(held).zip(chosen).filter(|(held, chosen)| held != chosen).map(|_| ("digest", asked.into())))
}

fn of_name(key: &'static str, asked: &Name, held: &Name) -> Option<(&'static str, Value)> {
    (asked != held).then(|| (key, name::text(asked).into()))
}

fn of_end(end: i64, days_remaining: i64) -> Option<(&'static str, Value)> {
    // 0: it is left to end.
    let due = times::now().saturating_add(days_remaining.saturating_mul(DAY));
    (days_remaining > 0 && end < due).then_some(("expiration", true.into()))
}

fn of_extensions(asked: &[Extension], held: &[Extension]) -> Option<(&'static str, Value)> {
    let names = |all: Vec<&Extension>| Value::List(all.iter().map(|one| extension::name(one.extn_id).into()).collect());
    let other = |one: &Extension| held.iter().find(|held| held.extn_id == one.extn_id);
    let added: Vec<&Extension> = asked.iter().filter(|one| other(one).is_none()).collect();
    let changed: Vec<&Extension> = asked.iter().filter(|one| other(one).is_some_and(|held| held != *one)).collect();
    let removed: Vec<&Extension> =
        held.iter().filter(|held| !asked.iter().any(|one| one.extn_id == held.extn_id)).collect();
    told(added, changed, removed, names).map(|all| ("extensions", all))
}

fn told<T>(added: Vec<T>, changed: Vec<T>, removed: Vec<T>, names: impl Fn(Vec<T>) -> Value) -> Option<Value> {
    if added.is_empty() && changed.is_empty() && removed.is_empty() {
        return None;
    }
    Some(Map::from_iter([("added", names(added)), ("changed", names(changed)), ("removed", names(removed))]).into())
}

fn gathered(found: impl IntoIterator<Item = Option<(&'static str, Value)>>) -> Map {
    found.into_iter().flatten().collect()
}

/// Of a certificate.
pub fn of_certificate(asked: &Issue, held: &Certificate, days_remaining: i64) -> PkiResult<Map> {
    let tbs = held.held.tbs_certificate();
    let number = match &asked.serial {
        Some(said) if certificate::serial(said)? != *tbs.serial_number() => Some(("serial_number", said.clone())),
        _ => None,
    };
    let is_of_issuer = held.is_signed_by(&asked.signer.public)?;
    Ok(gathered([
        of_digest(&asked.signer, &asked.digest, held.held.signature_algorithm())?,
        of_end(held.end(), days_remaining),
        (held.public()? != asked.public).then_some(("private_key", true.into())),
        number,
        of_name("subject_name", &asked.name()?, tbs.subject()),
        of_name("issuer_name", &asked.issuer_name()?, tbs.issuer()),
        (!is_of_issuer).then_some(("signing_private_key", true.into())),
        of_extensions(&asked.extensions()?, held.extensions()),
    ]))
}

/// Of a request.
pub fn of_request(asked: &Ask, held: &Request) -> PkiResult<Map> {
    Ok(gathered([
        of_digest(&asked.signer, &asked.digest, &held.held.algorithm)?,
        (held.public()? != asked.signer.public).then_some(("private_key", true.into())),
        of_name("subject_name", &asked.name()?, &held.held.info.subject),
        of_extensions(&asked.extensions()?, &held.extensions()?),
    ]))
}

/// Of a list of revoked certificates.
pub fn of_list(asked: &Crl, held: &List, days_remaining: i64) -> PkiResult<Map> {
    let tbs = &held.held.tbs_cert_list;
    let issuer = asked.issuer.held.tbs_certificate().subject();
    let entries = asked.entries()?;
    let other = |entry: &RevokedCert| held.entries().iter().find(|held| held.serial_number == entry.serial_number);
    let differs = |asked: &super::crl::Entry, held: &RevokedCert| {
        let is_later = asked.is_dated && asked.entry.revocation_date != held.revocation_date;
        is_later || asked.entry.crl_entry_extensions != held.crl_entry_extensions
    };
    let names =
        |all: Vec<&RevokedCert>| Value::List(all.iter().map(|one| serial_shown(&one.serial_number).into()).collect());
    let added = entries.iter().map(|one| &one.entry).filter(|one| other(one).is_none()).collect();
    let is_changed = |one: &&super::crl::Entry| other(&one.entry).is_some_and(|held| differs(one, held));
    let changed = entries.iter().filter(is_changed).map(|one| &one.entry).collect();
    let is_asked = |held: &&RevokedCert| !entries.iter().any(|one| one.entry.serial_number == held.serial_number);
    let removed = held.entries().iter().filter(is_asked).collect();
    Ok(gathered([
        of_digest(&asked.signer, &asked.digest, &held.held.signature_algorithm)?,
        of_end(held.end(), days_remaining),
        of_name("issuer_name", issuer, &tbs.issuer),
        (!held.is_signed_by(&asked.signer.public)?).then_some(("public_key", true.into())),
        told(added, changed, removed, names).map(|all| ("revocations", all)),
        of_extensions(&asked.extensions()?, held.extensions()),
    ]))
}
