//! What minions ask: one arm a request.

use std::sync::Arc;

use fleet_common::call::CallError;
use fleet_common::fault;
use fleet_common::ids::Jid;
use fleet_common::proto::request::{Reply, Request};
use fleet_common::proto::ret::Return;
use fleet_common::value::Value;

use super::Parts;
use crate::minions::Session;
use crate::pillar::Wanted;

/// Answers a request. Cheap ones are answered here, in order; others in tasks of their own, bounded by the session's
/// limit of open requests and by the pools they run in.
pub(super) async fn handle(parts: &Arc<Parts>, session: &Arc<Session>, number: u64, request: Request) {
    let reply = match request {
        Request::Sync { begun } => {
            let (now, at) = (parts.clock.steady(), parts.clock.wall());
            Reply::Owed { jobs: parts.jobs.owed(&session.id, &begun, now, at) }
        }
        Request::Beat { running, queued } => {
            parts.jobs.beat(&session.id, &running, &queued, parts.clock.wall());
            let is_watched =
                |jid: &Jid| parts.jobs.get(jid).is_some_and(|job| job.expects(&session.id) && job.is_watched());
            let watched = |jid: &&Jid| is_watched(jid);
            let watched = running.iter().filter(watched).cloned().collect();
            Reply::Beat { now: parts.clock.steady(), counter: parts.stream.counter(), watched }
        }
        Request::Progress(progress) => {
            parts.jobs.progress(&session.id, progress, parts.clock.wall());
            Reply::Done {}
        }
        Request::Payload { jid } => payload(parts, session, &jid),
        Request::Options {} => Reply::Options { options: parts.options.clone() },
        Request::Event { tag, data } => event(session, &tag, &data),
        slow => {
            let (parts, session) = (parts.clone(), session.clone());
            tokio::spawn(async move {
                let (reply, held) = match parts.files.answer(&session.files, slow).await {
                    Ok(answered) => answered,
                    Err(other) => (answer(&parts, &session, other).await, Vec::new()),
                };
                count(&parts, &reply);
                let stored = matches!(reply, Reply::Stored {});
                // A session that ended asks again in its next one.
                let _ = session.sender.reply_holding(number, reply, held).await;
                if stored {
                    fault::point("return.acknowledged");
                }
            });
            return;
        }
    };
    count(parts, &reply);
    let _ = session.sender.reply(number, reply).await;
}

/// Counts what was asked for and is not the minion's, or not there.
fn count(parts: &Parts, reply: &Reply) {
    if matches!(reply, Reply::Error { code, .. } if matches!(code.as_str(), "denied" | "invalid" | "not_found")) {
        parts.drops.requests_refused.add();
    }
}

async fn answer(parts: &Parts, session: &Session, request: Request) -> Reply {
    match request {
        Request::Return(ret) => returned(parts, session, *ret).await,
        Request::Grains { grains } => match parts.minions.put_grains(session, &grains, parts.clock.wall()).await {
            Ok(()) => Reply::Done {},
            Err(error) => failed(error.to_string()),
        },
        Request::Pillar { saltenv, pillarenv, overrides } => {
            let grains = parts.minions.grains(&session.id).unwrap_or_default();
            let wanted = Wanted { id: session.id.clone(), grains, saltenv, pillarenv, overrides };
            parts.pillars.compile(wanted).await
        }
        Request::Mine(ask) => given(parts.mine.answer(&session.id, ask).await),
        Request::Runner(ask) => match parts.peers.begin(&session.id) {
            Some(run) => given(parts.peers.run(run, ask).await.map(|outcome| outcome.value)),
            None => {
                parts.drops.runs_busy.add();
                error("busy", format!("too many runners of '{}' are under way: wait for one of them", session.id))
            }
        },
        other => error("invalid", format!("{} is not served here", other.name())),
    }
}

fn given(answer: Result<Value, CallError>) -> Reply {
    match answer {
        Ok(value) => Reply::Data { value },
        Err(refused @ CallError::Invocation(_)) => error("invalid", refused.to_string()),
        Err(error) => failed(error.to_string()),
    }
}

async fn returned(parts: &Parts, session: &Session, ret: Return) -> Reply {
    match parts.returns.take(session, ret).await {
        Ok(_) => Reply::Stored {},
        // The minion keeps it and sends it again.
        Err(error) => {
            parts.drops.returns_failed.add();
            failed(error.to_string())
        }
    }
}

fn payload(parts: &Parts, session: &Session, jid: &Jid) -> Reply {
    let job = parts.jobs.get(jid).filter(|job| job.expects(&session.id));
    match job.as_ref().and_then(|job| job.payload.clone()) {
        Some((arg, kwarg)) => Reply::Payload { arg, kwarg },
        None => error("not_found", format!("there is no job {jid} for this minion")),
    }
}

fn event(session: &Session, tag: &str, data: &Value) -> Reply {
    if tag.starts_with("salt/") || tag.is_empty() || tag.len() > 256 {
        return error(
            "denied",
            "a minion's event has a tag of 1 to 256 bytes that does not start with 'salt/'".to_owned(),
        );
    }
    tracing::debug!(minion = %session.id, tag, kind = data.kind(), "event");
    Reply::Done {}
}

fn failed(message: String) -> Reply {
    error("failed", message)
}

fn error(code: &str, message: String) -> Reply {
    Reply::Error { code: code.to_owned(), message }
}
