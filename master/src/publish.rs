//! From a request for a job to its publication: target, id, store, seal, send.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fleet_common::call::READ_ONLY;
use fleet_common::channel::ChannelError;
use fleet_common::channel::publish::Sealer;
use fleet_common::crypto::keys::MasterKeys;
use fleet_common::exit::Exit;
use fleet_common::fault;
use fleet_common::ids::{FunctionName, Jid, MinionId};
use fleet_common::proto::api::{Cancelled, NewJob};
use fleet_common::proto::decode::encode;
use fleet_common::proto::job::{Job, Publication, Target};
use fleet_common::proto::request::StreamKeys;
use fleet_common::transport::Publisher;
use fleet_common::value::{Map, Value};

use crate::acl::{Acl, Audit, Caller, Entry, Outcome, Rights, shown};
use crate::clock::Clock;
use crate::jobs::{Active, Follow, FollowOptions, Jobs, Parts, Wait, initial};
use crate::minions::{JidMaker, Minions};
use crate::resolve::{Packed, ResolveError, Resolver};
use crate::store::{JobRow, Store, StoreError};

/// Arguments over this many bytes do not travel in the publication.
const BY_REFERENCE: usize = 64 * 1024;
/// Most bytes of a job's arguments.
const MOST_ARGUMENTS: usize = 8 * 1024 * 1024;
/// How long a job without a time to live may start, in milliseconds: a short cut loses nothing, a reboot runs nothing late.
const SHORT_LIFE: u64 = 60_000;
/// What names of secrets hold: every accepted minion can read every publication.
const SECRET: [&str; 6] = ["pass", "secret", "token", "credential", "private_key", "api_key"];

/// Why a job was not made.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// It can't be said whom the target means.
    #[error(transparent)]
    Target(#[from] ResolveError),
    /// Nobody is meant; with what is to be told of the target.
    #[error("No minions matched the target. No command was sent, no jid was assigned.{}", .0.iter().map(|note| format!("\n{note}")).collect::<String>())]
    NoTarget(Vec<String>),
    /// The function's name is none.
    #[error("{0}")]
    Function(#[from] fleet_common::ids::IdError),
    /// The arguments are too long.
    #[error("the arguments have {bytes} bytes; at most {most} are allowed")]
    TooLong {
        /// Their size.
        bytes: usize,
        /// The bound.
        most: usize,
    },
    /// The user may not do this.
    #[error("user '{user}' may not {what} on this master")]
    Denied {
        /// Who.
        user: String,
        /// What was asked.
        what: String,
    },
    /// It could not be stored, so it was not published.
    #[error("the job was not published: {0}")]
    Store(#[from] StoreError),
    /// It could not be sealed.
    #[error("the job was not published: {0}")]
    Seal(#[from] ChannelError),
}

impl PublishError {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Denied { .. } => Outcome::Denied,
            Self::NoTarget(_) => Outcome::NoTarget,
            Self::Store(_) | Self::Seal(_) => Outcome::Failed,
            Self::Target(_) | Self::Function(_) | Self::TooLong { .. } => Outcome::Invalid,
        }
    }

    /// The status a command should end with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Target(ResolveError::Store(_)) => Exit::Internal,
            Self::Target(_) | Self::Function(_) | Self::TooLong { .. } => Exit::Usage,
            Self::NoTarget(_) => Exit::NoTarget,
            Self::Denied { .. } => Exit::Denied,
            Self::Store(_) | Self::Seal(_) => Exit::Internal,
        }
    }
}

/// The publication stream: frames reach the subscribers in the order they were sealed.
pub struct Stream {
    sealer: Mutex<Sealer>,
    publisher: Arc<dyn Publisher>,
}

impl Stream {
    /// A stream over a publish socket.
    pub fn new(sealer: Sealer, publisher: Arc<dyn Publisher>) -> Self {
        Self { sealer: Mutex::new(sealer), publisher }
    }

    /// Seals once and hands one frame to all subscribers.
    pub fn publish(&self, publication: &Publication) -> Result<(), ChannelError> {
        let mut sealer = self.lock();
        let frame = sealer.seal(publication)?;
        if matches!(publication, Publication::Job(_)) {
            fault::point("job.sealed");
        }
        self.publisher.publish(frame);
        Ok(())
    }

    /// What a welcome tells.
    pub fn keys(&self) -> StreamKeys {
        self.lock().keys()
    }

    /// The newest counter.
    pub fn counter(&self) -> u64 {
        self.lock().counter()
    }

    /// Makes the next group key; it is to be pushed over all sessions before [`Stream::switch`].
    pub fn rotate(&self) -> StreamKeys {
        self.lock().rotate()
    }

    /// Uses the next group key.
    pub fn switch(&self) {
        self.lock().switch();
    }

    /// Signs with the key the master has now.
    pub fn renew(&self, keys: &MasterKeys) {
        self.lock().renew(keys);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Sealer> {
        self.sealer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes jobs.
pub struct Desk {
    /// Where jobs are kept.
    pub store: Store,
    /// Jobs that are not over.
    pub jobs: Arc<Jobs>,
    /// Who is connected.
    pub minions: Arc<Minions>,
    /// Says whom a target means.
    pub resolver: Arc<Resolver>,
    /// Where publications go.
    pub stream: Arc<Stream>,
    /// Job ids.
    pub jids: JidMaker,
    /// Who may do what.
    pub acl: Arc<Acl>,
    /// Who did what.
    pub audit: Arc<Audit>,
    /// The wait for a first sign when the request does not say.
    pub timeout: Duration,
    /// The clocks.
    pub clock: Clock,
}

/// A target as the audit log words it.
pub fn shown_target(target: &Target) -> String {
    format!("{:?} {}", target.kind, target.expr).to_lowercase()
}

impl Desk {
    /// Makes a job, publishes it and follows it. Every attempt stands in the audit log.
    pub async fn publish(&self, new: NewJob, caller: &Caller) -> Result<Follow, PublishError> {
        let (fun, args) = (new.fun.clone(), shown(&new.fun, &new.arg, &new.kwarg));
        let target = shown_target(&new.target);
        let done = self.make(new, caller).await;
        let outcome = match &done {
            Ok(_) => Outcome::Published,
            Err(error) => error.outcome(),
        };
        let job = done.as_ref().ok().map(Follow::job);
        let (jid, count) = job.map_or((None, 0), |(jid, count)| (Some(jid), count));
        self.audit.write(Entry::new(caller, &fun, &target, outcome).args(args).job(jid, count));
        done
    }

    async fn make(&self, new: NewJob, caller: &Caller) -> Result<Follow, PublishError> {
        let rights = self.acl.rights(caller);
        let denied = |what: String| PublishError::Denied { user: caller.name.clone(), what };
        if self.acl.forbids(caller, &new.fun) || !rights.may_call(&new.fun, &new.arg, &new.kwarg) {
            return Err(denied(format!("run '{}' with these arguments", new.fun)));
        }
        fault::point("job.received");
        let fun: FunctionName = new.fun.parse()?;
        let bytes = encode(&(&new.arg, &new.kwarg)).len();
        if bytes > MOST_ARGUMENTS {
            return Err(PublishError::TooLong { bytes, most: MOST_ARGUMENTS });
        }
        if rights.is_restricted() {
            if self.resolver.needs_pillar(&new.target, &new.narrow)? {
                // Who is matched would tell what is in others' pillar.
                return Err(denied("target by pillar".to_owned()));
            }
            if new.narrow.state_of.is_some() && !rights.may_use("jobs.lookup_jid") {
                return Err(denied("target by what became of a job".to_owned()));
            }
        }
        let meant = self.resolver.resolve(&new.target, &new.narrow, false).await?;
        if meant.ids.is_empty() {
            return Err(PublishError::NoTarget(meant.notes()));
        }
        if let Some(id) = self.first_refused(&rights, &meant.ids, &new) {
            return Err(denied(format!("run '{fun}' on '{id}'")));
        }
        // A minion may match a target that the master does not know it to match: rights, and what narrows the target,
        // went by these.
        let by_name = rights.is_restricted() || !new.narrow.is_nothing();
        let (notes, unknown_grains) = (meant.notes(), meant.unknown.len() as u64);
        fault::point("job.resolved");
        let now = self.clock.wall();
        let down = self.minions.down(&meant.ids);
        let life = new.ttl.map_or(SHORT_LIFE, |seconds| seconds.saturating_mul(1000));
        let row = JobRow {
            job: Job {
                jid: self.jids.next(now),
                target: meant.published.unwrap_or_else(|| new.target.clone()),
                ids: by_name.then(|| meant.ids.clone()),
                changes: READ_ONLY.binary_search(&fun.as_str()).is_err(),
                fun,
                arg: new.arg,
                kwarg: new.kwarg,
                by_reference: false,
                user: caller.name.clone(),
                expires: self.clock.steady().saturating_add(life),
                follow: new.follow,
            },
            target: new.target,
            expected: meant.ids,
            down,
            created: now,
            durable: new.ttl.is_some(),
        };
        let timeout = new.timeout.filter(|seconds| seconds.is_finite() && *seconds > 0.0);
        let options = FollowOptions {
            timeout: timeout.map_or(self.timeout, |seconds| Duration::from_secs_f64(seconds.min(86_400.0))),
            progress: new.follow,
            wait: Wait::Signs,
            unknown_grains,
            notes,
        };
        self.send(row, options).await
    }

    /// Ends a job's time, on behalf of a caller; `None` when there is no such job.
    pub async fn cancel(&self, jid: &Jid, caller: &Caller) -> Result<Option<Cancelled>, StoreError> {
        let (now, at) = (self.clock.steady(), self.clock.wall());
        let cancelled = self.jobs.cancel(jid, &caller.name, now, at).await?;
        if cancelled.is_some() {
            tracing::info!(%jid, user = caller.name, "job cancelled");
        }
        Ok(cancelled)
    }

    async fn send(&self, row: JobRow, options: FollowOptions) -> Result<Follow, PublishError> {
        let standings = row.expected.iter().map(|id| (id.clone(), initial(&row, id)));
        let open: Vec<_> = standings.filter(|(_, state)| !state.is_final()).collect();
        let nobody_is_up = row.down.len() == row.expected.len();
        let parts = Parts {
            published: published_form(row.job.clone()),
            expected: row.expected.clone(),
            down: row.down.clone(),
            durable: row.durable,
            created: row.created,
        };
        let active = Arc::new(Active::new(parts, open));
        self.store.create_job(row).await?;
        fault::point("job.stored");
        self.jobs.enter(active.clone());
        let follow = Follow::new(active.clone(), options, self.minions.clone());
        if !nobody_is_up {
            self.stream.publish(&Publication::Job(active.job.clone()))?;
            fault::point("job.published");
        }
        tracing::info!(jid = %active.job.jid, fun = %active.job.fun, user = active.job.user,
            target = active.job.target.expr, minions = active.expected.len(), "job published");
        Ok(follow)
    }

    /// The first of the resolved minions that no rule allows the call on.
    fn first_refused<'a>(&self, rights: &Rights<'_>, ids: &'a [MinionId], new: &NewJob) -> Option<&'a MinionId> {
        if !rights.is_restricted() {
            return None;
        }
        let known = if rights.needs_grains() { self.minions.all_grains() } else { Arc::default() };
        ids.iter().find(|id| {
            let subject = Packed { id, grains: known.get(*id) };
            !rights.may_call_on(&subject, &new.fun, &new.arg, &new.kwarg)
        })
    }
}

/// True for the name of a setting, an argument or a function that is about something secret.
pub fn looks_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|word| name.contains(word))
}

fn holds_secret(map: &Map) -> bool {
    map.iter().any(|(key, value)| key.as_str().is_some_and(looks_secret) || is_or_holds_secret(value))
}

fn is_or_holds_secret(value: &Value) -> bool {
    match value {
        Value::Map(map) => holds_secret(map),
        Value::List(items) => items.iter().any(is_or_holds_secret),
        _ => false,
    }
}

/// The job as it is published and, when they travel by reference, its arguments.
pub fn published_form(mut job: Job) -> (Job, Option<(Vec<Value>, Map)>) {
    let secret = looks_secret(job.fun.as_str())
        || job.kwarg.contains("pillar")
        || holds_secret(&job.kwarg)
        || job.arg.iter().any(is_or_holds_secret);
    if !secret && encode(&(&job.arg, &job.kwarg)).len() <= BY_REFERENCE {
        return (job, None);
    }
    job.by_reference = true;
    let payload = (std::mem::take(&mut job.arg), std::mem::take(&mut job.kwarg));
    (job, Some(payload))
}

#[cfg(test)]
mod tests {
    use fleet_common::proto::job::TargetKind;

    use super::*;

    fn travels_by_reference(fun: &str, arg: Vec<Value>, kwarg: Map) -> bool {
        let job = Job {
            jid: "20261120120000123000".parse().unwrap(),
            target: Target::new(TargetKind::Glob, "*"),
            ids: None,
            fun: fun.parse().unwrap(),
            arg,
            kwarg,
            changes: true,
            by_reference: false,
            user: "root".to_owned(),
            expires: 0,
            follow: false,
        };
        let (published, payload) = published_form(job.clone());
        assert_eq!(payload.is_some(), published.by_reference);
        if let Some((arg, kwarg)) = &payload {
            assert!(published.arg.is_empty() && published.kwarg.is_empty());
            assert_eq!((arg, kwarg), (&job.arg, &job.kwarg));
        }
        payload.is_some()
    }

    #[test]
    fn secrets_and_large_arguments_are_not_published() {
        let kwarg = |key: &str, value: Value| Map::from_iter([(key, value)]);
        assert!(!travels_by_reference("test.ping", Vec::new(), Map::new()));
        assert!(!travels_by_reference("cmd.run", vec!["id".into()], kwarg("cwd", "/".into())));
        assert!(travels_by_reference("state.apply", vec!["x".into()], kwarg("pillar", Map::new().into())));
        assert!(travels_by_reference("user.add", Vec::new(), kwarg("Password", "x".into())));
        assert!(travels_by_reference("shadow.set_password", vec!["root".into(), "x".into()], Map::new()));
        let env = kwarg("DB_PASSWORD", "x".into());
        assert!(travels_by_reference("cmd.run", vec!["id".into()], kwarg("env", vec![Value::Map(env)].into())));
        assert!(travels_by_reference("cmd.run", vec!["x".repeat(BY_REFERENCE).into()], Map::new()));
    }
}
