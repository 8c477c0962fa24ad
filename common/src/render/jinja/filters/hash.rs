//! Filters that hash, encode and draw lots.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::Rng;

use super::super::fault::{Fault, Res};
use super::super::interpret::Arguments;
use super::super::object::Val;
use super::Table;
use crate::crypto::mac::hmac_sha256;
use crate::digest;
use crate::functions::twister::Twister;

/// The filters.
pub(super) const FILTERS: Table = &[
    ("base64_decode", |_, value, _| {
        // As Python: what is not in the alphabet does not count.
        let counts = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
        match STANDARD.decode(bytes(&value)?.into_iter().filter(counts).collect::<Vec<u8>>()) {
            Ok(bytes) => Ok(match String::from_utf8(bytes) {
                Ok(text) => Val::str(text),
                Err(error) => Val::Bytes(error.into_bytes().into()),
            }),
            Err(error) => Err(Fault::error(format!("this is no base64: {error}"))),
        }
    }),
    ("base64_encode", |_, value, _| Ok(Val::str(STANDARD.encode(bytes(&value)?)))),
    ("gen_mac", |_, value, _| {
        let prefix = value.text()?;
        let mut chance = rand::rng();
        let tail: Vec<String> = (0..3).map(|_| format!("{:02X}", chance.random::<u8>())).collect();
        Ok(Val::str(format!("{prefix}:{}", tail.join(":"))))
    }),
    ("hmac", |_, value, arguments| {
        let secret = arguments.need_text("shared_secret")?;
        let wanted = arguments.need_text("challenge_hmac")?;
        Ok(Val::Bool(STANDARD.encode(hmac_sha256(secret.as_bytes(), value.text()?.as_bytes())) == wanted))
    }),
    ("hmac_compute", |_, value, arguments| {
        let secret = arguments.need_text("shared_secret")?;
        Ok(Val::str(digest::hex(&hmac_sha256(secret.as_bytes(), value.text()?.as_bytes()))))
    }),
    ("is_hex", |_, value, _| {
        let text = value.text()?;
        let digits = text.strip_prefix("0x").unwrap_or(&text);
        Ok(Val::Bool(!digits.is_empty() && digits.chars().all(|c| c.is_ascii_hexdigit())))
    }),
    ("mac_str_to_bytes", |_, value, _| {
        let text = value.text()?.replace([':', '-', '.'], "");
        let byte = |at: usize| text.get(at..at + 2).and_then(|part| u8::from_str_radix(part, 16).ok());
        match (0..6).map(|index| byte(index * 2)).collect::<Option<Vec<u8>>>() {
            Some(bytes) if text.len() == 12 => Ok(Val::Bytes(bytes.into())),
            _ => Err(Fault::error("Invalid MAC address")),
        }
    }),
    ("md5", |_, value, _| hashed(&value, "md5")),
    ("rand_str", random_hash),
    ("random_hash", random_hash),
    ("random_sample", |_, value, arguments| {
        let size = arguments.integer("size")?.unwrap_or(1).max(0) as usize;
        let items = value.items()?;
        if size > items.len() {
            return Err(Fault::error("Sample larger than population or is negative"));
        }
        Ok(Val::list(generator(arguments.take("seed"))?.sample(&items, size)))
    }),
    ("random_shuffle", |_, value, arguments| {
        let items = value.items()?;
        Ok(Val::list(generator(arguments.take("seed"))?.sample(&items, items.len())))
    }),
    ("random_str", |_, value, _| {
        let size = value.as_int().and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= 65_536);
        let Some(size) = size else { return Err(Fault::error("random_str takes a size up to 65536")) };
        let mut bytes = vec![0u8; size];
        rand::rng().fill(bytes.as_mut_slice());
        Ok(Val::str(&STANDARD.encode(bytes)[..size]))
    }),
    ("sha1", |_, value, _| hashed(&value, "sha1")),
    ("sha256", |_, value, _| hashed(&value, "sha256")),
    ("sha512", |_, value, _| hashed(&value, "sha512")),
    ("uuid", |_, value, _| Ok(Val::str(uuid(&value.text()?)))),
];

/// The bytes of text or bytes; nothing else has any.
pub(super) fn bytes(value: &Val) -> Res<Vec<u8>> {
    match value {
        Val::Str(text) => Ok(text.as_bytes().to_vec()),
        Val::Bytes(bytes) => Ok(bytes.to_vec()),
        Val::Undefined(missing) => Err(Fault::missing(missing)),
        other => {
            let kind = other.type_name();
            Err(Fault::error(format!("expected str, bytes, or bytearray not <class '{kind}'>")))
        }
    }
}

fn hashed(value: &Val, algorithm: &str) -> Res {
    let hex = digest::hex_of_bytes(algorithm, &bytes(value)?);
    hex.map(Val::str).ok_or_else(|| Fault::error(format!("unsupported hash type {algorithm}")))
}

fn random_hash(_: &mut super::super::interpret::Run<'_>, value: Val, arguments: &mut Arguments) -> Res {
    let algorithm = arguments.text("hash_type", "md5")?;
    let Some(size @ 1..) = value.as_int() else { return Err(Fault::error("random_hash takes a size above 0")) };
    let number = rand::rng().random_range(0..size);
    hashed(&Val::str(number.to_string()), &algorithm)
}

fn generator(seed: Option<Val>) -> Res<Twister> {
    Ok(match seed {
        None | Some(Val::None) => Twister::with_integer(rand::rng().random()),
        // The reference hashes a seed first.
        Some(seed) => Twister::with_text(&digest::hex_of_bytes("sha512", &bytes(&seed)?).unwrap_or_default()),
    })
}

/// A version 5 UUID in the reference's name space.
fn uuid(name: &str) -> String {
    let mut text = vec![0x91, 0x63, 0x3e, 0xbf, 0x1c, 0x86, 0x5e, 0x33, 0x93, 0x5a, 0x28, 0x06, 0x1f, 0x4b, 0x48, 0x0e];
    text.extend_from_slice(name.as_bytes());
    let mut bytes = digest::of_bytes("sha1", &text).unwrap_or_default();
    bytes.resize(16, 0);
    bytes[6] = (bytes[6] & 0x0f) | 0x50;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = digest::hex(&bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
