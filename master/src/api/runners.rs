//! `POST /runners`: a function of the master itself.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use fleet_common::call::{Arguments, CallError, Code};
use fleet_common::exit::Exit;
use fleet_common::proto::api::{RunnerCall, RunnerReturn};
use tokio::runtime::Handle;

use super::Api;
use super::body::{self, Form};
use crate::acl::{Caller, Entry, Outcome, shown};
use crate::runners::{Context, find};

/// Runs a runner on a thread of its own and answers when it is done.
pub(super) async fn run(
    State(api): State<Arc<Api>>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::wanted(&headers);
    let call: RunnerCall = match body::read(&headers, &body) {
        Ok(call) => call,
        Err(why) => return form.refuse(StatusCode::BAD_REQUEST, Exit::Usage, format!("the call can't be read: {why}")),
    };
    let function = match find(&call.fun) {
        Ok(function) => function,
        Err(error) => return form.refuse(StatusCode::NOT_FOUND, Exit::UnknownFunction, error.to_string()),
    };
    let args = shown(&call.fun, &call.arg, &call.kwarg);
    let entry = |outcome| Entry::new(&caller, &call.fun, "", outcome).args(args.clone());
    if !api.acl.rights(&caller).may_use(&call.fun) {
        api.audit.write(entry(Outcome::Denied));
        let message = format!("user '{}' may not run '{}' on this master", caller.name, call.fun);
        return form.refuse(StatusCode::FORBIDDEN, Exit::Denied, message);
    }
    api.audit.write(entry(Outcome::Started));
    tracing::info!(user = caller.name, fun = call.fun, "runner asked");
    let arguments = Arguments { positional: call.arg, keyword: call.kwarg };
    let Some(places) = api.shares.runner(caller.uid).await else {
        return form.refuse(StatusCode::SERVICE_UNAVAILABLE, Exit::Unavailable, "the master stops");
    };
    let context = Context::new(api, caller, Handle::current());
    let work = move || {
        // Until the work itself is over, whoever still waits for it.
        let _places = places;
        let (Code::Reads(code) | Code::Changes(code)) = function.code;
        let answer = code(&context, arguments);
        (answer, context.take_notes())
    };
    match tokio::task::spawn_blocking(work).await {
        Ok((Ok(outcome), mut notes)) => {
            notes.extend(outcome.diagnostics.iter().map(ToString::to_string));
            let answer = RunnerReturn { value: outcome.value, retcode: outcome.retcode, notes };
            form.answer(StatusCode::OK, &answer)
        }
        Ok((Err(error), _)) => {
            let exit = if matches!(error, CallError::Failed(_)) { Exit::Failed } else { Exit::Usage };
            form.refuse(StatusCode::BAD_REQUEST, exit, error.to_string())
        }
        Err(_) => form.refuse(StatusCode::INTERNAL_SERVER_ERROR, Exit::Internal, "the runner failed"),
    }
}
