//! Certificates, requests and lists of revoked certificates: read and put together here (with `x509-cert`), signed and
//! checked by the program `openssl` (`system/openssl`), which alone sees private keys.

mod certificate;
mod container;
mod crl;
mod differences;
mod document;
mod extension;
mod general;
mod given;
mod identifier;
mod name;
mod parts;
mod pem;
mod points;
mod policies;
mod request;
mod signer;
mod source;
mod times;
mod usage;

pub use certificate::{Certificate, Issue};
pub use container::{Bundle, Closing, Encoding};
pub use crl::{Crl, List};
pub use differences::{of_certificate, of_list, of_request};
pub use extension::is_extension;
pub use name::{is_attribute, plain_attribute};
pub use parts::colons;
pub use pem::entry;
pub use request::{Ask, Request};
pub use signer::{Public, Signer, is_signed_by};
pub use source::{MOST, bytes};

use parts::{fingerprint, joined, nonsense, part};
use x509_cert::der;

use crate::system::fs::FileFault;
use crate::system::openssl::OpensslError;

/// Why something of X.509 can't be read, made or checked.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// What is asked for makes no sense.
    #[error("{0}")]
    Nonsense(String),
    /// It is not built.
    #[error("{0} is not implemented")]
    Unbuilt(String),
    /// The program failed.
    #[error(transparent)]
    Openssl(#[from] OpensslError),
    /// A file can't be read or written.
    #[error(transparent)]
    File(#[from] FileFault),
    /// A file for the program can't be made.
    #[error("a file for openssl can't be written: {0}")]
    Scratch(#[from] std::io::Error),
    /// Something does not fit the forms of X.509.
    #[error("that does not fit the forms of X.509: {0}")]
    Form(#[from] der::Error),
}

/// What most functions here give.
pub type PkiResult<T> = Result<T, PkiError>;
