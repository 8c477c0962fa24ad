//! `x509.*`: keys and certificates, through the program `openssl`.

use std::path::Path;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::{Map, Value};

use crate::cx::{Act, Look, Module};
use crate::system::fs::{WriteOptions, read_bounded, write_atomic};
use crate::system::openssl::{self, Algorithm, OpensslError};

/// Largest file of keys and certificates.
const MOST: u64 = 4 << 20;
const DAY: i64 = 86_400;

/// The module.
pub const MODULE: Module = Module {
    name: "x509",
    doc: "Keys and certificates.",
    functions: &[
        Function::changes(
            "create_private_key",
            "Makes a private key: gives it as PEM, or writes it to a file that only its owner can read.",
            "x509.create_private_key algo=ec path=/etc/ssl/private/shop.key",
            NewKey::ROWS,
            create_private_key,
        ),
        Function::reads(
            "get_private_key_size",
            "Bits of a private key; null for a kind that has but one size.",
            "x509.get_private_key_size /etc/ssl/private/shop.key",
            PrivateKey::ROWS,
            |_, arguments| {
                let args = PrivateKey::bind("x509.get_private_key_size", arguments)?;
                let key = openssl::inspect(pem(&args.private_key)?.as_bytes(), args.passphrase.as_deref())?;
                Ok(key.size.map_or(Value::Null, Value::from).into())
            },
        ),
        Function::reads(
            "get_public_key",
            "The public half of a private key, or the key of a certificate, as PEM.",
            "x509.get_public_key /etc/ssl/private/shop.key",
            PublicKey::ROWS,
            |_, arguments| {
                let args = PublicKey::bind("x509.get_public_key", arguments)?;
                Ok(openssl::public(pem(&args.key)?.as_bytes(), args.passphrase.as_deref())?.into())
            },
        ),
        Function::reads(
            "verify_private_key",
            "True if a private key belongs to a public key or a certificate.",
            "x509.verify_private_key /etc/ssl/private/shop.key /etc/ssl/certs/shop.pem",
            Pair::ROWS,
            |_, arguments| {
                let args = Pair::bind("x509.verify_private_key", arguments)?;
                let own = openssl::public(pem(&args.private_key)?.as_bytes(), args.passphrase.as_deref())?;
                Ok((own == openssl::public(pem(&args.public_key)?.as_bytes(), None)?).into())
            },
        ),
        Function::reads(
            "expired",
            "Whether a certificate has ended: `path`, `cn`, `expired`.",
            "x509.expired /etc/ssl/certs/shop.pem",
            Certificate::ROWS,
            |_, arguments| {
                let args = Certificate::bind("x509.expired", arguments)?;
                let text = pem(&args.certificate)?;
                let mut answer = subject(&args.certificate, &text)?;
                answer.insert("expired", openssl::ends_within(text.as_bytes(), 0)?);
                Ok(answer.into())
            },
        ),
        Function::reads(
            "will_expire",
            "Whether a certificate ends within so many days: `path`, `cn`, `check_days`, `will_expire`.",
            "x509.will_expire /etc/ssl/certs/shop.pem 30",
            Within::ROWS,
            |_, arguments| {
                let args = Within::bind("x509.will_expire", arguments)?;
                let text = pem(&args.certificate)?;
                let mut answer = Map::from_iter([("check_days", args.days)]);
                answer.extend(subject(&args.certificate, &text)?);
                let seconds = args.days.saturating_mul(DAY);
                answer.insert("will_expire", openssl::ends_within(text.as_bytes(), seconds)?);
                Ok(answer.into())
            },
        ),
        Function::reads(
            "expires",
            "True if a certificate ends within so many days.",
            "x509.expires /etc/ssl/certs/shop.pem 30",
            Ends::ROWS,
            |_, arguments| {
                let args = Ends::bind("x509.expires", arguments)?;
                let text = pem(&args.certificate)?;
                Ok(openssl::ends_within(text.as_bytes(), args.days.saturating_mul(DAY))?.into())
            },
        ),
        Function::reads(
            "get_pem_entry",
            "One entry of a text or file of PEM: the first, or the first of a kind.",
            "x509.get_pem_entry /etc/ssl/certs/shop.pem CERTIFICATE",
            Entry::ROWS,
            |_, arguments| {
                let args = Entry::bind("x509.get_pem_entry", arguments)?;
                Ok(openssl::entry(&pem(&args.text)?, args.pem_type.as_deref())?.into())
            },
        ),
        Function::reads(
            "get_pem_entries",
            "The first entry of each file of PEM that fits a pattern, by path.",
            "x509.get_pem_entries '/etc/ssl/certs/shop*.pem'",
            Pattern::ROWS,
            get_pem_entries,
        ),
        Function::changes(
            "write_pem",
            "Writes an entry of PEM to a file: one that only its owner can read, if it is a key.",
            "x509.write_pem /root/shop.pem path=/etc/ssl/certs/shop.pem",
            Written::ROWS,
            write_pem,
        ),
    ],
};

args! {
    /// Arguments of `x509.create_private_key`.
    pub struct NewKey {
        /// `rsa`, `ec`, `ed25519` or `ed448`.
        algo: String = "rsa".to_owned(),
        /// Bits: 2048 to 16384 (`rsa`), 256, 384, 521 (`ec`).
        keysize: Option<i64> = None,
        /// Closes the key.
        passphrase: Option<String> = None,
        /// `pem`; others are refused.
        encoding: String = "pem".to_owned(),
        /// Refused.
        pkcs12_encryption_compat: bool = false,
        /// Where it is written instead of given.
        path: Option<String> = None,
        /// Refused.
        raw: bool = false,
    }
}

args! {
    /// A private key.
    pub struct PrivateKey {
        /// PEM, or its file.
        private_key: String,
        /// What it is closed with.
        passphrase: Option<String> = None,
    }
}

args! {
    /// Arguments of `x509.get_public_key`.
    pub struct PublicKey {
        /// PEM of a key or certificate, or its file.
        key: String,
        /// What it is closed with.
        passphrase: Option<String> = None,
        /// No effect.
        as_obj: Option<bool> = None,
    }
}

args! {
    /// Arguments of `x509.verify_private_key`.
    pub struct Pair {
        /// PEM, or its file.
        private_key: String,
        /// PEM of a public key or certificate, or its file.
        public_key: String,
        /// What the private key is closed with.
        passphrase: Option<String> = None,
    }
}

args! {
    /// A certificate.
    pub struct Certificate {
        /// PEM, or its file.
        certificate: String,
    }
}

args! {
    /// Arguments of `x509.will_expire`.
    pub struct Within {
        /// PEM, or its file.
        certificate: String,
        /// Days from now.
        days: i64,
    }
}

args! {
    /// Arguments of `x509.expires`.
    pub struct Ends {
        /// PEM, or its file.
        certificate: String,
        /// Days from now.
        days: i64 = 0,
    }
}

args! {
    /// Arguments of `x509.get_pem_entry`.
    pub struct Entry {
        /// PEM, or its file.
        text: String,
        /// The kind: `CERTIFICATE`, `PRIVATE KEY` ...
        pem_type: Option<String> = None,
    }
}

args! {
    /// Arguments of `x509.get_pem_entries`.
    pub struct Pattern {
        /// The pattern: a directory, and in its last part `*` and `?`.
        glob_path: String,
    }
}

args! {
    /// Arguments of `x509.write_pem`.
    pub struct Written {
        /// PEM, or its file.
        text: String,
        /// The file that is written.
        path: String,
        /// No effect: a file of PEM that is there is written anew.
        overwrite: bool = true,
        /// The kind of the entry.
        pem_type: Option<String> = None,
    }
}

impl From<OpensslError> for CallError {
    fn from(error: OpensslError) -> Self {
        match error {
            OpensslError::Nonsense(why) => Self::Invocation(why),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// The text itself when it is PEM, else what is in the file of that name.
pub fn pem(given: &str) -> Result<String, CallError> {
    if given.contains("-----BEGIN ") {
        return Ok(given.to_owned());
    }
    let path = Path::new(given);
    if !path.is_absolute() {
        return Err(CallError::Invocation("neither PEM nor the absolute path of a file of it".to_owned()));
    }
    let bytes = read_bounded(path, MOST).map_err(|fault| CallError::Failed(fault.to_string()))?;
    String::from_utf8(bytes).map_err(|_| CallError::Failed(format!("{given} holds no PEM")))
}

/// What is not built of a key's forms.
pub fn refused(function: &str, encoding: &str, compat: bool) -> Result<(), CallError> {
    match (encoding, compat) {
        ("pem", false) => Ok(()),
        ("pem", true) => Err(CallError::Unsupported(format!("'pkcs12_encryption_compat' of {function}"))),
        (other, _) => Err(CallError::Unsupported(format!("the encoding '{other}' of {function}"))),
    }
}

fn create_private_key(_act: &Act, arguments: Arguments) -> CallResult {
    let args = NewKey::bind("x509.create_private_key", arguments)?;
    refused("x509.create_private_key", &args.encoding, args.pkcs12_encryption_compat)?;
    if args.raw {
        return Err(CallError::Unsupported("'raw' of x509.create_private_key".to_owned()));
    }
    let key = openssl::generate(Algorithm::named(&args.algo)?, args.keysize, args.passphrase.as_deref())?;
    match &args.path {
        None => Ok(key.into()),
        Some(path) => write(path, &key),
    }
}

fn write(path: &str, text: &str) -> CallResult {
    if !Path::new(path).is_absolute() {
        return Err(CallError::Invocation(format!("{path} is no absolute path")));
    }
    let mode = text.contains("PRIVATE KEY-----").then_some(0o600);
    let options = WriteOptions { mode, ..WriteOptions::default() };
    write_atomic(Path::new(path), text.as_bytes(), &options).map_err(|fault| CallError::Failed(fault.to_string()))?;
    Ok(format!("PEM written to {path}").into())
}

fn write_pem(_act: &Act, arguments: Arguments) -> CallResult {
    let args = Written::bind("x509.write_pem", arguments)?;
    write(&args.path, &openssl::entry(&pem(&args.text)?, args.pem_type.as_deref())?)
}

fn subject(given: &str, text: &str) -> Result<Map, CallError> {
    let path = if given.contains("-----BEGIN ") { Value::Null } else { given.into() };
    Ok(Map::from_iter([("path", path), ("cn", openssl::common_name(text.as_bytes())?.into())]))
}

fn get_pem_entries(_look: &Look, arguments: Arguments) -> CallResult {
    let args = Pattern::bind("x509.get_pem_entries", arguments)?;
    let path = Path::new(&args.glob_path);
    let named = path.parent().zip(path.file_name().and_then(|name| name.to_str())).filter(|_| path.is_absolute());
    let (directory, pattern) =
        named.ok_or_else(|| CallError::Invocation(format!("{} is no absolute path", args.glob_path)))?;
    let failed = |error: std::io::Error| CallError::Failed(format!("{}: {error}", directory.display()));
    let mut found = Map::new();
    let mut names: Vec<_> = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name());
    }
    names.sort();
    for name in names.iter().filter_map(|name| name.to_str()) {
        let file = directory.join(name);
        if fleet_common::target::glob::matches(pattern, name) && file.is_file() {
            let shown = file.display().to_string();
            // A file without an entry is not one of those that are asked for.
            if let Ok(entry) = pem(&shown).and_then(|text| Ok(openssl::entry(&text, None)?)) {
                found.insert(shown, entry);
            }
        }
    }
    Ok(found.into())
}
