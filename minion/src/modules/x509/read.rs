//! What certificates, requests and lists say, and who signed them.

use fleet_common::args;
use fleet_common::call::Function;
use fleet_common::value::Map;

use super::{DOC, matching};
use crate::cx::Module;
use crate::pki::{Certificate, List, Public, Request};

/// The functions.
pub const MODULE: Module = Module {
    name: "x509",
    doc: DOC,
    functions: &[
        Function::reads(
            "read_certificate",
            "All that a certificate says: subject, issuer, times, key, extensions, sums.",
            "x509.read_certificate /etc/ssl/certs/shop.pem",
            One::ROWS,
            |_, arguments| {
                let args = One::bind("x509.read_certificate", arguments)?;
                Ok(Certificate::load(&args.certificate)?.shown()?.into())
            },
        ),
        Function::reads(
            "read_certificates",
            "What each certificate says whose file fits a pattern, by path.",
            "x509.read_certificates '/etc/ssl/certs/shop*.pem'",
            Pattern::ROWS,
            |_, arguments| {
                let args = Pattern::bind("x509.read_certificates", arguments)?;
                let mut all = Map::new();
                for path in matching(&args.glob_path)? {
                    // Other files are not among those that are asked for.
                    if let Ok(certificate) = Certificate::load(&path) {
                        all.insert(path, certificate.shown()?);
                    }
                }
                Ok(all.into())
            },
        ),
        Function::reads(
            "read_csr",
            "All that a request says: subject, key, extensions.",
            "x509.read_csr /etc/ssl/shop.csr",
            OneRequest::ROWS,
            |_, arguments| {
                let args = OneRequest::bind("x509.read_csr", arguments)?;
                Ok(Request::load(&args.csr)?.shown()?.into())
            },
        ),
        Function::reads(
            "read_crl",
            "All that a list of revoked certificates says: issuer, times, entries, extensions.",
            "x509.read_crl /etc/ssl/ca.crl",
            OneList::ROWS,
            |_, arguments| {
                let args = OneList::bind("x509.read_crl", arguments)?;
                Ok(List::load(&args.crl)?.shown()?.into())
            },
        ),
        Function::reads(
            "verify_signature",
            "True if a certificate is signed by a key, or by its own if none is given.",
            "x509.verify_signature /etc/ssl/certs/shop.pem /etc/ssl/certs/ca.pem",
            Signed::ROWS,
            |_, arguments| {
                let args = Signed::bind("x509.verify_signature", arguments)?;
                let certificate = Certificate::load(&args.certificate)?;
                let passphrase = args.signing_pub_key_passphrase.as_deref();
                let public = match &args.signing_pub_key {
                    Some(given) => Public::load(given, passphrase)?,
                    None => certificate.public()?,
                };
                Ok(certificate.is_signed_by(&public)?.into())
            },
        ),
        Function::reads(
            "verify_crl",
            "True if a list of revoked certificates is signed by the key of a certificate.",
            "x509.verify_crl /etc/ssl/ca.crl /etc/ssl/certs/ca.pem",
            SignedList::ROWS,
            |_, arguments| {
                let args = SignedList::bind("x509.verify_crl", arguments)?;
                Ok(List::load(&args.crl)?.is_signed_by(&Public::load(&args.cert, None)?)?.into())
            },
        ),
    ],
};

args! {
    /// A certificate.
    pub struct One {
        /// PEM, its form in base64, or a file of either.
        certificate: String,
    }
}

args! {
    /// Arguments of `x509.read_certificates`.
    pub struct Pattern {
        /// The pattern: a directory, and in its last part `*` and `?`.
        glob_path: String,
    }
}

args! {
    /// A request.
    pub struct OneRequest {
        /// PEM, its form in base64, or a file of either.
        csr: String,
    }
}

args! {
    /// A list of revoked certificates.
    pub struct OneList {
        /// PEM, its form in base64, or a file of either.
        crl: String,
    }
}

args! {
    /// Arguments of `x509.verify_signature`.
    pub struct Signed {
        /// A certificate, or its file.
        certificate: String,
        /// A key or certificate of who may have signed.
        signing_pub_key: Option<String> = None,
        /// What that key is closed with.
        signing_pub_key_passphrase: Option<String> = None,
    }
}

args! {
    /// Arguments of `x509.verify_crl`.
    pub struct SignedList {
        /// A list, or its file.
        crl: String,
        /// A certificate or key of who may have signed.
        cert: String,
    }
}
