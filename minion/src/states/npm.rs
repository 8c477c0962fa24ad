//! `npm.*`: packages of Node.

use std::cell::LazyCell;
use std::path::Path;

use fleet_common::args;
use fleet_common::value::{Map, Value, json_load as json};

use super::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::cx::{Act, Look};
use crate::modules::npm::Npm;
use crate::system::archive::tar;
use crate::system::fs::read_bounded;

/// The largest `package.json` that is read.
const PACKAGE_LIMIT: u64 = 1 << 20;

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "npm",
    doc: "Packages of Node.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "installed",
            doc: "Packages that are installed below a directory or for the whole system, in the versions meant.",
            example: "'underscore@1.13.6': {npm.installed: [{dir: /srv/app}]}",
            args: Installed::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Installed::bind(f, a)?))),
        },
        StateFunction {
            name: "removed",
            doc: "A package that is not installed.",
            example: "underscore: {npm.removed: [{dir: /srv/app}]}",
            args: Removed::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Removed::bind(f, a)?))),
        },
        StateFunction {
            name: "bootstrap",
            doc: "A directory that has all packages its `package.json` names.",
            example: "/srv/app: {npm.bootstrap: [{user: app}]}",
            args: Bootstrap::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Bootstrap::bind(f, a)?))),
        },
        StateFunction {
            name: "cache_cleaned",
            doc: "A package that is not in npm's cache; without a name a cache with nothing in it.",
            example: "underscore: {npm.cache_cleaned: []}",
            args: CacheCleaned::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(CacheCleaned::bind(f, a)?))),
        },
    ],
};

args! {
    /// Arguments of `npm.installed`.
    struct Installed {
        /// The package: a name, `name@version`, `name@place`, a file or an address.
        name: String,
        /// Several instead.
        pkgs: Vec<String> = Vec::new(),
        /// The directory they go below; none for the whole system.
        dir: Option<String> = None,
        /// The account that runs npm.
        user: Option<String> = None,
        /// Install them again when they are there.
        force_reinstall: bool = false,
        /// Where packages come from.
        registry: Option<String> = None,
        /// Variables of npm's environment.
        env: Value = Value::Null,
    }
}

args! {
    /// Arguments of `npm.removed`.
    struct Removed {
        /// The package.
        name: String,
        /// The directory it is below; none for the whole system.
        dir: Option<String> = None,
        /// The account that runs npm.
        user: Option<String> = None,
    }
}

args! {
    /// Arguments of `npm.bootstrap`.
    struct Bootstrap {
        /// The directory.
        name: String,
        /// The account that runs npm.
        user: Option<String> = None,
        /// Without what npm tells on the way.
        silent: bool = true,
    }
}

args! {
    /// Arguments of `npm.cache_cleaned`.
    struct CacheCleaned {
        /// The package; all without it.
        name: Option<String> = None,
        /// The account that runs npm.
        user: Option<String> = None,
        /// npm cleans the whole cache only with this.
        force: bool = false,
    }
}

/// Name and what stands behind its `@`; a scope's own `@` divides nothing.
fn divided(package: &str) -> (&str, Option<&str>) {
    match package.char_indices().skip(1).find(|(_, letter)| *letter == '@') {
        Some((at, _)) => (package.get(..at).unwrap_or(package), package.get(at + 1..)),
        None => (package, None),
    }
}

/// True if a place that is written is the one a package came from.
fn is_place(written: &str, resolved: &str, dir: Option<&str>) -> bool {
    let Some(path) = resolved.strip_prefix("file:") else { return written == resolved };
    let written = Path::new(written.strip_prefix("file:").unwrap_or(written));
    let base = Path::new(dir.unwrap_or("/"));
    let real = |path: std::path::PathBuf| path.canonicalize().ok();
    let wanted = real(base.join(written));
    wanted.is_some()
        && [base.to_owned(), base.join("node_modules")].into_iter().any(|base| real(base.join(path)) == wanted)
}

/// Name and version, as the package in a place on this machine tells them: a directory, or a file that npm packed.
fn told_by(written: &str, dir: Option<&str>) -> Option<String> {
    let place = Path::new(dir.unwrap_or("/")).join(written.strip_prefix("file:").unwrap_or(written));
    let own = |path: &Path| path.components().count() == 2 && path.ends_with("package.json");
    let bytes = match place.is_dir() {
        true => read_bounded(&place.join("package.json"), PACKAGE_LIMIT).ok()?,
        false if place.is_file() => tar::member(&place, PACKAGE_LIMIT, own).ok()??,
        false => return None,
    };
    let facts = json::parse(std::str::from_utf8(&bytes).ok()?).ok()?;
    let text = |key: &str| facts.get(key).and_then(Value::as_str);
    Some(format!("{}@{}", text("name")?, text("version")?))
}

/// The installed package that is what is written: `name@version`.
fn satisfied(package: &str, installed: &Map, dir: Option<&str>) -> Option<String> {
    let text = |facts: &Value, key: &str| facts.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let shown = |name: &str, facts: &Value| format!("{name}@{}", text(facts, "version"));
    let (name, wanted) = divided(package);
    let place = if installed.contains(name) { wanted.unwrap_or_default() } else { package };
    let told = LazyCell::new(|| told_by(place, dir));
    // For the whole system npm keeps no note of where a package came from; then it is the one that its place tells of.
    let from_place = |name: &str, facts: &Value| {
        let resolved = text(facts, "resolved");
        is_place(place, &resolved, dir)
            || ((resolved.is_empty() || dir.is_none()) && told.as_deref() == Some(&*shown(name, facts)))
    };
    match (installed.get(name), wanted) {
        (Some(facts), None) => Some(shown(name, facts)),
        (Some(facts), Some(wanted)) => {
            (text(facts, "version") == wanted || from_place(name, facts)).then(|| shown(name, facts))
        }
        // Only a place is written.
        (None, _) => installed.iter().find_map(|(name, facts)| {
            let name = name.as_str()?;
            from_place(name, facts).then(|| shown(name, facts))
        }),
    }
}

impl Installed {
    fn npm(&self) -> Result<Npm, Failure> {
        Ok(Npm::new(self.dir.as_deref(), self.user.as_deref(), &self.env)?)
    }
}

impl State for Installed {
    type Todo = Vec<String>;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Vec<String>>, Failure> {
        let names = if self.pkgs.is_empty() { std::slice::from_ref(&self.name) } else { &self.pkgs };
        let missing = self.dir.as_deref().filter(|dir| !Path::new(dir).is_dir());
        if let Some(dir) = missing {
            return Err(Failure::new(format!("Error looking up '{}': {dir} is no directory", self.name)));
        }
        let installed = self.npm()?.installed();
        let installed = installed.map_err(|why| Failure::new(format!("Error looking up '{}': {why}", self.name)))?;
        let (mut due, mut there) = (Vec::new(), Vec::new());
        for name in names {
            match satisfied(name, &installed, self.dir.as_deref()).filter(|_| !self.force_reinstall) {
                Some(package) => there.push(package),
                None => due.push(name.clone()),
            }
        }
        let satisfied = format!("Package(s) '{}' satisfied by {}", names.join(", "), there.join(", "));
        if due.is_empty() {
            return Ok(Plan::Nothing(Report::new(satisfied)));
        }
        let changed = |mut text: String| {
            if !there.is_empty() {
                text = format!("{text}. {satisfied}");
            }
            Report::new(text).change("old", Value::List(Vec::new())).change("new", due.clone())
        };
        let list = due.join(", ");
        let would = changed(format!("NPM package(s) '{list}' are set to be installed"));
        let did = changed(format!("Package(s) '{list}' successfully installed"));
        Ok(Plan::Change { todo: due, would, did })
    }

    fn apply(&self, act: &Act, due: Vec<String>) -> Result<Applied, Failure> {
        let done = self.npm()?.install(act, &["--json".to_owned()], &due, self.registry.as_deref());
        done.map_err(|why| Failure::new(format!("Error installing '{}': {why}", due.join(", "))))?;
        Ok(Applied::AsPlanned)
    }
}

impl State for Removed {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let name = &self.name;
        let npm = Npm::new(self.dir.as_deref(), self.user.as_deref(), &Value::Null)?;
        let installed = npm.installed().map_err(|why| Failure::new(format!("Error uninstalling '{name}': {why}")))?;
        if !installed.contains(name) {
            return Ok(Plan::Nothing(Report::new(format!("Package '{name}' is not installed"))));
        }
        let changed = |text: String| Report::new(text).change(name.as_str(), "Removed");
        let would = changed(format!("Package '{name}' is set to be removed"));
        Ok(Plan::Change { todo: (), would, did: changed(format!("Package '{name}' was successfully removed")) })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        let npm = Npm::new(self.dir.as_deref(), self.user.as_deref(), &Value::Null)?;
        let finished = npm.uninstall(act, &self.name)?;
        if finished.status != 0 || npm.installed()?.contains(&self.name) {
            return Err(Failure::new(format!("Error removing package '{}': {}", self.name, finished.said())));
        }
        Ok(Applied::AsPlanned)
    }
}

impl Bootstrap {
    fn npm(&self) -> Result<Npm, Failure> {
        Ok(Npm::new(Some(&self.name), self.user.as_deref(), &Value::Null)?)
    }
}

impl State for Bootstrap {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let failed = |why: String| Failure::new(format!("Error Bootstrapping '{}': {why}", self.name));
        if !Path::new(&self.name).join("package.json").is_file() {
            return Err(failed("it has no package.json".to_owned()));
        }
        if self.npm()?.problems().map_err(|why| failed(why.to_string()))?.is_empty() {
            return Ok(Plan::Nothing(Report::new("Directory is already bootstrapped")));
        }
        let changed = |text: &str| Report::new(text).change(self.name.as_str(), "Bootstrapped");
        let would = changed(&format!("'{}' is set to be bootstrapped", self.name));
        Ok(Plan::Change { todo: (), would, did: changed("Directory was successfully bootstrapped") })
    }

    fn apply(&self, act: &Act, (): ()) -> Result<Applied, Failure> {
        let mut options = vec!["--json".to_owned()];
        options.extend(self.silent.then(|| "--silent".to_owned()));
        let done = self.npm()?.install(act, &options, &[], None);
        done.map_err(|why| Failure::new(format!("Error Bootstrapping '{}': {why}", self.name)))?;
        Ok(Applied::AsPlanned)
    }
}

impl CacheCleaned {
    fn npm(&self) -> Result<Npm, Failure> {
        Ok(Npm::new(None, self.user.as_deref(), &Value::Null)?)
    }

    fn package(&self) -> Option<&str> {
        self.name.as_deref().filter(|name| !name.is_empty())
    }
}

/// True for an entry of npm's cache that is of a package: its description, or a file of it.
fn is_of(entry: &str, package: &str) -> bool {
    entry.ends_with(&format!("/{package}")) || entry.contains(&format!("/{package}/-/"))
}

impl State for CacheCleaned {
    type Todo = Vec<String>;

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<Vec<String>>, Failure> {
        let mut entries = self.npm()?.cached()?;
        if let Some(package) = self.package() {
            entries.retain(|entry| is_of(entry, package));
        }
        if entries.is_empty() {
            return Ok(Plan::Nothing(Report::new(match self.package() {
                Some(package) => format!("Package {package} is not in the cache"),
                None => "There are no cached packages".to_owned(),
            })));
        }
        let what = self.package().unwrap_or("packages");
        let changed = |text: String| Report::new(text).change(self.package().unwrap_or("cache"), "Removed");
        let would = changed(format!("Cached {what} set to be removed"));
        let did = changed(format!("Cached {what} successfully removed"));
        Ok(Plan::Change { todo: entries, would, did })
    }

    fn apply(&self, act: &Act, entries: Vec<String>) -> Result<Applied, Failure> {
        let named = self.package().is_some();
        let finished = self.npm()?.clean(act, if named { &entries } else { &[] }, self.force)?;
        if finished.status != 0 {
            let what = self.package().unwrap_or("packages");
            return Err(Failure::new(format!("Error cleaning cached {what}: {}", finished.said())));
        }
        Ok(Applied::AsPlanned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_divided_and_compared() {
        assert_eq!(divided("@scope/a@1.0"), ("@scope/a", Some("1.0")));
        assert_eq!((divided("@scope/a"), divided("a@/x@y.tgz")), (("@scope/a", None), ("a", Some("/x@y.tgz"))));
        let facts = Map::from_iter([("version", "1.0.0"), ("resolved", "https://r/a.tgz")]);
        let installed = Map::from_iter([("a", facts)]);
        for (package, is) in [
            ("a", true),
            ("a@1.0.0", true),
            ("a@2", false),
            ("b", false),
            ("a@https://r/a.tgz", true),
            ("https://r/a.tgz", true),
        ] {
            assert_eq!(satisfied(package, &installed, None).is_some(), is, "{package}");
        }
        assert!(is_of("make-fetch-happen:request-cache:https://r/a/-/a-1.tgz", "a"));
        assert!(is_of("make-fetch-happen:request-cache:https://r/a", "a") && !is_of("https://r/ba", "a"));
    }
}
