//! Names of hosts, people and places as certificates hold them: `DNS:shop.example`, `IP:192.0.2.1`, `email:a@b.example`.

use std::net::IpAddr;
use std::str::FromStr;

use fleet_common::value::Value;
use fleet_common::value::python::str_;
use ipnet::IpNet;
use x509_cert::der::asn1::{Ia5String, ObjectIdentifier, OctetString};
use x509_cert::ext::pkix::name::{GeneralName, GeneralNames};

use super::given::listed;
use super::{PkiError, PkiResult, colons, name, nonsense};

/// A name of a tree.
pub(super) fn parse(text: &str) -> PkiResult<GeneralName> {
    let Some((kind, value)) = text.split_once(':') else {
        return nonsense(format!(
            "GeneralName type {text} is invalid: write it as DNS:{text} or email:..., URI:..., IP:..."
        ));
    };
    let ascii = |value: &str| {
        let plain = Ia5String::try_from(value.to_owned());
        plain.map_err(|_| PkiError::Nonsense(format!("'{value}' is not of ASCII: write it in its coded form")))
    };
    Ok(match kind.to_ascii_lowercase().as_str() {
        "email" | "mail" => GeneralName::Rfc822Name(ascii(value)?),
        "dns" => GeneralName::DnsName(ascii(value)?),
        "uri" => GeneralName::UniformResourceIdentifier(ascii(value)?),
        "ip" => GeneralName::IpAddress(OctetString::new(address(value)?)?),
        "rid" => {
            let wrong = |_| PkiError::Nonsense(format!("Invalid oid: {value}"));
            GeneralName::RegisteredId(ObjectIdentifier::from_str(value).map_err(wrong)?)
        }
        "dirname" => GeneralName::DirectoryName(name::parse(value)?),
        "othername" => return Err(PkiError::Unbuilt("the name 'otherName' of certificates".to_owned())),
        other => return nonsense(format!("GeneralName type {other} is invalid")),
    })
}

/// An address, or a network with its mask.
fn address(text: &str) -> PkiResult<Vec<u8>> {
    let bytes = |address: IpAddr| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(bytes(address));
    }
    let network = text.split_once('/').and_then(|(address, mask)| {
        let address: IpAddr = address.parse().ok()?;
        match mask.parse() {
            Ok(length) => IpNet::new(address, length).ok(),
            Err(_) => IpNet::with_netmask(address, mask.parse().ok()?).ok(),
        }
    });
    match network {
        Some(network) => Ok([bytes(network.network()), bytes(network.netmask())].concat()),
        None => nonsense(format!("Provided value {text} does not seem to be an IP address or network range.")),
    }
}

/// Names of a tree: one, or a list.
pub(super) fn parse_all(value: &Value) -> PkiResult<GeneralNames> {
    listed(value).iter().map(|item| parse(str_(item).trim())).collect()
}

/// A name as it is shown.
pub(super) fn shown(held: &GeneralName) -> String {
    match held {
        GeneralName::Rfc822Name(text) => format!("mail:{}", text.as_str()),
        GeneralName::DnsName(text) => format!("DNS:{}", text.as_str()),
        GeneralName::UniformResourceIdentifier(text) => format!("URI:{}", text.as_str()),
        GeneralName::IpAddress(bytes) => format!("IP:{}", shown_address(bytes.as_bytes())),
        GeneralName::RegisteredId(oid) => format!("RID:{oid}"),
        GeneralName::DirectoryName(held) => format!("dirName:{}", name::text(held)),
        GeneralName::OtherName(other) => format!("otherName:{}", other.type_id),
        GeneralName::EdiPartyName(_) => "ediPartyName".to_owned(),
    }
}

fn shown_address(bytes: &[u8]) -> String {
    let address = |bytes: &[u8]| -> Option<IpAddr> {
        let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
        four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
    };
    // Every digit of an address of IPv6, as it is compared elsewhere.
    let written = |address: IpAddr| match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => address.segments().map(|part| format!("{part:04x}")).join(":"),
    };
    let (first, mask) = bytes.split_at(bytes.len() / 2);
    let network = || {
        let net = IpNet::with_netmask(address(first)?, address(mask)?).ok()?;
        Some(format!("{}/{}", written(net.network()), net.prefix_len()))
    };
    match bytes.len() {
        8 | 32 => network(),
        _ => address(bytes).map(written),
    }
    .unwrap_or_else(|| colons(bytes))
}

/// Names as they are shown.
pub(super) fn shown_all(names: &[GeneralName]) -> Value {
    Value::List(names.iter().map(|name| shown(name).into()).collect())
}
