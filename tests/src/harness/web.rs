//! A web server on a free port of the loopback interface, plain or with TLS, that notes what it is asked.

#![allow(clippy::unwrap_used, reason = "a test without its server must fail")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Longest body that is taken.
const BODY: u64 = 1 << 20;

/// What somebody asked.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// `GET`.
    pub method: String,
    /// Path and parameters.
    pub path: String,
    /// Names in small letters, and values.
    pub headers: Vec<(String, String)>,
    /// What was sent.
    pub body: String,
}

impl Asked {
    /// A header, by its name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// An answer: status, lines of the head, body.
pub type Reply = (u16, Vec<String>, Vec<u8>);
type Handler = dyn Fn(&Asked) -> Reply + Send + Sync;

/// A web server; it serves until the test ends.
pub struct WebServer {
    /// `http://127.0.0.1:PORT` or `https://localhost:PORT`.
    pub address: String,
    /// The certificate, as PEM, of a server with TLS.
    pub certificate: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl WebServer {
    /// A plain server.
    pub fn start(handler: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(None, String::new(), handler)
    }

    /// A server for `localhost` whose certificate nobody knows yet.
    pub fn start_tls(handler: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let chain = vec![CertificateDer::from(made.cert.der().to_vec())];
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
        Self::serve(Some(Arc::new(config)), made.cert.pem(), handler)
    }

    fn serve(
        tls: Option<Arc<ServerConfig>>,
        certificate: String,
        handler: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let address =
            if tls.is_some() { format!("https://localhost:{port}") } else { format!("http://127.0.0.1:{port}") };
        let (asked, handler): (Arc<Mutex<Vec<Asked>>>, Arc<Handler>) = (Arc::default(), Arc::new(handler));
        let notes = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (tls, notes, handler) = (tls.clone(), notes.clone(), handler.clone());
                std::thread::spawn(move || answer(stream, tls, &notes, &*handler));
            }
        });
        Self { address, certificate, asked }
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Serves one request. A client that goes away is no fault of the server.
fn answer(stream: TcpStream, tls: Option<Arc<ServerConfig>>, notes: &Mutex<Vec<Asked>>, handler: &Handler) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
    let _ = match tls {
        None => exchange(stream, notes, handler),
        Some(config) => match ServerConnection::new(config) {
            Ok(connection) => exchange(StreamOwned::new(connection, stream), notes, handler),
            Err(_) => Ok(()),
        },
    };
}

fn exchange(stream: impl Read + Write, notes: &Mutex<Vec<Asked>>, handler: &Handler) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut asked = Asked::default();
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    (asked.method, asked.path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.trim().split_once(':') {
            asked.headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
    }
    let length = asked.header("content-length").and_then(|length| length.parse::<u64>().ok()).unwrap_or(0);
    (&mut reader).take(length.min(BODY)).read_to_string(&mut asked.body)?;
    let (status, head, body) = handler(&asked);
    notes.lock().unwrap_or_else(PoisonError::into_inner).push(asked.clone());
    let mut text = format!("HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    for line in head {
        text.push_str(&format!("{line}\r\n"));
    }
    let stream = reader.get_mut();
    stream.write_all(format!("{text}\r\n").as_bytes())?;
    if asked.method != "HEAD" {
        stream.write_all(&body)?;
    }
    stream.flush()
}
