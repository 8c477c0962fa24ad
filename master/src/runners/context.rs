//! What a runner may reach: the parts of the master, on behalf of one caller.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use fleet_common::call::{CallError, CallResult, Function};
use fleet_common::diag::Diagnostic;
use fleet_common::ids::MinionId;
use fleet_common::proto::api::{JobEvent, Narrow, NewJob};
use fleet_common::proto::job::{Target, TargetKind};
use fleet_common::proto::ret::Return;
use tokio::runtime::Handle;

use crate::acl::Caller;
use crate::api::Api;
use crate::publish::PublishError;
use crate::resolve::ResolveError;

/// A module of runners.
pub type Module = fleet_common::call::Module<Context, Context>;

/// One run. Runners block: they have a thread of their own.
pub struct Context {
    /// The parts of the master.
    pub api: Arc<Api>,
    /// Who asks.
    pub caller: Caller,
    /// The minion it is run for: it learns nothing of others' pillar.
    pub asker: Option<MinionId>,
    runtime: Handle,
    notes: Mutex<Vec<String>>,
}

impl Context {
    /// A run for a caller.
    pub fn new(api: Arc<Api>, caller: Caller, runtime: Handle) -> Self {
        Self { api, caller, asker: None, runtime, notes: Mutex::default() }
    }

    /// Run for a minion.
    #[must_use]
    pub fn asked_by(mut self, id: MinionId) -> Self {
        self.asker = Some(id);
        self
    }

    /// Waits for what the master's tasks do.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Tells whoever asked something beside the answer.
    pub fn note(&self, text: impl Into<String>) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(text.into());
    }

    /// What was told.
    pub fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The accepted minions that a target means: none is an answer, not a fault.
    pub fn resolve(&self, tgt: &str, tgt_type: &str) -> Result<Vec<MinionId>, CallError> {
        let target = Target::new(TargetKind::named(tgt_type)?, tgt);
        if self.asker.is_some()
            && self.api.desk.resolver.needs_pillar(&target, &Narrow::default()).is_ok_and(|needs| needs)
        {
            let text =
                "a runner that a minion asks for takes no target that pillar decides on: it could guess pillar with it";
            return Err(CallError::Invocation(text.to_owned()));
        }
        let meant = match self.wait(self.api.desk.resolver.resolve(&target, &Narrow::default(), false)) {
            Ok(meant) => meant,
            Err(ResolveError::Target(fault)) => return Err(CallError::Diagnostic(fault)),
            Err(error) => return Err(CallError::Failed(error.to_string())),
        };
        for note in meant.notes() {
            self.note(note);
        }
        Ok(meant.ids)
    }

    /// Runs a function on minions and gives their returns; who does not answer is told in the notes.
    pub fn run_job(&self, job: NewJob) -> Result<Vec<Return>, CallError> {
        self.wait(async {
            let failed = |error: PublishError| match error {
                PublishError::Target(ResolveError::Target(fault)) => CallError::Diagnostic(fault),
                other => CallError::Failed(other.to_string()),
            };
            let mut follow = self.api.desk.publish(job, &self.caller).await.map_err(failed)?;
            let mut returns = Vec::new();
            while let Some(event) = follow.next().await {
                match event {
                    JobEvent::Started { down, .. } => {
                        for id in down {
                            self.note(format!("{id}: offline: not connected to the master"));
                        }
                    }
                    JobEvent::Return(ret) => returns.push(*ret),
                    JobEvent::Lost { id, .. } => self.note(format!("{id}: no answer")),
                    JobEvent::Error { message, .. } => return Err(CallError::Failed(message)),
                    JobEvent::Progress { .. } | JobEvent::Summary(_) => {}
                }
            }
            Ok(returns)
        })
    }
}

/// The row of a runner that reads only.
pub(super) const fn reads(
    name: &'static str,
    doc: &'static str,
    example: &'static str,
    args: &'static [fleet_common::call::ArgRow],
    code: fn(&Context, fleet_common::call::Arguments) -> CallResult,
) -> Function<Context, Context> {
    Function::reads(name, doc, example, args, code)
}

/// An argument that the reference has and that has no meaning here yet: refused when it is given.
pub(super) fn refuse(function: &str, argument: &str, given: bool) -> Result<(), CallError> {
    if given { Err(CallError::Unsupported(format!("'{argument}' of {function}"))) } else { Ok(()) }
}

/// A diagnostic as the answer of a runner.
pub(super) fn fault(diagnostic: Diagnostic) -> CallError {
    CallError::Diagnostic(Box::new(diagnostic))
}
