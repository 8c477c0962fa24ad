//! The process that collects: who runs it, where, with what environment.

use fleet_common::value::{Map, Value};

use crate::system::fs::read_line;
use crate::system::user::Accounts;

/// `pid`, `uid`, `gid`, `username`, `groupname`, `cwd`, `path`, `systempath`, `shell`, `ps`, `locale_info`, `machine_id`, `kernelparams`.
pub(super) fn fill(grains: &mut Map) {
    grains.insert("pid", std::process::id());
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    // Local files only: a directory service must not delay the start.
    let accounts = Accounts::below("/etc");
    grains.insert("uid", uid);
    grains.insert("gid", gid);
    grains.insert("username", accounts.account_by_uid(uid).map(|account| account.name));
    grains.insert("groupname", accounts.group_by_gid(gid).map(|group| group.name));
    grains.insert("cwd", std::env::current_dir().map_or(String::new(), |path| path.to_string_lossy().into_owned()));
    let path = variable("PATH").unwrap_or_default();
    grains.insert("systempath", path.split(':').filter(|part| !part.is_empty()).map(Value::from).collect::<Value>());
    grains.insert("path", path);
    grains.insert("shell", variable("SHELL").unwrap_or_else(|| "/bin/sh".to_owned()));
    grains.insert("ps", "ps -efHww");
    grains.insert("locale_info", locale());
    grains.insert(
        "machine_id",
        read_line("/etc/machine-id").or_else(|| read_line("/var/lib/dbus/machine-id")).unwrap_or_default(),
    );
    grains.insert("kernelparams", kernel_parameters(&read_line("/proc/cmdline").unwrap_or_default()));
}

fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()).filter(|value| !value.is_empty())
}

fn locale() -> Map {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable).unwrap_or_default();
    let (language, encoding) = set.split_once('.').unwrap_or((&set, ""));
    let language = if matches!(language, "C" | "POSIX") { "en_US" } else { language };
    let or_unknown = |text: &str| if text.is_empty() { "unknown".to_owned() } else { text.to_owned() };
    Map::from_iter([
        ("defaultlanguage", or_unknown(language)),
        ("defaultencoding", or_unknown(encoding)),
        ("detectedencoding", "utf-8".to_owned()),
        ("timezone", timezone()),
    ])
}

/// The zone's short name as `date +%Z` prints it.
fn timezone() -> String {
    let zone = jiff::tz::TimeZone::system();
    zone.to_offset_info(jiff::Timestamp::now()).abbreviation().to_owned()
}

/// Pairs of name and value; the value of a bare word is null.
fn kernel_parameters(text: &str) -> Value {
    text.split_whitespace()
        .map(|word| match word.split_once('=') {
            Some((name, value)) => Value::from(vec![name, value.trim_matches('"')]),
            None => Value::List(vec![word.into(), Value::Null]),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_parameters_are_pairs() {
        let pairs = kernel_parameters("quiet console=ttyS0 a=b=c");
        let expected = Value::List(vec![
            Value::List(vec!["quiet".into(), Value::Null]),
            Value::from(vec!["console", "ttyS0"]),
            Value::from(vec!["a", "b=c"]),
        ]);
        assert_eq!(pairs, expected);
    }
}
