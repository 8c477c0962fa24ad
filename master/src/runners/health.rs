//! `manage.health`: how much there is now, and everything that was refused or dropped since the master was started.

use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::value::{Map, Value};

use super::context::Context;
use super::manage::Nothing;
use crate::keys::Folder;

pub(super) fn health(context: &Context, arguments: Arguments) -> CallResult {
    Nothing::bind("manage.health", arguments)?;
    let api = &context.api;
    let (health, drops) = (&api.health, &api.health.drops);
    let pending = api.keys.count(Folder::Pending).map_err(|error| CallError::Failed(error.to_string()))?;
    let jobs = api.desk.jobs.counts();
    let mut all = Map::new();
    all.insert(
        "minions",
        map([
            ("accepted", api.keys.accepted().len() as u64),
            ("connected", api.minions.sessions().len() as u64),
            ("pending", pending as u64),
            ("refused_too_many_pending", drops.keys_full.count()),
            ("refused_too_many_at_once", drops.keys_busy.count()),
        ]),
    );
    let turns = health.turns.stats();
    all.insert(
        "handshakes",
        map([
            ("under_way", turns.under_way),
            ("waiting", turns.waiting),
            ("refused_too_many_waiting", turns.refused),
            ("slow", turns.slow),
        ]),
    );
    all.insert(
        "jobs",
        map([
            ("open", jobs.open as u64),
            ("steps_not_written", jobs.unwritten),
            ("signs_not_passed_on", jobs.unheard),
            ("left_memory_early", jobs.evicted),
        ]),
    );
    all.insert(
        "store",
        map([
            ("writes_waiting", api.store.queued() as u64),
            ("commits_failed", api.store.failed_commits()),
            ("returns_failed", drops.returns_failed.count()),
            ("parts_dropped", api.store.dropped_parts()),
            ("unsolicited", drops.unsolicited.count()),
            ("unsolicited_dropped", drops.unsolicited_over_quota.count()),
        ]),
    );
    all.insert("api", map([("refused", drops.api_refused.count()), ("unread", drops.api_unread.count())]));
    all.insert(
        "refused",
        map([
            ("operators", drops.operators_refused.count()),
            ("handshakes", drops.handshakes_refused.count()),
            ("keys", drops.keys_refused.count()),
            ("tokens", drops.tokens_refused.count()),
            ("second_daemons", drops.twins_refused.count()),
            ("requests", drops.requests_refused.count()),
            ("runners_busy", drops.runs_busy.count()),
            ("forged_returns", drops.returns_forged.count()),
        ]),
    );
    for (name, meter) in &health.endpoints {
        let counted = meter.stats().named();
        all.insert(*name, map(std::iter::once(("open", meter.open() as u64)).chain(counted)));
    }
    all.insert("process", process());
    Ok(all.into())
}

fn map(counts: impl IntoIterator<Item = (&'static str, u64)>) -> Value {
    Value::Map(counts.into_iter().map(|(name, count)| (Value::from(name), Value::from(count))).collect())
}

/// Resident memory and open files of this process, from `/proc`; what can't be read is left out.
fn process() -> Value {
    let mut own = Map::new();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    if let Some(kib) = resident.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()) {
        own.insert("resident_kib", kib);
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        own.insert("open_files", files.count() as u64);
    }
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    if let Some(most) = limit.current {
        own.insert("most_open_files", most);
    }
    Value::Map(own)
}
