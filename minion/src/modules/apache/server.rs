//! What Apache says of itself, and telling it to start and stop.

use fleet_common::args;
use fleet_common::call::{CallError, Function};
use fleet_common::value::{Map, Value};

use crate::cx::Module;
use crate::modules::webutil::{self, Password, User};
use crate::system::command::{Command, Finished, which};

/// The part of the module.
pub const MODULE: Module = Module {
    name: "apache",
    doc: "The web server Apache.",
    functions: &[
        Function::reads("version", "The version of the server.", "apache.version", Nothing::ROWS, |_, arguments| {
            Nothing::bind("apache.version", arguments)?;
            let said = asked(&["-v"])?;
            let version = said.lines().find_map(|line| line.strip_prefix("Server version: "));
            Ok(version.ok_or_else(|| unreadable("-v"))?.trim().into())
        }),
        Function::reads(
            "fullversion",
            "The version of the server and what it was made with.",
            "apache.fullversion",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("apache.fullversion", arguments)?;
                Ok(fullversion(&asked(&["-V"])?).into())
            },
        ),
        Function::reads(
            "modules",
            "The modules that are loaded: `static` and `shared`.",
            "apache.modules",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("apache.modules", arguments)?;
                Ok(modules(&asked(&["-M"])?).into())
            },
        ),
        Function::reads(
            "servermods",
            "The modules that are part of the program.",
            "apache.servermods",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("apache.servermods", arguments)?;
                let said = asked(&["-l"])?;
                Ok(said.lines().map(str::trim).filter(|line| line.ends_with(".c")).collect::<Value>().into())
            },
        ),
        Function::reads(
            "directives",
            "The directives that the server knows, and where they may stand.",
            "apache.directives",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("apache.directives", arguments)?;
                Ok(directives(&asked(&["-L"])?).into())
            },
        ),
        Function::reads(
            "vhosts",
            "The hosts that the server answers for, by address: each with its name and the place of its configuration.",
            "apache.vhosts",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("apache.vhosts", arguments)?;
                Ok(vhosts(&asked(&["-S"])?).into())
            },
        ),
        Function::changes(
            "signal",
            "Tells the server to start, stop, restart, restart gracefully or stop gracefully; gives what it said.",
            "apache.signal restart",
            Signal::ROWS,
            |_, arguments| {
                let args = Signal::bind("apache.signal", arguments)?;
                if !["start", "stop", "restart", "graceful", "graceful-stop"].contains(&args.signal.as_str()) {
                    let text = format!("'{}' is none of start, stop, restart, graceful, graceful-stop", args.signal);
                    return Err(CallError::Invocation(text));
                }
                let finished = control(&["-k", &args.signal])?;
                match finished.status {
                    0 if finished.err().is_empty() => {
                        Ok(format!("Command: \"apachectl -k {}\" completed successfully!", args.signal).into())
                    }
                    0 => Ok(finished.err().into()),
                    _ => Err(CallError::Failed(finished.said())),
                }
            },
        ),
        Function::changes(
            "useradd",
            "Adds somebody to a password file, or changes the password; the same as `webutil.useradd`.",
            "apache.useradd /etc/apache2/passwords larry secret",
            Password::ROWS,
            |act, arguments| webutil::add(act, &Password::bind("apache.useradd", arguments)?),
        ),
        Function::changes(
            "userdel",
            "Removes somebody from a password file; the same as `webutil.userdel`.",
            "apache.userdel /etc/apache2/passwords larry",
            User::ROWS,
            |act, arguments| webutil::remove(act, &User::bind("apache.userdel", arguments)?),
        ),
    ],
};

args! {
    /// No arguments.
    pub struct Nothing {}
}

args! {
    /// Arguments of `apache.signal`.
    pub struct Signal {
        /// `start`, `stop`, `restart`, `graceful` or `graceful-stop`.
        signal: String,
    }
}

fn found(names: &[&str]) -> Result<std::ffi::OsString, CallError> {
    let search = std::env::var_os("PATH");
    let path = names.iter().find_map(|name| which(name, search.as_deref()));
    let missing = || CallError::Failed(format!("{} is not on this machine: is Apache installed?", names.join(" or ")));
    Ok(path.ok_or_else(missing)?.into_os_string())
}

fn control(words: &[&str]) -> Result<Finished, CallError> {
    let mut argv = vec![found(&["apache2ctl", "apachectl"])?];
    argv.extend(words.iter().map(Into::into));
    Command::argv(argv).c_locale().run().map_err(|error| CallError::Failed(error.to_string()))
}

/// What the server prints; an error when it refuses (a fault in its configuration).
fn asked(words: &[&str]) -> Result<String, CallError> {
    let finished = control(words)?;
    if finished.status == 0 { Ok(finished.out()) } else { Err(CallError::Failed(finished.said())) }
}

fn unreadable(option: &str) -> CallError {
    CallError::Failed(format!("what 'apachectl {option}' says can't be read"))
}

/// `Server version: x` becomes `server_version`, what it was compiled with a list.
fn fullversion(said: &str) -> Map {
    let mut all = Map::from_iter([("compiled_with", Value::List(Vec::new()))]);
    for line in said.lines() {
        if let Some(word) = line.trim_start().strip_prefix("-D ") {
            if let Some(Value::List(words)) = all.get_mut("compiled_with") {
                words.push(word.into());
            }
        } else if let Some((key, value)) = line.split_once(": ") {
            all.insert(key.trim().to_lowercase().replace(' ', "_"), value.trim());
        }
    }
    all
}

fn modules(said: &str) -> Map {
    let of = |kind: &str| {
        let ending = format!(" ({kind})");
        said.lines().filter_map(|line| line.trim().strip_suffix(&ending)).collect::<Value>()
    };
    Map::from_iter([("static", of("static")), ("shared", of("shared"))])
}

/// Names stand at the beginning of lines, what is said of them behind tabs.
fn directives(said: &str) -> Map {
    let mut all: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in said.lines() {
        match (line.strip_prefix('\t'), all.last_mut()) {
            (Some(text), Some((_, texts))) => texts.push(text.trim()),
            (Some(_), None) => {}
            (None, _) => all.push((line.trim(), Vec::new())),
        }
    }
    all.into_iter().map(|(name, texts)| (name, texts.join("\n"))).collect()
}

/// Lines of an address that holds one host, or of an address and the hosts indented behind it.
fn vhosts(said: &str) -> Map {
    let mut all = Map::new();
    let mut address = "";
    for line in said.lines().skip_while(|line| !line.starts_with("VirtualHost configuration")).skip(1) {
        let is_host = line.ends_with(')') && line.contains(" (");
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            // A heading; what follows stands behind it.
            [at, "is", "a", "NameVirtualHost"] => {
                address = at;
                all.insert(*at, Map::new());
            }
            ["default", "server", name, place] if is_host => insert(&mut all, address, "default", name, place),
            ["port", _, "namevhost", name, place] if is_host => insert(&mut all, address, name, name, place),
            [at, name, place] if is_host && !line.starts_with(' ') => {
                all.insert(*at, Map::new());
                insert(&mut all, at, "default", name, place);
            }
            ["alias" | "wild", ..] => {}
            _ => break,
        }
    }
    all
}

fn insert(all: &mut Map, address: &str, key: &str, name: &str, place: &str) {
    let host = Map::from_iter([("name", name), ("file", place.trim_matches(['(', ')']))]);
    if let Some(Value::Map(hosts)) = all.get_mut(address) {
        hosts.insert(key, host);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by a server of version 2.4.71.
    #[test]
    fn what_the_server_says_is_read() {
        let one = "VirtualHost configuration:\n*:80                   127.0.0.1 (/etc/apache2/sites-enabled/000-default.conf:1)\nServerRoot: \"/etc/apache2\"\n";
        let hosts = vhosts(one);
        let host = hosts.get("*:80").and_then(|hosts| hosts.get("default")).cloned();
        let wanted = [("name", "127.0.0.1"), ("file", "/etc/apache2/sites-enabled/000-default.conf:1")];
        assert_eq!(host, Some(Value::Map(Map::from_iter(wanted))));
        let two = "VirtualHost configuration:\n*:80                   is a NameVirtualHost\n         default server a (/e/a.conf:1)\n         port 80 namevhost a (/e/a.conf:1)\n                 alias b\n         port 80 namevhost c (/e/c.conf:1)\nServerRoot: \"/x\"\n";
        let hosts = vhosts(two);
        let names: Vec<&Value> = hosts.get("*:80").and_then(Value::as_map).unwrap().keys().collect();
        assert_eq!(names, [&Value::from("default"), &"a".into(), &"c".into()]);
        assert!(vhosts("AH00526: Syntax error").is_empty());
        let loaded = modules("Loaded Modules:\n core_module (static)\n alias_module (shared)\n");
        assert_eq!(loaded.get("shared"), Some(&["alias_module"].into_iter().collect()));
        let full = fullversion("Server version: Apache/2.4.71 (Debian)\nServer compiled with....\n -D APR_HAS_MMAP\n");
        assert_eq!(full.get("server_version"), Some(&"Apache/2.4.71 (Debian)".into()));
        assert_eq!(full.get("compiled_with"), Some(&["APR_HAS_MMAP"].into_iter().collect()));
        let known = directives("<Directory (core.c)\n\tContainer\n\tAllowed\n");
        assert_eq!(known.get("<Directory (core.c)"), Some(&"Container\nAllowed".into()));
    }
}
