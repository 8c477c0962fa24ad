//! Files of certificates: one with those that follow it, in each encoding.

use super::document::Kind;
use super::{Certificate, PkiResult, nonsense, pem, source};
use crate::system::openssl::{self, KeyForm, OpensslError};

/// How certificates are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Text, one entry after the other.
    Pem,
    /// Bytes of one certificate.
    Der,
    /// A message of PKCS#7 as text.
    Pkcs7Pem,
    /// A message of PKCS#7.
    Pkcs7Der,
    /// A container of PKCS#12.
    Pkcs12,
}

const ENCODINGS: &[(&str, Encoding)] = &[
    ("der", Encoding::Der),
    ("pem", Encoding::Pem),
    ("pkcs7_der", Encoding::Pkcs7Der),
    ("pkcs7_pem", Encoding::Pkcs7Pem),
    ("pkcs12", Encoding::Pkcs12),
];

impl Encoding {
    /// By its name in trees.
    pub fn named(name: &str) -> PkiResult<Self> {
        match ENCODINGS.iter().find(|(known, _)| *known == name) {
            Some((_, encoding)) => Ok(*encoding),
            None => {
                let known: Vec<&str> = ENCODINGS.iter().map(|(name, _)| *name).collect();
                nonsense(format!("Invalid value '{name}' for encoding. Valid: {}", known.join(", ")))
            }
        }
    }

    /// By its name in trees, of the two that requests and lists have.
    pub fn plain(name: &str) -> PkiResult<Self> {
        match name {
            "der" => Ok(Self::Der),
            "pem" => Ok(Self::Pem),
            other => nonsense(format!("Invalid value '{other}' for encoding. Valid: der, pem")),
        }
    }

    /// Its name in trees.
    pub fn name(self) -> &'static str {
        ENCODINGS.iter().find(|(_, encoding)| *encoding == self).map_or("pem", |(name, _)| name)
    }

    /// True for text.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Pem | Self::Pkcs7Pem)
    }

    /// That of requests and lists that are there.
    pub fn of(bytes: &[u8]) -> Self {
        if pem::is_pem(bytes) { Self::Pem } else { Self::Der }
    }
}

/// A certificate and those that follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The first.
    pub certificate: Certificate,
    /// Those that follow.
    pub more: Vec<Certificate>,
    /// How they are written.
    pub encoding: Encoding,
    /// What a container calls the first.
    pub friendly_name: Option<String>,
}

/// What a container of PKCS#12 has besides certificates.
#[derive(Default)]
pub struct Closing<'a> {
    /// What it is closed with.
    pub passphrase: Option<&'a str>,
    /// A private key, and what that is closed with.
    pub key: Option<(Vec<u8>, Option<&'a str>)>,
    /// With older algorithms.
    pub is_old: bool,
}

impl Bundle {
    /// What is in a file; `None` for bytes that are neither certificates nor a container that the passphrase opens.
    pub fn read(bytes: &[u8], passphrase: Option<&str>) -> PkiResult<Option<Self>> {
        let text = String::from_utf8_lossy(bytes);
        if pem::is_pem(bytes) {
            if text.contains("-----BEGIN PKCS7-----") {
                let all = openssl::of_pkcs7(bytes, KeyForm::Pem)?;
                return Self::of_text(&all, Encoding::Pkcs7Pem).map(Some);
            }
            return Self::of_text(&text, Encoding::Pem).map(Some);
        }
        if let Ok(certificate) = Certificate::of_form(bytes) {
            return Ok(Some(Self { certificate, more: Vec::new(), encoding: Encoding::Der, friendly_name: None }));
        }
        let tried = [
            (Encoding::Pkcs7Der, openssl::of_pkcs7(bytes, KeyForm::Der)),
            (Encoding::Pkcs12, openssl::of_pkcs12(bytes, passphrase)),
        ];
        for (encoding, said) in tried {
            match said {
                Ok(all) => return Self::of_text(&all, encoding).map(Some),
                Err(OpensslError::Said(_)) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Ok(None)
    }

    fn of_text(text: &str, encoding: Encoding) -> PkiResult<Self> {
        let forms = source::forms(text.as_bytes(), <x509_cert::Certificate as Kind>::LABEL, "certificate")?;
        let mut all = forms.iter().map(|form| Certificate::of_form(form)).collect::<PkiResult<Vec<_>>>()?;
        if all.is_empty() {
            return nonsense("Could not load PEM-encoded certificate.");
        }
        let certificate = all.remove(0);
        let named = text.lines().find_map(|line| line.trim().strip_prefix("friendlyName: "));
        Ok(Self { certificate, more: all, encoding, friendly_name: named.map(str::to_owned) })
    }

    /// All that are given: PEM or a file of it may hold several.
    pub fn load_all(given: &str) -> PkiResult<Vec<Certificate>> {
        let bytes = source::bytes(given)?;
        match Self::read(&bytes, None)? {
            Some(bundle) => Ok(std::iter::once(bundle.certificate).chain(bundle.more).collect()),
            None => nonsense(format!("{given} holds no certificate")),
        }
    }

    /// As it is written.
    pub fn written(&self, closing: &Closing<'_>) -> PkiResult<Vec<u8>> {
        let all = std::iter::once(&self.certificate).chain(&self.more);
        // With an empty line between them, as such files are written elsewhere.
        let text = all.map(Certificate::pem).collect::<Vec<_>>().join("\n");
        Ok(match self.encoding {
            Encoding::Pem => text.into_bytes(),
            Encoding::Der if self.more.is_empty() => self.certificate.form().to_vec(),
            Encoding::Der => {
                return nonsense("Cannot encode a certificate chain in DER: 'append_certs' needs another encoding");
            }
            Encoding::Pkcs7Pem => openssl::to_pkcs7(text.as_bytes(), KeyForm::Pem)?,
            Encoding::Pkcs7Der => openssl::to_pkcs7(text.as_bytes(), KeyForm::Der)?,
            Encoding::Pkcs12 => {
                let (key, opens) = closing.key.clone().unwrap_or_default();
                let entries = [key, text.into_bytes()].join(&b'\n');
                let name = self.friendly_name.as_deref();
                let has_key = closing.key.is_some();
                openssl::to_pkcs12(&entries, has_key, opens, closing.passphrase, name, closing.is_old)?
            }
        })
    }
}
