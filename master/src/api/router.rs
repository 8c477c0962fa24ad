//! The routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use tokio_util::sync::CancellationToken;

use super::{Api, ApiSocket, jobs, keys, minions};
use crate::acl::Caller;

/// Largest body of a request.
const LARGEST: usize = 16 * 1024 * 1024;

/// Serves the API until `stop`; streams that are under way end with it.
pub async fn serve(api: Arc<Api>, socket: ApiSocket, stop: CancellationToken) {
    let router = Router::new()
        .route("/jobs", get(jobs::list).post(jobs::create))
        .route("/jobs/{jid}", get(jobs::show))
        .route("/keys", get(keys::list).post(keys::change))
        .route("/keys/{folder}/{name}", get(keys::show))
        .route("/minions", get(minions::list))
        .layer(DefaultBodyLimit::max(LARGEST))
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
