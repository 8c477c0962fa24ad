//! `pip.*`: Python packages, through the `pip` of the machine or of a virtual environment.

mod install;
mod run;

use fleet_common::args;
use fleet_common::call::{CallError, Function};
use fleet_common::value::{Map, Value};

pub use install::{Install, Outcome as InstallOutcome, install};
pub use run::{all_versions, ended, failed, frozen, installed, list, pip, uninstall, upgrade};

use crate::cx::Module;
use crate::system::pip::{Pip, normal_name};

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
            |look, arguments| list(look, "pip.list", arguments),
        ),
        Function::reads(
            "list_freeze_parse",
            "Versions of what is installed, by name (another name of pip.list).",
            "pip.list_freeze_parse requests bin_env=/srv/venv",
            List::ROWS,
            |look, arguments| list(look, "pip.list_freeze_parse", arguments),
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
