//! `x509.*`: keys, certificates, requests and lists of revoked certificates. What they are is `pki`'s business; private
//! keys are seen by the program `openssl` alone.

pub mod certificate;
mod encode;
mod expiry;
mod given;
pub mod keys;
pub mod lists;
mod pem;
mod read;
pub mod requests;

use fleet_common::call::CallError;
pub use given::text;
use given::{give, matching, write};

use crate::cx::Module;
use crate::pki::PkiError;
use crate::system::openssl::OpensslError;

const DOC: &str = "Keys and certificates.";

/// The functions, by subject.
pub const MODULES: [&Module; 8] = [
    &keys::MODULE,
    &pem::MODULE,
    &expiry::MODULE,
    &read::MODULE,
    &encode::MODULE,
    &certificate::MODULE,
    &requests::MODULE,
    &lists::MODULE,
];

impl From<OpensslError> for CallError {
    fn from(error: OpensslError) -> Self {
        match error {
            OpensslError::Nonsense(why) => Self::Invocation(why),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<PkiError> for CallError {
    fn from(error: PkiError) -> Self {
        match error {
            PkiError::Nonsense(why) => Self::Invocation(why),
            PkiError::Unbuilt(what) => Self::Unsupported(what),
            PkiError::Openssl(error) => error.into(),
            other => Self::Failed(other.to_string()),
        }
    }
}
