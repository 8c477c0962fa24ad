//! The operating system, its family and its release, from `os-release` and the kernel.

use std::path::Path;

use fleet_common::value::{Map, Value};

use super::cpu;
use crate::system::fs::read_line;
use crate::system::platform::Release;

/// `os*`, `kernel*`, `lsb_distrib_*`, `init`, `systemd`.
pub(super) fn fill(grains: &mut Map) {
    let kernel = rustix::system::uname();
    grains.insert("kernel", kernel.sysname().to_string_lossy().into_owned());
    grains.insert("kernelrelease", kernel.release().to_string_lossy().into_owned());
    grains.insert("kernelversion", kernel.version().to_string_lossy().into_owned());
    let identity = identify(&Release::load());
    grains.insert("osarch", architecture(&cpu::machine(), identity.family));
    grains.insert("lsb_distrib_id", identity.full_name.as_str());
    grains.insert("lsb_distrib_release", identity.release.as_str());
    grains.insert("lsb_distrib_codename", identity.codename.as_str());
    grains.insert("os", identity.name.as_str());
    grains.insert("os_family", identity.family);
    grains.insert("osfullname", identity.full_name.as_str());
    grains.insert("oscodename", identity.codename.as_str());
    grains.insert("osrelease", identity.release.as_str());
    grains.insert("osrelease_info", identity.release_info.iter().cloned().collect::<Value>());
    if let Some(major) = identity.release_info.first() {
        grains.insert("osmajorrelease", major.clone());
    }
    grains.insert("osfinger", identity.finger());
    grains.insert("init", init());
    if Path::new("/run/systemd").exists()
        && let Some(version) = systemd_version()
    {
        // The list of features is printed by systemctl only; no program runs here.
        grains.insert("systemd", Map::from_iter([("version", version), ("features", String::new())]));
    }
}

#[derive(Debug, PartialEq)]
struct Identity {
    name: String,
    family: &'static str,
    full_name: String,
    codename: String,
    release: String,
    release_info: Vec<Value>,
}

impl Identity {
    fn finger(&self) -> String {
        let named_short = matches!(self.name.as_str(), "Debian" | "Raspbian");
        let name = if named_short { &self.name } else { &self.full_name };
        let whole = self.name == "Ubuntu" || self.release_info.is_empty();
        let major = self.release.split('.').next().unwrap_or_default();
        format!("{name}-{}", if whole { &self.release } else { major })
    }
}

/// Names that differ from the first word(s) of `NAME=`: (`ID=`, os, family).
const KNOWN: &[(&str, &str, &str)] = &[
    ("debian", "Debian", "Debian"),
    ("ubuntu", "Ubuntu", "Debian"),
    ("raspbian", "Raspbian", "Debian"),
    ("linuxmint", "Mint", "Debian"),
    ("pop", "Pop", "Debian"),
    ("neon", "KDE neon", "Debian"),
    ("kali", "Kali", "Debian"),
    ("devuan", "Devuan", "Debian"),
    ("rhel", "RedHat", "RedHat"),
    ("centos", "CentOS", "RedHat"),
    ("fedora", "Fedora", "RedHat"),
    ("rocky", "Rocky", "RedHat"),
    ("almalinux", "AlmaLinux", "RedHat"),
    ("ol", "OEL", "RedHat"),
    ("amzn", "Amazon", "RedHat"),
    ("scientific", "ScientificLinux", "RedHat"),
    ("cloudlinux", "CloudLinux", "RedHat"),
    ("sles", "SUSE", "Suse"),
    ("sled", "SUSE", "Suse"),
    ("opensuse-leap", "openSUSE Leap", "Suse"),
    ("opensuse-tumbleweed", "openSUSE Tumbleweed", "Suse"),
    ("arch", "Arch", "Arch"),
    ("manjaro", "Manjaro", "Arch"),
    ("gentoo", "Gentoo", "Gentoo"),
    ("alpine", "Alpine", "Alpine"),
    ("void", "Void", "Void"),
    ("photon", "VMware Photon OS", "VMware Photon OS"),
];

fn identify(release: &Release) -> Identity {
    let id = release.get("ID").unwrap_or("linux");
    let full_name = release.get("NAME").unwrap_or("Unknown").to_owned();
    let known = KNOWN.iter().find(|(known, ..)| *known == id);
    let name = match known {
        Some(_) if full_name == "CentOS Stream" => full_name.clone(),
        Some((_, name, _)) => (*name).to_owned(),
        None => full_name.trim_end_matches(" GNU/Linux").trim_end_matches(" Linux").to_owned(),
    };
    let family = known.map(|(_, _, family)| *family).or_else(|| like(release)).unwrap_or("Unknown");
    let number = release.get("VERSION_ID").or_else(|| release.get("BUILD_ID")).unwrap_or_default().to_owned();
    let number_or_text = |part: &str| part.parse::<i64>().map_or_else(|_| Value::from(part), Value::Int);
    let release_info = match number.as_str() {
        "" => Vec::new(),
        number => number.split('.').map(number_or_text).collect(),
    };
    let in_parentheses =
        || Some(release.get("VERSION")?.rsplit_once('(')?.1.trim_end_matches(')')).filter(|_| id != "centos");
    let codename = release.get("VERSION_CODENAME").or_else(in_parentheses).or_else(|| release.get("PRETTY_NAME"));
    let codename = codename.unwrap_or_default().to_owned();
    Identity { name, family, full_name, codename, release: number, release_info }
}

/// The family of the first known system that this one says it is like.
fn like(release: &Release) -> Option<&'static str> {
    let mut likes = release.get("ID_LIKE")?.split_whitespace();
    likes.find_map(|like| {
        let like = if like == "suse" { "sles" } else { like };
        KNOWN.iter().find(|(known, ..)| *known == like).map(|(_, _, family)| *family)
    })
}

/// The package manager's name of the architecture.
fn architecture(machine: &str, family: &str) -> String {
    let name = match (family, machine) {
        ("Debian", "x86_64") => "amd64",
        ("Debian", "aarch64") => "arm64",
        ("Debian", "armv7l" | "armv8l") => "armhf",
        ("Debian", "armv6l") => "armel",
        ("Debian", "i486" | "i586" | "i686") => "i386",
        ("Debian", "ppc64le") => "ppc64el",
        (_, machine) => machine,
    };
    name.to_owned()
}

fn init() -> &'static str {
    if Path::new("/run/systemd/system").exists() {
        return "systemd";
    }
    if Path::new("/run/openrc").exists() {
        return "openrc";
    }
    match read_line("/proc/1/comm").as_deref() {
        Some("systemd") => "systemd",
        Some("upstart") => "upstart",
        Some("runit") => "runit",
        Some("s6-svscan") => "s6",
        Some("tini" | "docker-init") => "tini",
        Some("init") if Path::new("/etc/inittab").exists() => "sysvinit",
        _ => "unknown",
    }
}

/// The number in the name of systemd's own library.
fn systemd_version() -> Option<String> {
    let machine = cpu::machine();
    let places = [
        format!("/usr/lib/{machine}-linux-gnu/systemd"),
        "/usr/lib/systemd".to_owned(),
        "/lib/systemd".to_owned(),
        "/usr/lib64/systemd".to_owned(),
    ];
    places.iter().find_map(|place| {
        std::fs::read_dir(place).ok()?.flatten().find_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let rest = name.strip_prefix("libsystemd-shared-")?;
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            (!digits.is_empty()).then_some(digits)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> (String, &'static str, String, String) {
        let identity = identify(&Release::parse(text));
        let finger = identity.finger();
        (identity.name, identity.family, identity.codename, finger)
    }

    #[test]
    fn releases_get_their_known_names() {
        let debian = "NAME=\"Debian GNU/Linux\"\nID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n";
        assert_eq!(seen(debian), ("Debian".into(), "Debian", "bookworm".into(), "Debian-12".into()));
        let ubuntu = "NAME=Ubuntu\nID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"22.04\"\nVERSION_CODENAME=jammy\n";
        assert_eq!(seen(ubuntu), ("Ubuntu".into(), "Debian", "jammy".into(), "Ubuntu-22.04".into()));
        let centos = "NAME=\"CentOS Linux\"\nID=\"centos\"\nVERSION_ID=\"7\"\nVERSION=\"7 (Core)\"\nPRETTY_NAME=\"CentOS Linux 7 (Core)\"\n";
        assert_eq!(seen(centos), ("CentOS".into(), "RedHat", "CentOS Linux 7 (Core)".into(), "CentOS Linux-7".into()));
        let other = "NAME=\"Foo Linux\"\nID=foo\nID_LIKE=\"nobody suse\"\nVERSION_ID=3.1\n";
        assert_eq!(seen(other), ("Foo".into(), "Suse", String::new(), "Foo Linux-3".into()));
        assert_eq!(identify(&Release::parse("")).family, "Unknown");
    }

    #[test]
    fn architectures_are_the_package_managers() {
        assert_eq!(architecture("x86_64", "Debian"), "amd64");
        assert_eq!(architecture("x86_64", "RedHat"), "x86_64");
    }
}
