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
use super::{Api, ApiSocket, job, jobs, keys, minions, runners, shares, targets};
use crate::acl::{Caller, Entry, Outcome};

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
        // The bound is that of `shares`, before anything of it is read.
        .layer(DefaultBodyLimit::disable())
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

/// Refuses those who have no rights at all before anything they send is read: the socket is open to every account. All
/// others get what their share allows.
async fn admit(
    State(api): State<Arc<Api>>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    request: Request,
    next: Next,
) -> Response {
    let form = Form::wanted(request.headers());
    if !api.acl.rights(&caller).any() {
        let (method, path) = (request.method().as_str(), request.uri().path());
        let path = path.get(..64).unwrap_or(path);
        api.audit.write(Entry::new(&caller, method, path, Outcome::Denied));
        let message = format!("user '{}' may not use this master", caller.name);
        return form.refuse(StatusCode::FORBIDDEN, Exit::Denied, message);
    }
    let (head, body) = request.into_parts();
    let (body, _room) = match api.shares.read(caller.uid, body).await {
        Ok(read) => read,
        Err(unread) => {
            api.health.drops.api_unread.add();
            return form.refuse(unread.status, Exit::Usage, unread.why);
        }
    };
    let Some(place) = api.shares.answer(caller.uid).await else {
        return form.refuse(StatusCode::SERVICE_UNAVAILABLE, Exit::Unavailable, "the master stops");
    };
    shares::held(next.run(Request::from_parts(head, body.into())).await, place)
}
