//! dnf as a package manager.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fleet_common::value::{Map, Value};

use super::client::Dnf;
use super::rpm::listed;
use super::transaction::after;
use super::version::compare;
use crate::system::packages::{
    Changes, Free, InstallOptions, PackageError, Packages, Repositories, Scheme, Step, Versions, file_facts,
};

/// Tags of a package and what they are called in answers.
const TOLD: [(&str, &str); 18] = [
    ("NAME", "name"),
    ("EPOCHNUM", "epoch"),
    ("VERSION", "version"),
    ("RELEASE", "release"),
    ("ARCH", "architecture"),
    ("VENDOR", "vendor"),
    ("PACKAGER", "packager"),
    ("GROUP", "group"),
    ("LICENSE", "license"),
    ("URL", "url"),
    ("SUMMARY", "summary"),
    ("DESCRIPTION", "description"),
    ("SOURCERPM", "source"),
    ("SIGPGP:pgpsig", "signature"),
    ("BUILDHOST", "build_host"),
    ("SIZE", "size"),
    ("BUILDTIME", "build_date_time_t"),
    ("INSTALLTIME", "install_date_time_t"),
];

impl Dnf<'_> {
    fn listed(&self, name: &str, architecture: &str) -> String {
        listed(name, architecture, &self.rpm.architecture)
    }

    /// The directory below which dnf keeps what it fetched.
    fn cache(&self) -> Result<PathBuf, PackageError> {
        let text = self.text(&["-q", "-C", "config-manager", "--dump"].map(str::to_owned))?;
        let told = text.lines().find_map(|line| line.strip_prefix("cachedir = "));
        Ok(PathBuf::from(told.unwrap_or("/var/cache/dnf")))
    }

    /// Installed packages among these whose lock stands at another version than the one they have now.
    fn relock(&self, before: &Versions) -> Result<(), PackageError> {
        let now = Packages::installed(self)?;
        let moved: Vec<String> = self
            .locks()?
            .into_iter()
            .map(|(name, _)| name)
            .filter(|name| now.contains_key(name) && before.get(name) != now.get(name))
            .collect();
        self.lock(&moved, false)?;
        self.lock(&moved, true)
    }
}

/// Versions as they are listed: several are separated by commas.
fn joined(all: BTreeMap<String, Vec<String>>) -> Versions {
    all.into_iter().map(|(name, versions)| (name, versions.join(","))).collect()
}

/// Package files below a directory, not further down than dnf puts them.
fn package_files(directory: &Path, depth: u32, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && depth > 0 {
            package_files(&path, depth - 1, found);
        } else if kind.is_file() && path.extension().is_some_and(|ending| ending == "rpm") {
            found.push(path);
        }
    }
}

impl Packages for Dnf<'_> {
    fn scheme(&self) -> Scheme {
        Scheme::Rpm
    }

    fn own_endings(&self) -> Vec<String> {
        vec![format!(".{}", self.rpm.architecture), ".noarch".to_owned()]
    }

    fn word(&self, name: &str, version: &str) -> String {
        format!("{name}-{version}")
    }

    fn installed(&self) -> Result<Versions, PackageError> {
        Ok(joined(Dnf::installed(self)?))
    }

    fn known(&self) -> Result<Versions, PackageError> {
        Packages::installed(self)
    }

    fn candidates(&self, names: &[String], from: &Repositories) -> Result<Versions, PackageError> {
        if names.is_empty() {
            return Ok(Versions::new());
        }
        let mut found = Versions::new();
        for offer in self.offers(names, from, &[])? {
            let name = self.listed(&offer.name, &offer.architecture);
            let known = found.get(&name);
            if known.is_none_or(|known: &String| compare(known, &offer.version).is_lt()) {
                found.insert(name, offer.version);
            }
        }
        Ok(found)
    }

    fn offered(&self, name: &str) -> Result<Vec<String>, PackageError> {
        let offers = self.offers(&[name.to_owned()], &Repositories::default(), &[])?;
        let mut versions: Vec<String> = offers.into_iter().map(|offer| offer.version).collect();
        versions.sort_by(|a, b| compare(b, a));
        versions.dedup();
        Ok(versions)
    }

    fn is_fresh(&self, seconds: i64) -> bool {
        let Some(valid) = u64::try_from(seconds).ok().filter(|valid| *valid > 0) else { return false };
        let changed = self.cache().ok().and_then(|path| std::fs::metadata(path).ok()?.modified().ok());
        let age = changed.and_then(|changed| SystemTime::now().duration_since(changed).ok());
        age.is_some_and(|age| age < Duration::from_secs(valid))
    }

    fn refresh(&self) -> Result<BTreeMap<String, Option<bool>>, PackageError> {
        self.text(&["-q", "makecache", "--refresh"].map(str::to_owned))?;
        Ok(BTreeMap::new())
    }

    fn refreshed(&self, _sources: BTreeMap<String, Option<bool>>) -> Value {
        true.into()
    }

    fn simulate(&self, step: &Step, options: &InstallOptions) -> Result<Changes, PackageError> {
        let entries = self.transaction(step, options)?;
        let before = Dnf::installed(self)?;
        let named: Vec<_> =
            entries.into_iter().map(|entry| (self.listed(&entry.name, &entry.architecture), entry)).collect();
        let (old, new) = (joined(before.clone()), joined(after(before, &named)));
        let text = |all: &Versions, name: &str| all.get(name).cloned().unwrap_or_default();
        let names = named.iter().map(|(name, _)| name);
        let pairs = names.map(|name| (name.clone(), (text(&old, name), text(&new, name))));
        Ok(pairs.filter(|(_, (old, new))| old != new).collect())
    }

    fn carry_out(&self, step: &Step, options: &InstallOptions) -> Result<(), PackageError> {
        let before = if options.held { Some(Packages::installed(self)?) } else { None };
        self.change(step, options)?;
        before.map_or(Ok(()), |before| self.relock(&before))
    }

    fn wants(&self) -> Result<BTreeMap<String, String>, PackageError> {
        Ok(self.locks()?.into_iter().map(|(name, _)| (name, "hold".to_owned())).collect())
    }

    fn select(&self, wanted: &[(String, String)]) -> Result<(), PackageError> {
        let names = |held: bool| -> Vec<String> {
            wanted.iter().filter(|(_, word)| (word == "hold") == held).map(|(name, _)| name.clone()).collect()
        };
        self.lock(&names(true), true)?;
        self.lock(&names(false), false)
    }

    fn free(&self) -> Free {
        Free { word: "", already: "is not being held", would: "is set to be unheld", did: "is no longer held" }
    }

    fn downloaded(&self) -> Result<Map, PackageError> {
        let (mut paths, mut found) = (Vec::new(), Map::new());
        package_files(&self.cache()?, 3, &mut paths);
        for path in paths {
            let words = ["-qp", "--qf", "%{NAME}\t%{EPOCH}\t%{VERSION}\t%{RELEASE}\t%{ARCH}"];
            let words: Vec<&std::ffi::OsStr> =
                words.iter().map(|word| word.as_ref()).chain([path.as_os_str()]).collect();
            let text = self.rpm.run(&words)?.out();
            let parts: Vec<&str> = text.split('\t').collect();
            let ([name, epoch, version, release, arch], Some(facts)) = (parts.as_slice(), file_facts(&path)) else {
                continue;
            };
            let versions = found.entry_or_insert_with(self.listed(name, arch), || Value::Map(Map::new()));
            if let Some(versions) = versions.as_map_mut() {
                versions.insert(super::rpm::evr(epoch, version, release), facts);
            }
        }
        Ok(found)
    }

    fn files(&self, name: &str) -> Result<Result<Vec<String>, String>, PackageError> {
        self.rpm.files(name)
    }

    fn owner(&self, path: &str) -> Result<String, PackageError> {
        self.rpm.owner(path)
    }

    fn told(&self, names: &[String], all: bool) -> Result<Vec<(String, Map)>, PackageError> {
        let (packages, missing) = self.rpm.details(names, &TOLD.map(|(tag, _)| tag))?;
        if all && !missing.is_empty() {
            return Err(PackageError::Refused(missing.join("\n")));
        }
        let moment = |text: &str| jiff::Timestamp::from_second(text.parse().ok()?).ok();
        let fact = |key: &str, text: &str| -> Vec<(String, Value)> {
            match (key, text) {
                (_, "(none)" | "") => Vec::new(),
                ("build_date_time_t" | "install_date_time_t", text) => {
                    let date = moment(text).map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into());
                    let number = text.parse::<i64>().map_or(Value::Null, Value::Int);
                    let name = key.trim_end_matches("_time_t").to_owned();
                    date.map(|date| (name, date)).into_iter().chain([(key.to_owned(), number)]).collect()
                }
                _ => vec![(key.to_owned(), text.into())],
            }
        };
        let told = packages.into_iter().map(|fields| {
            let text = |at: usize| fields.get(at).map(String::as_str).unwrap_or_default();
            let pairs = TOLD.iter().enumerate().flat_map(|(at, (_, key))| fact(key, text(at)));
            (self.listed(text(0), text(4)), pairs.collect())
        });
        Ok(told.collect())
    }
}
