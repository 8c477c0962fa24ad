//! `pip.*`: Python packages.

use fleet_common::args;
use fleet_common::value::{Map, Value, python::str_};

use super::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::cx::{Act, Look};
use crate::modules::pip::{self as tool, Install, InstallOutcome, Uninstall, Which};
use crate::system::pip::{Requirement, normal_name};
use crate::system::user::Accounts;

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "pip",
    doc: "Python packages.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "installed",
            doc: "Packages, or all of a file of requirements, installed in these versions.",
            example: "'requests>=2': {pip.installed: [{bin_env: /srv/venv}]}",
            args: Install::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Installed::of(Install::bind(f, a)?)))),
        },
        StateFunction {
            name: "removed",
            doc: "A package that is not installed.",
            example: "requests: {pip.removed: [{bin_env: /srv/venv}]}",
            args: Uninstall::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Removed(Uninstall::bind(f, a)?)))),
        },
        StateFunction {
            name: "uptodate",
            doc: "All packages in their newest versions.",
            example: "update: {pip.uptodate: [{bin_env: /srv/venv}]}",
            args: Uptodate::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Uptodate::bind(f, a)?))),
        },
    ],
};

struct Installed {
    args: Install,
}

/// What is to be installed.
struct Todo {
    /// Requirements as written, with the names that tell whether they arrived.
    packages: Vec<(String, String)>,
    /// Comments on those that are there already.
    there: Vec<String>,
    saltenv: String,
}

impl Installed {
    fn of(args: Install) -> Self {
        Self { args }
    }

    /// The requirements as declared.
    fn declared(&self) -> Result<Vec<String>, Failure> {
        match &self.args.pkgs {
            Value::Null => Ok(vec![str_(&self.args.name)]),
            Value::List(items) => Ok(items.iter().map(declared_one).collect()),
            _ => Err(Failure::new("pkgs argument must be formatted as a list")),
        }
    }

    fn by_file(&self) -> bool {
        !self.args.requirements.is_null() || !self.args.editable.is_empty()
    }

    /// True if an installed version will do.
    fn settled(&self, wanted: &Requirement, version: &str) -> Result<bool, Failure> {
        if self.args.ignore_installed || self.args.force_reinstall {
            return Ok(false);
        }
        if !self.args.upgrade {
            return Ok(wanted.takes(version));
        }
        let versions = tool::all_versions(&tool::Versions {
            pkg: wanted.name.clone(),
            bin_env: self.args.place().map(str::to_owned),
            include_alpha: false,
            include_beta: false,
            include_rc: false,
            user: self.args.user.clone(),
            cwd: self.args.cwd.clone(),
            index_url: self.args.index_url.clone(),
            extra_index_url: self.args.extra_index_url.clone(),
        })?;
        let newest = versions.iter().rev().find(|version| wanted.takes(version));
        Ok(newest.is_none_or(|newest| newest == version))
    }
}

/// `name`, or a mapping of a name and its versions.
fn declared_one(item: &Value) -> String {
    match item.as_map().and_then(|map| map.iter().next()) {
        Some((name, versions)) => format!("{} {}", str_(name), str_(versions)),
        None => str_(item),
    }
}

impl State for Installed {
    type Todo = Todo;

    fn plan(&self, _look: &Look, run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let args = &self.args;
        args.check("pip.installed")?;
        let declared = self.declared()?;
        let pip = tool::pip(args.place(), args.user.as_deref(), args.cwd.as_deref(), args.env_vars.as_ref());
        let error = |why: String| Failure::new(format!("Error installing '{}': {why}", str_(&args.name)));
        let pip = pip.map_err(|why| error(why.to_string()))?;
        if let Some(user) = &args.user
            && Accounts::system().account(user).is_none()
        {
            return Err(Failure::new(format!("User {user} does not exist")));
        }
        let saltenv = args.saltenv.clone().unwrap_or_else(|| run.saltenv.to_owned());
        if self.by_file() {
            let mut would = Vec::new();
            if !args.requirements.is_null() {
                would.push(format!("Requirements file '{}' will be processed.", str_(&args.requirements)));
            }
            if !args.editable.is_empty() {
                let from = args.editable.join(",");
                would.push(format!(
                    "Package will be installed in editable mode (i.e. setuptools \"develop mode\") from {from}."
                ));
            }
            let would = Report::new(would.join(" "));
            let todo = Todo { packages: Vec::new(), there: Vec::new(), saltenv };
            return Ok(Plan::Change { todo, would, did: Report::default() });
        }
        let parsed: Vec<_> = declared.iter().map(|text| Requirement::parse(text).map(|found| (text, found))).collect();
        let wrong: Vec<&str> = parsed.iter().filter_map(|one| one.as_ref().err().map(String::as_str)).collect();
        if !wrong.is_empty() {
            return Err(Failure::new(wrong.join("\n")));
        }
        let installed = tool::installed(&pip).map_err(|why| error(why.to_string()))?;
        let (mut packages, mut there) = (Vec::new(), Vec::new());
        for (text, wanted) in parsed.into_iter().flatten() {
            let known = installed.iter().find(|(name, _)| normal_name(name) == normal_name(&wanted.name));
            match known {
                Some((_, version)) if !wanted.name.is_empty() && self.settled(&wanted, version)? => {
                    there.push(format!("Python package {text} was already installed"));
                }
                _ => packages.push((text.clone(), wanted.name)),
            }
        }
        if packages.is_empty() {
            let end = if args.upgrade { " and up-to-date" } else { "" };
            there.push(format!("All specified packages are already installed{end}"));
            return Ok(Plan::Nothing(Report::new(there.join("\n"))));
        }
        let would = match declared.as_slice() {
            [one] => format!("Python package {one} is set to be installed"),
            many => format!("Python package(s) set to be installed:\n{}", many.join("\n")),
        };
        let todo = Todo { packages, there, saltenv };
        Ok(Plan::Change { todo, would: Report::new(would), did: Report::default() })
    }

    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let args = &self.args;
        let words: Vec<String> = todo.packages.iter().map(|(text, _)| text.clone()).collect();
        let finished = match tool::install(act, args, &words, &todo.saltenv, false)? {
            InstallOutcome::Ended(finished) => finished,
            InstallOutcome::NoRequirements(file) => {
                return Err(Failure::new(format!("Error: pip requirements file '{file}' not found")));
            }
        };
        let error = format!("Error: {} {}", finished.out(), finished.err());
        if self.by_file() {
            return self.report_file(finished.status == 0, &finished.out(), &error);
        }
        let mut lines = todo.there;
        if finished.status != 0 {
            lines.push(format!("Failed to install packages: {}. {error}", words.join(", ")));
            return Err(Failure::new(lines.join("\n")));
        }
        let pip = tool::pip(args.place(), args.user.as_deref(), args.cwd.as_deref(), args.env_vars.as_ref())?;
        let installed = tool::installed(&pip)?;
        let (mut changes, mut lost) = (Map::new(), Vec::new());
        for (text, name) in &todo.packages {
            let known = installed.iter().find(|(known, _)| normal_name(known) == normal_name(name));
            match known {
                _ if name.is_empty() => drop(changes.insert(format!("{text}==???"), "Installed")),
                Some((_, version)) => drop(changes.insert(format!("{name}=={version}"), "Installed")),
                // Into a directory of its own, pip lists nothing.
                None if args.target.is_some() => drop(changes.insert(format!("{text}==???"), "Installed")),
                None => lost.push(format!(
                    "There was no error installing package '{text}' although it does not show when calling 'pip.freeze'."
                )),
            }
        }
        lines.push(if lost.is_empty() {
            "All packages were successfully installed".to_owned()
        } else {
            lost.join("\n")
        });
        Ok(Applied::Really(Report::new(lines.join("\n")).changes(changes)))
    }
}

/// Lines of pip that tell of nothing installed.
const NO_CHANGE: &[&str] = &[
    "Requirement already satisfied",
    "Requirement already up-to-date",
    "Requirement not upgraded",
    "Collecting",
    "Cloning",
    "Cleaning up...",
    "Looking in indexes",
];

impl Installed {
    fn report_file(&self, fine: bool, output: &str, error: &str) -> Result<Applied, Failure> {
        let (args, mut lines, mut changes) = (&self.args, Vec::new(), Map::new());
        let from = args.editable.join(",");
        if !args.requirements.is_null() {
            let changed = output.lines().any(|line| !NO_CHANGE.iter().any(|start| line.trim().starts_with(start)));
            lines.push(match (fine, changed) {
                (false, _) => format!("Unable to process requirements file \"{}\"", str_(&args.requirements)),
                (true, true) => format!("Successfully processed requirements file {}.", str_(&args.requirements)),
                (true, false) => "Requirements were already installed.".to_owned(),
            });
            if fine && changed {
                changes.insert("requirements", true);
            }
        }
        if !args.editable.is_empty() {
            lines.push(if fine {
                changes.insert("editable", true);
                format!("Package successfully installed from VCS checkout {from}.")
            } else {
                format!("Unable to install from VCS checkout {from}.")
            });
        }
        if fine {
            return Ok(Applied::Really(Report::new(lines.join(" ")).changes(changes)));
        }
        lines.push(error.to_owned());
        Err(Failure::new(lines.join(" ")))
    }
}

struct Removed(Uninstall);

impl State for Removed {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let args = &self.0;
        let name = args.name.as_deref().unwrap_or_default();
        let listed = tool::pip(args.bin_env.as_deref(), args.user.as_deref(), args.cwd.as_deref(), None)
            .and_then(|pip| tool::installed(&pip));
        let installed = listed.map_err(|why| Failure::new(format!("Error uninstalling '{name}': {why}")))?;
        if !installed.iter().any(|(known, _)| normal_name(known) == normal_name(name)) {
            return Ok(Plan::Nothing(Report::new("Package is not installed.")));
        }
        Ok(Plan::Change {
            todo: (),
            would: Report::new(format!("Package {name} is set to be removed")),
            did: Report::new("Package was successfully removed.").change(name, "Removed"),
        })
    }

    fn apply(&self, _act: &Act, (): ()) -> Result<Applied, Failure> {
        let finished = tool::uninstall(&self.0)?;
        if finished.status != 0 {
            return Err(Failure::new(format!("Could not remove package: {}", finished.said())));
        }
        Ok(Applied::AsPlanned)
    }
}

args! {
    /// Arguments of `pip.uptodate`.
    struct Uptodate {
        /// Not used: there is nothing to name.
        name: Value = Value::Null,
        /// A virtual environment, a Python or a pip program; else the machine's `python3`.
        bin_env: Option<String> = None,
        /// User to run as.
        user: Option<String> = None,
        /// Directory to start in.
        cwd: Option<String> = None,
        /// Taken for trees written for the reference: there is no terminal.
        use_vt: bool = false,
    }
}

impl Uptodate {
    fn which(&self) -> Which {
        Which {
            bin_env: self.bin_env.clone(),
            user: self.user.clone(),
            cwd: self.cwd.clone(),
            env_vars: None,
            use_vt: self.use_vt,
        }
    }
}

impl State for Uptodate {
    type Todo = ();

    fn plan(&self, _look: &Look, _run: &Run<'_>) -> Result<Plan<()>, Failure> {
        let upgrades = self.which().pip()?.upgrades().map_err(|error| Failure::new(error.to_string()))?;
        if upgrades.is_empty() {
            return Ok(Plan::Nothing(Report::new("System is already up-to-date.")));
        }
        let would = Report::new("System update will be performed");
        Ok(Plan::Change { todo: (), would, did: Report::new("Upgrade successful.") })
    }

    fn apply(&self, _act: &Act, (): ()) -> Result<Applied, Failure> {
        let answer = tool::upgrade(&self.which())?;
        let changes = answer.get("changes").and_then(Value::as_map).cloned().unwrap_or_default();
        let comment = answer.get("comment").map(str_).unwrap_or_default();
        if !answer.get("result").is_some_and(Value::truthy) {
            return Err(Failure(Report::new(comment).changes(changes)));
        }
        Ok(Applied::Really(Report::new("Upgrade successful.").changes(changes)))
    }
}
