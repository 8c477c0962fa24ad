//! Functions of `service` that only read.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult};
use fleet_common::value::{Map, Value};
use regex::Regex;

use super::provider::{services, systemd};
use crate::cx::Look;
use crate::system::services::{Services, processes};

args! {
    /// No arguments.
    pub struct Nothing {}
}

args! {
    /// A service.
    pub struct Name {
        /// The service.
        name: String,
    }
}

args! {
    /// Arguments of `service.status`.
    pub struct Status {
        /// The service, or a pattern for several.
        name: String,
        /// A regular expression that the command line of its process fits, instead of asking the manager.
        sig: Option<String> = None,
    }
}

args! {
    /// A service, perhaps of another system.
    pub struct Below {
        /// The service.
        name: String,
        /// Directory of another system whose unit files are meant.
        root: Option<String> = None,
        /// Not used.
        **kwargs: Map,
    }
}

args! {
    /// Perhaps another system.
    pub struct Root {
        /// Directory of another system whose unit files are meant.
        root: Option<String> = None,
    }
}

args! {
    /// Arguments of `service.masked`.
    pub struct Masked {
        /// The service.
        name: String,
        /// Whether it is masked until the system stops.
        runtime: bool = false,
        /// Directory of another system whose unit files are meant.
        root: Option<String> = None,
    }
}

/// Names of the services a pattern stands for; `None` for a plain name.
fn chosen(services: &Services, name: &str) -> Result<Option<Vec<String>>, CallError> {
    if !fleet_common::target::glob::is_pattern(name) {
        return Ok(None);
    }
    Ok(Some(services.all()?.into_iter().filter(|known| fleet_common::target::glob::matches(name, known)).collect()))
}

pub(super) fn available(look: &Look, function: &str, arguments: Arguments) -> Result<bool, CallError> {
    let name = Name::bind(function, arguments)?.name;
    Ok(services(look, function)?.look(&name)?.known)
}

/// Whether a process whose command line fits `sig` is there, or else whether the manager says that the service runs.
pub fn is_running(services: &Services, name: &str, sig: Option<&str>) -> Result<bool, CallError> {
    match sig {
        Some(sig) => {
            let expression = Regex::new(sig)
                .map_err(|error| CallError::Invocation(format!("'{sig}' is no regular expression: {error}")))?;
            Ok(!processes(&expression).is_empty())
        }
        None => Ok(services.look(name)?.running),
    }
}

pub(super) fn status(look: &Look, arguments: Arguments) -> CallResult {
    let args = Status::bind("service.status", arguments)?;
    let services = services(look, "service.status")?;
    let sig = args.sig.as_deref().filter(|sig| !sig.is_empty());
    match chosen(&services, &args.name)? {
        None => Ok(is_running(&services, &args.name, sig)?.into()),
        Some(names) => {
            let mut found = Map::new();
            for name in names {
                let running = is_running(&services, &name, sig)?;
                found.insert(name, running);
            }
            Ok(found.into())
        }
    }
}

pub(super) fn enabled(look: &Look, function: &'static str, arguments: Arguments) -> Result<bool, CallError> {
    let args = Below::bind(function, arguments)?;
    Ok(match args.root {
        None => services(look, function)?.look(&args.name)?.enabled,
        root => systemd(look, function, root)?.is_enabled_file(&args.name)?,
    })
}

pub(super) fn masked(look: &Look, arguments: Arguments) -> CallResult {
    let args = Masked::bind("service.masked", arguments)?;
    Ok(systemd(look, "service.masked", args.root)?.is_masked(&args.name, args.runtime)?.into())
}

pub(super) fn get_all(look: &Look, arguments: Arguments) -> CallResult {
    let args = Root::bind("service.get_all", arguments)?;
    let names = match args.root {
        None => services(look, "service.get_all")?.all()?,
        root => systemd(look, "service.get_all", root)?.all()?,
    };
    Ok(names.into_iter().collect::<Value>().into())
}

/// Names of the services that are enabled, or that are not.
pub(super) fn set_to(look: &Look, function: &'static str, arguments: Arguments, setting: &str) -> CallResult {
    let args = Root::bind(function, arguments)?;
    let services = services(look, function)?;
    let (mut names, scripts) = match &services {
        Services::Systemd(_) => {
            let systemd = systemd(look, function, args.root)?;
            let files = systemd.unit_files()?;
            let known: Vec<String> = files.iter().map(|file| file.name.clone()).collect();
            let names: Vec<String> =
                files.into_iter().filter(|file| file.setting == setting).map(|file| file.name).collect();
            let scripts = systemd.scripts().into_iter().filter(|name| !known.contains(name)).collect();
            (names, scripts)
        }
        Services::Sysv(sysv) => (Vec::new(), sysv.all()),
    };
    let enabled = |name: &str| crate::system::services::Sysv::is_enabled(name);
    names.extend(scripts.into_iter().filter(|name| match setting {
        "enabled" => enabled(name),
        "disabled" => !enabled(name),
        _ => false,
    }));
    names.sort();
    Ok(names.into_iter().collect::<Value>().into())
}

pub(super) fn get_running(look: &Look, arguments: Arguments) -> CallResult {
    Nothing::bind("service.get_running", arguments)?;
    let names = systemd(look, "service.get_running", None)?.running()?;
    Ok(names.into_iter().collect::<Value>().into())
}

pub(super) fn show(look: &Look, arguments: Arguments) -> CallResult {
    let args = Below::bind("service.show", arguments)?;
    let properties = systemd(look, "service.show", args.root)?.properties(&args.name)?;
    let shown = properties.into_iter().filter(|(_, value)| !value.is_empty());
    Ok(shown.map(|(key, value)| (Value::from(key.as_str()), property(&key, &value))).collect::<Map>().into())
}

/// `{ path=/bin/x ; status=0/0 }` is a mapping, the units before and after it are lists, anything else is its text.
fn property(name: &str, text: &str) -> Value {
    if matches!(name, "Before" | "After") {
        return text.split_whitespace().collect();
    }
    match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        None => text.into(),
        Some(inner) => {
            let parts = inner.split(" ; ").filter_map(|part| part.trim().split_once('='));
            Value::Map(parts.map(|(key, value)| (Value::from(key), Value::from(value))).collect())
        }
    }
}

pub(super) fn execs(look: &Look, arguments: Arguments) -> CallResult {
    let args = Root::bind("service.execs", arguments)?;
    let programs = systemd(look, "service.execs", args.root)?.programs()?;
    let text = |path: std::path::PathBuf| Value::from(path.to_string_lossy().into_owned());
    Ok(programs.into_iter().map(|(name, path)| (Value::from(name), text(path))).collect::<Map>().into())
}
