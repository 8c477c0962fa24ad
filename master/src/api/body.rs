//! Bodies: msgpack for those who ask for it, JSON for others; plain answers and streams of events.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use fleet_common::exit::Exit;
use fleet_common::proto::api::{ApiError, JobEvent};
use fleet_common::proto::decode::{Limits, decode, encode};
use fleet_common::value::Value;
use fleet_common::value::json_dump::{JsonOptions, dumps};
use hyper::body::Frame;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

/// The media type of our own clients.
pub const MSGPACK: &str = "application/msgpack";

/// How a peer wants its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Msgpack,
    Json,
}

impl Form {
    /// By the request's `Accept`.
    pub(super) fn wanted(headers: &HeaderMap) -> Self {
        let accepts = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
        if accepts.contains(MSGPACK) { Self::Msgpack } else { Self::Json }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Msgpack => MSGPACK,
            Self::Json => "application/json",
        }
    }

    /// A whole answer.
    pub(super) fn answer<T: Serialize>(self, status: StatusCode, body: &T) -> Response {
        let bytes = match self {
            Self::Msgpack => encode(body),
            Self::Json => json_line(body).into_bytes(),
        };
        (status, [(CONTENT_TYPE, self.media_type())], bytes).into_response()
    }

    /// An answer that says why there is none.
    pub(super) fn refuse(self, status: StatusCode, exit: Exit, message: impl Into<String>) -> Response {
        self.answer(status, &ApiError { exit: exit as u8, message: message.into() })
    }

    /// Appends one event of a stream.
    pub(super) fn event(self, event: &JobEvent, chunk: &mut Vec<u8>) {
        match self {
            Self::Msgpack => {
                let bytes = encode(event);
                let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                chunk.extend_from_slice(&size.to_be_bytes());
                chunk.extend_from_slice(&bytes);
            }
            Self::Json => chunk.extend_from_slice(json_line(event).as_bytes()),
        }
    }

    /// A streamed answer.
    pub(super) fn stream(self, chunks: mpsc::Receiver<Bytes>) -> Response {
        let body = Body::new(Chunks(chunks));
        (StatusCode::OK, [(CONTENT_TYPE, self.media_type())], body).into_response()
    }
}

/// Reads a request's body by its content type.
pub(super) fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, String> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    if kind.starts_with(MSGPACK) {
        decode(body, Limits::SESSION).map_err(|error| error.to_string())
    } else {
        serde_json::from_slice(body).map_err(|error| error.to_string())
    }
}

/// One line of JSON. Through the data model, because JSON alone cannot carry all keys and numbers.
fn json_line<T: Serialize>(body: &T) -> String {
    let value: Value = rmp_serde::from_slice(&encode(body)).unwrap_or_default();
    let mut line = dumps(&value, &JsonOptions::default());
    line.push('\n');
    line
}

struct Chunks(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|chunk| chunk.map(|bytes| Ok(Frame::data(bytes))))
    }
}
