//! `gem.*`: packages of Ruby, through the program `gem`.

use fleet_common::args;
use fleet_common::call::{CallError, Function};
use fleet_common::value::{Map, Value};

use crate::cx::{Act, Module};
use crate::system::gem::{Gem, GemError};

/// The module.
pub const MODULE: Module = Module {
    name: "gem",
    doc: "Packages of Ruby.",
    functions: &[
        Function::reads("version", "The version of gem itself.", "gem.version", Which::ROWS, |_, arguments| {
            let gem = Which::bind("gem.version", arguments)?.gem("gem.version")?;
            Ok(gem.run(&["--version"])?.trim().into())
        }),
        Function::reads(
            "list",
            "Versions of what is installed, by name; only names that begin so when that is given.",
            "gem.list bundler",
            List::ROWS,
            |_, arguments| {
                let args = List::bind("gem.list", arguments)?;
                let gem = args.gem("gem.list")?;
                let all =
                    gem.list(&["list", "--local"])?.into_iter().filter(|(name, _)| name.starts_with(&args.prefix));
                let versions = |versions: Vec<String>| versions.into_iter().map(Value::from).collect::<Value>();
                Ok(all.map(|(name, all)| (name, versions(all))).collect::<Map>().into())
            },
        ),
        Function::reads(
            "list_upgrades",
            "Newer versions of what is installed, by name.",
            "gem.list_upgrades",
            Which::ROWS,
            |_, arguments| {
                let gem = Which::bind("gem.list_upgrades", arguments)?.gem("gem.list_upgrades")?;
                // `rake (13.0 < 13.1)`.
                let newer = |versions: &[String]| {
                    versions.first().and_then(|text| text.split_once(" < ")).map(|(_, newer)| newer.to_owned())
                };
                let all = gem.list(&["outdated"])?;
                Ok(all
                    .into_iter()
                    .filter_map(|(name, versions)| Some((name, newer(&versions)?)))
                    .collect::<Map>()
                    .into())
            },
        ),
        Function::reads(
            "sources_list",
            "The places gems come from.",
            "gem.sources_list",
            Which::ROWS,
            |_, arguments| {
                let gem = Which::bind("gem.sources_list", arguments)?.gem("gem.sources_list")?;
                Ok(gem.sources()?.into_iter().map(Value::from).collect::<Value>().into())
            },
        ),
        Function::changes(
            "install",
            "Installs gems; gives what the program said.",
            "gem.install rake version=13.0.6",
            Install::ROWS,
            |act, arguments| {
                let args = Install::bind("gem.install", arguments)?;
                let who = args.runas.as_deref();
                let gem = program("gem.install", args.ruby.as_ref(), args.gem_bin.as_deref(), who)?;
                Ok(install(act, gem, &args.gems, &args.options())?.into())
            },
        ),
        Function::changes(
            "uninstall",
            "Removes all versions of gems; gives what the program said.",
            "gem.uninstall rake",
            Named::ROWS,
            |act, arguments| {
                let args = Named::bind("gem.uninstall", arguments)?;
                Ok(uninstall(act, &args.gem("gem.uninstall")?, &args.gems)?.into())
            },
        ),
        Function::changes(
            "update",
            "Updates gems; gives what the program said.",
            "gem.update rake",
            Named::ROWS,
            |_, arguments| {
                let args = Named::bind("gem.update", arguments)?;
                let names = plain(&args.gems)?;
                Ok(args.gem("gem.update")?.run(&[&["update"][..], &names].concat())?.into())
            },
        ),
        Function::changes(
            "update_system",
            "Updates gem itself; gives what the program said.",
            "gem.update_system",
            System::ROWS,
            |_, arguments| {
                let args = System::bind("gem.update_system", arguments)?;
                let version = Some(args.version.as_str()).filter(|version| !version.is_empty());
                let versions: Vec<String> = version.map(str::to_owned).into_iter().collect();
                let words = [&["update", "--system"][..], &plain(&versions)?].concat();
                Ok(args.gem("gem.update_system")?.run(&words)?.into())
            },
        ),
        Function::changes(
            "sources_add",
            "Adds a place gems come from; gives what the program said.",
            "gem.sources_add https://gems.example/",
            Source::ROWS,
            |act, arguments| {
                let args = Source::bind("gem.sources_add", arguments)?;
                Ok(change_source(act, &args.gem("gem.sources_add")?, "--add", &args.source_uri)?.into())
            },
        ),
        Function::changes(
            "sources_remove",
            "Removes a place gems come from; gives what the program said.",
            "gem.sources_remove https://gems.example/",
            Source::ROWS,
            |act, arguments| {
                let args = Source::bind("gem.sources_remove", arguments)?;
                Ok(change_source(act, &args.gem("gem.sources_remove")?, "--remove", &args.source_uri)?.into())
            },
        ),
    ],
};

/// An `args!` struct with the arguments that say which gem, and who runs it, behind its own.
macro_rules! by_gem {
    ($(#[doc = $doc:expr])* $vis:vis struct $name:ident { $($body:tt)* }) => {
        args! {
            $(#[doc = $doc])*
            $vis struct $name {
                $($body)*
                /// Refused: give `gem_bin`.
                ruby: Option<String> = None,
                /// The account that runs gem.
                runas: Option<String> = None,
                /// The program.
                gem_bin: Option<String> = None,
            }
        }
        impl $name {
            fn gem(&self, function: &str) -> Result<Gem, CallError> {
                program(function, self.ruby.as_ref(), self.gem_bin.as_deref(), self.runas.as_deref())
            }
        }
    };
}

by_gem! {
    /// A gem program.
    pub struct Which {}
}

by_gem! {
    /// Gems.
    pub struct Named {
        /// Their names.
        gems: Vec<String>,
    }
}

by_gem! {
    /// Arguments of `gem.update_system`.
    pub struct System {
        /// The version; the newest by default.
        version: String = String::new(),
    }
}

by_gem! {
    /// A place gems come from.
    pub struct Source {
        /// Its address.
        source_uri: String,
    }
}

by_gem! {
    /// Arguments of `gem.list`.
    pub struct List {
        /// What names begin with.
        prefix: String = String::new(),
    }
}

args! {
    /// Arguments of `gem.install`.
    pub struct Install {
        /// Names of gems, or files.
        gems: Vec<String>,
        /// Refused: give `gem_bin`.
        ruby: Option<String> = None,
        /// The program.
        gem_bin: Option<String> = None,
        /// The account that runs gem.
        runas: Option<String> = None,
        /// The version.
        version: Option<String> = None,
        /// Makes documentation.
        rdoc: bool = false,
        /// Makes documentation for `ri`.
        ri: bool = false,
        /// Takes versions that come before a release.
        pre_releases: bool = false,
        /// Goes to the network through this proxy.
        proxy: Option<String> = None,
        /// Where gems come from.
        source: Option<String> = None,
    }
}

impl Install {
    fn options(&self) -> Options {
        Options {
            version: self.version.clone(),
            rdoc: self.rdoc,
            ri: self.ri,
            pre_releases: self.pre_releases,
            proxy: self.proxy.clone(),
            source: self.source.clone(),
        }
    }
}

/// How gems are installed.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The version.
    pub version: Option<String>,
    /// Makes documentation.
    pub rdoc: bool,
    /// Makes documentation for `ri`.
    pub ri: bool,
    /// Takes versions that come before a release.
    pub pre_releases: bool,
    /// Goes to the network through this proxy.
    pub proxy: Option<String>,
    /// Where gems come from.
    pub source: Option<String>,
}

impl From<GemError> for CallError {
    fn from(error: GemError) -> Self {
        match error {
            GemError::Nonsense(why) => Self::Invocation(why),
            other => Self::Failed(other.to_string()),
        }
    }
}

/// The program that the arguments mean.
pub fn program(
    function: &str,
    ruby: Option<&String>,
    bin: Option<&str>,
    account: Option<&str>,
) -> Result<Gem, CallError> {
    if ruby.is_some() {
        return Err(CallError::Unsupported(format!("'ruby' of {function} (rvm and rbenv; 'gem_bin' names a program)")));
    }
    Ok(Gem::new(bin, account)?)
}

/// Words that can't be taken for options.
fn plain(names: &[String]) -> Result<Vec<&str>, GemError> {
    match names.iter().find(|name| name.is_empty() || name.starts_with('-')) {
        Some(odd) => Err(GemError::Nonsense(format!("'{odd}' is no name of a gem"))),
        None => Ok(names.iter().map(String::as_str).collect()),
    }
}

/// An address that holds no password: others can read the arguments of programs.
fn open(source: &str) -> Result<&str, GemError> {
    let rest = source.split_once("://").map_or(source, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    if source.starts_with('-') || host.split_once('@').is_some_and(|(login, _)| login.contains(':')) {
        let text = "a source is an address without a password: gem reads passwords from its own configuration";
        return Err(GemError::Nonsense(text.to_owned()));
    }
    Ok(source)
}

/// Installs gems.
pub fn install(_act: &Act, gem: Gem, names: &[String], options: &Options) -> Result<String, GemError> {
    let mut words = vec!["install"];
    words.extend(plain(names)?);
    let documents = match (options.rdoc, options.ri) {
        (false, false) => "--no-document",
        (true, false) => "--document=rdoc",
        (false, true) => "--document=ri",
        (true, true) => "--document=rdoc,ri",
    };
    words.push(documents);
    if let Some(version) = &options.version {
        words.extend(["--version", version]);
    }
    if options.pre_releases {
        words.push("--prerelease");
    }
    if let Some(source) = &options.source {
        words.extend(["--clear-sources", "--source", open(source)?]);
    }
    gem.through(options.proxy.as_deref()).run(&words)
}

/// Removes all versions of gems and their programs.
pub fn uninstall(_act: &Act, gem: &Gem, names: &[String]) -> Result<String, GemError> {
    gem.run(&[&["uninstall"][..], &plain(names)?, &["--all", "--executables"]].concat())
}

/// Adds a place gems come from (`--add`), or removes it (`--remove`).
pub fn change_source(_act: &Act, gem: &Gem, verb: &str, source: &str) -> Result<String, GemError> {
    gem.run(&["sources", verb, open(source)?])
}
