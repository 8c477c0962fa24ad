//! `x509.*`: private keys, certificates, requests, lists of revoked certificates and files of PEM. What they write is a
//! `file.managed`, with all its arguments.

mod certificate;
mod file;
mod key;
mod list;
mod request;
mod text;

use super::{Failure, StateFunction, StateModule};
use crate::pki::PkiError;
use crate::system::openssl::OpensslError;

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "x509",
    doc: "Private keys, certificates, requests, lists of revoked certificates and files of PEM.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "private_key_managed",
            doc: "A private key of this kind; made once, and anew when another kind, size or passphrase is asked for.",
            example: "/etc/ssl/private/shop.key: {x509.private_key_managed: [{algo: ec}, {user: shop}]}",
            args: key::PrivateKey::ROWS,
            make: |f, a| Ok(Box::new(key::PrivateKey::bind(f, a)?)),
        },
        StateFunction {
            name: "certificate_managed",
            doc: "A certificate that says this; made once, and anew when it ends soon or when another subject, key, \
                  issuer, digest, extension or encoding is asked for.",
            example: "/etc/ssl/ca.pem: {x509.certificate_managed: [{signing_private_key: /etc/ssl/private/ca.key}, \
                      {CN: ca.example}, {basicConstraints: 'critical, CA:TRUE'}]}",
            args: certificate::Certificate::ROWS,
            make: |f, a| Ok(Box::new(certificate::Certificate::bind(f, a)?)),
        },
        StateFunction {
            name: "csr_managed",
            doc: "A request for a certificate that says this; made once, and anew when something else is asked for.",
            example: "/etc/ssl/shop.csr: {x509.csr_managed: [{private_key: /etc/ssl/private/shop.key}, {CN: shop.example}]}",
            args: request::Request::ROWS,
            make: |f, a| Ok(Box::new(request::Request::bind(f, a)?)),
        },
        StateFunction {
            name: "crl_managed",
            doc: "A list of revoked certificates; made once, and anew when the next is due or something else is asked for.",
            example: "/etc/ssl/ca.crl: {x509.crl_managed: [{signing_private_key: /etc/ssl/private/ca.key}, \
                      {signing_cert: /etc/ssl/ca.pem}, {revoked: [{serial_number: 5}]}]}",
            args: list::List::ROWS,
            make: |f, a| Ok(Box::new(list::List::bind(f, a)?)),
        },
        StateFunction {
            name: "pem_managed",
            doc: "A file with an entry of PEM: the first one of a text or of another file.",
            example: "/etc/ssl/certs/shop.pem: {x509.pem_managed: [{text: '{{ pillar.certificate }}'}]}",
            args: text::Pem::ROWS,
            make: |f, a| Ok(Box::new(text::Pem::bind(f, a)?)),
        },
    ],
};

impl From<OpensslError> for Failure {
    fn from(error: OpensslError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<PkiError> for Failure {
    fn from(error: PkiError) -> Self {
        Self::new(error.to_string())
    }
}
