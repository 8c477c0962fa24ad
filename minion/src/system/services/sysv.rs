//! Scripts in `/etc/init.d`, as systems without systemd have them.

use std::path::{Path, PathBuf};

use super::{Order, ServiceError, Unit};
use crate::system::command::{Command, Finished, which};

/// The scripts' directory.
const SCRIPTS: &str = "/etc/init.d";

/// Scripts in `/etc/init.d`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sysv;

fn script(name: &str) -> Option<PathBuf> {
    let plain = !name.is_empty() && !name.contains('/') && !name.starts_with(['.', '-']) && name != "README";
    plain.then(|| Path::new(SCRIPTS).join(name)).and_then(|path| which(path.to_str()?, None))
}

fn run(words: &[&str]) -> Result<Finished, ServiceError> {
    Ok(Command::argv(words).c_locale().run()?)
}

impl Sysv {
    /// True if there is such a script.
    pub fn has(name: &str) -> bool {
        script(name).is_some()
    }

    /// True if a script starts with the system: in the directory of a runlevel for several users.
    pub fn is_enabled(name: &str) -> bool {
        (2..=5).any(|level| {
            let links = std::fs::read_dir(format!("/etc/rc{level}.d")).into_iter().flatten().flatten();
            links.filter_map(|link| link.file_name().into_string().ok()).any(|link| {
                // S01cron: two digits between the letter and the name.
                link.starts_with('S') && link.get(3..) == Some(name)
            })
        })
    }

    /// What a script is now.
    pub fn look(&self, name: &str) -> Result<Unit, ServiceError> {
        let Some(path) = script(name) else { return Ok(Unit::default()) };
        let running = run(&[&path.to_string_lossy(), "status"])?.status == 0;
        Ok(Unit { known: true, running, moving: false, enabled: Self::is_enabled(name) })
    }

    /// Gives an order; false when there is no such script or it says no.
    pub fn order(&self, order: Order, name: &str) -> Result<bool, ServiceError> {
        let Some(path) = script(name) else { return Ok(false) };
        let path = path.to_string_lossy();
        let done = match order {
            Order::Start => run(&[&path, "start"])?.status == 0,
            Order::Stop => run(&[&path, "stop"])?.status == 0,
            Order::Restart => run(&[&path, "restart"])?.status == 0,
            Order::Reload => run(&[&path, "reload"])?.status == 0,
            Order::ForceReload => run(&[&path, "force-reload"])?.status == 0,
            Order::Enable => update(&[name, "defaults"])? && update(&[name, "enable"])?,
            Order::Disable => update(&[name, "disable"])?,
        };
        Ok(done)
    }

    /// Names of all scripts, sorted.
    pub fn all(&self) -> Vec<String> {
        let entries = std::fs::read_dir(SCRIPTS).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.retain(|name| Self::has(name));
        names.sort();
        names
    }
}

fn update(words: &[&str]) -> Result<bool, ServiceError> {
    let argv: Vec<&str> = ["update-rc.d"].into_iter().chain(words.iter().copied()).collect();
    Ok(run(&argv)?.status == 0)
}
