//! Requests for certificates.

use fleet_common::value::{Map, Value};
use x509_cert::der::asn1::{BitString, SetOfVec};
use x509_cert::der::{Any, Decode, Encode};
use x509_cert::ext::Extension;
use x509_cert::name::Name;
use x509_cert::request::{CertReq, CertReqInfo, ExtensionReq, Version};

use super::document::{Document, Kind};
use super::extension::{Around, Place};
use super::identifier::of_key;
use super::signer::{Public, Signer, is_signed_by};
use super::{PkiResult, colons, extension, name, part};

/// A request.
pub type Request = Document<CertReq>;

impl Kind for CertReq {
    const LABEL: &'static str = "CERTIFICATE REQUEST";
    const NOUN: &'static str = "certificate signing request";
    const SHORT: &'static str = "request";
}

impl Request {
    /// Its key.
    pub fn public(&self) -> PkiResult<Public> {
        Public::new(self.held.info.public_key.clone())
    }

    /// True if who asks has the private half of its key.
    pub fn is_signed(&self) -> PkiResult<bool> {
        let form = self.held.info.to_der()?;
        is_signed_by(&self.public()?, &self.held.algorithm, &form, self.held.signature.raw_bytes())
    }

    /// The extensions that it asks for.
    pub(super) fn extensions(&self) -> PkiResult<Vec<Extension>> {
        use x509_cert::der::oid::AssociatedOid as _;
        let asked = self.held.info.attributes.iter().find(|attribute| attribute.oid == ExtensionReq::OID);
        let Some(value) = asked.and_then(|attribute| attribute.values.iter().next()) else { return Ok(Vec::new()) };
        Ok(Vec::<Extension>::from_der(&value.to_der()?)?)
    }

    /// All that it says.
    pub fn shown(&self) -> PkiResult<Map> {
        let (info, public) = (&self.held.info, self.public()?);
        Ok(Map::from_iter([
            ("key_size", public.size().map_or(Value::Null, Value::from)),
            ("key_type", public.kind().into()),
            ("subject", name::parts(&info.subject).into()),
            ("subject_hash", name::hash(&info.subject)?.into()),
            ("subject_str", name::text(&info.subject).into()),
            ("public_key_hash", colons(&of_key(&info.public_key)).into()),
            ("extensions", extension::shown(&self.extensions()?)?.into()),
        ]))
    }
}

/// What is asked for of a request.
#[derive(Debug)]
pub struct Ask {
    /// Whose key it is.
    pub signer: Signer,
    /// The digest of the signature.
    pub digest: String,
    /// The whole subject; else `said` says its parts.
    pub subject: Option<Value>,
    /// Parts of the subject and extensions, by their names.
    pub said: Map,
}

impl Ask {
    /// Its subject.
    pub(super) fn name(&self) -> PkiResult<Name> {
        name::subject(self.subject.as_ref(), &part(&self.said, name::is_attribute))
    }

    /// Its extensions.
    pub(super) fn extensions(&self) -> PkiResult<Vec<Extension>> {
        let key = &self.signer.public.key;
        let around = Around { subject_key: key, issuer_key: key, issuer: None };
        extension::all(Place::Request, &part(&self.said, extension::is_extension), &around, &[])
    }

    /// What can be found wrong before anything is written.
    pub fn check(&self) -> PkiResult<()> {
        self.signer.algorithm(&self.digest)?;
        self.name()?;
        self.extensions().map(|_| ())
    }

    /// Makes and signs it.
    pub fn make(&self) -> PkiResult<Request> {
        let algorithm = self.signer.algorithm(&self.digest)?;
        let mut attributes = SetOfVec::new();
        let extensions = self.extensions()?;
        if !extensions.is_empty() {
            use x509_cert::der::oid::AssociatedOid as _;
            let values = SetOfVec::try_from(vec![Any::encode_from(&extensions)?])?;
            attributes.insert(x509_cert::attr::Attribute { oid: ExtensionReq::OID, values })?;
        }
        let public_key = self.signer.public.key.clone();
        let info = CertReqInfo { version: Version::V1, subject: self.name()?, public_key, attributes };
        let signature = BitString::from_bytes(&self.signer.sign(&self.digest, &info.to_der()?)?)?;
        Request::of_form(&CertReq { info, algorithm, signature }.to_der()?)
    }
}
