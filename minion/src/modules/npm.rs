//! `npm.*`: packages of Node, through the program `npm`.

use fleet_common::args;
use fleet_common::call::{CallError, FromValue, Function};
use fleet_common::value::{Map, Value, json_load as json};

use super::tool;
use crate::cx::{Act, Module};
use crate::system::command::{Command, Finished, RunAs};

/// The module.
pub const MODULE: Module = Module {
    name: "npm",
    doc: "Packages of Node.",
    functions: &[
        Function::changes(
            "install",
            "Installs packages below a directory, or for the whole system; gives what npm said.",
            "npm.install underscore@1.13.6 dir=/srv/app",
            Install::ROWS,
            |act, arguments| {
                let args = Install::bind("npm.install", arguments)?;
                let mut words = vec!["--json".to_owned()];
                words.extend(args.silent.then(|| "--silent".to_owned()));
                words.extend(args.dry_run.then(|| "--dry-run".to_owned()));
                let names =
                    if args.pkgs.is_empty() { args.pkg.clone().into_iter().collect() } else { args.pkgs.clone() };
                let npm = Npm::new(args.dir.as_deref(), args.runas.as_deref(), &args.env)?;
                let said = npm.install(act, &words, &names, args.registry.as_deref())?;
                Ok(json::parse(said.trim()).unwrap_or_else(|_| Value::from(said.trim())).into())
            },
        ),
        Function::changes(
            "uninstall",
            "Removes a package; true if npm did.",
            "npm.uninstall underscore dir=/srv/app",
            Uninstall::ROWS,
            |act, arguments| {
                let args = Uninstall::bind("npm.uninstall", arguments)?;
                let npm = Npm::new(args.dir.as_deref(), args.runas.as_deref(), &args.env)?;
                Ok((npm.uninstall(act, &args.pkg)?.status == 0).into())
            },
        ),
        Function::reads("list", "What is installed, by name.", "npm.list dir=/srv/app", List::ROWS, |_, arguments| {
            let args = List::bind("npm.list", arguments)?;
            let npm = Npm::new(args.dir.as_deref(), args.runas.as_deref(), &args.env)?;
            Ok(npm.list(args.pkg.as_deref(), args.depth)?.into())
        }),
        Function::reads(
            "cache_list",
            "What is in npm's cache, line by line.",
            "npm.cache_list",
            CacheList::ROWS,
            |_, arguments| {
                let args = CacheList::bind("npm.cache_list", arguments)?;
                let npm = Npm::new(None, args.runas.as_deref(), &args.env)?;
                let words = ["cache", "ls"].into_iter().chain(plain(args.path.as_slice())?).collect::<Vec<_>>();
                Ok(npm.said(&words)?.into())
            },
        ),
        Function::reads("cache_path", "Where npm's cache is.", "npm.cache_path", CachePath::ROWS, |_, arguments| {
            let args = CachePath::bind("npm.cache_path", arguments)?;
            Ok(Npm::new(None, args.runas.as_deref(), &args.env)?.said(&["config", "get", "cache"])?.trim().into())
        }),
        Function::changes(
            "cache_clean",
            "Removes an entry of npm's cache, or with force all of it; true if npm did.",
            "npm.cache_clean force=true",
            CacheClean::ROWS,
            |act, arguments| {
                let args = CacheClean::bind("npm.cache_clean", arguments)?;
                let npm = Npm::new(None, args.runas.as_deref(), &args.env)?;
                Ok((npm.clean(act, args.path.as_slice(), args.force)?.status == 0).into())
            },
        ),
    ],
};

args! {
    /// Arguments of `npm.install`.
    struct Install {
        /// The package: a name, `name@version`, a file, a directory or an address.
        pkg: Option<String> = None,
        /// Several instead.
        pkgs: Vec<String> = Vec::new(),
        /// The directory it goes below; none for the whole system.
        dir: Option<String> = None,
        /// The account that runs npm.
        runas: Option<String> = None,
        /// Where packages come from.
        registry: Option<String> = None,
        /// Variables of npm's environment.
        env: Value = Value::Null,
        /// Only says what would be done.
        dry_run: bool = false,
        /// Without what npm tells on the way.
        silent: bool = true,
    }
}

args! {
    /// Arguments of `npm.uninstall`.
    struct Uninstall {
        /// The package.
        pkg: String,
        /// The directory it is below; none for the whole system.
        dir: Option<String> = None,
        /// The account that runs npm.
        runas: Option<String> = None,
        /// Variables of npm's environment.
        env: Value = Value::Null,
    }
}

args! {
    /// Arguments of `npm.list`.
    struct List {
        /// Only this package.
        pkg: Option<String> = None,
        /// The directory they are below; none for the whole system.
        dir: Option<String> = None,
        /// The account that runs npm.
        runas: Option<String> = None,
        /// Variables of npm's environment.
        env: Value = Value::Null,
        /// How deep into what packages need.
        depth: Option<i64> = None,
    }
}

args! {
    /// Arguments of `npm.cache_list`.
    struct CacheList {
        /// Only this package.
        path: Option<String> = None,
        /// The account that runs npm.
        runas: Option<String> = None,
        /// Variables of npm's environment.
        env: Value = Value::Null,
    }
}

args! {
    /// Arguments of `npm.cache_path`.
    struct CachePath {
        /// The account that runs npm.
        runas: Option<String> = None,
        /// Variables of npm's environment.
        env: Value = Value::Null,
    }
}

args! {
    /// Arguments of `npm.cache_clean`.
    struct CacheClean {
        /// The entry; all without it.
        path: Option<String> = None,
        /// The account that runs npm.
        runas: Option<String> = None,
        /// Variables of npm's environment.
        env: Value = Value::Null,
        /// npm cleans the whole cache only with this.
        force: bool = false,
    }
}

/// npm, where it works and as whom.
pub struct Npm {
    dir: Option<String>,
    run_as: Option<RunAs>,
    env: Vec<(String, String)>,
}

/// Words that can't be taken for options.
fn plain(names: &[String]) -> Result<Vec<&str>, CallError> {
    match names.iter().find(|name| name.is_empty() || name.starts_with('-')) {
        Some(odd) => Err(CallError::Invocation(format!("'{odd}' is no name of a package of npm"))),
        None => Ok(names.iter().map(String::as_str).collect()),
    }
}

/// An address that holds no password: others can read the arguments of programs.
fn open(registry: &str) -> Result<String, CallError> {
    let rest = registry.split_once("://").map(|(_, rest)| rest);
    let host = rest.and_then(|rest| rest.split('/').next());
    match host {
        Some(host) if !host.contains('@') => Ok(format!("--registry={registry}")),
        _ => Err(CallError::Invocation(
            "'registry' is an address without an account: npm reads passwords from its own configuration".to_owned(),
        )),
    }
}

impl Npm {
    /// npm for a directory or the whole system, run by an account.
    pub fn new(dir: Option<&str>, account: Option<&str>, env: &Value) -> Result<Self, CallError> {
        let failed = |error: crate::system::command::CommandError| CallError::Failed(error.to_string());
        let run_as = account.filter(|name| !name.is_empty()).map(RunAs::account).transpose().map_err(failed)?;
        let maps: Vec<&Value> = match env {
            Value::Null => Vec::new(),
            Value::List(items) => items.iter().collect(),
            one => vec![one],
        };
        let wrong = || CallError::Invocation("'env' is a mapping of names to texts".to_owned());
        let mut env = Vec::new();
        for map in maps {
            for (name, value) in map.as_map().ok_or_else(wrong)? {
                let text = |value: &Value| String::from_value(value.clone()).map_err(|_| wrong());
                env.push((text(name)?, text(value)?));
            }
        }
        Ok(Self { dir: dir.filter(|dir| !dir.is_empty()).map(str::to_owned), run_as, env })
    }

    fn command(&self, words: &[&str]) -> Result<Command, CallError> {
        let argv: Vec<&str> = std::iter::once("npm").chain(words.iter().copied()).collect();
        let mut command = tool::command(&argv)?.cwd(self.dir.as_deref().unwrap_or("/"));
        // What npm asks the network for itself is no part of what was asked for.
        for name in ["update_notifier", "fund", "audit"] {
            command = command.env(format!("npm_config_{name}"), Some("false".as_ref()));
        }
        for (name, value) in &self.env {
            command = command.env(name, Some(value.as_ref()));
        }
        if let Some(identity) = &self.run_as {
            command = command.run_as(identity.clone());
        }
        Ok(command)
    }

    fn run(&self, words: &[&str]) -> Result<Finished, CallError> {
        tool::finish(&self.command(words)?)
    }

    /// npm for what only reads: it keeps no log of it, which would be a trace of a dry run.
    fn reading(&self, words: &[&str]) -> Result<Command, CallError> {
        Ok(self.command(words)?.env("npm_config_logs_dir", Some("/dev/null".as_ref())))
    }

    fn said(&self, words: &[&str]) -> Result<String, CallError> {
        tool::succeeded("npm", &tool::finish(&self.reading(words)?)?)
    }

    /// Installs packages, or without any what the directory's own `package.json` names; what npm said.
    pub fn install(
        &self,
        _act: &Act,
        options: &[String],
        names: &[String],
        registry: Option<&str>,
    ) -> Result<String, CallError> {
        if names.is_empty() && self.dir.is_none() {
            return Err(CallError::Invocation(
                "give a package, or a directory whose package.json names some".to_owned(),
            ));
        }
        let registry = registry.map(open).transpose()?;
        let mut words = vec!["install"];
        words.extend(options.iter().map(String::as_str));
        words.extend(self.dir.is_none().then_some("--global"));
        words.extend(registry.as_deref());
        words.push("--");
        words.extend(plain(names)?);
        let finished = self.run(&words)?;
        if finished.status == 0 && !finished.cut {
            return Ok(finished.out());
        }
        // With --json the reason is a value on the output.
        let told = json::parse(finished.out().trim()).ok();
        let reason = told.as_ref().and_then(|told| told.get("error")).and_then(|error| error.get("summary"));
        match reason.and_then(Value::as_str) {
            Some(reason) => Err(CallError::Failed(format!("npm: {reason}"))),
            None => tool::succeeded("npm", &finished),
        }
    }

    /// Removes a package; how npm ended.
    pub fn uninstall(&self, _act: &Act, name: &str) -> Result<Finished, CallError> {
        let names = [name.to_owned()];
        let mut words = vec!["uninstall", "--json", "--silent"];
        words.extend(self.dir.is_none().then_some("--global"));
        words.push("--");
        words.extend(plain(&names)?);
        self.run(&words)
    }

    /// What is installed or needed, by name: `version`, `resolved` and more.
    pub fn list(&self, name: Option<&str>, depth: Option<i64>) -> Result<Map, CallError> {
        let depth = depth.map(|depth| format!("--depth={depth}"));
        let names: Vec<String> = name.map(str::to_owned).into_iter().collect();
        let told = self.tree(depth.as_deref(), &names)?;
        Ok(told.get("dependencies").and_then(Value::as_map).cloned().unwrap_or_default())
    }

    /// What is installed, without what is needed and missing.
    pub fn installed(&self) -> Result<Map, CallError> {
        let mut all = self.list(None, None)?;
        all.retain(|_, facts| !facts.get("missing").is_some_and(Value::truthy));
        Ok(all)
    }

    /// What is missing below the directory, of another version than is needed, or there and not needed.
    pub fn problems(&self) -> Result<Vec<String>, CallError> {
        let told = self.tree(Some("--all"), &[])?;
        Ok(told.get("problems").and_then(|all| Vec::from_value(all.clone()).ok()).unwrap_or_default())
    }

    fn tree(&self, depth: Option<&str>, names: &[String]) -> Result<Value, CallError> {
        let mut words = vec!["list", "--json", "--silent"];
        words.extend(self.dir.is_none().then_some("--global"));
        words.extend(depth);
        words.push("--");
        words.extend(plain(names)?);
        // Debian's npm also notes in its cache that it ran, and a list needs none.
        let finished = tool::finish(&self.reading(&words)?.env("npm_config_cache", Some("/dev/null".as_ref())))?;
        // Its status is not 0 where something that is needed is missing, or where nothing is found.
        let told = json::parse(finished.out().trim());
        told.map_err(|_| CallError::Failed(format!("npm list: {}", finished.said())))
    }

    /// The names of what is in the cache.
    pub fn cached(&self) -> Result<Vec<String>, CallError> {
        Ok(self.said(&["cache", "ls"])?.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }

    /// Removes entries of the cache, or all; how npm ended.
    pub fn clean(&self, _act: &Act, entries: &[String], force: bool) -> Result<Finished, CallError> {
        let mut words = vec!["cache", "clean"];
        words.extend(force.then_some("--force"));
        words.push("--");
        words.extend(plain(entries)?);
        self.run(&words)
    }
}
