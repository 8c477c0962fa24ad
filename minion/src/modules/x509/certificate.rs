//! Making certificates, and the policies that bind what they say.

use std::path::Path;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Facts as _, Function};
use fleet_common::value::python::str_;
use fleet_common::value::{Map, Value};

use super::{DOC, give, write};
use crate::cx::{Act, Look, Module};
use crate::pki::{self, Bundle, Certificate, Closing, Encoding, Issue, Public, Request, Signer};
use crate::system::fs::{WriteOptions, write_atomic};

/// Where policies are configured, in the minion's configuration or in pillar.
const POLICIES: &str = "x509_signing_policies";

/// The functions.
pub const MODULE: Module = Module {
    name: "x509",
    doc: DOC,
    functions: &[
        Function::changes(
            "create_certificate",
            "Makes a certificate: gives it as PEM, or writes it to a file.\n\nParts of the subject (`CN`, `O` ...) and \
             extensions (`subjectAltName`, `keyUsage` ...) are arguments as well.",
            "x509.create_certificate signing_private_key=/etc/ssl/private/ca.key CN=ca.example basicConstraints=CA:TRUE",
            NewCertificate::ROWS,
            create_certificate,
        ),
        Function::reads(
            "get_signing_policy",
            "A policy of `x509_signing_policies`: what certificates made with it say in any case.",
            "x509.get_signing_policy www",
            Policy::ROWS,
            |look, arguments| {
                let args = Policy::bind("x509.get_signing_policy", arguments)?;
                refuse_server("x509.get_signing_policy", args.ca_server.as_deref())?;
                Ok(policy(look, &args.signing_policy)?.unwrap_or_default().into())
            },
        ),
        Function::changes(
            "sign_remote_certificate",
            "Refused: minions can not have other minions run anything.",
            "x509.sign_remote_certificate www",
            Remote::ROWS,
            |_, arguments| {
                Remote::bind("x509.sign_remote_certificate", arguments)?;
                Err(CallError::Unsupported(format!("x509.sign_remote_certificate: {NO_PEERS}: it")))
            },
        ),
    ],
};

const NO_PEERS: &str = "minions can not have other minions run anything";

args! {
    /// Arguments of `x509.create_certificate`.
    pub struct NewCertificate {
        /// Where it is written instead of given.
        path: Option<String> = None,
        /// False: a file that is there stays.
        overwrite: bool = true,
        /// Gives bytes as they are.
        raw: bool = false,
        /// Refused.
        ca_server: Option<String> = None,
        /// A policy of `x509_signing_policies`: what it says goes before what is said here.
        signing_policy: Option<String> = None,
        /// `pem`, `der`, `pkcs7_pem`, `pkcs7_der`, `pkcs12`.
        encoding: String = "pem".to_owned(),
        /// Certificates that follow, or their files.
        append_certs: Vec<String> = Vec::new(),
        /// A directory that gets a copy, named after the number.
        copypath: Option<String> = None,
        /// The copy's name begins with the common name.
        prepend_cn: bool = false,
        /// For `pkcs12`: what it is closed with.
        pkcs12_passphrase: Option<String> = None,
        /// For `pkcs12`: older algorithms, for older readers.
        pkcs12_encryption_compat: bool = false,
        /// For `pkcs12`: what it calls the certificate.
        pkcs12_friendlyname: Option<String> = None,
        /// The digest of the signature: `sha256`, `sha384`, `sha3_256` ...
        digest: String = "sha256".to_owned(),
        /// The private key of what is certified, or its file.
        private_key: Option<String> = None,
        /// What that is closed with.
        private_key_passphrase: Option<String> = None,
        /// The key that is certified, if its private half is not here.
        public_key: Option<String> = None,
        /// A request: its key, and the extensions that nothing else says.
        csr: Option<String> = None,
        /// The certificate of who signs; without it the certificate signs itself.
        signing_cert: Option<String> = None,
        /// The private key that signs, or its file.
        signing_private_key: Option<String> = None,
        /// What that is closed with.
        signing_private_key_passphrase: Option<String> = None,
        /// The number: decimal, or hexadecimal with colons; without it one that nobody guesses.
        serial_number: Option<Value> = None,
        /// The begin: `2026-01-31 12:00:00`, in UTC; without it now.
        not_before: Option<String> = None,
        /// The end, written alike; without it `days_valid` from now.
        not_after: Option<String> = None,
        /// Days that it lasts.
        days_valid: i64 = 365,
        /// The whole subject: a text of RFC 4514, a list of its parts, or a mapping.
        subject: Option<Value> = None,
        /// Parts of the subject and extensions, by their names.
        **more: Map,
    }
}

args! {
    /// Arguments of `x509.get_signing_policy`.
    pub struct Policy {
        /// Its name.
        signing_policy: String,
        /// Refused.
        ca_server: Option<String> = None,
    }
}

args! {
    /// Arguments of `x509.sign_remote_certificate`.
    pub struct Remote {
        /// The policy.
        signing_policy: String,
        /// Arguments of `x509.create_certificate`.
        kwargs: Map = Map::new(),
        /// Only gives the policy.
        get_signing_policy_only: bool = false,
    }
}

fn refuse_server(function: &str, ca_server: Option<&str>) -> Result<(), CallError> {
    match ca_server {
        Some(_) => Err(CallError::Unsupported(format!("'ca_server' of {function} ({NO_PEERS})"))),
        None => Ok(()),
    }
}

/// A policy, as a mapping: in trees it is often a list of them.
fn policy(look: &Look, name: &str) -> Result<Option<Map>, CallError> {
    let (opts, pillar) = (look.opts(), look.pillar());
    let found = [&opts, &pillar].into_iter().find_map(|place| place.get(POLICIES)?.get(name).cloned());
    match found {
        None => Ok(None),
        Some(Value::Map(map)) => Ok(Some(map)),
        Some(Value::List(items)) => {
            let all = items.iter().filter_map(Value::as_map).flat_map(Map::iter);
            Ok(Some(all.map(|(key, value)| (key.clone(), value.clone())).collect()))
        }
        Some(_) => Err(CallError::Failed(format!("{POLICIES}: '{name}' is neither a mapping nor a list of them"))),
    }
}

/// The arguments with what their policy says in place of what they say.
fn bound_by_policy(look: &Look, function: &str, mut arguments: Map) -> Result<Map, CallError> {
    // What can be no name is refused with the other arguments.
    let is_name = |name: &&Value| !matches!(name, Value::Null | Value::Map(_) | Value::List(_));
    let Some(name) = arguments.get("signing_policy").filter(is_name).map(str_) else {
        return Ok(arguments);
    };
    let Some(mut policy) = policy(look, &name)? else {
        let text =
            format!("there is no signing policy '{name}' below {POLICIES} in the minion's configuration or pillar");
        return Err(CallError::Failed(text));
    };
    // Which minions may use it is for whom it is asked from elsewhere.
    policy.remove("minions");
    let says_parts = policy.iter().any(|(key, _)| key.as_str().is_some_and(pki::is_attribute));
    if says_parts && arguments.contains("subject") {
        let text =
            format!("the policy '{name}' says parts of the subject: give {function} the others by name, not 'subject'");
        return Err(CallError::Invocation(text));
    }
    if policy.contains("subject") {
        arguments.retain(|key, _| !key.as_str().is_some_and(pki::is_attribute));
    }
    for (key, value) in plain_names(policy)? {
        arguments.insert(key, value);
    }
    Ok(arguments)
}

/// Older names of arguments as those of now; both at once is a mistake.
fn plain_names(arguments: Map) -> Result<Map, CallError> {
    let mut plain = Map::new();
    for (key, value) in arguments.iter() {
        let name = match key.as_str() {
            Some("algorithm") => "digest".to_owned(),
            // Of the version and the size of a key there is no choice any more.
            Some("version" | "bits") => continue,
            Some(name) => pki::plain_attribute(name).to_owned(),
            None => str_(key),
        };
        if plain.insert(name.as_str(), value.clone()).is_some() {
            return Err(CallError::Invocation(format!("'{name}' is said twice, also by an older name")));
        }
    }
    Ok(plain)
}

/// True for an argument of making certificates, also by an older name.
pub fn is_argument(name: &str) -> bool {
    let is_own = NewCertificate::ROWS.iter().any(|row| row.name == name && name != "more");
    is_own || ["algorithm", "version", "bits"].contains(&name) || pki::is_attribute(name) || pki::is_extension(name)
}

/// All that is asked for: a certificate and how it is written.
pub struct Wanted {
    /// The certificate.
    pub issue: Issue,
    /// How it is written.
    pub encoding: Encoding,
    /// Those that follow it.
    pub more: Vec<Certificate>,
    args: NewCertificate,
}

impl Wanted {
    /// Of the arguments of a call or a state.
    pub fn new(look: &Look, function: &str, arguments: Arguments) -> Result<Self, CallError> {
        let Arguments { positional, keyword } = arguments;
        let keyword = bound_by_policy(look, function, plain_names(keyword)?)?;
        let args = NewCertificate::bind(function, Arguments { positional, keyword })?;
        refuse_server(function, args.ca_server.as_deref())?;
        if let Some((key, _)) = args.more.iter().find(|(key, _)| !is_argument(&str_(key))) {
            return Err(CallError::Invocation(format!("{function} has no argument '{}'", str_(key))));
        }
        let encoding = Encoding::named(&args.encoding)?;
        let Some(key) = &args.signing_private_key else {
            let text = "Creating a certificate locally at least requires a signing private key: 'signing_private_key'";
            return Err(CallError::Invocation(text.to_owned()));
        };
        let signer = Signer::load(key, args.signing_private_key_passphrase.as_deref())?;
        let issuer = args.signing_cert.as_deref().map(Certificate::load).transpose()?;
        let request = args.csr.as_deref().map(Request::load).transpose()?;
        if let Some(request) = &request
            && !request.is_signed()?
        {
            return Err(CallError::Failed(
                "the request is not signed by its own key: who asks may not have it".to_owned(),
            ));
        }
        let public = args.public(request.as_ref(), &signer, issuer.is_some())?;
        let mut more = Vec::new();
        for given in &args.append_certs {
            more.extend(Bundle::load_all(given)?);
        }
        if encoding == Encoding::Der && !more.is_empty() {
            let text = "Cannot encode a certificate chain in DER: 'append_certs' needs another encoding";
            return Err(CallError::Invocation(text.to_owned()));
        }
        if let Some(directory) = args.copypath.as_deref().filter(|path| !Path::new(path).is_dir()) {
            return Err(CallError::Failed(format!("'copypath': {directory} is no directory")));
        }
        let issue = Issue {
            signer,
            issuer,
            public,
            request,
            digest: args.digest.clone(),
            subject: args.subject.clone(),
            said: args.more.clone(),
            serial: args.serial_number.clone().filter(|number| !number.is_null()),
            not_before: args.not_before.clone(),
            not_after: args.not_after.clone(),
            days_valid: args.days_valid,
        };
        issue.check()?;
        Ok(Self { issue, encoding, more, args })
    }

    /// What a container is opened with.
    pub fn passphrase(&self) -> Option<&str> {
        self.args.pkcs12_passphrase.as_deref()
    }

    /// What a container calls the certificate.
    pub fn friendly_name(&self) -> Option<&str> {
        self.args.pkcs12_friendlyname.as_deref()
    }

    /// True if what is written holds a private key.
    pub fn is_secret(&self) -> bool {
        self.encoding == Encoding::Pkcs12 && self.args.private_key.is_some()
    }

    /// Makes it: as it is written. A copy goes to `copypath`.
    pub fn make(&self) -> Result<Vec<u8>, CallError> {
        let certificate = self.issue.make()?;
        if let Some(directory) = &self.args.copypath {
            let common = certificate.common_name();
            let is_plain = !common.is_empty() && !common.contains('/') && !common.starts_with('.');
            let before = if self.args.prepend_cn && is_plain { format!("{common}-") } else { String::new() };
            let copy = Path::new(directory).join(format!("{before}{}.crt", certificate.serial()));
            let written = write_atomic(&copy, certificate.pem().as_bytes(), &WriteOptions::default());
            written.map_err(|fault| CallError::Failed(fault.to_string()))?;
        }
        let key = match &self.args.private_key {
            Some(given) if self.is_secret() => Some(pki::bytes(given)?),
            _ => None,
        };
        let closing = Closing {
            passphrase: self.passphrase(),
            key: key.map(|key| (key, self.args.private_key_passphrase.as_deref())),
            is_old: self.args.pkcs12_encryption_compat,
        };
        let friendly_name = self.friendly_name().map(str::to_owned);
        let bundle = Bundle { certificate, more: self.more.clone(), encoding: self.encoding, friendly_name };
        Ok(bundle.written(&closing)?)
    }
}

impl NewCertificate {
    /// The key that is certified.
    fn public(&self, request: Option<&Request>, signer: &Signer, has_issuer: bool) -> Result<Public, CallError> {
        let given = match (&self.private_key, &self.public_key, request) {
            (Some(key), ..) => Some(Public::load(key, self.private_key_passphrase.as_deref())?),
            (None, Some(key), _) => Some(Public::load(key, None)?),
            (None, None, Some(request)) => Some(request.public()?),
            (None, None, None) => None,
        };
        match given {
            Some(key) if has_issuer || key == signer.public => Ok(key),
            Some(_) => Err(CallError::Invocation(
                "without 'signing_cert' a certificate signs itself: its key must be the one that signs".to_owned(),
            )),
            None if has_issuer => Err(CallError::Invocation(
                "This certificate is not self-signed (signing_cert is set) and thus needs public_key, private_key or \
                 csr to derive public key to sign"
                    .to_owned(),
            )),
            None => Ok(signer.public.clone()),
        }
    }
}

fn create_certificate(act: &Act, arguments: Arguments) -> CallResult {
    let wanted = Wanted::new(act, "x509.create_certificate", arguments)?;
    let path = wanted.args.path.as_deref();
    if let Some(path) = path.filter(|path| !wanted.args.overwrite && Path::new(path).exists()) {
        return Ok(format!("The file at {path} exists and overwrite was set to false").into());
    }
    let made = wanted.make()?;
    match path {
        None => Ok(give(made, wanted.encoding.is_text(), wanted.args.raw).into()),
        Some(path) => write(path, &made, wanted.is_secret()),
    }
}
