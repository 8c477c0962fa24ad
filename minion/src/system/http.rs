//! Requests over HTTP and HTTPS, as the machine's configuration says.
//!
//! The crate `ureq` speaks the protocol, `rustls` with `ring` encrypts, and the machine's own certificate store is trusted.
//! Accounts in an address are sent as basic authentication and never shown.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use fleet_common::value::{Map, Value};
use ureq::http::{self, Method, Uri, header};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Proxy};

use super::fs::{FileFault, read_bounded};

/// Largest file of certificates.
const PEM: u64 = 16 << 20;
/// How often an answer may send us elsewhere.
const REDIRECTS: u32 = 10;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address cannot be used.
    #[error("{0}: not an address of http or https")]
    Address(String),
    /// A file of certificates cannot be read.
    #[error(transparent)]
    File(#[from] FileFault),
    /// A setting cannot be used.
    #[error("{0}")]
    Setting(String),
    /// The other side could not be asked, or answered something that is no answer.
    #[error("{address}: {why}")]
    Failed {
        /// The address, without its account.
        address: String,
        /// What happened.
        why: String,
    },
    /// More than may be taken.
    #[error("{address}: the answer is larger than {limit} bytes (http_max_body)")]
    TooLarge {
        /// The address, without its account.
        address: String,
        /// The limit, in bytes.
        limit: u64,
    },
}

/// What a caller wants otherwise than the configuration has it.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Whether the other side's certificate is checked; else `verify_ssl`, else yes.
    pub verify: Option<bool>,
    /// Certificates to trust instead of the machine's; else `ca_bundle`.
    pub ca_bundle: Option<PathBuf>,
    /// Our certificate, and its key when that is another file.
    pub certificate: Option<(PathBuf, Option<PathBuf>)>,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET` or another method.
    pub method: String,
    /// The address, with its parameters.
    pub url: String,
    /// Headers of the request.
    pub headers: Vec<(String, String)>,
    /// Name and password for basic authentication.
    pub account: Option<(String, String)>,
    /// What is sent.
    pub body: Option<Vec<u8>>,
}

impl Request {
    /// Asks for what is at an address.
    pub fn get(url: &str) -> Self {
        Self { method: "GET".to_owned(), url: url.to_owned(), headers: Vec::new(), account: None, body: None }
    }
}

/// The head of an answer, with its body to be read.
pub struct Answer {
    /// The status, as 200.
    pub status: u16,
    /// The status in words, as `OK`.
    pub reason: &'static str,
    /// Names (as `Content-Type`) and values.
    pub headers: Vec<(String, String)>,
    /// The address without its account, for messages.
    pub address: String,
    body: Box<dyn Read>,
    limit: u64,
}

impl Answer {
    /// Hands the body over piece by piece.
    pub fn pieces(&mut self, mut take: impl FnMut(&[u8]) -> std::io::Result<()>) -> Result<(), HttpError> {
        let failed = |address: &str, why: &std::io::Error| HttpError::Failed {
            address: address.to_owned(),
            why: super::fs::plain(why),
        };
        let (mut piece, mut total) = (vec![0; 64 * 1024], 0_u64);
        loop {
            let count = self.body.read(&mut piece).map_err(|error| failed(&self.address, &error))?;
            if count == 0 {
                return Ok(());
            }
            total += count as u64;
            if total > self.limit {
                return Err(HttpError::TooLarge { address: self.address.clone(), limit: self.limit });
            }
            take(&piece[..count]).map_err(|error| failed(&self.address, &error))?;
        }
    }

    /// The whole body, at most `most` bytes.
    pub fn whole(&mut self, most: u64) -> Result<Vec<u8>, HttpError> {
        self.limit = self.limit.min(most);
        let mut body = Vec::new();
        self.pieces(|piece| {
            body.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(body)
    }
}

/// Asks other machines.
pub struct Client {
    agent: Agent,
    limit: u64,
}

impl Client {
    /// A client as the configuration says: `http_connect_timeout`, `http_request_timeout`, `http_max_body`, `proxy_*`,
    /// `no_proxy`, `verify_ssl`, `ca_bundle`; without `proxy_host` the variables `http_proxy` and the like count.
    ///
    /// # Errors
    /// Certificates that cannot be read, a proxy that is none.
    pub fn new(opts: &Map, wishes: &Wishes) -> Result<Self, HttpError> {
        let text = |name: &str| opts.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let seconds = |name: &str, usual: f64| {
            let seconds = opts.get(name).and_then(Value::as_float).filter(|seconds| *seconds > 0.0).unwrap_or(usual);
            Some(Duration::from_secs_f64(seconds.min(1e9)))
        };
        let configured = opts.get("verify_ssl").and_then(Value::as_bool);
        let verify = wishes.verify.or(configured).unwrap_or(true);
        let bundle = wishes.ca_bundle.clone().or_else(|| text("ca_bundle").map(PathBuf::from));
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .disable_verification(!verify)
            .client_cert(wishes.certificate.as_ref().map(own_certificate).transpose()?)
            .root_certs(trusted(bundle.as_deref())?)
            .build();
        let mut config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(REDIRECTS)
            .user_agent(concat!("fleet-minion/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(seconds("http_connect_timeout", 20.0))
            .timeout_global(seconds("http_request_timeout", 3600.0));
        if let Some(host) = text("proxy_host") {
            config = config.proxy(Some(proxy(opts, host)?));
        }
        let limit = opts.get("http_max_body").and_then(Value::as_int).and_then(|limit| u64::try_from(limit).ok());
        Ok(Self { agent: config.build().new_agent(), limit: limit.unwrap_or(100 << 30) })
    }

    /// Sends a request. An answer of any status is an answer.
    ///
    /// # Errors
    /// An address that is none, a name that cannot be found, a certificate nobody vouches for, time that ran out.
    pub fn send(&self, request: &Request) -> Result<Answer, HttpError> {
        let address = without_account(&request.url);
        let failed = |why: String| HttpError::Failed { address: address.clone(), why };
        let (uri, account) = split_account(&request.url).ok_or_else(|| HttpError::Address(address.clone()))?;
        let method = Method::from_bytes(request.method.to_uppercase().as_bytes());
        let method = method.map_err(|_| HttpError::Setting(format!("'{}' is not a method of http", request.method)))?;
        let mut asked = http::Request::builder().method(method).uri(uri);
        for (name, value) in &request.headers {
            asked = asked.header(name, value);
        }
        let given = |name: header::HeaderName| {
            request.headers.iter().any(|(other, _)| name.as_str().eq_ignore_ascii_case(other))
        };
        let account = request.account.as_ref().or(account.as_ref()).filter(|_| !given(header::AUTHORIZATION));
        if let Some((name, password)) = account {
            let pair = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
            asked = asked.header(header::AUTHORIZATION, format!("Basic {pair}"));
        }
        let answer = match &request.body {
            Some(body) => {
                if !given(header::CONTENT_TYPE) {
                    asked = asked.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
                }
                let asked = asked.body(body.as_slice()).map_err(|error| failed(error.to_string()))?;
                self.agent.run(asked)
            }
            None => self.agent.run(asked.body(()).map_err(|error| failed(error.to_string()))?),
        };
        let answer = answer.map_err(|error| failed(why(&error)))?;
        let (head, body) = answer.into_parts();
        let headers = head
            .headers
            .iter()
            .map(|(name, value)| (titled(name.as_str()), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        Ok(Answer {
            status: head.status.as_u16(),
            reason: head.status.canonical_reason().unwrap_or("Unknown"),
            headers: headers.collect(),
            address,
            body: Box::new(body.into_with_config().limit(u64::MAX).reader()),
            limit: self.limit,
        })
    }
}

/// What went wrong, without the address, which is told before it.
fn why(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => super::fs::plain(error),
        ureq::Error::HostNotFound => "the name of the machine cannot be found".to_owned(),
        ureq::Error::Timeout(which) => format!("time ran out ({which})"),
        other => other.to_string(),
    }
}

/// `content-type` as `Content-Type`.
fn titled(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

/// An address without the account in it, for people to see.
pub fn without_account(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://<redacted>@{host}{}", &rest[end..]),
        None => url.to_owned(),
    }
}

/// The address without its account, and the account.
fn split_account(url: &str) -> Option<(Uri, Option<(String, String)>)> {
    let (scheme, rest) = url.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return None;
    }
    let rest = rest.split('#').next()?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (account, host) = rest[..end].rsplit_once('@').map_or((None, &rest[..end]), |(a, host)| (Some(a), host));
    let account = account.map(|account| {
        let (name, password) = account.split_once(':').unwrap_or((account, ""));
        (decoded(name), decoded(password))
    });
    let uri: Uri = format!("{scheme}://{host}{}", &rest[end..]).replace(' ', "%20").parse().ok()?;
    (!host.is_empty()).then_some((uri, account))
}

/// `%40` as `@`.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let pair = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn proxy(opts: &Map, host: &str) -> Result<Proxy, HttpError> {
    let text = |name: &str| opts.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let mut builder = Proxy::builder(ureq::ProxyProtocol::Http).host(host);
    if let Some(port) = opts.get("proxy_port").and_then(Value::as_int) {
        builder = builder.port(u16::try_from(port).unwrap_or(0));
    }
    if let (Some(name), Some(password)) = (text("proxy_username"), text("proxy_password")) {
        builder = builder.username(name).password(password);
    }
    for host in opts.get("no_proxy").and_then(Value::as_list).unwrap_or_default() {
        builder = builder.no_proxy(host.as_str().unwrap_or_default());
    }
    builder.build().map_err(|error| HttpError::Setting(format!("the proxy '{host}' cannot be used: {error}")))
}

/// The certificates that are trusted: of a file, or of the machine.
fn trusted(bundle: Option<&Path>) -> Result<RootCerts, HttpError> {
    let certificates: Vec<Certificate<'static>> = match bundle {
        Some(path) => {
            let bytes = read_bounded(path, PEM)?;
            let items = parse_pem(&bytes).filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            });
            items.collect()
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            found.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect()
        }
    };
    Ok(certificates.into())
}

fn own_certificate((certificate, key): &(PathBuf, Option<PathBuf>)) -> Result<ClientCert, HttpError> {
    let unusable = |path: &Path, what: &str| HttpError::Setting(format!("{}: holds no {what}", path.display()));
    let bytes = read_bounded(certificate, PEM)?;
    let chain: Vec<Certificate<'static>> = parse_pem(&bytes)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if chain.is_empty() {
        return Err(unusable(certificate, "certificate"));
    }
    let path = key.as_deref().unwrap_or(certificate);
    let key = PrivateKey::from_pem(&read_bounded(path, PEM)?).map_err(|_| unusable(path, "private key"))?;
    Ok(ClientCert::new_with_certs(&chain, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_leave_the_address() {
        let (uri, account) = split_account("https://ann:p%40ss@host:8443/a?b=c d#e").unwrap();
        assert_eq!(uri.to_string(), "https://host:8443/a?b=c%20d");
        assert_eq!(account, Some(("ann".to_owned(), "p@ss".to_owned())));
        assert_eq!(without_account("https://ann:p@host/x@y"), "https://<redacted>@host/x@y");
        assert_eq!(without_account("http://host/x@y"), "http://host/x@y");
        assert!(split_account("ftp://host/x").is_none() && split_account("http://").is_none());
        assert_eq!(decoded("%4"), "%4");
    }

    #[test]
    fn headers_are_named_as_people_write_them() {
        assert_eq!(titled("content-type"), "Content-Type");
        assert_eq!(titled("etag"), "Etag");
    }
}
