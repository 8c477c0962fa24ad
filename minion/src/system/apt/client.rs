//! Running apt's programs: asking, predicting and changing.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::time::{Duration, Instant};

use super::index;
use super::locate::Places;
use super::locks::Locked;
use super::status::{self, Package};
use crate::system::command::{Command, Finished};
use crate::system::environment::Environment;
use crate::system::packages::{Changes, InstallOptions, PackageError, Step};

/// How long another apt is waited for unless told otherwise.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(60);

/// apt on this machine, as one job sees it.
pub struct Apt<'e> {
    environment: &'e Environment,
    /// Where its files are.
    pub places: Places,
    /// How long another apt is waited for.
    pub lock_timeout: Duration,
}

impl<'e> Apt<'e> {
    /// Finds apt, with the variables of a job.
    pub fn open(environment: &'e Environment) -> Result<Self, PackageError> {
        Ok(Self { environment, places: Places::ask(environment)?, lock_timeout: LOCK_TIMEOUT })
    }

    /// All packages dpkg knows.
    pub fn packages(&self) -> Result<Vec<Package>, PackageError> {
        Ok(status::read(&self.places.status)?)
    }

    /// Installed packages and their versions.
    pub fn installed(&self) -> Result<BTreeMap<String, String>, PackageError> {
        let packages = self.packages()?.into_iter().filter(Package::is_installed);
        Ok(packages.map(|package| (package.listed_name(&self.places.architecture), package.version)).collect())
    }

    /// Everything of which something is there, configuration included.
    pub fn known(&self) -> Result<BTreeMap<String, String>, PackageError> {
        let packages = self.packages()?.into_iter().filter(Package::is_known);
        Ok(packages.map(|package| (package.listed_name(&self.places.architecture), package.version)).collect())
    }

    /// The version apt would install of each package; packages without one are left out.
    pub fn candidates(
        &self,
        names: &[String],
        fromrepo: Option<&str>,
    ) -> Result<BTreeMap<String, String>, PackageError> {
        let mut words = vec!["apt-cache", "-q"];
        words.extend(fromrepo.iter().flat_map(|release| ["-t", *release]));
        words.extend(["policy", "--"]);
        let finished = self.quiet(words.into_iter().chain(names.iter().map(String::as_str))).run()?;
        Ok(index::candidates(&self.text(finished)?))
    }

    /// The versions apt offers of a package, newest first.
    pub fn offered(&self, name: &str) -> Result<Vec<String>, PackageError> {
        let finished = self.quiet(["apt-cache", "-q", "madison", "--", name]).run()?;
        Ok(index::offered(&String::from_utf8_lossy(&finished.stdout)))
    }

    /// The paragraphs the indexes have of packages.
    pub fn shown(&self, names: &[String]) -> Result<Vec<Vec<(String, String)>>, PackageError> {
        let words = ["apt-cache", "-q", "show", "--"].into_iter().chain(names.iter().map(String::as_str));
        let text = self.quiet(words).run()?.stdout;
        Ok(String::from_utf8_lossy(&text).split("\n\n").map(status::fields).filter(|all| !all.is_empty()).collect())
    }

    /// Fetches the indexes. By source: true for news, false for none, nothing for an error.
    pub fn refresh(&self) -> Result<BTreeMap<String, Option<bool>>, PackageError> {
        let deadline = Instant::now() + self.lock_timeout;
        loop {
            let finished = self.quiet(["apt-get", "-q", "update"]).run()?;
            let (out, err) = (String::from_utf8_lossy(&finished.stdout), String::from_utf8_lossy(&finished.stderr));
            // Unlike dpkg's, the lock on the lists is not waited for by apt itself.
            if let Some(locked) = Locked::told(&out, &err, self.lock_timeout) {
                if Instant::now() >= deadline {
                    return Err(locked.into());
                }
                std::thread::sleep(Duration::from_secs(1));
                continue;
            }
            if finished.status != 0 && !out.contains("Hit:") && !out.contains("Get:") {
                return Err(PackageError::Refused(complaint(&finished)));
            }
            return Ok(index::refreshed(&out));
        }
    }

    /// What a step would change. Nothing is locked and nothing changed.
    pub fn simulate(&self, step: &Step, options: &InstallOptions) -> Result<Changes, PackageError> {
        let mut words = vec!["apt-get".to_owned(), "-q".to_owned(), "-y".to_owned(), "-s".to_owned()];
        words.extend(["-o", "Debug::NoLocking=true"].map(str::to_owned));
        words.extend(step_words(step, options));
        Ok(index::simulated(&self.text(self.quiet(&words).run()?)?))
    }

    /// Does a step.
    pub fn carry_out(&self, step: &Step, options: &InstallOptions) -> Result<(), PackageError> {
        let configuration = if options.new_configuration { "--force-confnew" } else { "--force-confold" };
        let timeout = format!("DPkg::Lock::Timeout={}", self.lock_timeout.as_secs());
        let mut words = vec!["apt-get".to_owned(), "-q".to_owned(), "-y".to_owned()];
        for option in [&format!("DPkg::Options::={configuration}"), "DPkg::Options::=--force-confdef", &timeout] {
            words.extend(["-o".to_owned(), option.to_owned()]);
        }
        words.extend(step_words(step, options));
        let finished = self.quiet(&words).run()?;
        let (out, err) = (String::from_utf8_lossy(&finished.stdout), String::from_utf8_lossy(&finished.stderr));
        if let Some(locked) = Locked::told(&out, &err, self.lock_timeout) {
            return Err(locked.into());
        }
        self.text(finished).map(drop)
    }

    /// Tells dpkg what is wanted of packages: `(name, "hold")`.
    pub fn select(&self, wanted: &[(String, String)]) -> Result<(), PackageError> {
        let lines: String = wanted.iter().map(|(name, word)| format!("{name} {word}\n")).collect();
        let admindir = format!("--admindir={}", self.places.admindir().display());
        let finished = self.quiet(["dpkg", &admindir, "--set-selections"]).stdin(lines).run()?;
        self.text(finished).map(drop)
    }

    /// Runs `dpkg-query` over the same list of packages.
    pub fn query(&self, words: &[&str]) -> Result<Finished, PackageError> {
        let admindir = format!("--admindir={}", self.places.admindir().display());
        Ok(self.quiet(["dpkg-query", &admindir].into_iter().chain(words.iter().copied())).run()?)
    }

    /// A program that asks nobody and speaks English.
    fn quiet(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let answers = [
            ("DEBIAN_FRONTEND", "noninteractive"),
            ("APT_LISTCHANGES_FRONTEND", "none"),
            ("APT_LISTBUGS_FRONTEND", "none"),
            ("NEEDRESTART_MODE", "l"),
            ("UCF_FORCE_CONFFOLD", "1"),
        ];
        let command = self.environment.apply(Command::argv(words)).c_locale();
        answers.iter().fold(command, |command, (name, value)| command.env(name, Some(OsStr::new(value))))
    }

    fn text(&self, finished: Finished) -> Result<String, PackageError> {
        if finished.status != 0 {
            return Err(PackageError::Refused(complaint(&finished)));
        }
        Ok(String::from_utf8_lossy(&finished.stdout).into_owned())
    }
}

/// What a failed program wrote, its errors only where it marks them.
fn complaint(finished: &Finished) -> String {
    let err = String::from_utf8_lossy(&finished.stderr).trim().to_owned();
    let marked: Vec<&str> = err.lines().filter(|line| !line.starts_with("W: ") && !line.trim().is_empty()).collect();
    match marked.as_slice() {
        [] if err.is_empty() => format!("status {}", finished.status),
        [] => err,
        marked => marked.join("\n"),
    }
}

/// apt's options for a way of installing.
fn option_words(options: &InstallOptions) -> Vec<String> {
    let mut words = Vec::new();
    let mut add = |wanted: bool, word: &str| words.extend(wanted.then(|| word.to_owned()));
    add(options.skip_verify, "--allow-unauthenticated");
    add(options.only_upgrade, "--only-upgrade");
    add(options.recommends == Some(false), "--no-install-recommends");
    add(options.recommends == Some(true), "--install-recommends");
    add(options.reinstall, "--reinstall");
    add(options.downgrade, "--allow-downgrades");
    add(options.held, "--allow-change-held-packages");
    if let Some(release) = &options.from.from {
        words.extend(["-t".to_owned(), release.clone()]);
    }
    words
}

fn step_words(step: &Step, options: &InstallOptions) -> Vec<String> {
    let (mut words, verb, names): (Vec<String>, &str, &[String]) = match step {
        Step::Install(names) => (option_words(options), "install", names),
        Step::Remove(names) => (Vec::new(), "remove", names),
        Step::Purge(names) => (Vec::new(), "purge", names),
        Step::Upgrade => (option_words(options), "upgrade", &[]),
        Step::DistUpgrade => (option_words(options), "dist-upgrade", &[]),
        Step::Autoremove { purge } => (purge.then(|| "--purge".to_owned()).into_iter().collect(), "autoremove", &[]),
        Step::Download(names) => {
            let mut words = option_words(options);
            words.push("--download-only".to_owned());
            (words, "install", names)
        }
    };
    words.push(verb.to_owned());
    // A name is never read as an option.
    words.push("--".to_owned());
    words.extend(names.iter().cloned());
    words
}
