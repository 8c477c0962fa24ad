//! Making lists of revoked certificates.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::{Map, Value};

use super::{DOC, give, write};
use crate::cx::{Act, Module};
use crate::pki::{Certificate, Crl, Encoding, List, Signer};

/// The functions.
pub const MODULE: Module = Module {
    name: "x509",
    doc: DOC,
    functions: &[Function::changes(
        "create_crl",
        "Makes a list of revoked certificates: gives it as PEM, or writes it to a file.",
        "x509.create_crl signing_private_key=/etc/ssl/private/ca.key signing_cert=/etc/ssl/ca.pem revoked='[{serial_number: 5}]'",
        NewList::ROWS,
        create_crl,
    )],
};

args! {
    /// Arguments of `x509.create_crl`.
    pub struct NewList {
        /// The private key that signs, or its file.
        signing_private_key: String,
        /// What is revoked: mappings of `serial_number` or `certificate`, `revocation_date`, `not_after`, `extensions`.
        revoked: Vec<Value>,
        /// The certificate of who signs.
        signing_cert: Option<String> = None,
        /// What the key is closed with.
        signing_private_key_passphrase: Option<String> = None,
        /// Also what has ended.
        include_expired: bool = false,
        /// Days until the next list is due.
        days_valid: i64 = 100,
        /// The digest of the signature: `sha256`, `sha384`, `sha3_256` ...
        digest: String = "sha256".to_owned(),
        /// `pem` or `der`.
        encoding: String = "pem".to_owned(),
        /// Extensions: `cRLNumber`, `authorityKeyIdentifier`, `issuingDistributionPoint` ...
        extensions: Map = Map::new(),
        /// Where it is written instead of given.
        path: Option<String> = None,
        /// Gives bytes as they are.
        raw: bool = false,
    }
}

/// True for an argument of making lists.
pub fn is_argument(name: &str) -> bool {
    NewList::ROWS.iter().any(|row| row.name == name)
}

/// All that is asked for: a list and how it is written.
pub struct Wanted {
    /// The list.
    pub crl: Crl,
    /// How it is written.
    pub encoding: Encoding,
    args: NewList,
}

impl Wanted {
    /// Of the arguments of a call or a state.
    pub fn new(function: &str, arguments: Arguments) -> Result<Self, CallError> {
        let args = NewList::bind(function, arguments)?;
        let Some(issuer) = &args.signing_cert else {
            return Err(CallError::Invocation(format!("{function} needs 'signing_cert': a list says who signed it")));
        };
        let crl = Crl {
            signer: Signer::load(&args.signing_private_key, args.signing_private_key_passphrase.as_deref())?,
            issuer: Certificate::load(issuer)?,
            revoked: args.revoked.clone(),
            include_expired: args.include_expired,
            days_valid: args.days_valid,
            digest: args.digest.clone(),
            said: args.extensions.clone(),
        };
        crl.check()?;
        Ok(Self { encoding: Encoding::plain(&args.encoding)?, crl, args })
    }

    /// Makes it: as it is written. Entries whose date nobody said keep that of the list before it.
    pub fn make(&self, before: Option<&List>) -> Result<Vec<u8>, CallError> {
        let list = self.crl.make(before)?;
        Ok(match self.encoding {
            Encoding::Pem => list.pem().into_bytes(),
            _ => list.form().to_vec(),
        })
    }
}

fn create_crl(_act: &Act, arguments: Arguments) -> CallResult {
    let wanted = Wanted::new("x509.create_crl", arguments)?;
    let made = wanted.make(None)?;
    match &wanted.args.path {
        None => Ok(give(made, wanted.encoding.is_text(), wanted.args.raw).into()),
        Some(path) => write(path, &made, false),
    }
}
