//! Sources of apt.

use fleet_common::value::{Map, Value};

use super::said::{WARNING, already, refused};
use crate::cx::{Act, Look};
use crate::modules::pkg::{Configured, Managed, apt, configure, find, key, refresh, remove};
use crate::states::{Failure, Plan, Report};
use crate::system::apt::sources::Source;

fn changes(name: &str, configured: &Configured) -> Map {
    let new = &configured.source;
    let Some(old) = &configured.former else { return Map::from_iter([("repo", name)]) };
    let pair = |old: Value, new: Value| Map::from_iter([("new", new), ("old", old)]);
    let mut changes = Map::new();
    if old.line() != new.line() {
        changes.insert("line", pair(old.line().into(), new.line().into()));
    }
    if old.comps != new.comps {
        changes.insert("comps", pair(old.comps.clone().into(), new.comps.clone().into()));
    }
    if old.disabled != new.disabled {
        changes.insert("disabled", pair(old.disabled.into(), new.disabled.into()));
    }
    if configured.text.is_some() && old.file != new.file {
        let path = |source: &Source| Value::from(source.file.to_string_lossy().into_owned());
        changes.insert("file", pair(path(old), path(new)));
    }
    changes
}

/// What a source needs to be as asked. Its key is fetched when it is needed, so it is no part of that.
pub(super) fn plan(args: &Managed, look: &Look) -> Result<Plan<Box<Configured>>, Failure> {
    let name = &args.name;
    let apt = apt(look, "pkgrepo.managed")?;
    let configured = configure(&apt.places, &Managed { keyid: Value::Null, keyserver: None, ..args.clone() }, None)
        .and_then(|configured| {
            // Key servers are refused in a dry run as well.
            if args.key_url.is_none() && args.key_text.is_none() {
                configure(&apt.places, args, None)
            } else {
                Ok(configured)
            }
        })
        .map_err(|error| refused(name, &error))?;
    let missing = args.key_url.is_some() || args.key_text.is_some();
    let path = configured.source.option("signed-by").map(std::path::PathBuf::from);
    let missing = missing && path.is_none_or(|path| !path.exists());
    if configured.text.is_none() && !missing {
        return Ok(already(name));
    }
    let changes = changes(name, &configured);
    if changes.is_empty() && configured.text.is_none() && configured.source.option("signed-by").is_none() {
        // A key among those trusted for all sources is compared when it is put there.
        return Ok(already(name));
    }
    let changes = if changes.is_empty() { Map::from_iter([("repo", name.as_str())]) } else { changes };
    Ok(Plan::Change {
        todo: Box::new(configured),
        would: Report::new(format!("Package repo '{name}' would be configured. {WARNING}")).changes(changes.clone()),
        did: Report::new(format!("Configured package repo '{name}'")).changes(changes),
    })
}

/// Writes a source and its key, and fetches the indexes.
pub(super) fn apply(args: &Managed, act: &Act, configured: &Configured, saltenv: &str) -> Result<(), Failure> {
    let apt = apt(act, "pkgrepo.managed")?;
    let key = key(act, args, saltenv).map_err(|error| refused(&args.name, &error))?;
    let configured = match key {
        Some(key) => configure(&apt.places, args, Some(key)).map_err(|error| refused(&args.name, &error))?,
        None => configured.clone(),
    };
    configured.apply().map_err(|error| refused(&args.name, &error))?;
    if args.refresh_db.unwrap_or(args.refresh) {
        refresh(&apt, 0).map_err(|error| Failure::new(error.to_string()))?;
    }
    Ok(())
}

/// The source of a line.
pub(super) fn found(name: &str, look: &Look) -> Result<Option<Source>, Failure> {
    find(&apt(look, "pkgrepo.absent")?.places, name).map_err(|error| refused(name, &error))
}

/// Removes a source.
pub(super) fn take_away(act: &Act, source: &Source, fetch: bool) -> Result<(), Failure> {
    remove(source)?;
    if fetch {
        refresh(&apt(act, "pkgrepo.absent")?, 0)?;
    }
    Ok(())
}
