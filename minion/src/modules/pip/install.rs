//! `pip.install`: its arguments, and the words of pip's command line that they become.

use fleet_common::args;
use fleet_common::call::{CallError, FromValue};
use fleet_common::value::{Map, Value, python::str_};

use super::{failed, pip};
use crate::cx::Look;
use crate::system::command::{Finished, RunAs};

args! {
    /// Arguments of `pip.install`, the function, and of `pip.installed`, the state.
    pub struct Install {
        /// Packages: a list, or separated by commas in a call.
        pkgs: Value = Value::Null,
        /// A file of requirements, `salt://` too; or a list of them.
        requirements: Value = Value::Null,
        /// A virtual environment, a Python or a pip program; else the machine's `python3`.
        bin_env: Option<String> = None,
        /// For the state: the package, when there is no list of them.
        name: Value = Value::Null,
        /// The former name of `bin_env`.
        pip_bin: Option<String> = None,
        /// File that pip logs to.
        log: Option<String> = None,
        /// A proxy for pip; false for none.
        proxy: Value = Value::Null,
        /// Seconds that pip waits for an index.
        timeout: Option<i64> = None,
        /// Addresses or directories to install in editable mode: a list, or separated by commas.
        editable: Vec<String> = Vec::new(),
        /// Where to look for archives besides the index.
        find_links: Vec<String> = Vec::new(),
        /// The index to ask.
        index_url: Option<String> = None,
        /// Another index to ask.
        extra_index_url: Option<String> = None,
        /// Ask no index.
        no_index: bool = false,
        /// Directory to install into.
        target: Option<String> = None,
        /// Newest versions of what is installed already, too.
        upgrade: bool = false,
        /// Installs again what is installed.
        force_reinstall: bool = false,
        /// Ignores what is installed.
        ignore_installed: bool = false,
        /// What pip does with a path that exists: `s`, `i`, `w` or `b`.
        exists_action: Option<String> = None,
        /// Without what the packages need.
        no_deps: bool = false,
        /// Options for the packages' own setup.
        global_options: Vec<String> = Vec::new(),
        /// User to run as.
        user: Option<String> = None,
        /// Directory to start in.
        cwd: Option<String> = None,
        /// Versions that are no releases, too.
        pre_releases: bool = false,
        /// File of certificates to trust.
        cert: Option<String> = None,
        /// Environment that `salt://` files come from.
        saltenv: Option<String> = None,
        /// Variables of pip's environment.
        env_vars: Option<Map> = None,
        /// Taken for trees written for the reference: there is no terminal.
        use_vt: bool = false,
        /// Hosts to trust without a certificate.
        trusted_host: Vec<String> = Vec::new(),
        /// Without a cache.
        no_cache_dir: bool = false,
        /// Directory of the cache.
        cache_dir: Option<String> = None,
        /// Packages to build instead of taking a binary, or `:all:`.
        no_binary: Vec<String> = Vec::new(),
        /// More options for pip: texts, or mappings of option and value.
        extra_args: Value = Value::Null,
        /// Taken for trees written for the reference: pip never asks for its own newest version here.
        disable_version_check: bool = true,
        /// Options that no pip has had for years; refused when set.
        **gone: Map,
    }
}

/// How an installation came to its end.
pub enum Outcome {
    /// Pip ended.
    Ended(Finished),
    /// This file of requirements is not in the tree.
    NoRequirements(String),
}

/// Options of the reference whose counterpart pip dropped; a false value asks for nothing.
const GONE: &[&str] = &[
    "use_wheel",
    "no_use_wheel",
    "mirrors",
    "build",
    "download",
    "download_cache",
    "source",
    "no_install",
    "no_download",
    "install_options",
    "allow_all_external",
    "allow_external",
    "allow_unverified",
    "process_dependency_links",
    "repo",
];

impl Install {
    /// The environment or program that is meant.
    pub fn place(&self) -> Option<&str> {
        self.bin_env.as_deref().or(self.pip_bin.as_deref())
    }

    /// The packages by themselves.
    pub fn packages(&self) -> Result<Vec<String>, CallError> {
        match &self.pkgs {
            Value::Null => Ok(Vec::new()),
            Value::Str(text) => Ok(text.split(',').map(|name| name.trim().to_owned()).collect()),
            other => Vec::<String>::from_value(other.clone())
                .map_err(|other| CallError::Invocation(format!("pkgs must be a list, not {}", other.kind()))),
        }
    }

    /// The files of requirements.
    pub fn files(&self) -> Result<Vec<String>, CallError> {
        match &self.requirements {
            Value::Null => Ok(Vec::new()),
            other => Vec::<String>::from_value(other.clone()).map_err(|other| {
                CallError::Invocation(format!(
                    "pip requirements must be either a string or a list, not {}",
                    other.kind()
                ))
            }),
        }
    }

    /// Refuses arguments that nothing answers to.
    pub fn check(&self, function: &str) -> Result<(), CallError> {
        for (key, value) in &self.gone {
            let name = str_(key);
            if !GONE.contains(&name.as_str()) {
                return Err(CallError::Invocation(format!("{function} has no argument '{name}'")));
            }
            if value.truthy() {
                return Err(CallError::Invocation(format!("{function}: '{name}' is an option that pip no longer has")));
            }
        }
        Ok(())
    }

    /// The words of the command line but those for packages and requirements.
    fn words(&self) -> Result<Vec<String>, CallError> {
        let mut words = vec!["install".to_owned()];
        let switches = [
            ("--no-index", self.no_index),
            ("--upgrade", self.upgrade),
            ("--force-reinstall", self.force_reinstall),
            ("--ignore-installed", self.ignore_installed),
            ("--no-deps", self.no_deps),
            ("--pre", self.pre_releases),
            ("--no-cache-dir", self.no_cache_dir),
        ];
        words.extend(switches.iter().filter(|(_, on)| *on).map(|(flag, _)| (*flag).to_owned()));
        let no_binary = (!self.no_binary.is_empty()).then(|| self.no_binary.join(","));
        let proxy = self.proxy.as_str().map(str::to_owned);
        let timeout = self.timeout.map(|seconds| seconds.to_string());
        let options = [
            ("--no-binary", &no_binary),
            ("--log", &self.log),
            ("--proxy", &proxy),
            ("--timeout", &timeout),
            ("--index-url", &self.index_url),
            ("--extra-index-url", &self.extra_index_url),
            ("--target", &self.target),
            ("--exists-action", &self.exists_action),
            ("--cert", &self.cert),
            ("--cache-dir", &self.cache_dir),
        ];
        for (flag, value) in options {
            words.extend(value.iter().flat_map(|value| [flag.to_owned(), value.clone()]));
        }
        let lists = [
            ("--find-links", &self.find_links),
            ("--global-option", &self.global_options),
            ("--trusted-host", &self.trusted_host),
            ("--editable", &self.editable),
        ];
        for (flag, values) in lists {
            words.extend(values.iter().flat_map(|value| [flag.to_owned(), value.trim().to_owned()]));
        }
        for item in self.extra_args.as_list().unwrap_or_default() {
            match item {
                Value::Map(pairs) => {
                    words.extend(pairs.iter().flat_map(|(flag, value)| [str_(flag), str_(value)]));
                }
                other => words.push(str_(other)),
            }
        }
        Ok(words)
    }
}

/// Runs `pip install`; `dry` only asks what it would do (a pip before 22.2 refuses that).
pub fn install(
    look: &Look,
    args: &Install,
    packages: &[String],
    saltenv: &str,
    dry: bool,
) -> Result<Outcome, CallError> {
    args.check("pip.install")?;
    let mut words = args.words()?;
    words.extend(dry.then(|| "--dry-run".to_owned()));
    // Copies of files of the tree live until pip has ended.
    let mut copies = Vec::new();
    for file in args.files()? {
        let path = match file.strip_prefix("salt://") {
            None => file,
            Some(path) => {
                let text = look.file_source().read(saltenv, path);
                let Some(text) = text.map_err(|error| CallError::Failed(error.to_string()))? else {
                    return Ok(Outcome::NoRequirements(file));
                };
                let copy = copy_for(&text, args.user.as_deref())?;
                let path = copy.path().display().to_string();
                copies.push(copy);
                path
            }
        };
        words.extend(["--requirement".to_owned(), path]);
    }
    words.extend(packages.iter().cloned());
    let pip = pip(args.place(), args.user.as_deref(), args.cwd.as_deref(), args.env_vars.as_ref())?;
    pip.run(&words).map(Outcome::Ended).map_err(failed)
}

/// A temporary file with this content that a user may read: requirements may name an index with its password.
fn copy_for(content: &[u8], user: Option<&str>) -> Result<tempfile::NamedTempFile, CallError> {
    let owner = user.map(RunAs::account).transpose().map_err(|error| CallError::Failed(error.to_string()))?;
    let copy = || -> std::io::Result<tempfile::NamedTempFile> {
        let file = tempfile::Builder::new().prefix("requirements-").suffix(".txt").tempfile()?;
        std::fs::write(file.path(), content)?;
        if let Some(owner) = owner {
            std::os::unix::fs::chown(file.path(), Some(owner.uid), Some(owner.gid))?;
        }
        Ok(file)
    };
    copy().map_err(|error| CallError::Failed(format!("requirements cannot be kept for pip: {error}")))
}
