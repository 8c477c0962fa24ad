//! The mine: values that minions give to each other, kept for each of them and given to those who may read them.

use std::collections::BTreeMap;
use std::sync::Arc;

use fleet_common::call::CallError;
use fleet_common::ids::MinionId;
use fleet_common::proto::api::Narrow;
use fleet_common::proto::job::{Target, TargetKind};
use fleet_common::proto::mine::{Mine as Ask, MineEntry};
use fleet_common::target::Matcher;
use fleet_common::value::{Map, Value};

use crate::resolve::{Packed, ResolveError, Resolver};
use crate::store::{Change, Store};

/// Most names of one question.
const MOST_NAMES: usize = 256;

/// Keeps and gives.
pub struct Mine {
    /// Where the values lie.
    pub store: Store,
    /// Says whom a target means.
    pub resolver: Arc<Resolver>,
    /// Keys of pillar that minions may name in targets (`mine_pillar_targets`).
    pub pillar_keys: Vec<String>,
}

impl Mine {
    /// Does what a minion asks: its own values only, by its session's identity.
    pub async fn answer(&self, asker: &MinionId, ask: Ask) -> Result<Value, CallError> {
        let failed = |error: crate::store::StoreError| CallError::Failed(error.to_string());
        match ask {
            Ask::Send { entries, clear } => {
                let change = Change::Put { entries, clear };
                self.store.change_mine(asker.clone(), change).await.map_err(failed)?;
                Ok(Value::Bool(true))
            }
            Ask::Delete { name } => {
                self.store.change_mine(asker.clone(), Change::Remove(name)).await.map_err(failed)?;
                Ok(Value::Bool(true))
            }
            Ask::Get { target, names } => self.get(Some(asker), target, &names).await.map(Value::Map),
        }
    }

    /// `{name: {minion: value}}` of those that a target means. `asker`: only what this minion may read.
    pub async fn get(&self, asker: Option<&MinionId>, target: Target, names: &[String]) -> Result<Map, CallError> {
        if names.len() > MOST_NAMES {
            return Err(CallError::Invocation(format!("at most {MOST_NAMES} names can be asked for at once")));
        }
        let target = self.harmless(asker, target)?;
        let meant = self.resolver.resolve(&target, &Narrow::default(), false).await.map_err(|error| match error {
            ResolveError::Target(fault) => CallError::Diagnostic(fault),
            other => CallError::Failed(other.to_string()),
        })?;
        let rows = self.store.mine(meant.ids).await.map_err(|error| CallError::Failed(error.to_string()))?;
        let mut found: BTreeMap<&str, Map> = BTreeMap::new();
        for (id, mut row) in rows {
            for name in names {
                let Some(entry) = row.remove(name) else { continue };
                if asker.is_none_or(|asker| self.may_read(asker, &entry)) {
                    found.entry(name).or_default().insert(id.as_str(), entry.data);
                }
            }
        }
        Ok(found.into_iter().collect())
    }

    /// Patterns on pillar would let a minion guess the pillar of others bit by bit, and exact values those of which few
    /// are possible: it may name the keys that are meant for that.
    fn harmless(&self, asker: Option<&MinionId>, target: Target) -> Result<Target, CallError> {
        let exact = match target.kind {
            TargetKind::Pillar => Target { kind: TargetKind::PillarExact, ..target },
            _ => target,
        };
        let matcher = Matcher::parse(&exact, &self.resolver.nodegroups)?;
        if exact.kind != TargetKind::PillarExact && matcher.needs_pillar() {
            let text = "the mine takes pillar in targets only as tgt_type=pillar, which is matched exactly";
            return Err(CallError::Invocation(text.to_owned()));
        }
        if exact.kind == TargetKind::PillarExact && asker.is_some() && !self.is_open(&exact) {
            let text = format!(
                "minions may not target by the pillar '{}': on the master, mine_pillar_targets must name its key",
                exact.expr
            );
            return Err(CallError::Invocation(text));
        }
        Ok(exact)
    }

    /// True when minions may name the key of such a target.
    fn is_open(&self, target: &Target) -> bool {
        let below = |key: &String| target.expr.strip_prefix(key.as_str()).is_some_and(|rest| rest.starts_with(':'));
        target.delimiter == ":" && self.pillar_keys.iter().any(below)
    }

    /// A target that can't be read or decided allows nobody.
    fn may_read(&self, asker: &MinionId, entry: &MineEntry) -> bool {
        let Some(target) = &entry.allowed else { return true };
        let Ok(matcher) = Matcher::parse(target, &self.resolver.nodegroups) else { return false };
        let all = self.resolver.minions.all_grains();
        matcher.decide(&Packed { id: asker, grains: all.get(asker) }) == Some(true)
    }
}
