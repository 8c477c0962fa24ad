//! Making requests for certificates.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use super::{DOC, give, write};
use crate::cx::{Act, Module};
use crate::pki::{self, Ask, Encoding, Request, Signer};

/// The functions.
pub const MODULE: Module = Module {
    name: "x509",
    doc: DOC,
    functions: &[Function::changes(
        "create_csr",
        "Makes a request for a certificate: gives it as PEM, or writes it to a file.\n\nParts of the subject (`CN`, \
         `O` ...) and extensions (`subjectAltName`, `keyUsage` ...) are arguments as well.",
        "x509.create_csr private_key=/etc/ssl/private/shop.key CN=shop.example",
        NewRequest::ROWS,
        create_csr,
    )],
};

args! {
    /// Arguments of `x509.create_csr`.
    pub struct NewRequest {
        /// The private key, or its file.
        private_key: String,
        /// What that is closed with.
        private_key_passphrase: Option<String> = None,
        /// The digest of the signature: `sha256`, `sha384`, `sha3_256` ...
        digest: String = "sha256".to_owned(),
        /// `pem` or `der`.
        encoding: String = "pem".to_owned(),
        /// Where it is written instead of given.
        path: Option<String> = None,
        /// Gives bytes as they are.
        raw: bool = false,
        /// The whole subject: a text of RFC 4514, a list of its parts, or a mapping.
        subject: Option<Value> = None,
        /// Parts of the subject and extensions, by their names.
        **more: Map,
    }
}

/// True for an argument of making requests.
pub fn is_argument(name: &str) -> bool {
    let is_own = NewRequest::ROWS.iter().any(|row| row.name == name && name != "more");
    is_own || pki::is_attribute(name) || pki::is_extension(name)
}

/// All that is asked for: a request and how it is written.
pub struct Wanted {
    /// The request.
    pub ask: Ask,
    /// How it is written.
    pub encoding: Encoding,
    args: NewRequest,
}

impl Wanted {
    /// Of the arguments of a call or a state.
    pub fn new(function: &str, arguments: Arguments) -> Result<Self, CallError> {
        let args = NewRequest::bind(function, arguments)?;
        if let Some((key, _)) = args.more.iter().find(|(key, _)| !is_argument(&str_(key))) {
            return Err(CallError::Invocation(format!("{function} has no argument '{}'", str_(key))));
        }
        let ask = Ask {
            signer: Signer::load(&args.private_key, args.private_key_passphrase.as_deref())?,
            digest: args.digest.clone(),
            subject: args.subject.clone(),
            said: args.more.clone(),
        };
        ask.check()?;
        Ok(Self { encoding: Encoding::plain(&args.encoding)?, ask, args })
    }

    /// Makes it: as it is written.
    pub fn make(&self) -> Result<Vec<u8>, CallError> {
        let request: Request = self.ask.make()?;
        Ok(match self.encoding {
            Encoding::Pem => request.pem().into_bytes(),
            _ => request.form().to_vec(),
        })
    }
}

fn create_csr(_act: &Act, arguments: Arguments) -> CallResult {
    let wanted = Wanted::new("x509.create_csr", arguments)?;
    let made = wanted.make()?;
    match &wanted.args.path {
        None => Ok(give(made, wanted.encoding.is_text(), wanted.args.raw).into()),
        Some(path) => write(path, &made, false),
    }
}
