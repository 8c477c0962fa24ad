//! Certificates, requests and lists in other encodings.

use fleet_common::args;
use fleet_common::call::{Arguments, CallResult, Function};

use super::{DOC, give};
use crate::cx::{Look, Module};
use crate::pki::{self, Bundle, Certificate, Closing, Encoding, List, Request};

/// The functions.
pub const MODULE: Module = Module {
    name: "x509",
    doc: DOC,
    functions: &[
        Function::reads(
            "encode_certificate",
            "A certificate in another encoding, with those that follow it.",
            "x509.encode_certificate /etc/ssl/certs/shop.pem pkcs7_pem append_certs=/etc/ssl/certs/ca.pem",
            OneCertificate::ROWS,
            encode_certificate,
        ),
        Function::reads(
            "encode_csr",
            "A request as PEM, or as its form in base64.",
            "x509.encode_csr /etc/ssl/shop.csr der",
            OneRequest::ROWS,
            |_, arguments| {
                let args = OneRequest::bind("x509.encode_csr", arguments)?;
                let request = Request::load(&args.csr)?;
                Ok(match Encoding::plain(&args.encoding)? {
                    Encoding::Pem => give(request.pem().into_bytes(), true, args.raw),
                    _ => give(request.form().to_vec(), false, args.raw),
                }
                .into())
            },
        ),
        Function::reads(
            "encode_crl",
            "A list of revoked certificates as PEM, or as its form in base64.",
            "x509.encode_crl /etc/ssl/ca.crl der",
            OneList::ROWS,
            |_, arguments| {
                let args = OneList::bind("x509.encode_crl", arguments)?;
                let list = List::load(&args.crl)?;
                Ok(match Encoding::plain(&args.encoding)? {
                    Encoding::Pem => give(list.pem().into_bytes(), true, args.raw),
                    _ => give(list.form().to_vec(), false, args.raw),
                }
                .into())
            },
        ),
    ],
};

args! {
    /// Arguments of `x509.encode_certificate`.
    pub struct OneCertificate {
        /// A certificate, or its file.
        certificate: String,
        /// `pem`, `der`, `pkcs7_pem`, `pkcs7_der`, `pkcs12`.
        encoding: String = "pem".to_owned(),
        /// Certificates that follow, or their files.
        append_certs: Vec<String> = Vec::new(),
        /// For `pkcs12`: the private key that goes along, or its file.
        private_key: Option<String> = None,
        /// What that key is closed with.
        private_key_passphrase: Option<String> = None,
        /// For `pkcs12`: what it is closed with.
        pkcs12_passphrase: Option<String> = None,
        /// For `pkcs12`: older algorithms, for older readers.
        pkcs12_encryption_compat: bool = false,
        /// For `pkcs12`: what it calls the certificate.
        pkcs12_friendlyname: Option<String> = None,
        /// Gives bytes as they are.
        raw: bool = false,
    }
}

args! {
    /// Arguments of `x509.encode_csr`.
    pub struct OneRequest {
        /// A request, or its file.
        csr: String,
        /// `pem` or `der`.
        encoding: String = "pem".to_owned(),
        /// Gives bytes as they are.
        raw: bool = false,
    }
}

args! {
    /// Arguments of `x509.encode_crl`.
    pub struct OneList {
        /// A list, or its file.
        crl: String,
        /// `pem` or `der`.
        encoding: String = "pem".to_owned(),
        /// Gives bytes as they are.
        raw: bool = false,
    }
}

fn encode_certificate(_look: &Look, arguments: Arguments) -> CallResult {
    let args = OneCertificate::bind("x509.encode_certificate", arguments)?;
    let encoding = Encoding::named(&args.encoding)?;
    let mut more = Vec::new();
    for given in &args.append_certs {
        more.extend(Bundle::load_all(given)?);
    }
    let certificate = Certificate::load(&args.certificate)?;
    let friendly_name = args.pkcs12_friendlyname.clone();
    let bundle = Bundle { certificate, more, encoding, friendly_name };
    let key = args.private_key.as_deref().map(pki::bytes).transpose()?;
    let closing = Closing {
        passphrase: args.pkcs12_passphrase.as_deref(),
        key: key.map(|key| (key, args.private_key_passphrase.as_deref())),
        is_old: args.pkcs12_encryption_compat,
    };
    Ok(give(bundle.written(&closing)?, encoding.is_text(), args.raw).into())
}
