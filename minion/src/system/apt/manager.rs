//! apt and dpkg as a package manager.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

use fleet_common::value::{Map, Value};

use super::client::Apt;
use super::status::Package;
use crate::system::packages::{
    Changes, Free, InstallOptions, PackageError, Packages, Repositories, Scheme, Step, Versions, file_facts,
};

impl Packages for Apt<'_> {
    fn scheme(&self) -> Scheme {
        Scheme::Debian
    }

    fn own_endings(&self) -> Vec<String> {
        vec![format!(":{}", self.places.architecture)]
    }

    fn word(&self, name: &str, version: &str) -> String {
        format!("{name}={version}")
    }

    fn changes_held(&self) -> bool {
        true
    }

    fn keeps_configuration(&self) -> bool {
        true
    }

    fn installed(&self) -> Result<Versions, PackageError> {
        Apt::installed(self)
    }

    fn known(&self) -> Result<Versions, PackageError> {
        Apt::known(self)
    }

    fn candidates(&self, names: &[String], from: &Repositories) -> Result<Versions, PackageError> {
        Apt::candidates(self, names, from.from.as_deref())
    }

    fn offered(&self, name: &str) -> Result<Vec<String>, PackageError> {
        Apt::offered(self, name)
    }

    fn is_fresh(&self, seconds: i64) -> bool {
        let age = std::fs::metadata(&self.places.lists).and_then(|meta| meta.modified()).ok();
        let age = age.and_then(|changed| SystemTime::now().duration_since(changed).ok());
        u64::try_from(seconds).is_ok_and(|valid| valid > 0 && age.is_some_and(|age| age < Duration::from_secs(valid)))
    }

    fn refresh(&self) -> Result<BTreeMap<String, Option<bool>>, PackageError> {
        Apt::refresh(self)
    }

    fn refreshed(&self, sources: BTreeMap<String, Option<bool>>) -> Value {
        let answer = |ok: Option<bool>| ok.map_or(Value::Null, Value::Bool);
        sources.into_iter().map(|(name, ok)| (name, answer(ok))).collect::<Map>().into()
    }

    fn simulate(&self, step: &Step, options: &InstallOptions) -> Result<Changes, PackageError> {
        let own = format!(":{}", self.places.architecture);
        let plain = |name: String| name.strip_suffix(own.as_str()).map(str::to_owned).unwrap_or(name);
        Ok(Apt::simulate(self, step, options)?.into_iter().map(|(name, change)| (plain(name), change)).collect())
    }

    fn carry_out(&self, step: &Step, options: &InstallOptions) -> Result<(), PackageError> {
        Apt::carry_out(self, step, options)
    }

    fn wants(&self) -> Result<BTreeMap<String, String>, PackageError> {
        let own = &self.places.architecture;
        let word = |package: Package| (package.listed_name(own), package.want.word().to_owned());
        Ok(self.packages()?.into_iter().map(word).collect())
    }

    fn select(&self, wanted: &[(String, String)]) -> Result<(), PackageError> {
        Apt::select(self, wanted)
    }

    fn free(&self) -> Free {
        Free {
            word: "install",
            already: "is already set not to be held",
            would: "is set not to be held",
            did: "is no longer being held",
        }
    }

    fn downloaded(&self) -> Result<Map, PackageError> {
        let mut found = Map::new();
        let Ok(entries) = std::fs::read_dir(&self.places.archives) else { return Ok(found) };
        for entry in entries.flatten() {
            let file = entry.file_name().to_string_lossy().into_owned();
            let Some(stem) = file.strip_suffix(".deb") else { continue };
            let mut parts = stem.split('_');
            let (Some(name), Some(version)) = (parts.next(), parts.next()) else { continue };
            let Some(facts) = file_facts(&entry.path()) else { continue };
            // The colon of an epoch is written as %3a.
            let versions = found.entry_or_insert_with(name, || Value::Map(Map::new()));
            if let Some(versions) = versions.as_map_mut() {
                versions.insert(version.replace("%3a", ":"), facts);
            }
        }
        Ok(found)
    }

    fn files(&self, name: &str) -> Result<Result<Vec<String>, String>, PackageError> {
        let finished = self.query(&["-L", name])?;
        if finished.status != 0 {
            let told = String::from_utf8_lossy(&finished.stderr);
            return Ok(Err(told.lines().next().unwrap_or_default().to_owned()));
        }
        let text = String::from_utf8_lossy(&finished.stdout);
        Ok(Ok(text.lines().filter(|line| line.starts_with('/')).map(str::to_owned).collect()))
    }

    fn owner(&self, path: &str) -> Result<String, PackageError> {
        let finished = self.query(&["-S", path])?;
        let text = String::from_utf8_lossy(&finished.stdout);
        // "libc6:amd64, other: /path": the path may hold a colon, names may not hold blanks.
        let owner = text.lines().find_map(|line| line.split_once(": ")).map(|(owner, _)| owner).unwrap_or_default();
        let own = format!(":{}", self.places.architecture);
        Ok(owner.trim_end_matches(own.as_str()).to_owned())
    }

    fn told(&self, names: &[String], all: bool) -> Result<Vec<(String, Map)>, PackageError> {
        let packages = self.packages()?;
        let own = self.places.architecture.as_str();
        let is = |package: &Package, name: &str| package.name == name || package.listed_name(own) == name;
        let known = |name: &&String| packages.iter().any(|package| is(package, name) && package.is_known());
        if let Some(name) = names.iter().find(|name| !known(name)).filter(|_| all) {
            return Err(PackageError::Refused(format!("dpkg-query: no packages found matching {name}")));
        }
        let wanted = |package: &&Package| {
            package.is_installed() && (names.is_empty() || names.iter().any(|name| is(package, name)))
        };
        Ok(packages.iter().filter(wanted).map(|package| (package.listed_name(own), facts(self, package))).collect())
    }
}

fn facts(apt: &Apt<'_>, package: &Package) -> Map {
    let mut facts = Map::from_iter([("name", Value::from(package.name.as_str()))]);
    let list = |suffix: &str| apt.places.admindir().join("info").join(format!("{suffix}.list"));
    let meta = std::fs::metadata(list(&package.name))
        .or_else(|_| std::fs::metadata(list(&format!("{}:{}", package.name, package.architecture))));
    if let Some(when) = meta.ok().and_then(|meta| jiff::Timestamp::from_second(meta.mtime()).ok()) {
        facts.insert("install_date", when.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    }
    let mut take = |key: &str, field: &str| {
        if let Some(value) = package.field(field) {
            facts.insert(key, value);
        }
    };
    take("architecture", "Architecture");
    take("packager", "Maintainer");
    facts.insert("source", package.field("Source").unwrap_or(&package.name));
    facts.insert("version", package.version.as_str());
    let mut take = |key: &str, field: &str| {
        if let Some(value) = package.field(field) {
            facts.insert(key, value);
        }
    };
    take("group", "Section");
    take("url", "Homepage");
    if let Some(text) = package.field("Description") {
        facts.insert("description", format!("{text}\n"));
    }
    facts
}
