//! Running dnf: asking, predicting and changing.

use std::path::PathBuf;

use super::rpm::{Rpm, listed};
use super::transaction::{self, Entry};
use crate::system::command::{Command, Finished, which};
use crate::system::environment::Environment;
use crate::system::packages::{InstallOptions, PackageError, Repositories, Step};

/// Where dnf works.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// The directory tree whose packages are managed; none for this machine.
    pub root: Option<PathBuf>,
    /// Its configuration; none for dnf's own choice.
    pub config: Option<PathBuf>,
}

/// dnf on this machine, as one job sees it.
pub struct Dnf<'e> {
    environment: &'e Environment,
    /// Where it works.
    pub places: Places,
    /// The list of installed packages.
    pub rpm: Rpm<'e>,
}

impl<'e> Dnf<'e> {
    /// Finds dnf and rpm, with the variables of a job.
    pub fn open(environment: &'e Environment, places: Places) -> Result<Self, PackageError> {
        if which("dnf", None).is_none() {
            return Err(PackageError::Absent("dnf", "dnf"));
        }
        let rpm = Rpm::open(environment, places.root.clone())?;
        Ok(Self { environment, places, rpm })
    }

    /// Runs dnf without questions; its tables are not wrapped before they must be.
    pub fn run(&self, words: &[String]) -> Result<Finished, PackageError> {
        let mut argv = vec!["dnf".to_owned(), "-y".to_owned()];
        argv.extend(self.places.config.iter().map(|path| format!("--config={}", path.display())));
        argv.extend(self.places.root.iter().map(|path| format!("--installroot={}", path.display())));
        argv.extend(words.iter().cloned());
        let command = self.environment.apply(Command::argv(argv)).c_locale();
        Ok(command.output_limit(64 << 20).run()?)
    }

    /// Runs it; what it wrote, or what it complained of.
    pub fn text(&self, words: &[String]) -> Result<String, PackageError> {
        let finished = self.run(words)?;
        if finished.status == 0 { Ok(finished.out()) } else { Err(PackageError::Refused(complaint(&finished))) }
    }

    /// Packages of the indexes that are there: name, architecture and version, newest last.
    pub fn offers(&self, names: &[String], from: &Repositories, more: &[&str]) -> Result<Vec<Entry>, PackageError> {
        let mut words = vec!["-q".to_owned(), "-C".to_owned()];
        words.extend(source_words(from));
        words.extend(["repoquery", "--qf", "%{name}\t%{arch}\t%{epoch}\t%{version}\t%{release}"].map(str::to_owned));
        words.extend(more.iter().map(|word| (*word).to_owned()));
        words.push("--".to_owned());
        words.extend(names.iter().cloned());
        Ok(self.text(&words)?.lines().filter_map(Entry::of_query).collect())
    }

    /// What a step would do: the packages of its transaction. Nothing is fetched and nothing changed.
    pub fn transaction(&self, step: &Step, options: &InstallOptions) -> Result<Vec<Entry>, PackageError> {
        let mut entries = Vec::new();
        for (step, options) in self.parts(step, options)? {
            let mut words = vec!["-C".to_owned(), "--assumeno".to_owned()];
            words.extend(step_words(&step, &options));
            let finished = self.run(&words)?;
            let aborted = finished.err().contains("Operation aborted") || finished.out().contains("Operation aborted");
            if finished.status != 0 && !aborted {
                return Err(PackageError::Refused(complaint(&finished)));
            }
            entries.extend(transaction::parse(&finished.out())?);
        }
        Ok(entries)
    }

    /// Does a step.
    pub fn change(&self, step: &Step, options: &InstallOptions) -> Result<(), PackageError> {
        self.parts(step, options)?
            .into_iter()
            .try_for_each(|(step, options)| self.text(&step_words(&step, &options)).map(drop))
    }

    /// A step as dnf does it: what is there is installed again by another command than what is not, and a package that
    /// is not there can't be upgraded.
    fn parts(&self, step: &Step, options: &InstallOptions) -> Result<Vec<(Step, InstallOptions)>, PackageError> {
        let (Step::Install(words), true) = (step, options.reinstall || options.only_upgrade) else {
            return Ok(vec![(step.clone(), options.clone())]);
        };
        let installed = self.installed()?;
        let is_there = |word: &&String| {
            let of = |(name, versions): (&String, &Vec<String>)| {
                let rest = word.strip_prefix(name.as_str());
                rest.is_some_and(|rest| rest.is_empty() || options.only_upgrade && rest.starts_with('-'))
                    || versions.iter().any(|version| **word == format!("{name}-{version}"))
            };
            installed.iter().any(of)
        };
        let (there, others): (Vec<&String>, Vec<&String>) = words.iter().partition(is_there);
        let owned = |words: Vec<&String>| Step::Install(words.into_iter().cloned().collect());
        let plain = InstallOptions { reinstall: false, ..options.clone() };
        let mut parts = Vec::new();
        if !there.is_empty() {
            parts.push((owned(there), options.clone()));
        }
        if !others.is_empty() && !options.only_upgrade {
            parts.push((owned(others), plain));
        }
        Ok(parts)
    }

    /// The packages that are held at a version, as `dnf versionlock` knows them: name and pattern of the version.
    pub fn locks(&self) -> Result<Vec<(String, String)>, PackageError> {
        let text = self.text(&["-q", "versionlock", "list"].map(str::to_owned))?;
        // `name-0:1.0-1.*`; a line with `!` in front excludes a version and holds nothing.
        let entry = |line: &str| {
            let mut parts = line.trim().rsplitn(3, '-');
            let (release, version, name) = (parts.next()?, parts.next()?, parts.next()?);
            (!name.starts_with('!')).then(|| (name.to_owned(), format!("{version}-{release}")))
        };
        Ok(text.lines().filter_map(entry).collect())
    }

    /// Holds packages at their version, or lets them go.
    pub fn lock(&self, names: &[String], held: bool) -> Result<(), PackageError> {
        if names.is_empty() {
            return Ok(());
        }
        let mut words = ["-q", "versionlock", if held { "add" } else { "delete" }].map(str::to_owned).to_vec();
        words.extend(names.iter().cloned());
        self.text(&words).map(drop)
    }

    /// Installed packages by listed name, each with its versions in rpm's order.
    pub fn installed(&self) -> Result<std::collections::BTreeMap<String, Vec<String>>, PackageError> {
        let mut all: std::collections::BTreeMap<String, Vec<String>> = Default::default();
        for package in self.rpm.packages()? {
            all.entry(listed(&package.name, &package.architecture, &self.rpm.architecture))
                .or_default()
                .push(package.version);
        }
        for versions in all.values_mut() {
            versions.sort_by(|a, b| super::version::compare(a, b));
        }
        Ok(all)
    }
}

/// What a failed dnf wrote.
fn complaint(finished: &Finished) -> String {
    let err = finished.err();
    let noise = |line: &&str| !line.trim().is_empty() && !line.starts_with("Unable to detect release version");
    let lines: Vec<&str> = err.lines().filter(noise).collect();
    if lines.is_empty() { format!("dnf ended with status {}", finished.status) } else { lines.join("\n") }
}

/// Options that say which repositories count.
pub(super) fn source_words(from: &Repositories) -> Vec<String> {
    let mut words = Vec::new();
    if let Some(only) = &from.from {
        words.extend(["--disablerepo=*".to_owned(), format!("--enablerepo={only}")]);
    }
    words.extend(from.disable.iter().map(|name| format!("--disablerepo={name}")));
    words.extend(from.enable.iter().map(|name| format!("--enablerepo={name}")));
    words.extend(from.disable_excludes.iter().map(|whose| format!("--disableexcludes={whose}")));
    words.extend(from.options.iter().map(|option| format!("--setopt={option}")));
    words
}

fn step_words(step: &Step, options: &InstallOptions) -> Vec<String> {
    let mut words = source_words(&options.from);
    let mut add = |wanted: bool, word: &str| words.extend(wanted.then(|| word.to_owned()));
    add(options.skip_verify, "--nogpgcheck");
    add(options.recommends == Some(false), "--setopt=install_weak_deps=False");
    add(options.recommends == Some(true), "--setopt=install_weak_deps=True");
    add(options.held, "--disableplugin=versionlock");
    let (verb, names): (&str, &[String]) = match step {
        Step::Install(names) if options.only_upgrade => ("upgrade", names),
        Step::Install(names) if options.reinstall => ("reinstall", names),
        Step::Install(names) => ("install", names),
        Step::Remove(names) | Step::Purge(names) => ("remove", names),
        Step::Upgrade | Step::DistUpgrade => ("upgrade", &[]),
        Step::Autoremove { .. } => ("autoremove", &[]),
        Step::Download(names) => {
            add(true, "--downloadonly");
            ("install", names)
        }
    };
    words.push(verb.to_owned());
    // A name is never read as an option.
    words.push("--".to_owned());
    words.extend(names.iter().cloned());
    words
}
