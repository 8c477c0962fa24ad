//! `pip.*`: Python packages, through the `pip` of the machine or of a virtual environment.

mod install;

use std::collections::{BTreeMap, BTreeSet};

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function};
use fleet_common::value::{Map, Value, python::str_};

pub use install::{Install, Outcome as InstallOutcome, install};

use crate::cx::{Look, Module};
use crate::system::command::Finished;
use crate::system::pip::{Pip, PipError, normal_name};

/// The module.
pub const MODULE: Module = Module {
    name: "pip",
    doc: "Python packages.",
    functions: &[
        Function::changes(
            "install",
            "Installs packages or a file of requirements; returns how the command ended.",
            "pip.install requests,six bin_env=/srv/venv",
            Install::ROWS,
            |act, arguments| {
                let mut args = Install::bind("pip.install", arguments)?;
                if args.pkgs.is_null() {
                    args.pkgs = args.name.clone();
                }
                let packages = args.packages()?;
                let saltenv = args.saltenv.clone().unwrap_or_else(|| "base".to_owned());
                match install(act, &args, &packages, &saltenv, false)? {
                    InstallOutcome::Ended(finished) => Ok(ended(&finished).into()),
                    InstallOutcome::NoRequirements(name) => Ok(Map::from_iter([
                        ("result", Value::from(false)),
                        ("comment", Value::from(format!("pip requirements file '{name}' not found"))),
                    ])
                    .into()),
                }
            },
        ),
        Function::changes(
            "uninstall",
            "Removes packages; returns how the command ended.",
            "pip.uninstall six bin_env=/srv/venv",
            Uninstall::ROWS,
            |_act, arguments| {
                let args = Uninstall::bind("pip.uninstall", arguments)?;
                Ok(ended(&uninstall(&args)?).into())
            },
        ),
        Function::reads("version", "The version of pip itself.", "pip.version", Which::ROWS, |_, arguments| {
            Ok(Which::bind("pip.version", arguments)?.pip()?.version().map_err(failed)?.into())
        }),
        Function::reads("freeze", "What is installed, as requirements.", "pip.freeze", Which::ROWS, |_, arguments| {
            Ok(frozen(&Which::bind("pip.freeze", arguments)?.pip()?)?.into())
        }),
        Function::reads(
            "list",
            "Versions of what is installed, by name.",
            "pip.list requests bin_env=/srv/venv",
            List::ROWS,
            list,
        ),
        Function::reads(
            "is_installed",
            "True if a package is installed.",
            "pip.is_installed requests",
            Package::ROWS,
            |_, arguments| {
                let args = Package::bind("pip.is_installed", arguments)?;
                let installed = args.pip()?.list().map_err(failed)?;
                Ok(installed.iter().any(|package| normal_name(&package.name) == normal_name(&args.pkgname)).into())
            },
        ),
        Function::reads(
            "list_upgrades",
            "Newer versions of what is installed, by name.",
            "pip.list_upgrades",
            Which::ROWS,
            |_, arguments| {
                let upgrades = Which::bind("pip.list_upgrades", arguments)?.pip()?.upgrades().map_err(failed)?;
                Ok(upgrades.into_iter().collect::<Map>().into())
            },
        ),
        Function::reads(
            "upgrade_available",
            "True if there is a newer version of a package.",
            "pip.upgrade_available requests",
            Package::ROWS,
            |_, arguments| {
                let args = Package::bind("pip.upgrade_available", arguments)?;
                let upgrades = args.pip()?.upgrades().map_err(failed)?;
                Ok(upgrades.iter().any(|(name, _)| *name == args.pkgname).into())
            },
        ),
        Function::reads(
            "list_all_versions",
            "The versions of a package that an index has, oldest first.",
            "pip.list_all_versions requests",
            Versions::ROWS,
            |_, arguments| Ok(all_versions(&Versions::bind("pip.list_all_versions", arguments)?)?.into()),
        ),
        Function::changes(
            "upgrade",
            "Brings all packages to their newest versions; old and new versions by name.",
            "pip.upgrade bin_env=/srv/venv",
            Which::ROWS,
            |_act, arguments| Ok(upgrade(&Which::bind("pip.upgrade", arguments)?)?.into()),
        ),
    ],
};

args! {
    /// Which pip, as whom and where.
    pub struct Which {
        /// A virtual environment, a Python or a pip program; else the machine's `python3`.
        bin_env: Option<String> = None,
        /// User to run as.
        user: Option<String> = None,
        /// Directory to start in.
        cwd: Option<String> = None,
        /// Variables of its environment.
        env_vars: Option<Map> = None,
        /// Taken for trees written for the reference: there is no terminal.
        use_vt: bool = false,
    }
}

args! {
    /// Arguments of `pip.list`.
    pub struct List {
        /// Only packages whose name starts so.
        prefix: Option<String> = None,
        /// A virtual environment, a Python or a pip program; else the machine's `python3`.
        bin_env: Option<String> = None,
        /// User to run as.
        user: Option<String> = None,
        /// Directory to start in.
        cwd: Option<String> = None,
        /// Variables of its environment.
        env_vars: Option<Map> = None,
    }
}

args! {
    /// A package, and which pip.
    pub struct Package {
        /// The package.
        pkgname: String,
        /// A virtual environment, a Python or a pip program; else the machine's `python3`.
        bin_env: Option<String> = None,
        /// User to run as.
        user: Option<String> = None,
        /// Directory to start in.
        cwd: Option<String> = None,
    }
}

args! {
    /// Arguments of `pip.list_all_versions`.
    pub struct Versions {
        /// The package.
        pkg: String,
        /// A virtual environment, a Python or a pip program; else the machine's `python3`.
        bin_env: Option<String> = None,
        /// Alpha versions, too.
        include_alpha: bool = false,
        /// Beta versions, too.
        include_beta: bool = false,
        /// Release candidates, too.
        include_rc: bool = false,
        /// User to run as.
        user: Option<String> = None,
        /// Directory to start in.
        cwd: Option<String> = None,
        /// The index to ask.
        index_url: Option<String> = None,
        /// Another index to ask.
        extra_index_url: Option<String> = None,
    }
}

args! {
    /// Arguments of `pip.uninstall` and of the state `pip.removed`.
    pub struct Uninstall {
        /// Packages, a list or separated by commas.
        pkgs: Vec<String> = Vec::new(),
        /// For the state: the package.
        name: Option<String> = None,
        /// A file of requirements that are all removed.
        requirements: Option<String> = None,
        /// A virtual environment, a Python or a pip program; else the machine's `python3`.
        bin_env: Option<String> = None,
        /// File that pip logs to.
        log: Option<String> = None,
        /// A proxy for pip.
        proxy: Option<String> = None,
        /// Seconds that pip waits for an index.
        timeout: Option<i64> = None,
        /// User to run as.
        user: Option<String> = None,
        /// Directory to start in.
        cwd: Option<String> = None,
        /// Taken for trees written for the reference: there is no terminal.
        use_vt: bool = false,
    }
}

impl Which {
    /// The pip that is meant.
    pub fn pip(&self) -> Result<Pip, CallError> {
        pip(self.bin_env.as_deref(), self.user.as_deref(), self.cwd.as_deref(), self.env_vars.as_ref())
    }
}

impl Package {
    fn pip(&self) -> Result<Pip, CallError> {
        pip(self.bin_env.as_deref(), self.user.as_deref(), self.cwd.as_deref(), None)
    }
}

/// The pip that is meant by these arguments.
pub fn pip(
    bin_env: Option<&str>,
    user: Option<&str>,
    cwd: Option<&str>,
    variables: Option<&Map>,
) -> Result<Pip, CallError> {
    let pairs = variables.into_iter().flatten().map(|(name, value)| (str_(name), str_(value)));
    let pip = Pip::new(bin_env).and_then(|pip| pip.cwd(cwd).variables(pairs).user(user));
    pip.map_err(failed)
}

fn failed(error: PipError) -> CallError {
    CallError::Failed(error.to_string())
}

/// How a command ended, as `cmd.run_all` tells it.
pub fn ended(finished: &Finished) -> Map {
    Map::from_iter([
        ("pid", Value::from(i64::from(finished.pid))),
        ("retcode", Value::from(i64::from(finished.status))),
        ("stdout", Value::from(finished.out())),
        ("stderr", Value::from(finished.err())),
    ])
}

fn list(_look: &Look, arguments: Arguments) -> CallResult {
    let args = List::bind("pip.list", arguments)?;
    let pip = pip(args.bin_env.as_deref(), args.user.as_deref(), args.cwd.as_deref(), args.env_vars.as_ref())?;
    let start = args.prefix.unwrap_or_default().to_lowercase();
    let fits =
        pip.list().map_err(failed)?.into_iter().filter(|package| package.name.to_lowercase().starts_with(&start));
    Ok(fits.map(|package| (package.name, package.version)).collect::<Map>().into())
}

/// What is installed, as requirements, pip and its tools included.
pub fn frozen(pip: &Pip) -> Result<Vec<String>, CallError> {
    let text = pip.ask(&["freeze", "--all"]).map_err(failed)?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Removes packages.
pub fn uninstall(args: &Uninstall) -> Result<Finished, CallError> {
    let mut words = vec!["uninstall".to_owned(), "-y".to_owned()];
    for (flag, value) in [("--requirement", &args.requirements), ("--log", &args.log), ("--proxy", &args.proxy)] {
        words.extend(value.iter().flat_map(|value| [flag.to_owned(), value.clone()]));
    }
    words.extend(args.timeout.iter().flat_map(|seconds| ["--timeout".to_owned(), seconds.to_string()]));
    words.extend(args.name.iter().chain(&args.pkgs).map(|name| name.trim().to_owned()));
    let pip = pip(args.bin_env.as_deref(), args.user.as_deref(), args.cwd.as_deref(), None)?;
    pip.run(&words).map_err(failed)
}

/// The versions of a package that an index has, oldest first.
pub fn all_versions(args: &Versions) -> Result<Vec<String>, CallError> {
    let mut words = vec!["index", "versions", args.pkg.as_str()];
    if args.include_alpha || args.include_beta || args.include_rc {
        words.push("--pre");
    }
    for (flag, value) in [("--index-url", &args.index_url), ("--extra-index-url", &args.extra_index_url)] {
        words.extend(value.iter().flat_map(|value| [flag, value.as_str()]));
    }
    let pip = pip(args.bin_env.as_deref(), args.user.as_deref(), args.cwd.as_deref(), None)?;
    let text = pip.run(&words).map_err(failed)?.out();
    let left_out = [(args.include_alpha, "a"), (args.include_beta, "b"), (args.include_rc, "rc")];
    let wanted = |version: &str| left_out.iter().all(|(taken, mark)| *taken || !version.contains(mark));
    let line = text.lines().find_map(|line| line.trim().strip_prefix("Available versions: "));
    // The index names the newest first.
    let mut versions: Vec<String> = line.unwrap_or_default().split(", ").map(str::to_owned).collect();
    versions.retain(|version| !version.is_empty() && wanted(version));
    versions.reverse();
    Ok(versions)
}

/// Brings all packages to their newest versions: `changes`, `result` and `comment`.
pub fn upgrade(args: &Which) -> Result<Map, CallError> {
    let pip = args.pip()?;
    let versions = || -> Result<BTreeMap<String, String>, CallError> { Ok(installed(&pip)?.into_iter().collect()) };
    let (old, mut comment, mut result) = (versions()?, String::new(), true);
    for (name, _) in pip.upgrades().map_err(failed)? {
        let finished = pip.run(&["install", "-U", &name]).map_err(failed)?;
        result &= finished.status == 0;
        comment.push_str(&finished.err());
    }
    let (new, mut changes) = (versions()?, Map::new());
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names.into_iter().filter(|name| old.get(*name) != new.get(*name)) {
        let text = |versions: &BTreeMap<String, String>| versions.get(name).cloned().unwrap_or_default();
        changes.insert(name.as_str(), Map::from_iter([("old", text(&old)), ("new", text(&new))]));
    }
    Ok(Map::from_iter([("changes", Value::from(changes)), ("result", result.into()), ("comment", comment.into())]))
}

/// Names and versions of what is installed.
pub fn installed(pip: &Pip) -> Result<Vec<(String, String)>, CallError> {
    let installed = pip.list().map_err(failed)?;
    Ok(installed.into_iter().map(|package| (package.name, package.version)).collect())
}
