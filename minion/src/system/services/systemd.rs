//! systemd, through `systemctl` and `journalctl`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::sysv::Sysv;
use super::{Order, ServiceError, Unit};
use crate::system::command::{Command, Finished};

/// Kinds of units; a name that ends with none of them is a service.
const KINDS: [&str; 11] = [
    ".service",
    ".socket",
    ".device",
    ".mount",
    ".automount",
    ".swap",
    ".target",
    ".path",
    ".timer",
    ".slice",
    ".scope",
];
/// Kinds that lists of services show.
const LISTED: &str = "--type=service,socket,timer,path,target,mount,automount,swap";
/// How often the log is looked at for what a unit wrote.
const LOOKS: u32 = 5;
/// Time between two looks.
const BETWEEN_LOOKS: std::time::Duration = std::time::Duration::from_millis(100);
/// How many lines of a log are shown.
const LAST_LINES: &str = "--lines=10";

/// systemd.
#[derive(Debug, Clone, Default)]
pub struct Systemd {
    /// Directory of another system whose unit files are meant; reading and changing files only.
    pub root: Option<String>,
}

/// A unit file and what is set for it (`enabled`, `static`, `masked`, ...).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitFile {
    /// The name, without `.service`.
    pub name: String,
    /// The setting.
    pub setting: String,
}

/// The full name of a unit.
fn full(name: &str) -> Result<String, ServiceError> {
    if name.is_empty() || name.contains(['/', '\n', '\0']) {
        return Err(ServiceError::Name(name.to_owned()));
    }
    let has_kind = KINDS.iter().any(|kind| name.ends_with(kind));
    Ok(if has_kind { name.to_owned() } else { format!("{name}.service") })
}

/// The name as people know it.
fn short(name: &str) -> &str {
    name.strip_suffix(".service").unwrap_or(name)
}

/// True for the settings with which `systemctl is-enabled` succeeds.
fn is_enabled(setting: &str) -> bool {
    matches!(setting, "enabled" | "enabled-runtime" | "static" | "alias" | "indirect" | "generated")
}

impl Systemd {
    /// True if systemd runs this system.
    pub fn runs_here() -> bool {
        Path::new("/run/systemd/system").is_dir()
    }

    fn systemctl(&self, words: &[&str]) -> Result<Finished, ServiceError> {
        let root = self.root.as_ref().map(|root| format!("--root={root}"));
        let fixed = ["systemctl", "--no-ask-password", "--no-pager", "--full"].into_iter();
        let argv = fixed.chain(root.as_deref()).chain(words.iter().copied());
        Ok(Command::argv(argv).c_locale().run()?)
    }

    /// Properties of a unit, by name.
    pub fn properties(&self, name: &str) -> Result<BTreeMap<String, String>, ServiceError> {
        let finished = self.systemctl(&["show", "--", &full(name)?])?;
        if finished.status != 0 {
            return Err(ServiceError::Refused(finished.said()));
        }
        let text = finished.out();
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        Ok(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    /// What a unit is now.
    pub fn look(&self, name: &str) -> Result<Unit, ServiceError> {
        let mut properties = self.properties(name)?;
        let mut take = |key: &str| properties.remove(key).unwrap_or_default();
        let (load, active, setting) = (take("LoadState"), take("ActiveState"), take("UnitFileState"));
        // A unit made from a script in /etc/init.d is as enabled as the script is.
        let enabled = if setting == "generated" { self.generated_enabled(name) } else { is_enabled(&setting) };
        Ok(Unit {
            known: load != "not-found",
            running: matches!(active.as_str(), "active" | "reloading"),
            moving: matches!(active.as_str(), "activating" | "deactivating"),
            enabled,
        })
    }

    fn generated_enabled(&self, name: &str) -> bool {
        let script = short(name);
        !Sysv::has(script) || Sysv::is_enabled(script)
    }

    /// Gives an order. Unit files that changed on disk are read again before.
    pub fn order(&self, order: Order, name: &str, wait: bool) -> Result<bool, ServiceError> {
        let unit = full(name)?;
        let is_old = |properties: BTreeMap<_, _>| properties.get("NeedDaemonReload").is_some_and(|old| old == "yes");
        if self.root.is_none() && self.properties(name).is_ok_and(is_old) {
            self.reload_files()?;
        }
        let verb = match order {
            Order::Start => "start",
            Order::Stop => "stop",
            Order::Restart => "restart",
            Order::Reload => "reload",
            Order::ForceReload => "force-reload",
            Order::Enable => "enable",
            Order::Disable => "disable",
        };
        let queue = (!wait).then_some("--no-block");
        let words: Vec<&str> = queue.into_iter().chain([verb, "--", &unit]).collect();
        let finished = self.systemctl(&words)?;
        // Stopping and disabling what does not exist is answered "no" without being an error.
        let gentle = matches!(order, Order::Stop | Order::Disable);
        match finished.status {
            0 => Ok(true),
            _ if gentle && !self.look(name)?.known => Ok(false),
            _ => Err(ServiceError::Refused(finished.said())),
        }
    }

    /// Reads all unit files again.
    pub fn reload_files(&self) -> Result<(), ServiceError> {
        self.must(&["daemon-reload"])
    }

    /// Masks a unit (it cannot be started by anything) or takes the mask away.
    pub fn mask(&self, name: &str, mask: bool, runtime: bool) -> Result<(), ServiceError> {
        let unit = full(name)?;
        let runtime = runtime.then_some("--runtime");
        let words: Vec<&str> =
            [if mask { "mask" } else { "unmask" }].into_iter().chain(runtime).chain(["--", &unit]).collect();
        self.must(&words)
    }

    fn must(&self, words: &[&str]) -> Result<(), ServiceError> {
        let finished = self.systemctl(words)?;
        if finished.status == 0 { Ok(()) } else { Err(ServiceError::Refused(finished.said())) }
    }

    /// True if a unit is masked, for good or until the system stops.
    pub fn is_masked(&self, name: &str, runtime: bool) -> Result<bool, ServiceError> {
        let folder = if runtime { "run/systemd/system" } else { "etc/systemd/system" };
        let file = Path::new(self.root.as_deref().unwrap_or("/")).join(folder).join(full(name)?);
        Ok(std::fs::read_link(file).is_ok_and(|target| target == Path::new("/dev/null")))
    }

    /// True if a unit file is enabled, read from files only (another system's).
    pub fn is_enabled_file(&self, name: &str) -> Result<bool, ServiceError> {
        Ok(self.systemctl(&["is-enabled", "--quiet", "--", &full(name)?])?.status == 0)
    }

    /// Scripts in `/etc/init.d`, which systemd runs as services, too.
    pub fn scripts(&self) -> Vec<String> {
        if self.root.is_none() { Sysv.all() } else { Vec::new() }
    }

    /// All unit files that services are known by.
    pub fn unit_files(&self) -> Result<Vec<UnitFile>, ServiceError> {
        let finished = self.systemctl(&["list-unit-files", "--plain", "--no-legend", LISTED])?;
        if finished.status != 0 {
            return Err(ServiceError::Refused(finished.said()));
        }
        let file = |line: &str| {
            let mut words = line.split_whitespace();
            let name = short(words.next()?).to_owned();
            Some(UnitFile { name, setting: words.next()?.to_owned() })
        };
        Ok(finished.out().lines().filter_map(file).collect())
    }

    /// Names of all units and scripts, sorted.
    pub fn all(&self) -> Result<Vec<String>, ServiceError> {
        let mut names: Vec<String> = self.unit_files()?.into_iter().map(|file| file.name).collect();
        names.extend(self.scripts());
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Names of the units that run now, sorted.
    pub fn running(&self) -> Result<Vec<String>, ServiceError> {
        let finished = self.systemctl(&["list-units", "--plain", "--no-legend", LISTED])?;
        if finished.status != 0 {
            return Err(ServiceError::Refused(finished.said()));
        }
        let text = finished.out();
        let runs = |line: &&str| line.split_whitespace().nth(3) == Some("running");
        let mut names: Vec<String> = text
            .lines()
            .filter(runs)
            .filter_map(|line| Some(short(line.split_whitespace().next()?).to_owned()))
            .collect();
        names.sort();
        Ok(names)
    }

    /// The last lines a unit wrote since it was started.
    pub fn last_words(&self, name: &str) -> Option<String> {
        let run = self.properties(name).ok()?.remove("InvocationID").filter(|run| !run.is_empty())?;
        let of_run = format!("_SYSTEMD_INVOCATION_ID={run}");
        // The log is written by another daemon, a moment after a unit that ends at once has ended.
        for _ in 0..LOOKS {
            if let Some(words) = logged(&[&of_run]) {
                return Some(words);
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        // It may also have been too late to ask the process for its run; then the unit is known alone.
        logged(&[&format!("_SYSTEMD_UNIT={}", full(name).ok()?), "--since=-1min"])
    }

    /// The program each service starts, by name.
    pub fn programs(&self) -> Result<BTreeMap<String, PathBuf>, ServiceError> {
        let names = self.unit_files()?.into_iter().map(|file| file.name);
        let mut found = BTreeMap::new();
        for name in names.filter(|name| !name.contains('@') && !KINDS.iter().any(|kind| name.ends_with(kind))) {
            let start = self.properties(&name)?.remove("ExecStart").unwrap_or_default();
            let path = start.split(" ; ").find_map(|part| part.trim_start_matches("{ ").strip_prefix("path="));
            if let Some(path) = path {
                found.insert(name, PathBuf::from(path));
            }
        }
        Ok(found)
    }
}

/// The last lines of the log that fit.
fn logged(which: &[&str]) -> Option<String> {
    let argv =
        ["journalctl", "--quiet", "--no-pager", "--output=cat", LAST_LINES].into_iter().chain(which.iter().copied());
    let finished = Command::argv(argv).c_locale().timeout_seconds(10.0).run().ok()?;
    (finished.status == 0).then(|| finished.out()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_kind_is_a_service() {
        assert_eq!(full("nginx").unwrap(), "nginx.service");
        assert_eq!(full("php8.2-fpm").unwrap(), "php8.2-fpm.service");
        assert_eq!(full("cron.timer").unwrap(), "cron.timer");
        assert!(full("").is_err() && full("../x").is_err());
        assert_eq!(short("getty@.service"), "getty@");
    }
}
