//! Runners that are not asked for by an operator: by minions, as `peer_run` allows, and by pillar templates.
//!
//! Neither can change anything: only runners that read are run for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use fleet_common::args;
use fleet_common::call::{Arguments, Call, CallError, CallResult, Code};
use fleet_common::ids::MinionId;
use fleet_common::proto::mine::RunnerAsk;
use fleet_common::rules::{CallRules, Expression};
use fleet_common::value::{Map, Value};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::acl::{Caller, Entry, Outcome, shown};
use crate::api::Api;
use crate::runners::{Context, find};

/// Runners of minions that run at the same time: places of their own, so that operators find theirs.
const PLACES: usize = 4;
/// Those of one minion, with those that wait for a place.
const OF_ONE: usize = 2;
/// What a template calls to run a runner.
const BY_TEMPLATE: &str = "saltutil.runner";
/// Runners that pillar templates may ask: none of them compiles pillar itself, which would wait for its own end.
const IN_PILLAR: &[&str] = &[
    "mine.get",
    "manage.alived",
    "manage.allowed",
    "manage.joined",
    "manage.list_state",
    "manage.list_not_state",
    "manage.not_present",
    "manage.present",
];

/// `peer_run`: which minions may have which runners run. Default deny.
#[derive(Debug, Clone, Default)]
pub struct PeerRules(Vec<(Expression, CallRules)>);

impl PeerRules {
    /// Reads the mapping of expressions on minions' ids to lists of runners, both regular expressions.
    pub fn parse(written: &Map) -> Result<Self, String> {
        let mut rules = Vec::new();
        for (who, allowed) in written {
            let who = who.as_str().ok_or("minions are named by a text")?;
            rules.push((Expression::regex(who)?, runners(allowed)?));
        }
        Ok(Self(rules))
    }

    fn allow(&self, id: &MinionId, ask: &RunnerAsk) -> bool {
        let allows = |rules: &CallRules| rules.allow(&ask.fun, &ask.arg, &ask.kwarg);
        self.0.iter().any(|(who, rules)| who.matches(id.as_str()) && allows(rules))
    }
}

/// Every name is read as a regular expression here, as the reference does: `.*` and `mine.get` alike.
fn runners(allowed: &Value) -> Result<CallRules, String> {
    let whole = |name: &Value| match name {
        Value::Str(text) => Value::from(format!("({text})")),
        other => other.clone(),
    };
    CallRules::parse(&match allowed {
        Value::List(names) => Value::List(names.iter().map(whole).collect()),
        one => whole(one),
    })
}

/// Runs runners for others than operators.
pub struct Peers {
    rules: PeerRules,
    runtime: Handle,
    api: OnceLock<Weak<Api>>,
    places: Arc<Semaphore>,
    /// How many runs of each minion are under way.
    under_way: Mutex<HashMap<MinionId, usize>>,
}

/// A run of a minion that is under way; it is over when this is dropped.
pub struct Run {
    peers: Arc<Peers>,
    id: MinionId,
}

impl Drop for Run {
    fn drop(&mut self) {
        let mut under_way = self.peers.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = under_way.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                under_way.remove(&self.id);
            }
        }
    }
}

args! {
    /// Arguments of `saltutil.runner` in a pillar template.
    pub struct ByTemplate {
        /// The runner.
        name: String,
        /// Its arguments by position.
        arg: Vec<Value> = Vec::new(),
        /// Its arguments by name.
        kwarg: Map = Map::new(),
        /// More of them.
        **more: Map,
    }
}

impl Peers {
    /// To be made inside the runtime; answers once [`Peers::connect`] was called.
    pub fn new(rules: PeerRules) -> Self {
        let (places, under_way) = (Arc::new(Semaphore::new(PLACES)), Mutex::default());
        Self { rules, runtime: Handle::current(), api: OnceLock::new(), places, under_way }
    }

    /// The rest of the master, which knows this one, too.
    pub fn connect(&self, api: &Arc<Api>) {
        // Connected once, where both are made.
        let _ = self.api.set(Arc::downgrade(api));
    }

    /// Lets one more run of a minion begin; `None` when as many as may are under way.
    pub fn begin(self: &Arc<Self>, id: &MinionId) -> Option<Run> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let count = under_way.entry(id.clone()).or_default();
        (*count < OF_ONE).then(|| {
            *count += 1;
            Run { peers: self.clone(), id: id.clone() }
        })
    }

    /// Runs a runner for a minion that may ask for it.
    pub async fn run(&self, run: Run, ask: RunnerAsk) -> CallResult {
        let (api, id) = (self.api()?, run.id.clone());
        let caller = Caller::minion(&id);
        let args = shown(&ask.fun, &ask.arg, &ask.kwarg);
        let entry = |outcome| Entry::new(&caller, &ask.fun, "", outcome).args(args.clone());
        if !self.rules.allow(&id, &ask) {
            api.audit.write(entry(Outcome::Denied));
            let text = format!("'{id}' may not run '{}' on this master: peer_run there does not allow it", ask.fun);
            return Err(CallError::Invocation(text));
        }
        api.audit.write(entry(Outcome::Started));
        let Ok(place) = self.places.clone().acquire_owned().await else { return Err(stopping()) };
        let context = Context::new(api, caller.clone(), self.runtime.clone()).asked_by(id);
        let work = move || {
            // Until the work itself is over, whoever still waits for it.
            let _held = (place, run);
            reading(&context, &ask.fun, Arguments { positional: ask.arg, keyword: ask.kwarg })
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(stopping()))
    }

    fn api(&self) -> Result<Arc<Api>, CallError> {
        self.api.get().and_then(Weak::upgrade).ok_or_else(stopping)
    }
}

fn stopping() -> CallError {
    CallError::Failed("the master starts or stops".to_owned())
}

fn reading(context: &Context, fun: &str, arguments: Arguments) -> CallResult {
    match find(fun)?.code {
        Code::Reads(code) => code(context, arguments),
        Code::Changes(_) => Err(CallError::Invocation(format!(
            "the runner '{fun}' may change something: minions and templates can only have runners run that read"
        ))),
    }
}

impl Call for Peers {
    fn call(&self, function: &str, arguments: Arguments) -> CallResult {
        if !self.exists(function) {
            return Err(CallError::Unsupported(format!("'{function}' in a pillar template on the master")));
        }
        let ByTemplate { name, arg, mut kwarg, more } = ByTemplate::bind(BY_TEMPLATE, arguments)?;
        if !IN_PILLAR.contains(&name.as_str()) {
            let known = IN_PILLAR.join(", ");
            return Err(CallError::Invocation(format!("pillar templates can't have '{name}' run, only {known}")));
        }
        kwarg.extend(more);
        // Whoever writes pillar templates is an operator of this master.
        let caller = Caller::of(rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw(), 0);
        let context = Context::new(self.api()?, caller, self.runtime.clone());
        reading(&context, &name, Arguments { positional: arg, keyword: kwarg })
    }
    fn exists(&self, function: &str) -> bool {
        function == BY_TEMPLATE
    }
    fn names(&self) -> Vec<String> {
        vec![BY_TEMPLATE.to_owned()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Result<PeerRules, String> {
        let value = fleet_common::yaml::load(text, "master").unwrap().value;
        PeerRules::parse(value.as_map().unwrap())
    }

    #[tokio::test]
    async fn one_minion_has_few_runs_under_way_and_takes_none_from_others() {
        let peers = Arc::new(Peers::new(PeerRules::default()));
        let [web, db]: [MinionId; 2] = ["web1", "db1"].map(|id| id.parse().unwrap());
        let mut under_way: Vec<Run> = std::iter::from_fn(|| peers.begin(&web)).collect();
        assert_eq!(under_way.len(), OF_ONE);
        assert!(peers.begin(&db).is_some() && OF_ONE < PLACES);
        under_way.pop();
        assert!(peers.begin(&web).is_some());
        under_way.clear();
        assert!(peers.under_way.lock().unwrap().is_empty(), "nothing is kept of who asks no more");
    }

    #[test]
    fn nothing_is_allowed_that_is_not_named() {
        let ask = |fun: &str| RunnerAsk { fun: fun.to_owned(), arg: Vec::new(), kwarg: Map::new() };
        let allowed = |rules: &PeerRules, id: &str, fun: &str| rules.allow(&id.parse().unwrap(), &ask(fun));
        assert!(!allowed(&PeerRules::default(), "web1", "mine.get"));
        let some = rules("{'web.*': [mine.get, 'manage\\..*'], db1: '.*'}").unwrap();
        assert!(allowed(&some, "web1", "mine.get") && allowed(&some, "web1", "manage.up"));
        assert!(!allowed(&some, "web1", "jobs.list_jobs") && !allowed(&some, "xweb1", "mine.get"));
        assert!(allowed(&some, "db1", "jobs.list_jobs") && !allowed(&some, "db11", "mine.get"));
        assert!(rules("{'(': [x]}").is_err() && rules("{a: 5}").is_err());
    }
}
