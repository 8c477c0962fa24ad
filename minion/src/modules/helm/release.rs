//! Releases: what is installed of charts in a cluster.

use fleet_common::call::{CallError, Function};
use fleet_common::value::Value;

use super::line::{Asked, ask_value, asked, done, order, told, value};
use super::options::Options;
use crate::cx::Module;

/// The releases.
pub const MODULE: Module = Module {
    name: "helm",
    doc: "Charts of Kubernetes, through Helm.",
    functions: &[
        Function::reads(
            "get_all",
            "All that is known of a release.",
            "helm.get_all web",
            Release::ROWS,
            |_, arguments| told(&["get", "all"], &Release::bind("helm.get_all", arguments)?),
        ),
        Function::reads("get_hooks", "The hooks of a release.", "helm.get_hooks web", Release::ROWS, |_, arguments| {
            told(&["get", "hooks"], &Release::bind("helm.get_hooks", arguments)?)
        }),
        Function::reads(
            "get_manifest",
            "What a release has in the cluster.",
            "helm.get_manifest web",
            Release::ROWS,
            |_, arguments| told(&["get", "manifest"], &Release::bind("helm.get_manifest", arguments)?),
        ),
        Function::reads("get_notes", "The notes of a release.", "helm.get_notes web", Release::ROWS, |_, arguments| {
            told(&["get", "notes"], &Release::bind("helm.get_notes", arguments)?)
        }),
        Function::reads(
            "get_values",
            "The values that a release was given.",
            "helm.get_values web",
            Release::ROWS,
            |_, arguments| value(&["get", "values"], &Release::bind("helm.get_values", arguments)?),
        ),
        Function::reads("history", "The revisions of a release.", "helm.history web", Release::ROWS, |_, arguments| {
            value(&["history"], &Release::bind("helm.history", arguments)?)
        }),
        Function::changes(
            "install",
            "Installs a chart; true if Helm did.",
            "helm.install web house/web namespace=shop set=color=red",
            Install::ROWS,
            |act, arguments| done(act, &["install"], &Install::bind("helm.install", arguments)?),
        ),
        Function::reads("list", "The releases.", "helm.list namespace=shop", List::ROWS, |_, arguments| {
            value(&["list"], &List::bind("helm.list", arguments)?)
        }),
        Function::changes(
            "rollback",
            "Makes a release what it was in an earlier revision; true if Helm did.",
            "helm.rollback web 1",
            Rollback::ROWS,
            |act, arguments| done(act, &["rollback"], &Rollback::bind("helm.rollback", arguments)?),
        ),
        Function::reads("status", "The state of a release.", "helm.status web", Placed::ROWS, |_, arguments| {
            value(&["status"], &Placed::bind("helm.status", arguments)?)
        }),
        Function::changes("test", "Runs the tests of a release.", "helm.test web", Release::ROWS, |act, arguments| {
            let asked = Release::bind("helm.test", arguments)?;
            Ok(order(act, &["test"], &asked.words(), asked.options()?)?.into())
        }),
        Function::changes(
            "uninstall",
            "Removes a release; true if Helm did.",
            "helm.uninstall web namespace=shop",
            Placed::ROWS,
            |act, arguments| done(act, &["uninstall"], &Placed::bind("helm.uninstall", arguments)?),
        ),
        Function::changes(
            "upgrade",
            "Gives a release another chart or other values; true if Helm did.",
            "helm.upgrade web house/web version=1.2.3 set=color=red",
            Install::ROWS,
            |act, arguments| done(act, &["upgrade"], &Install::bind("helm.upgrade", arguments)?),
        ),
    ],
};

asked! {
    /// Arguments of functions that are about a release.
    struct Release [release] [] {
        /// Its name.
        release: String,
    }
}

asked! {
    /// Arguments of functions that are about a release in a namespace.
    struct Placed [release] [namespace] {
        /// Its name.
        release: String,
        /// Its namespace.
        namespace: Option<String> = None,
    }
}

asked! {
    /// Arguments of `helm.list`.
    struct List [] [namespace] {
        /// The namespace.
        namespace: Option<String> = None,
    }
}

asked! {
    /// Arguments of `helm.rollback`.
    struct Rollback [release, revision] [namespace] {
        /// Its name.
        release: String,
        /// The number of the revision.
        revision: String,
        /// Its namespace.
        namespace: Option<String> = None,
    }
}

asked! {
    /// Arguments of functions that install a chart.
    struct Install [release, chart] [values, version, namespace, set] {
        /// The release's name.
        release: String,
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

/// What a cluster holds of a release, as `helm status` tells it; none if there is none.
pub fn held(name: &str, options: &Options) -> Result<Option<Value>, CallError> {
    match ask_value(&["status"], &[name], options.global().with("output", &"json".into())?) {
        Err(CallError::Failed(why)) if why.contains("release: not found") => Ok(None),
        told => told.map(Some),
    }
}

/// What a release would be after `install` or `upgrade`; nothing is changed.
pub fn preview(command: &str, words: &[&str], options: Options) -> Result<Value, CallError> {
    ask_value(&[command], words, options.flag("dry-run").with("output", &"json".into())?)
}

/// The chart that a release is of now, with its version: `web-1.2.3`.
pub fn chart_of(name: &str, options: &Options) -> Result<Option<String>, CallError> {
    let options = options.global().with("max", &1.into())?.with("output", &"json".into())?;
    let told = ask_value(&["history"], &[name], options)?;
    let last = told.as_list().and_then(|revisions| revisions.last()?.get("chart")?.as_str());
    Ok(last.map(str::to_owned))
}
