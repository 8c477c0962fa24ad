//! Releases that should be in a cluster, and such that should not.

use fleet_common::value::{Map, Value};

use crate::cx::{Act, Look};
use crate::modules::helm::line::{Asked, asked, order};
use crate::modules::helm::release::{chart_of, held, preview};
use crate::states::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction};

/// `helm.release_present`.
pub const PRESENT: StateFunction = StateFunction {
    name: "release_present",
    doc: "A chart that is installed in a cluster, with these values.",
    example: "web: {helm.release_present: [{chart: house/web}, {namespace: shop}, {set: [color=red]}]}",
    args: Present::ROWS,
    make: |f, a| Ok(Box::new(PlannedState(Present::bind(f, a)?))),
};

/// `helm.release_absent`.
pub const ABSENT: StateFunction = StateFunction {
    name: "release_absent",
    doc: "A release that is not in a cluster.",
    example: "web: {helm.release_absent: [{namespace: shop}]}",
    args: Absent::ROWS,
    make: |f, a| Ok(Box::new(PlannedState(Absent::bind(f, a)?))),
};

asked! {
    /// Arguments of `helm.release_present`.
    struct Present [name, chart] [values, version, namespace, set] {
        /// The release's name.
        name: String,
        /// The chart: a directory, a package, an address or `repository/name`.
        chart: String,
        /// Files of values, or one.
        values: Value = Value::Null,
        /// The chart's version.
        version: Option<String> = None,
        /// Its namespace.
        namespace: Option<String> = None,
        /// Values as `name=value`, or one.
        set: Value = Value::Null,
    }
}

asked! {
    /// Arguments of `helm.release_absent`.
    struct Absent [name] [namespace] {
        /// The release's name.
        name: String,
        /// Its namespace.
        namespace: Option<String> = None,
    }
}

impl State for Present {
    /// Whether it is installed or upgraded.
    type Todo = &'static str;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<&'static str>, Failure> {
        let options = self.options()?;
        let now = held(&self.name, &options)?;
        let todo = if now.is_some() { "upgrade" } else { "install" };
        let then = preview(todo, &self.words(), options.clone())?;
        let did = Report::new(format!("Helm release {} is present", self.name));
        let same = now.is_some_and(|now| is_deployed(&now) && parts(&now) == parts(&then));
        if same && chart_of(&self.name, &options)? == chart(&then) {
            return Ok(Plan::Nothing(did));
        }
        let would = Report::new("Helm release would have been installed or updated.");
        let changes = shown(&then);
        Ok(Plan::Change { todo, would: would.changes(changes.clone()), did: did.changes(changes) })
    }

    fn apply(&self, act: &Act, todo: &'static str) -> Result<Applied, Failure> {
        order(act, &[todo], &self.words(), self.options()?)?;
        Ok(Applied::AsPlanned)
    }
}

impl State for Absent {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let did = Report::new(format!("Helm release {} is absent.", self.name));
        if held(&self.name, &self.options()?)?.is_none() {
            return Ok(Plan::Nothing(did));
        }
        let would = Report::new("Helm release would have been uninstalled.");
        let name = self.name.as_str();
        Ok(Plan::Change { todo: (), would: would.change("absent", name), did: did.change("absent", name) })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        order(act, &["uninstall"], &self.words(), self.options()?)?;
        Ok(Applied::AsPlanned)
    }
}

fn is_deployed(release: &Value) -> bool {
    release.get("info").and_then(|info| info.get("status")).and_then(Value::as_str) == Some("deployed")
}

/// What makes a release what it is: objects in the cluster, hooks without when they ran, and values.
fn parts(release: &Value) -> (Option<&str>, Vec<[Option<&str>; 2]>, Map) {
    let hooks = release.get("hooks").and_then(Value::as_list).unwrap_or_default();
    let hook = |hook| ["path", "manifest"].map(|key| Value::get(hook, key).and_then(Value::as_str));
    // No values are null, or an empty mapping.
    let values = release.get("config").and_then(Value::as_map).cloned().unwrap_or_default();
    (release.get("manifest").and_then(Value::as_str), hooks.iter().map(hook).collect(), values)
}

/// The chart of a release that would be, with its version.
fn chart(release: &Value) -> Option<String> {
    let facts = release.get("chart")?.get("metadata")?;
    let fact = |key: &str| facts.get(key).and_then(Value::as_str);
    Some(format!("{}-{}", fact("name")?, fact("version")?))
}

/// What is told of a release: its values may hold passwords, and when something happened can't be predicted.
fn shown(release: &Value) -> Map {
    let keys = ["name", "namespace", "version"];
    let mut shown: Map = keys.iter().filter_map(|&key| Some((key, release.get(key)?.clone()))).collect();
    shown.insert("info", Map::from_iter([("status", "deployed")]));
    shown
}
