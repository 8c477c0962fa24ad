//! `GET /keys`, `POST /keys`, `GET /keys/{folder}/{name}`, `POST /keys/own`, `POST /keys/tokens`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use fleet_common::exit::Exit;
use fleet_common::proto::api::{KeyAction, KeyChange, NewToken, ReplaceOwn, Token};

use super::Api;
use super::body::{self, Form};
use crate::acl::{Caller, Entry, Outcome};
use crate::keys::{Folder, KeyError, Keys};

/// Keys that a line of the audit log names.
const NAMED: usize = 100;

/// Lists keys by state.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    headers: HeaderMap,
) -> Response {
    act(&api, &caller, &headers, "key.list_all", |keys| keys.list()).await
}

/// The text of one key, or null.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    Path((folder, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    act(&api, &caller, &headers, "key.key_str", move |keys| keys.read(Folder::parse(&folder)?, &name)).await
}

/// Moves or deletes keys; answers with those that were changed.
pub(super) async fn change(
    State(api): State<Arc<Api>>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let change: KeyChange = match body::read(&headers, &body) {
        Ok(change) => change,
        Err(why) => {
            let message = format!("the change can't be read: {why}");
            return Form::wanted(&headers).refuse(StatusCode::BAD_REQUEST, Exit::Usage, message);
        }
    };
    let verb = match change.action {
        KeyAction::Accept => "key.accept",
        KeyAction::Reject => "key.reject",
        KeyAction::Delete => "key.delete",
    };
    let (user, audit, who) = (caller.name.clone(), api.audit.clone(), caller.clone());
    act(&api, &caller, &headers, verb, move |keys| {
        let changed = keys.change(&change)?;
        let names: Vec<&str> = changed.iter().map(|(_, name)| name.as_str()).take(NAMED).collect();
        audit.write(Entry::new(&who, verb, &names.join(","), Outcome::Done).job(None, changed.len()));
        for (folder, key) in &changed {
            tracing::info!(user, action = ?change.action, folder = folder.name(), key, "key changed");
        }
        Ok(changed.into_iter().map(|(folder, name)| (folder.name().to_owned(), name)).collect::<Vec<_>>())
    })
    .await
}

/// Makes a one-time token.
pub(super) async fn make_token(
    State(api): State<Arc<Api>>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let wanted: NewToken = match body::read(&headers, &body) {
        Ok(wanted) => wanted,
        Err(why) => {
            let message = format!("what the token is for can't be read: {why}");
            return Form::wanted(&headers).refuse(StatusCode::BAD_REQUEST, Exit::Usage, message);
        }
    };
    let (audit, who, now, root) = (api.audit.clone(), caller.clone(), api.desk.clock.wall(), api.renewal.root());
    act(&api, &caller, &headers, "key.gen_token", move |keys| {
        let expires = now.saturating_add(wanted.seconds.saturating_mul(1000));
        let token = keys.make_token(&wanted.pattern, expires, now)?;
        audit.write(Entry::new(&who, "key.gen_token", &wanted.pattern, Outcome::Done));
        Ok(Token { token, root })
    })
    .await
}

/// Replaces a key of the master itself.
pub(super) async fn replace_own(
    State(api): State<Arc<Api>>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::wanted(&headers);
    if let Err(refused) = allowed(&api, &caller, form, "key.rotate") {
        return refused;
    }
    let wanted: ReplaceOwn = match body::read(&headers, &body) {
        Ok(wanted) => wanted,
        Err(why) => {
            let message = format!("which key is meant can't be read: {why}");
            return form.refuse(StatusCode::BAD_REQUEST, Exit::Usage, message);
        }
    };
    let done = api.renewal.replace(wanted.which).await;
    let outcome = if done.is_ok() { Outcome::Done } else { Outcome::Failed };
    api.audit.write(Entry::new(&caller, "key.rotate", wanted.which.name(), outcome));
    match done {
        Ok(replaced) => form.answer(StatusCode::OK, &replaced),
        Err(why) => form.refuse(StatusCode::INTERNAL_SERVER_ERROR, Exit::Internal, why.to_string()),
    }
}

/// Refuses those who may not use a verb, and writes it down.
fn allowed(api: &Api, caller: &Caller, form: Form, verb: &str) -> Result<(), Response> {
    if api.acl.rights(caller).may_use(verb) {
        return Ok(());
    }
    api.audit.write(Entry::new(caller, verb, "", Outcome::Denied));
    let message = format!("user '{}' may not use {verb} on this master", caller.name);
    Err(form.refuse(StatusCode::FORBIDDEN, Exit::Denied, message))
}

/// Key files are touched on a thread that may block.
async fn act<T: serde::Serialize + Send + 'static>(
    api: &Api,
    caller: &Caller,
    headers: &HeaderMap,
    verb: &str,
    work: impl FnOnce(&Keys) -> Result<T, KeyError> + Send + 'static,
) -> Response {
    let form = Form::wanted(headers);
    if let Err(refused) = allowed(api, caller, form, verb) {
        return refused;
    }
    let keys = api.keys.clone();
    match tokio::task::spawn_blocking(move || work(&keys)).await {
        Ok(Ok(done)) => form.answer(StatusCode::OK, &done),
        Ok(Err(error @ (KeyError::Name(_) | KeyError::Folder(_) | KeyError::Pattern(_)))) => {
            form.refuse(StatusCode::BAD_REQUEST, Exit::Usage, error.to_string())
        }
        Ok(Err(error)) => form.refuse(StatusCode::INTERNAL_SERVER_ERROR, Exit::Internal, error.to_string()),
        Err(_) => form.refuse(StatusCode::INTERNAL_SERVER_ERROR, Exit::Internal, "the keys could not be handled"),
    }
}
