//! `GET /minions`: who is accepted and who is connected.

use std::sync::Arc;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use fleet_common::exit::Exit;
use fleet_common::ids::MinionId;
use serde::{Deserialize, Serialize};

use super::Api;
use super::body::Form;
use crate::acl::Caller;

/// Accepted minions by presence, both sorted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Presence {
    /// Connected.
    pub up: Vec<MinionId>,
    /// Not connected.
    pub down: Vec<MinionId>,
}

/// Lists accepted minions by presence.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    headers: HeaderMap,
) -> Response {
    let form = Form::wanted(&headers);
    if !api.acl.rights(&caller).may_use("manage.status") {
        return form.refuse(
            StatusCode::FORBIDDEN,
            Exit::Denied,
            format!("user '{}' may not list minions on this master", caller.name),
        );
    }
    let (up, down) = api.keys.accepted().keys().cloned().partition(|id| api.minions.is_up(id));
    form.answer(StatusCode::OK, &Presence { up, down })
}
