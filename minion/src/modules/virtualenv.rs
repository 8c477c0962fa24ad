//! `virtualenv.*`: environments of Python packages of their own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use fleet_common::args;
use fleet_common::call::{CallError, Facts, Function};
use fleet_common::value::Value;

use crate::cx::{Look, Module};
use crate::modules::pip::ended;
use crate::system::command::{Command, Finished, RunAs, which};

/// The module.
pub const MODULE: Module = Module {
    name: "virtualenv",
    doc: "Environments of Python packages of their own.",
    functions: &[
        Function::changes(
            "create",
            "Makes an environment; returns how the command ended.",
            "virtualenv.create /srv/venv system_site_packages=true",
            Create::ROWS,
            |act, arguments| Ok(ended(&create(act, &Create::bind("virtualenv.create", arguments)?)?).into()),
        ),
        Function::reads(
            "get_site_packages",
            "The directory of an environment's packages.",
            "virtualenv.get_site_packages /srv/venv",
            Venv::ROWS,
            |_, arguments| {
                let venv = Venv::bind("virtualenv.get_site_packages", arguments)?.venv;
                let code = "import sysconfig; print(sysconfig.get_path('purelib'))";
                let finished = run(Command::argv([python(&venv)?.as_os_str(), OsStr::new("-c"), OsStr::new(code)]))?;
                if finished.status != 0 {
                    return Err(CallError::Failed(finished.said()));
                }
                Ok(finished.out().into())
            },
        ),
    ],
};

args! {
    /// An environment.
    pub struct Venv {
        /// Its directory.
        venv: String,
    }
}

args! {
    /// Arguments of `virtualenv.create`.
    pub struct Create {
        /// The directory.
        path: String,
        /// The program that makes it: `virtualenv` or another; `venv` for that of Python itself.
        venv_bin: Option<String> = None,
        /// Packages of the machine are seen, too.
        system_site_packages: bool = false,
        /// Taken for trees written for the reference: no longer needed.
        distribute: bool = false,
        /// Empties the directory first.
        clear: bool = false,
        /// The Python it is for (not with `venv`).
        python: Option<String> = None,
        /// Directories of archives (not with `venv`).
        extra_search_dir: Vec<String> = Vec::new(),
        /// Only archives that are here (not with `venv`).
        never_download: Option<bool> = None,
        /// What a shell shows (not with `venv`).
        prompt: Option<String> = None,
        /// Taken for trees written for the reference: an environment has pip.
        pip: bool = false,
        /// Links instead of copies (only with `venv`).
        symlinks: Option<bool> = None,
        /// For a newer Python (only with `venv`).
        upgrade: Option<bool> = None,
        /// User to run as.
        user: Option<String> = None,
        /// Taken for trees written for the reference: there is no terminal.
        use_vt: bool = false,
        /// Taken for trees written for the reference.
        saltenv: Option<String> = None,
    }
}

/// The Python of an environment.
pub fn python(venv: &str) -> Result<PathBuf, CallError> {
    let path = Path::new(venv).join("bin/python");
    if path.exists() {
        return Ok(path);
    }
    let path = path.display();
    Err(CallError::Failed(format!("Path '{venv}' does not appear to be a virtualenv: '{path}' not found.")))
}

/// Runs the program that makes an environment.
pub fn create(look: &Look, args: &Create) -> Result<Finished, CallError> {
    let mut words = maker(look, args)?;
    words.extend(args.clear.then(|| "--clear".to_owned()));
    words.extend(args.system_site_packages.then(|| "--system-site-packages".to_owned()));
    words.push(args.path.clone());
    let mut command = Command::argv(&words);
    if let Some(user) = &args.user {
        let identity = RunAs::account(user).map_err(|error| CallError::Failed(error.to_string()))?;
        command = command.run_as(identity);
    }
    run(command)
}

/// The program and the options that only it has.
fn maker(look: &Look, args: &Create) -> Result<Vec<String>, CallError> {
    let of_pillar = || look.pillar().get("venv_bin").and_then(Value::as_str).map(str::to_owned);
    let program = args.venv_bin.clone().or_else(of_pillar).or_else(|| {
        let known = ["virtualenv3", "virtualenv"];
        known.iter().find(|name| find(name).is_some()).map(|name| (*name).to_owned())
    });
    let program = program.unwrap_or_else(|| "venv".to_owned());
    let refused = |option: &str| {
        Err(CallError::Failed(format!("The `{option}`(`--{option}`) option is not supported by '{program}'")))
    };
    let python = args.python.as_deref().filter(|python| !python.trim().is_empty());
    if program.contains("venv") && !program.contains("virtualenv") {
        for (option, set) in [
            ("python", python.is_some()),
            ("extra_search_dir", !args.extra_search_dir.is_empty()),
            ("never_download", args.never_download.is_some()),
            ("prompt", args.prompt.as_deref().is_some_and(|prompt| !prompt.trim().is_empty())),
        ] {
            if set {
                return refused(option);
            }
        }
        let mut words = if program == "venv" {
            let python = find("python3").ok_or_else(|| CallError::Failed("There is no python3 here".to_owned()))?;
            vec![python.display().to_string(), "-m".to_owned(), "venv".to_owned()]
        } else {
            program.split_whitespace().map(str::to_owned).collect()
        };
        words.extend((args.upgrade == Some(true)).then(|| "--upgrade".to_owned()));
        words.extend((args.symlinks == Some(true)).then(|| "--symlinks".to_owned()));
        return Ok(words);
    }
    if args.upgrade.is_some() || args.symlinks.is_some() {
        return refused(if args.upgrade.is_some() { "upgrade" } else { "symlinks" });
    }
    let mut words = vec![program];
    if let Some(python) = python {
        if find(python).is_none() {
            return Err(CallError::Failed(format!("Cannot find requested python ({python}).")));
        }
        words.push(format!("--python={python}"));
    }
    words.extend(args.extra_search_dir.iter().map(|directory| format!("--extra-search-dir={directory}")));
    words.extend((args.never_download == Some(true)).then(|| "--never-download".to_owned()));
    words.extend(args.prompt.iter().map(|prompt| format!("--prompt={prompt}")));
    Ok(words)
}

fn find(program: &str) -> Option<PathBuf> {
    which(program, std::env::var_os("PATH").as_deref())
}

fn run(command: Command) -> Result<Finished, CallError> {
    command.run().map_err(|error| CallError::Failed(error.to_string()))
}
