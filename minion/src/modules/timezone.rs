//! `timezone.*`: the zone of the machine, and whether its hardware clock runs in UTC.

use std::path::{Path, PathBuf};

use fleet_common::args;
use fleet_common::call::{CallError, Function};
use fleet_common::value::Value;

use crate::cx::Module;
use crate::system::command::Command;
use crate::system::fs::{self, WriteOptions};

const LOCALTIME: &str = "/etc/localtime";
const ZONES: &str = "/usr/share/zoneinfo";
const ADJTIME: &str = "/etc/adjtime";
/// The largest description of a zone.
const LIMIT: u64 = 1 << 20;

/// The module.
pub const MODULE: Module = Module {
    name: "timezone",
    doc: "The zone of the machine, and its hardware clock.",
    functions: &[
        Function::reads("get_zone", "The name of the zone.", "timezone.get_zone", Nothing::ROWS, |_, arguments| {
            Nothing::bind("timezone.get_zone", arguments)?;
            Ok(zone()?.into())
        }),
        Function::reads(
            "get_zonecode",
            "The abbreviation of the zone now (`CET`).",
            "timezone.get_zonecode",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("timezone.get_zonecode", arguments)?;
                Ok(date("+%Z")?.into())
            },
        ),
        Function::reads(
            "get_offset",
            "The offset of the zone now (`+0100`).",
            "timezone.get_offset",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("timezone.get_offset", arguments)?;
                Ok(date("+%z")?.into())
            },
        ),
        Function::reads(
            "zone_compare",
            "True if the machine's zone is this one, by its rules.",
            "timezone.zone_compare Europe/Berlin",
            Zone::ROWS,
            |_, arguments| Ok(compare(&Zone::bind("timezone.zone_compare", arguments)?.timezone)?.into()),
        ),
        Function::changes(
            "set_zone",
            "Sets the zone.",
            "timezone.set_zone Europe/Berlin",
            Zone::ROWS,
            |_, arguments| {
                set(&Zone::bind("timezone.set_zone", arguments)?.timezone)?;
                Ok(true.into())
            },
        ),
        Function::reads(
            "get_hwclock",
            "`UTC` or `localtime`.",
            "timezone.get_hwclock",
            Nothing::ROWS,
            |_, arguments| {
                Nothing::bind("timezone.get_hwclock", arguments)?;
                Ok(if clock_is_utc() { "UTC" } else { "localtime" }.into())
            },
        ),
        Function::changes(
            "set_hwclock",
            "Lets the hardware clock run in `UTC` or `localtime`.",
            "timezone.set_hwclock UTC",
            Clock::ROWS,
            |_, arguments| {
                let clock = Clock::bind("timezone.set_hwclock", arguments)?.clock;
                if !["utc", "localtime"].contains(&clock.to_lowercase().as_str()) {
                    return Err(CallError::Invocation(format!("clock is UTC or localtime, not '{clock}'")));
                }
                set_clock(clock.eq_ignore_ascii_case("utc"))?;
                Ok(Value::Bool(true).into())
            },
        ),
    ],
};

args! {
    /// No arguments.
    pub struct Nothing {}
}

args! {
    /// A zone.
    pub struct Zone {
        /// Its name (`Europe/Berlin`).
        timezone: String,
    }
}

args! {
    /// Arguments of `timezone.set_hwclock`.
    pub struct Clock {
        /// `UTC` or `localtime`.
        clock: String,
    }
}

fn date(format: &str) -> Result<String, CallError> {
    let finished = Command::argv(["date", format]).run().map_err(|error| CallError::Failed(error.to_string()))?;
    Ok(finished.out())
}

/// The file of a zone's rules; a name that leaves the directory of zones is refused.
fn rules(zone: &str) -> Result<PathBuf, CallError> {
    let inside = !zone.is_empty() && zone.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    let path = Path::new(ZONES).join(zone);
    if !inside || !path.is_file() {
        return Err(CallError::Failed(format!("Can't find a local timezone \"{zone}\"")));
    }
    Ok(path)
}

/// The name of the machine's zone.
pub fn zone() -> Result<String, CallError> {
    if let Ok(target) = std::fs::read_link(LOCALTIME)
        && let Some((_, name)) = target.to_string_lossy().split_once("zoneinfo/")
    {
        return Ok(name.to_owned());
    }
    let named = fs::read_line("/etc/timezone").map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    if let Some(name) = named {
        return Ok(name);
    }
    // systemd's meaning of no file at all.
    if Path::new(LOCALTIME).exists() {
        Err(CallError::Failed(format!("{LOCALTIME} is a copy of a zone, and /etc/timezone does not name it")))
    } else {
        Ok("UTC".to_owned())
    }
}

/// True if the machine's zone has the rules of this one.
pub fn compare(zone: &str) -> Result<bool, CallError> {
    let failed = |fault: fs::FileFault| CallError::Failed(fault.to_string());
    let wanted = fs::read_bounded(&rules(zone)?, LIMIT).map_err(failed)?;
    match fs::read_bounded(Path::new(LOCALTIME), LIMIT) {
        Ok(now) => Ok(now == wanted),
        Err(fault) if fault.is_missing() => Ok(false),
        Err(fault) => Err(failed(fault)),
    }
}

/// Sets the zone: the link that the C library follows, and Debian's file of the name where there is one.
pub fn set(zone: &str) -> Result<(), CallError> {
    let path = rules(zone)?;
    let failed = |error: std::io::Error| CallError::Failed(format!("{LOCALTIME}: {}", fs::plain(&error)));
    // A new link takes the place of the old one at once: no moment without a zone.
    let fresh = format!("{LOCALTIME}.new");
    let _ = std::fs::remove_file(&fresh);
    std::os::unix::fs::symlink(&path, &fresh).map_err(failed)?;
    std::fs::rename(&fresh, LOCALTIME).map_err(failed)?;
    let name = Path::new("/etc/timezone");
    if name.exists() || Path::new("/etc/debian_version").exists() {
        let options = WriteOptions::default();
        fs::write_atomic(name, format!("{zone}\n").as_bytes(), &options)
            .map_err(|fault| CallError::Failed(fault.to_string()))?;
    }
    Ok(())
}

/// True if the hardware clock runs in UTC, which is so unless `/etc/adjtime` says otherwise.
pub fn clock_is_utc() -> bool {
    let text = fs::read_line(ADJTIME).unwrap_or_default();
    text.lines().nth(2).is_none_or(|line| line.trim() != "LOCAL")
}

/// Says how the hardware clock runs, for the next start and for `hwclock`.
pub fn set_clock(utc: bool) -> Result<(), CallError> {
    let old = fs::read_line(ADJTIME).unwrap_or_default();
    let mut lines: Vec<&str> = old.lines().take(2).collect();
    for default in ["0.0 0 0.0", "0"].iter().skip(lines.len()) {
        lines.push(default);
    }
    lines.push(if utc { "UTC" } else { "LOCAL" });
    let text = lines.join("\n") + "\n";
    fs::write_atomic(Path::new(ADJTIME), text.as_bytes(), &WriteOptions::default())
        .map_err(|fault| CallError::Failed(fault.to_string()))
}
