//! The routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use fleet_common::exit::Exit;
use tokio_util::sync::CancellationToken;

use super::body::Form;
use super::{Api, ApiSocket, job, jobs, keys, minions, runners, targets};
use crate::acl::{Caller, Entry, Outcome};

/// Largest body of a request.
const LARGEST: usize = 16 * 1024 * 1024;

/// Serves the API until `stop`; streams that are under way end with it.
pub async fn serve(api: Arc<Api>, socket: ApiSocket, stop: CancellationToken) {
    let router = Router::new()
        .route("/jobs", get(jobs::list).post(jobs::create))
        .route("/jobs/{jid}", get(job::show))
        .route("/jobs/{jid}/events", get(job::events))
        .route("/jobs/{jid}/cancel", post(job::cancel))
        .route("/keys", get(keys::list).post(keys::change))
        .route("/keys/tokens", post(keys::make_token))
        .route("/keys/own", post(keys::replace_own))
        .route("/keys/{folder}/{name}", get(keys::show))
        .route("/minions", get(minions::list))
        .route("/targets", post(targets::preview))
        .route("/runners", post(runners::run))
        .layer(DefaultBodyLimit::max(LARGEST))
        .layer(from_fn_with_state(api.clone(), admit))
        .with_state(api);
    let service = router.into_make_service_with_connect_info::<Caller>();
    tokio::select! {
        () = stop.cancelled() => {}
        served = axum::serve(socket, service) => {
            if let Err(error) = served {
                tracing::error!(%error, "the API stopped");
            }
        }
    }
}

/// Refuses those who have no rights at all before anything they send is read: the socket is open to every account.
async fn admit(
    State(api): State<Arc<Api>>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    request: Request,
    next: Next,
) -> Response {
    if api.acl.rights(&caller).any() {
        return next.run(request).await;
    }
    let (method, path) = (request.method().as_str(), request.uri().path());
    let path = path.get(..64).unwrap_or(path);
    api.audit.write(Entry::new(&caller, method, path, Outcome::Denied));
    let message = format!("user '{}' may not use this master", caller.name);
    Form::wanted(request.headers()).refuse(StatusCode::FORBIDDEN, Exit::Denied, message)
}
