//! `virtualenv.*`: environments of Python packages of their own.

use std::collections::BTreeSet;
use std::path::Path;

use fleet_common::args;
use fleet_common::value::{Map, Value};

use super::{Applied, Failure, Plan, PlannedState, Report, Run, State, StateFunction, StateModule};
use crate::cx::{Act, Look};
use crate::modules::pip::{self, Install, InstallOutcome};
use crate::modules::virtualenv::{self as tool, Create};
use crate::system::command::Command;

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "virtualenv",
    doc: "Environments of Python packages of their own.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "managed",
            doc: "An environment that exists, with these packages.",
            example: "/srv/venv: {virtualenv.managed: [{requirements: 'salt://app/requirements.txt'}]}",
            args: Managed::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Managed::bind(f, a)?))),
        },
        StateFunction {
            name: "manage",
            doc: "The former name of `virtualenv.managed`.",
            example: "/srv/venv: {virtualenv.manage: []}",
            args: Managed::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Managed::bind(f, a)?))),
        },
    ],
};

args! {
    /// Arguments of `virtualenv.managed`.
    struct Managed {
        /// The directory.
        name: String,
        /// The program that makes it: `virtualenv` or another; `venv` for that of Python itself.
        venv_bin: Option<String> = None,
        /// A file of requirements, `salt://` too; or a list of them.
        requirements: Value = Value::Null,
        /// Packages of the machine are seen, too.
        system_site_packages: bool = false,
        /// Taken for trees written for the reference: no longer needed.
        distribute: bool = false,
        /// Makes it again.
        clear: bool = false,
        /// The Python it is for.
        python: Option<String> = None,
        /// Directories of archives.
        extra_search_dir: Vec<String> = Vec::new(),
        /// Only archives that are here.
        never_download: Option<bool> = None,
        /// What a shell shows.
        prompt: Option<String> = None,
        /// User to run as.
        user: Option<String> = None,
        /// Directory in which pip starts.
        cwd: Option<String> = None,
        /// The index to ask.
        index_url: Option<String> = None,
        /// Another index to ask.
        extra_index_url: Option<String> = None,
        /// Versions that are no releases, too.
        pre_releases: bool = false,
        /// Without what the packages need.
        no_deps: bool = false,
        /// What pip does with a path that exists.
        pip_exists_action: Option<String> = None,
        /// Ignores what is installed.
        pip_ignore_installed: bool = false,
        /// A proxy for pip.
        proxy: Value = Value::Null,
        /// Taken for trees written for the reference: there is no terminal.
        use_vt: bool = false,
        /// Variables of pip's environment.
        env_vars: Option<Map> = None,
        /// Newest versions of what is installed already, too.
        pip_upgrade: bool = false,
        /// Packages to install.
        pip_pkgs: Value = Value::Null,
        /// Without a cache.
        pip_no_cache_dir: bool = false,
        /// Directory of pip's cache.
        pip_cache_dir: Option<String> = None,
        /// Packages to build instead of taking a binary, or `:all:`.
        no_binary: Vec<String> = Vec::new(),
        /// Links instead of copies (only with `venv`).
        symlinks: Option<bool> = None,
        /// For a newer Python (only with `venv`).
        upgrade: Option<bool> = None,
        /// Options that no pip has had for years; refused when set.
        **gone: Map,
    }
}

impl Managed {
    fn exists(&self) -> bool {
        Path::new(&self.name).join("bin/python").exists()
    }

    fn wants_packages(&self) -> bool {
        self.requirements.truthy() || self.pip_pkgs.truthy()
    }

    fn create(&self) -> Create {
        Create {
            path: self.name.clone(),
            venv_bin: self.venv_bin.clone(),
            system_site_packages: self.system_site_packages,
            distribute: self.distribute,
            clear: self.clear,
            python: self.python.clone(),
            extra_search_dir: self.extra_search_dir.clone(),
            never_download: self.never_download,
            prompt: self.prompt.clone(),
            pip: true,
            symlinks: self.symlinks,
            upgrade: self.upgrade,
            user: self.user.clone(),
            use_vt: self.use_vt,
            saltenv: None,
        }
    }

    fn install(&self) -> Result<Install, Failure> {
        let mut given = Map::from_iter([
            ("bin_env", Value::from(self.name.as_str())),
            ("requirements", self.requirements.clone()),
            ("pkgs", self.pip_pkgs.clone()),
            ("pre_releases", self.pre_releases.into()),
            ("no_deps", self.no_deps.into()),
            ("ignore_installed", self.pip_ignore_installed.into()),
            ("proxy", self.proxy.clone()),
            ("upgrade", self.pip_upgrade.into()),
            ("no_cache_dir", self.pip_no_cache_dir.into()),
            ("no_binary", self.no_binary.clone().into()),
        ]);
        let texts = [
            ("user", &self.user),
            ("cwd", &self.cwd),
            ("index_url", &self.index_url),
            ("extra_index_url", &self.extra_index_url),
            ("exists_action", &self.pip_exists_action),
            ("cache_dir", &self.pip_cache_dir),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                given.insert(name, text.as_str());
            }
        }
        if let Some(variables) = &self.env_vars {
            given.insert("env_vars", variables.clone());
        }
        given.extend(self.gone.clone());
        let arguments = fleet_common::call::Arguments { keyword: given, ..Default::default() };
        let bound = Install::bind("virtualenv.managed", arguments).map_err(|error| Failure::new(error.to_string()))?;
        bound.check("virtualenv.managed")?;
        Ok(bound)
    }

    /// What pip would install now, as it says itself.
    fn missing(&self, look: &Look, saltenv: &str) -> Result<Vec<String>, Failure> {
        if !self.wants_packages() {
            return Ok(Vec::new());
        }
        let args = self.install()?;
        let finished = match pip::install(look, &args, &args.packages()?, saltenv, true)? {
            InstallOutcome::NoRequirements(file) => {
                return Err(Failure::new(format!("pip requirements file '{file}' not found")));
            }
            InstallOutcome::Ended(finished) => finished,
        };
        let out = finished.out();
        let line = out.lines().find_map(|line| line.strip_prefix("Would install "));
        match line {
            Some(names) => Ok(names.split_whitespace().map(str::to_owned).collect()),
            None if finished.status == 0 => Ok(Vec::new()),
            // It cannot tell (no index, an old pip): the real run finds out.
            None => Ok(vec!["packages that pip cannot tell before".to_owned()]),
        }
    }

    /// A file of requirements that is named and not there.
    fn absent_file(&self, look: &Look, saltenv: &str) -> Result<Option<String>, Failure> {
        if !self.wants_packages() {
            return Ok(None);
        }
        for file in self.install()?.files()? {
            let is_there = match file.strip_prefix("salt://") {
                Some(path) => {
                    look.file_source().stat(saltenv, path).map_err(|why| Failure::new(why.to_string()))?.is_some()
                }
                // A relative one is pip's to find.
                None => !file.starts_with('/') || Path::new(&file).exists(),
            };
            if !is_there {
                return Ok(Some(file));
            }
        }
        Ok(None)
    }

    /// Makes the environment; nothing of it stays where there was none and it cannot be made.
    fn make(&self, act: &Act) -> Result<(), Failure> {
        let place = Path::new(&self.name);
        let is_new = std::fs::symlink_metadata(place).is_err();
        let made = match tool::create(act, &self.create()) {
            Ok(finished) if finished.status == 0 => Ok(()),
            Ok(finished) => Err(Failure::new(finished.out() + &finished.err())),
            Err(error) => Err(Failure::new(format!("Failed to create virtualenv: {error}"))),
        };
        if made.is_err() && is_new {
            let _gone = std::fs::remove_dir_all(place);
        }
        made
    }

    /// `Python 3.11.2`, as the environment's Python says it.
    fn version(&self) -> Result<String, Failure> {
        let python = tool::python(&self.name)?;
        let finished = Command::argv([python.as_os_str(), "-V".as_ref()]).run();
        let finished = finished.map_err(|error| Failure::new(error.to_string()))?;
        let (out, err) = (finished.out(), finished.err());
        Ok(if out.is_empty() { err } else { out })
    }

    fn frozen(&self) -> Result<BTreeSet<String>, Failure> {
        let pip = pip::pip(Some(&self.name), self.user.as_deref(), None, None)?;
        Ok(pip::frozen(&pip)?.into_iter().collect())
    }
}

/// What is to be done.
struct Todo {
    make: bool,
    saltenv: String,
}

impl State for Managed {
    type Todo = Todo;

    fn plan(&self, look: &Look, run: &Run<'_>) -> Result<Plan<Todo>, Failure> {
        let Self { name, clear, .. } = self;
        self.install()?;
        let (exists, saltenv) = (self.exists(), run.saltenv.to_owned());
        if exists && !clear {
            let would = Report::new(format!("Virtualenv {name} is already created"));
            let missing = self.missing(look, &saltenv)?;
            if missing.is_empty() {
                return Ok(Plan::Same { would, did: Report::new("virtualenv exists") });
            }
            let packages = Map::from_iter([("new", Value::from(missing)), ("old", "".into())]);
            let would = would.change("packages", packages);
            return Ok(Plan::Change { todo: Todo { make: false, saltenv }, would, did: Report::default() });
        }
        if let Some(file) = self.absent_file(look, &saltenv)? {
            return Err(Failure::new(format!("pip requirements file '{file}' not found")));
        }
        let how = if exists { "cleared" } else { "created" };
        let would = Report::new(format!("Virtualenv {name} is set to be {how}"));
        Ok(Plan::Change { todo: Todo { make: true, saltenv }, would, did: Report::default() })
    }

    fn apply(&self, act: &Act, todo: Todo) -> Result<Applied, Failure> {
        let mut report = Report::new("virtualenv exists");
        if todo.make {
            if self.exists() {
                let packages: Vec<String> = self.frozen()?.into_iter().collect();
                report = report.change("cleared_packages", packages).change("old", self.version()?);
            }
            self.make(act)?;
            let comment = if self.clear { "Cleared existing virtualenv" } else { "Created new virtualenv" };
            report.comment = comment.to_owned();
            report = report.change("new", self.version()?);
        }
        if !self.wants_packages() {
            return Ok(Applied::Really(report));
        }
        let (before, args) = (self.frozen()?, self.install()?);
        let failed = match pip::install(act, &args, &args.packages()?, &todo.saltenv, false)? {
            InstallOutcome::NoRequirements(file) => Some(format!("pip requirements file '{file}' not found")),
            InstallOutcome::Ended(finished) if finished.status != 0 => {
                Some(format!("{}\n{}\n{}", report.comment, finished.out(), finished.err()))
            }
            InstallOutcome::Ended(_) => None,
        };
        let after = self.frozen()?;
        let lines = |from: &BTreeSet<String>, without: &BTreeSet<String>| -> Value {
            let lines: Vec<String> = from.difference(without).cloned().collect();
            if lines.is_empty() { "".into() } else { lines.into() }
        };
        if before != after {
            let packages = Map::from_iter([("new", lines(&after, &before)), ("old", lines(&before, &after))]);
            report = report.change("packages", packages);
        }
        match failed {
            Some(comment) => Err(Failure(Report { comment, ..report })),
            None => Ok(Applied::Really(report)),
        }
    }
}
