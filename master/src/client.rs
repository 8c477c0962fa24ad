//! The only way to start a job or to ask a running master: its API on the unix socket.

use std::path::{Path, PathBuf};

use bytes::{Buf, Bytes, BytesMut};
use fleet_common::exit::Exit;
use fleet_common::ids::Jid;
use fleet_common::proto::api::{
    ApiError, Cancelled, JobEvent, KeyChange, KeyList, NewJob, NewPreview, NewToken, OwnKey, Preview, ReplaceOwn,
    Replaced, RunnerCall, RunnerReturn, Token,
};
use fleet_common::proto::decode::{DecodeError, Limits, decode, encode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

const MSGPACK: &str = "application/msgpack";
/// Largest answer that is read whole, and largest event.
const LARGEST: usize = 64 * 1024 * 1024;

/// Why the master gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens there.
    #[error("the master does not answer on {}: {}\n  help: {}", path.display(), source, unavailable(source))]
    Unavailable {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The connection broke.
    #[error("the connection to the master broke: {0}")]
    Broken(#[from] hyper::Error),
    /// The answer can't be read.
    #[error("the master's answer can't be read: {0}")]
    Unreadable(#[from] DecodeError),
    /// The answer ended too early.
    #[error("the master's answer ended too early")]
    Short,
    /// The master said no.
    #[error("{}", .0.message)]
    Refused(ApiError),
}

/// What to look at when nobody answers on the socket.
fn unavailable(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::PermissionDenied => {
            "this account may not use the socket: ask as root or as the master's user"
        }
        _ => "is saltmaster running here, with the configuration that -c names?",
    }
}

impl ClientError {
    /// The status a command should end with.
    pub fn exit(&self) -> u8 {
        match self {
            Self::Unavailable { .. } | Self::Broken(_) | Self::Short => Exit::Unavailable as u8,
            Self::Unreadable(_) => Exit::Internal as u8,
            Self::Refused(error) => error.exit,
        }
    }
}

/// One connection to the API; requests follow each other on it.
pub struct Client {
    requests: SendRequest<Full<Bytes>>,
}

impl Client {
    /// Connects to a master's socket.
    pub async fn connect(path: &Path) -> Result<Self, ClientError> {
        let unavailable = |source| ClientError::Unavailable { path: path.to_owned(), source };
        let stream = UnixStream::connect(path).await.map_err(unavailable)?;
        let (requests, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            // How it ended shows in the request under way.
            let _ = connection.await;
        });
        Ok(Self { requests })
    }

    /// Starts a job; its events are read from the stream.
    pub async fn start(&mut self, job: &NewJob) -> Result<JobStream, ClientError> {
        let response = self.send("POST", "/jobs", encode(job)).await?;
        Ok(JobStream { body: response.into_body(), buffer: BytesMut::new() })
    }

    /// What became and becomes of a job that was made before; `follow`: until every target has its final state.
    pub async fn attach(&mut self, jid: &Jid, follow: bool, progress: bool) -> Result<JobStream, ClientError> {
        let path = format!("/jobs/{jid}/events?follow={follow}&progress={progress}");
        let response = self.send("GET", &path, Vec::new()).await?;
        Ok(JobStream { body: response.into_body(), buffer: BytesMut::new() })
    }

    /// Ends a job's time: what has not started does not.
    pub async fn cancel(&mut self, jid: &Jid) -> Result<Cancelled, ClientError> {
        whole(self.send("POST", &format!("/jobs/{jid}/cancel"), Vec::new()).await?).await
    }

    /// All keys.
    pub async fn keys(&mut self) -> Result<KeyList, ClientError> {
        self.get("/keys").await
    }

    /// The text of one key.
    pub async fn key(&mut self, folder: &str, name: &str) -> Result<Option<String>, ClientError> {
        self.get(&format!("/keys/{folder}/{}", escaped(name))).await
    }

    /// Moves or deletes keys; gives those that were changed.
    pub async fn change_keys(&mut self, change: &KeyChange) -> Result<Vec<(String, String)>, ClientError> {
        let response = self.send("POST", "/keys", encode(change)).await?;
        whole(response).await
    }

    /// Makes a one-time token.
    pub async fn make_token(&mut self, wanted: &NewToken) -> Result<Token, ClientError> {
        let response = self.send("POST", "/keys/tokens", encode(wanted)).await?;
        whole(response).await
    }

    /// Replaces a key of the master itself.
    pub async fn replace_own(&mut self, which: OwnKey) -> Result<Replaced, ClientError> {
        let response = self.send("POST", "/keys/own", encode(&ReplaceOwn { which })).await?;
        whole(response).await
    }

    /// Whom a target means, without sending anything.
    pub async fn preview(&mut self, wanted: &NewPreview) -> Result<Preview, ClientError> {
        let response = self.send("POST", "/targets", encode(wanted)).await?;
        whole(response).await
    }

    /// Runs a function of the master.
    pub async fn run(&mut self, call: &RunnerCall) -> Result<RunnerReturn, ClientError> {
        let response = self.send("POST", "/runners", encode(call)).await?;
        whole(response).await
    }

    /// Asks for anything that is answered whole.
    pub async fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, ClientError> {
        let response = self.send("GET", path, Vec::new()).await?;
        whole(response).await
    }

    async fn send(&mut self, method: &str, path: &str, body: Vec<u8>) -> Result<Response<Incoming>, ClientError> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "master")
            .header(ACCEPT, MSGPACK)
            .header(CONTENT_TYPE, MSGPACK)
            .body(Full::new(Bytes::from(body)))
            .expect("paths are escaped and headers constant");
        self.requests.ready().await?;
        let response = self.requests.send_request(request).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(ClientError::Refused(whole(response).await?))
    }
}

async fn whole<T: DeserializeOwned>(response: Response<Incoming>) -> Result<T, ClientError> {
    let limited = http_body_util::Limited::new(response.into_body(), LARGEST);
    let bytes = limited.collect().await.map_err(|_| ClientError::Short)?.to_bytes();
    Ok(decode(&bytes, Limits { bytes: LARGEST, ..Limits::SESSION })?)
}

/// The events of one job.
pub struct JobStream {
    body: Incoming,
    buffer: BytesMut,
}

impl JobStream {
    /// The next event; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<JobEvent>, ClientError> {
        loop {
            if let Some(event) = self.buffered()? {
                return Ok(Some(event));
            }
            match self.body.frame().await {
                Some(frame) => {
                    if let Ok(data) = frame?.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(ClientError::Short),
            }
        }
    }

    fn buffered(&mut self) -> Result<Option<JobEvent>, ClientError> {
        let Some(head) = self.buffer.first_chunk::<4>() else { return Ok(None) };
        let size = u32::from_be_bytes(*head) as usize;
        if size > LARGEST {
            return Err(DecodeError::Limit { what: "bytes", limit: LARGEST }.into());
        }
        if self.buffer.len() < 4 + size {
            return Ok(None);
        }
        self.buffer.advance(4);
        let bytes = self.buffer.split_to(size);
        Ok(Some(decode(&bytes, Limits { bytes: LARGEST, ..Limits::SESSION })?))
    }
}

/// A name as one part of a path.
fn escaped(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
