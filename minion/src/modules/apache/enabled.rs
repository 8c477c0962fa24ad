//! Modules, sites and pieces of configuration that are switched on and off.

use std::path::Path;

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Function, Outcome};
use fleet_common::value::{Map, Value};

use crate::cx::{Act, Module};
use crate::system::command::{Command, which};

/// The part of the module.
pub const MODULE: Module = Module {
    name: "apache",
    doc: "The web server Apache.",
    functions: &[
        Function::reads(
            "check_mod_enabled",
            "True if a module is switched on.",
            "apache.check_mod_enabled status",
            Mod::ROWS,
            |_, arguments| Ok(Kind::Mod.is_enabled(&Mod::bind("apache.check_mod_enabled", arguments)?.mod_)?.into()),
        ),
        Function::reads(
            "check_site_enabled",
            "True if a site is switched on.",
            "apache.check_site_enabled example.com",
            Site::ROWS,
            |_, arguments| Ok(Kind::Site.is_enabled(&Site::bind("apache.check_site_enabled", arguments)?.site)?.into()),
        ),
        Function::reads(
            "check_conf_enabled",
            "True if a piece of configuration is switched on.",
            "apache.check_conf_enabled security",
            Conf::ROWS,
            |_, arguments| Ok(Kind::Conf.is_enabled(&Conf::bind("apache.check_conf_enabled", arguments)?.conf)?.into()),
        ),
        Function::changes("a2enmod", "Switches a module on.", "apache.a2enmod rewrite", Mod::ROWS, |act, arguments| {
            told(act, Kind::Mod, true, &Mod::bind("apache.a2enmod", arguments)?.mod_)
        }),
        Function::changes("a2dismod", "Switches a module off.", "apache.a2dismod rewrite", Mod::ROWS, a2dismod),
        Function::changes(
            "a2ensite",
            "Switches a site on.",
            "apache.a2ensite example.com",
            Site::ROWS,
            |act, arguments| told(act, Kind::Site, true, &Site::bind("apache.a2ensite", arguments)?.site),
        ),
        Function::changes(
            "a2dissite",
            "Switches a site off.",
            "apache.a2dissite example.com",
            Site::ROWS,
            |act, arguments| told(act, Kind::Site, false, &Site::bind("apache.a2dissite", arguments)?.site),
        ),
        Function::changes(
            "a2enconf",
            "Switches a piece of configuration on.",
            "apache.a2enconf security",
            Conf::ROWS,
            |act, arguments| told(act, Kind::Conf, true, &Conf::bind("apache.a2enconf", arguments)?.conf),
        ),
        Function::changes(
            "a2disconf",
            "Switches a piece of configuration off.",
            "apache.a2disconf security",
            Conf::ROWS,
            |act, arguments| told(act, Kind::Conf, false, &Conf::bind("apache.a2disconf", arguments)?.conf),
        ),
    ],
};

args! {
    /// A module.
    pub struct Mod {
        /// Its name.
        mod_: String,
    }
}

args! {
    /// A site.
    pub struct Site {
        /// Its name.
        site: String,
    }
}

args! {
    /// A piece of configuration.
    pub struct Conf {
        /// Its name.
        conf: String,
    }
}

fn a2dismod(act: &Act, arguments: Arguments) -> CallResult {
    told(act, Kind::Mod, false, &Mod::bind("apache.a2dismod", arguments)?.mod_)
}

/// What is switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A module.
    Mod,
    /// A site.
    Site,
    /// A piece of configuration.
    Conf,
}

impl Kind {
    /// The word in names of programs and directories.
    fn word(self) -> &'static str {
        match self {
            Self::Mod => "mod",
            Self::Site => "site",
            Self::Conf => "conf",
        }
    }

    /// The word for people.
    pub fn shown(self) -> &'static str {
        if self == Self::Mod { "module" } else { self.word() }
    }

    fn directory(self) -> &'static str {
        match self {
            Self::Mod => "mods-enabled",
            Self::Site => "sites-enabled",
            Self::Conf => "conf-enabled",
        }
    }

    /// What the names of its files end in.
    fn ending(self) -> &'static str {
        if self == Self::Mod { ".load" } else { ".conf" }
    }

    /// The name without the ending of its file, which people write, too.
    fn bare(self, name: &str) -> Result<&str, CallError> {
        if name.is_empty() || name.starts_with(['-', '.']) || name.contains(['/', '\0']) {
            return Err(CallError::Invocation(format!("'{name}' is no name of a {} of Apache", self.shown())));
        }
        Ok(name.strip_suffix(self.ending()).unwrap_or(name))
    }

    /// True if it is switched on.
    pub fn is_enabled(self, name: &str) -> Result<bool, CallError> {
        let name = format!("{}{}", self.bare(name)?, self.ending());
        // A link to what is no longer there is not on: the server would not start with it.
        Ok(Path::new("/etc/apache2").join(self.directory()).join(name).exists())
    }

    /// Switches it on or off; what the program said if it would not.
    pub fn switch(self, _act: &Act, name: &str, on: bool) -> Result<Result<(), String>, CallError> {
        let bare = self.bare(name)?;
        let program = format!("a2{}{}", if on { "en" } else { "dis" }, self.word());
        let Some(path) = which(&program, std::env::var_os("PATH").as_deref()) else {
            return Err(CallError::Failed(format!("{program} is not on this machine: is Apache installed?")));
        };
        let mut command = vec![path.into_os_string(), "--quiet".into()];
        if !on && self == Self::Mod {
            // Whoever declares it means it, also for modules that the program would ask about.
            command.push("--force".into());
        }
        command.push(bare.into());
        let finished = Command::argv(command).c_locale().run().map_err(|error| CallError::Failed(error.to_string()))?;
        let title = ["Mod", "Site", "Conf"][self as usize];
        Ok(match finished.status {
            0 => Ok(()),
            1 if on && finished.err().contains("does not exist") => Err(format!("{title} {name} Not found")),
            _ => Err(finished.said()),
        })
    }
}

/// Switches, and tells as the reference does; a status that is not 0 when it did not work.
fn told(act: &Act, kind: Kind, on: bool, name: &str) -> CallResult {
    let switched = kind.switch(act, name, on)?;
    let title = ["Mod", "Site", "Conf"][kind as usize];
    let status = match &switched {
        Ok(()) => format!("{title} {name} {}", if on { "enabled" } else { "disabled" }),
        Err(why) => why.clone(),
    };
    let verb = if on { "Enable" } else { "Disable" };
    let answer = Map::from_iter([
        ("Name", Value::from(format!("Apache2 {verb} {title}"))),
        (title, name.into()),
        ("Status", status.into()),
    ]);
    Ok(Outcome::with_status(answer, i32::from(switched.is_err())))
}
