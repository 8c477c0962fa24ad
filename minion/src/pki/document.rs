//! What certificates, requests and lists have in common: a form that is kept byte for byte, and how they are read.

use x509_cert::der::{self, Decode};

use super::{PkiError, PkiResult, pem, source};

/// A kind of document.
pub trait Kind: for<'a> Decode<'a, Error = der::Error> {
    /// What PEM calls it.
    const LABEL: &'static str;
    /// What messages call it.
    const NOUN: &'static str;
    /// What messages call it in short.
    const SHORT: &'static str;
}

/// A document as it was read or made: its parts, and the bytes that its signature is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document<K> {
    pub(super) held: K,
    form: Vec<u8>,
}

impl<K: Kind> Document<K> {
    /// Of its form.
    pub fn of_form(form: &[u8]) -> PkiResult<Self> {
        let odd =
            |error| PkiError::Nonsense(format!("Could not load the {}: it has not their form: {error}", K::SHORT));
        Ok(Self { held: K::from_der(form).map_err(odd)?, form: form.to_vec() })
    }

    /// The first that is given: PEM, its form in base64, or a file of either.
    pub fn load(given: &str) -> PkiResult<Self> {
        Self::of_bytes(&source::bytes(given)?)
    }

    /// The first of PEM, or the form.
    pub fn of_bytes(bytes: &[u8]) -> PkiResult<Self> {
        let forms = source::forms(bytes, K::LABEL, K::NOUN)?;
        Self::of_form(forms.first().map_or(&[][..], Vec::as_slice))
    }

    /// In bytes.
    pub fn form(&self) -> &[u8] {
        &self.form
    }

    /// As PEM.
    pub fn pem(&self) -> String {
        pem::encoded(K::LABEL, &self.form)
    }
}
