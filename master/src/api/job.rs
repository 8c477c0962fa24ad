//! `GET /jobs/{jid}`, `GET /jobs/{jid}/events`, `POST /jobs/{jid}/cancel`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use fleet_common::exit::Exit;
use fleet_common::ids::Jid;
use fleet_common::proto::api::TargetState;
use fleet_common::proto::ret::Return;
use serde::{Deserialize, Serialize};

use super::Api;
use super::body::Form;
use super::jobs::stream;
use crate::acl::{Caller, Entry, Outcome};
use crate::jobs::{Active, Attached, Follow, FollowOptions, Parts, Past, Wait, targets};
use crate::store::{JobRow, StoreError};

/// How often, and how many times, a return is looked for that was queued and is not yet committed.
const AGAIN: (Duration, usize) = (Duration::from_millis(20), 100);

/// What is kept of a job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobView {
    /// The job.
    pub job: JobRow,
    /// Its returns, sorted by minion.
    pub returns: Vec<Return>,
    /// Every target in exactly one state, sorted.
    pub targets: Vec<TargetState>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FollowQuery {
    /// Wait until every target has its final state.
    #[serde(default)]
    follow: bool,
    /// Tell how far running minions are.
    #[serde(default)]
    progress: bool,
}

impl Api {
    /// What is kept of a job; `None` when there is none with this id.
    pub async fn view(&self, jid: &Jid) -> Result<Option<JobView>, StoreError> {
        let Some(job) = self.store.job(jid.clone()).await? else { return Ok(None) };
        let noted = self.store.noted(jid.clone()).await?;
        let stored = self.store.returns(jid.clone()).await?;
        let targets = targets(&job, noted, &stored);
        let returns = stored.into_iter().map(|stored| stored.ret).collect();
        Ok(Some(JobView { job, returns, targets }))
    }

    /// Follows a job that was made before: what was answered comes first.
    async fn follow(&self, jid: &Jid, query: &FollowQuery) -> Result<Option<Follow>, StoreError> {
        let attached = self.desk.jobs.get(jid).map(|job| Attached::to(job, query.progress));
        let Some(mut view) = self.view(jid).await? else { return Ok(None) };
        let attached = match attached {
            Some(attached) => {
                self.catch_up(&attached, &mut view).await?;
                attached
            }
            None => Attached::to(Arc::new(over(&view.job)), false),
        };
        let given_up = view.targets.into_iter().filter(|target| {
            target.state.is_final() && view.returns.binary_search_by(|ret| ret.id.cmp(&target.id)).is_err()
        });
        let past = Past { given_up: given_up.collect(), returns: view.returns };
        let options = FollowOptions {
            timeout: self.desk.timeout,
            progress: query.progress,
            wait: if query.follow { Wait::End } else { Wait::Nobody },
            unknown_grains: 0,
            notes: Vec::new(),
        };
        Ok(Some(Follow::attach(attached, past, options, self.minions.clone())))
    }

    /// Returns that were on their way to the disk when the follower came: neither open any more nor kept yet.
    async fn catch_up(&self, attached: &Attached, view: &mut JobView) -> Result<(), StoreError> {
        let open: std::collections::HashSet<_> = attached.open().cloned().collect();
        for _ in 0..AGAIN.1 {
            let missing = view.targets.iter().any(|target| !target.state.is_final() && !open.contains(&target.id));
            if !missing {
                return Ok(());
            }
            tokio::time::sleep(AGAIN.0).await;
            if let Some(again) = self.view(&view.job.job.jid).await? {
                *view = again;
            }
        }
        Ok(())
    }
}

/// A job for which nobody is awaited any more.
fn over(row: &JobRow) -> Active {
    let parts = Parts {
        published: (row.job.clone(), None),
        expected: row.expected.clone(),
        down: row.down.clone(),
        durable: row.durable,
        created: row.created,
    };
    Active::new(parts, [])
}

/// Shows one job with its returns and its ledger.
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    Path(jid): Path<String>,
    headers: HeaderMap,
) -> Response {
    let form = Form::wanted(&headers);
    match visible(&api, &caller, "jobs.lookup_jid", &jid, form).await {
        Ok(jid) => answer(form, &jid, api.view(&jid).await),
        Err(refusal) => *refusal,
    }
}

/// Streams what became and becomes of a job.
pub(super) async fn events(
    State(api): State<Arc<Api>>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    Path(jid): Path<String>,
    Query(query): Query<FollowQuery>,
    headers: HeaderMap,
) -> Response {
    let form = Form::wanted(&headers);
    let jid = match visible(&api, &caller, "jobs.lookup_jid", &jid, form).await {
        Ok(jid) => jid,
        Err(refusal) => return *refusal,
    };
    match api.follow(&jid, &query).await {
        Ok(Some(follow)) => stream(follow, form, false),
        other => answer(form, &jid, other.map(|_| None::<()>)),
    }
}

/// Ends a job's time: what has not started does not.
pub(super) async fn cancel(
    State(api): State<Arc<Api>>,
    ConnectInfo(caller): ConnectInfo<Caller>,
    Path(jid): Path<String>,
    headers: HeaderMap,
) -> Response {
    let form = Form::wanted(&headers);
    match visible(&api, &caller, "jobs.cancel", &jid, form).await {
        Ok(jid) => {
            api.audit.write(Entry::new(&caller, "jobs.cancel", jid.as_str(), Outcome::Started));
            answer(form, &jid, api.desk.cancel(&jid, &caller).await)
        }
        Err(refusal) => *refusal,
    }
}

/// The job's id, when the caller asked for the job itself or may use `right` on the jobs of others. For everybody else
/// there is no such job.
async fn visible(api: &Api, caller: &Caller, right: &str, jid: &str, form: Form) -> Result<Jid, Box<Response>> {
    let jid: Jid =
        jid.parse().map_err(|error| Box::new(form.refuse(StatusCode::BAD_REQUEST, Exit::Usage, format!("{error}"))))?;
    if api.acl.rights(caller).may_use(right) {
        return Ok(jid);
    }
    match api.store.job(jid.clone()).await {
        Ok(Some(row)) if row.job.user == caller.name => Ok(jid),
        Ok(Some(_)) => {
            api.audit.write(Entry::new(caller, right, jid.as_str(), Outcome::Denied));
            Err(Box::new(answer(form, &jid, Ok(None::<()>))))
        }
        found => Err(Box::new(answer(form, &jid, found.map(|_| None::<()>)))),
    }
}

fn answer<T: Serialize>(form: Form, jid: &Jid, found: Result<Option<T>, StoreError>) -> Response {
    match found {
        Ok(Some(found)) => form.answer(StatusCode::OK, &found),
        Ok(None) => form.refuse(StatusCode::NOT_FOUND, Exit::Failed, format!("there is no job {jid}")),
        Err(error) => form.refuse(StatusCode::INTERNAL_SERVER_ERROR, Exit::Internal, error.to_string()),
    }
}
