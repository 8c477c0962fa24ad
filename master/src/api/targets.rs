//! `POST /targets`: whom a target means and why, from what the master knows. Nothing is sent to anybody.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use fleet_common::exit::Exit;
use fleet_common::proto::api::{NewPreview, Preview, Previewed};

use super::Api;
use super::body::{self, Form};
use crate::acl::{Caller, Entry, Outcome};
use crate::publish::{PublishError, shown_target};

/// Shows whom a target means.
pub(super) async fn preview(
    State(api): State<Arc<Api>>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::wanted(&headers);
    let wanted: NewPreview = match body::read(&headers, &body) {
        Ok(wanted) => wanted,
        Err(why) => {
            return form.refuse(StatusCode::BAD_REQUEST, Exit::Usage, format!("the target can't be read: {why}"));
        }
    };
    let rights = api.acl.rights(&caller);
    // Whom a target means tells grains and pillar of minions that the caller may have no business with.
    let by_pillar = || api.desk.resolver.needs_pillar(&wanted.target, &wanted.narrow).unwrap_or(false);
    if !rights.may_use("manage.preview") || (rights.is_restricted() && by_pillar()) {
        let target = shown_target(&wanted.target);
        api.audit.write(Entry::new(&caller, "manage.preview", &target, Outcome::Denied));
        let error = PublishError::Denied { user: caller.name, what: "preview this target".to_owned() };
        return form.refuse(StatusCode::FORBIDDEN, error.exit(), error.to_string());
    }
    let meant = match api.desk.resolver.resolve(&wanted.target, &wanted.narrow, true).await {
        Ok(meant) => meant,
        Err(error) => {
            let error = PublishError::from(error);
            return form.refuse(StatusCode::BAD_REQUEST, error.exit(), error.to_string());
        }
    };
    let pairs = meant.ids.into_iter().zip(meant.reasons);
    let minions = pairs.map(|(id, why)| Previewed { up: api.minions.is_up(&id), id, why }).collect();
    let preview = Preview { target: meant.read_as, minions, unknown_grains: meant.unknown, warnings: meant.warnings };
    form.answer(StatusCode::OK, &preview)
}
