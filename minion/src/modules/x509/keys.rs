//! Private keys and public ones.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::Value;

use super::{DOC, give, write};
use crate::cx::{Act, Module};
use crate::pki::{self, Public};
use crate::system::openssl::{self, Algorithm, KeyForm};

/// The functions.
pub const MODULE: Module = Module {
    name: "x509",
    doc: DOC,
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
                let key = openssl::inspect(&pki::bytes(&args.private_key)?, args.passphrase.as_deref())?;
                Ok(key.size.map_or(Value::Null, Value::from).into())
            },
        ),
        Function::reads(
            "get_public_key",
            "The public half of a private key, or the key of a certificate or request, as PEM.",
            "x509.get_public_key /etc/ssl/private/shop.key",
            PublicKey::ROWS,
            |_, arguments| {
                let args = PublicKey::bind("x509.get_public_key", arguments)?;
                Ok(Public::load(&args.key, args.passphrase.as_deref())?.pem()?.into())
            },
        ),
        Function::reads(
            "verify_private_key",
            "True if a private key belongs to a public key, a certificate or a request.",
            "x509.verify_private_key /etc/ssl/private/shop.key /etc/ssl/certs/shop.pem",
            Pair::ROWS,
            |_, arguments| {
                let args = Pair::bind("x509.verify_private_key", arguments)?;
                let own = Public::load(&args.private_key, args.passphrase.as_deref())?;
                Ok((own == Public::load(&args.public_key, None)?).into())
            },
        ),
        Function::reads(
            "encode_private_key",
            "A private key in another form, closed with another passphrase or with none.",
            "x509.encode_private_key /etc/ssl/private/shop.key der",
            Rewritten::ROWS,
            |_, arguments| {
                let args = Rewritten::bind("x509.encode_private_key", arguments)?;
                let form = form("x509.encode_private_key", &args.encoding, args.pkcs12_encryption_compat)?;
                let (old, new) = (args.private_key_passphrase.as_deref(), args.passphrase.as_deref());
                let key = openssl::rewrite(&pki::bytes(&args.private_key)?, old, new, form)?;
                Ok(give(key, form == KeyForm::Pem, args.raw).into())
            },
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
        /// `pem`, or `der`, which is given in base64; `pkcs12` is refused.
        encoding: String = "pem".to_owned(),
        /// Refused.
        pkcs12_encryption_compat: bool = false,
        /// Where it is written instead of given.
        path: Option<String> = None,
        /// Gives bytes as they are.
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
        /// A key, certificate or request, or its file.
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
        /// A public key, certificate or request, or its file.
        public_key: String,
        /// What the private key is closed with.
        passphrase: Option<String> = None,
    }
}

args! {
    /// Arguments of `x509.encode_private_key`.
    pub struct Rewritten {
        /// A private key, or its file.
        private_key: String,
        /// `pem`, or `der`, which is given in base64; `pkcs12` is refused.
        encoding: String = "pem".to_owned(),
        /// Closes what is given.
        passphrase: Option<String> = None,
        /// What the key is closed with.
        private_key_passphrase: Option<String> = None,
        /// Refused.
        pkcs12_encryption_compat: bool = false,
        /// Gives bytes as they are.
        raw: bool = false,
    }
}

/// What is not built of a key's forms.
pub fn form(function: &str, encoding: &str, compat: bool) -> Result<KeyForm, CallError> {
    match (encoding, compat) {
        ("pem", false) => Ok(KeyForm::Pem),
        ("der", false) => Ok(KeyForm::Der),
        (_, true) => Err(CallError::Unsupported(format!("'pkcs12_encryption_compat' of {function}"))),
        (other, _) => Err(CallError::Unsupported(format!("the encoding '{other}' of {function}"))),
    }
}

fn create_private_key(_act: &Act, arguments: Arguments) -> CallResult {
    let args = NewKey::bind("x509.create_private_key", arguments)?;
    let form = form("x509.create_private_key", &args.encoding, args.pkcs12_encryption_compat)?;
    let passphrase = args.passphrase.as_deref();
    let pem = openssl::generate(Algorithm::named(&args.algo)?, args.keysize, passphrase)?;
    let key = match form {
        KeyForm::Pem => pem.into_bytes(),
        KeyForm::Der => openssl::rewrite(pem.as_bytes(), passphrase, passphrase, form)?,
    };
    match &args.path {
        None => Ok(give(key, form == KeyForm::Pem, args.raw).into()),
        Some(path) => write(path, &key, true),
    }
}
