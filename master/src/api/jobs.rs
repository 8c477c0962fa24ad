//! `POST /jobs`, `GET /jobs`; one job has its own file.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use fleet_common::exit::Exit;
use fleet_common::proto::api::{JobEvent, NewJob};
use serde::Deserialize;
use tokio::sync::mpsc;

use super::Api;
use super::body::{self, Form};
use crate::acl::Caller;
use crate::jobs::Follow;
use crate::publish::PublishError;

/// Events are sent together up to this many bytes.
const CHUNK: usize = 64 * 1024;
/// Chunks that may wait for a slow client.
const WAITING: usize = 4;

#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    #[serde(default)]
    most: Option<usize>,
}

/// Makes a job and streams what becomes of it.
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::wanted(&headers);
    let new: NewJob = match body::read(&headers, &body) {
        Ok(new) => new,
        Err(why) => return form.refuse(StatusCode::BAD_REQUEST, Exit::Usage, format!("the job can't be read: {why}")),
    };
    let detach = new.detach;
    match api.desk.publish(new, &caller).await {
        Ok(follow) => stream(follow, form, detach),
        Err(error) => {
            let status = match &error {
                PublishError::Denied { .. } => StatusCode::FORBIDDEN,
                PublishError::NoTarget(_) => StatusCode::NOT_FOUND,
                PublishError::Store(_) | PublishError::Seal(_) => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::BAD_REQUEST,
            };
            form.refuse(status, error.exit(), error.to_string())
        }
    }
}

/// The answer that carries a job's events; `detach`: only the first.
pub(super) fn stream(follow: Follow, form: Form, detach: bool) -> Response {
    let (chunks, stream) = mpsc::channel(WAITING);
    tokio::spawn(drive(follow, form, detach, chunks));
    form.stream(stream)
}

/// Sends a job's events as they come, several in a chunk when they come fast.
async fn drive(mut follow: Follow, form: Form, detach: bool, chunks: mpsc::Sender<Bytes>) {
    loop {
        let event = tokio::select! {
            // The client left; the job goes on.
            () = chunks.closed() => return,
            event = follow.next() => event,
        };
        let Some(event) = event else { return };
        let ends = detach && matches!(event, JobEvent::Started { .. });
        let mut chunk = Vec::new();
        form.event(&event, &mut chunk);
        while !ends && chunk.len() < CHUNK {
            match follow.try_next() {
                Some(event) => form.event(&event, &mut chunk),
                None => break,
            }
        }
        if chunks.send(chunk.into()).await.is_err() || ends {
            return;
        }
    }
}

/// Lists the newest jobs.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    Query(query): Query<ListQuery>,
    headers: HeaderMap,
) -> Response {
    let form = Form::wanted(&headers);
    let all = api.acl.rights(&caller).may_use("jobs.list_jobs");
    match api.store.jobs(query.most.unwrap_or(100).min(10_000)).await {
        Ok(mut jobs) => {
            // Everybody sees what they asked for themselves.
            jobs.retain(|job| all || job.user == caller.name);
            form.answer(StatusCode::OK, &jobs)
        }
        Err(error) => form.refuse(StatusCode::INTERNAL_SERVER_ERROR, Exit::Internal, error.to_string()),
    }
}
