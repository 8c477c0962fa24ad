//! Functions of `pkg` that tell and set what is wanted of packages: `install`, `hold`, `deinstall`, `purge`.

use std::collections::BTreeMap;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, FromValue};
use fleet_common::target::glob;
use fleet_common::value::{Map, Value};

use super::provider::{apt, dnf, packages};
use super::wanted::wanted;
use crate::cx::{Act, Look};
use crate::system::apt::{Apt, Package, Want};
use crate::system::packages::Packages;

args! {
    /// Arguments of `pkg.hold` and `pkg.unhold`.
    pub struct Named {
        /// The package.
        name: Option<String> = None,
        /// Several packages.
        pkgs: Value = Value::Null,
        /// Package files: mappings of names to paths; the names count.
        sources: Value = Value::Null,
    }
}

args! {
    /// Arguments of `pkg.get_selections`.
    pub struct Get {
        /// Name, or a pattern of names.
        pattern: Option<String> = None,
        /// Only those of which this is wanted.
        state: Option<String> = None,
    }
}

args! {
    /// Arguments of `pkg.set_selections`.
    pub struct Set {
        /// The lines of a file as `dpkg --get-selections` writes it; not built.
        path: Option<String> = None,
        /// Names by what is wanted of them.
        selection: Option<Map> = None,
        /// Forget all others first; not built.
        clear: bool = false,
        /// Environment of the file.
        saltenv: Option<String> = None,
    }
}

/// The packages that are held.
pub fn held(manager: &dyn Packages) -> Result<Vec<String>, CallError> {
    Ok(manager.wants()?.into_iter().filter(|(_, word)| word == HELD).map(|(name, _)| name).collect())
}

/// What is wanted of a package that is held.
const HELD: &str = "hold";

/// Names with what is wanted of them.
pub type Selections = Vec<(String, String)>;

/// What holding packages (or letting them go) says of each, by name, and what the package manager is to
/// be told.
pub fn plan_hold(look: &Look, names: &[String], held: bool, dry: bool) -> Result<(Map, Selections), CallError> {
    let manager = packages(look, "pkg.hold")?;
    let (known, free) = (manager.wants()?, manager.free());
    let word = if held { HELD } else { free.word };
    let (mut answers, mut todo) = (Map::new(), Vec::new());
    for name in names {
        let now = known.get(name).map(String::as_str);
        let right = (now == Some(HELD)) == held;
        let (comment, changes) = match (right, held) {
            (true, true) => (format!("Package {name} is already set to be held."), Map::new()),
            (true, false) => (format!("Package {name} {}.", free.already), Map::new()),
            (false, _) => {
                todo.push((name.clone(), word.to_owned()));
                // Without selections of its own, a manager has one word for all that is not held.
                let old = now.or_else(|| Some(free.word).filter(|word| word.is_empty()));
                let old = old.map_or(Value::Null, Value::from);
                let changes = Map::from_iter([("old", old), ("new", word.into())]);
                let text = match (dry, held) {
                    (true, true) => format!("Package {name} is set to be held."),
                    (true, false) => format!("Package {name} {}.", free.would),
                    (false, true) => format!("Package {name} is now being held."),
                    (false, false) => format!("Package {name} {}.", free.did),
                };
                (text, changes)
            }
        };
        let answer = Map::from_iter([
            ("name", Value::from(name.as_str())),
            ("changes", changes.into()),
            ("result", Value::Bool(true)),
            ("comment", comment.into()),
        ]);
        answers.insert(name.as_str(), answer);
    }
    Ok((answers, todo))
}

fn all(apt: &Apt<'_>) -> Result<BTreeMap<String, Package>, CallError> {
    let own = apt.places.architecture.clone();
    Ok(apt.packages()?.into_iter().map(|package| (package.listed_name(&own), package)).collect())
}

pub(super) fn run(act: &Act, function: &str, arguments: Arguments, held: bool) -> CallResult {
    let args = Named::bind(function, arguments)?;
    let mut names: Vec<String> = super::wanted::sources(&args.sources)?.into_keys().collect();
    if names.is_empty() {
        names = wanted(args.name.as_deref(), None, &args.pkgs, &[])?.into_iter().map(|wanted| wanted.name).collect();
    }
    if names.is_empty() {
        return Err(CallError::Invocation("One of name, pkgs, or sources must be specified.".to_owned()));
    }
    let (answers, todo) = plan_hold(act, &names, held, false)?;
    if !todo.is_empty() {
        packages(act, function)?.select(&todo)?;
    }
    Ok(answers.into())
}

args! {
    /// Arguments of `pkg.list_holds`.
    pub struct Holds {
        /// A pattern of names.
        pattern: String = "*".to_owned(),
        /// With the versions that are held.
        full: bool = true,
    }
}

pub(super) fn list_holds(look: &Look, arguments: Arguments) -> CallResult {
    let args = Holds::bind("pkg.list_holds", arguments)?;
    let locks = dnf(look, "pkg.list_holds")?.locks()?;
    let fits = locks.into_iter().filter(|(name, _)| glob::matches(&args.pattern, name));
    let shown = fits.map(|(name, version)| if args.full { format!("{name}-{version}") } else { name });
    Ok(shown.map(Value::from).collect::<Value>().into())
}

pub(super) fn get(look: &Look, arguments: Arguments) -> CallResult {
    let args = Get::bind("pkg.get_selections", arguments)?;
    let apt = apt(look, "pkg.get_selections")?;
    let mut found: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    if let Some(state) = &args.state {
        found.insert(state, Vec::new());
    }
    for package in apt.packages()?.into_iter().filter(|package| package.want != Want::Unknown) {
        let fits = args.pattern.as_deref().is_none_or(|pattern| glob::matches(pattern, &package.name));
        let word = package.want.word();
        if !fits || args.state.as_deref().is_some_and(|state| state != word) {
            continue;
        }
        let name = if package.multi_arch == "same" {
            format!("{}:{}", package.name, package.architecture)
        } else {
            package.name.clone()
        };
        found.entry(word).or_default().push(name);
    }
    Ok(found.into_iter().map(|(word, names)| (word, Value::from(names))).collect::<Map>().into())
}

pub(super) fn set(act: &Act, arguments: Arguments) -> CallResult {
    let args = Set::bind("pkg.set_selections", arguments)?;
    if args.path.is_some() || args.clear {
        return Err(CallError::Unsupported("the arguments 'path' and 'clear' of pkg.set_selections".to_owned()));
    }
    let apt = apt(act, "pkg.set_selections")?;
    let known = all(&apt)?;
    let (mut changes, mut todo) = (Map::new(), Vec::new());
    for (word, names) in &args.selection.unwrap_or_default() {
        let word = word.as_str().filter(|word| ["install", "hold", "deinstall", "purge"].contains(word));
        let word = word.ok_or_else(|| {
            CallError::Invocation("'selection' must name packages under install, hold, deinstall or purge".to_owned())
        })?;
        let names = Vec::<String>::from_value(names.clone())
            .map_err(|_| CallError::Invocation(format!("the packages under '{word}' must be a list of names")))?;
        for name in names {
            let now = known.get(&name).map(|package| package.want.word());
            if now != Some(word) {
                let old = now.map_or(Value::Null, Value::from);
                changes.insert(name.as_str(), Map::from_iter([("old", old), ("new", word.into())]));
                todo.push((name, word.to_owned()));
            }
        }
    }
    if !todo.is_empty() {
        apt.select(&todo)?;
    }
    Ok(changes.into())
}
