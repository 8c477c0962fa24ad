//! `cargo suite`: format, lints, unit, integration and end-to-end tests, conformance, the demo and a small lab, counted in
//! one line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use clap::Parser;
use fleet_tests::conformance::{load, run_all};
use fleet_tests::lab;

/// Run all checks and tests of the project; the last line counts them.
#[derive(Parser)]
#[command(name = "suite", after_help = "Examples:\n  cargo suite\n  cargo suite -- --only tests")]
struct Options {
    /// Only one part: format, lints, tests, conformance, demo or lab.
    #[arg(long, value_parser = ["format", "lints", "tests", "conformance", "demo", "lab"])]
    only: Option<String>,
}

fn main() -> ExitCode {
    let options = Options::parse_from(fleet_tests::arguments());
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default();
    let mut suite =
        Suite { workspace, passed: 0, failed: Vec::new(), unsteady: Vec::new(), skipped: Vec::new(), no_lab: false };
    let parts: [Part; 6] = [
        ("format", Suite::format),
        ("lints", Suite::lints),
        ("tests", Suite::tests),
        ("conformance", Suite::conformance),
        ("demo", Suite::demo),
        ("lab", Suite::lab),
    ];
    for (name, part) in parts {
        if options.only.as_deref().is_none_or(|only| only == name) {
            let start = Instant::now();
            println!("== {name}");
            part(&mut suite);
            println!("== {name}: {:.0} s", start.elapsed().as_secs_f64());
        }
    }
    suite.finish()
}

/// As many end-to-end tests as may fail beside all others and get another try, alone: more of them are no chance.
const SECOND_TRIES: usize = 3;

/// A part's name and what it does.
type Part = (&'static str, fn(&mut Suite));

struct Suite {
    workspace: PathBuf,
    passed: usize,
    failed: Vec<String>,
    /// End-to-end tests that failed beside others and passed alone.
    unsteady: Vec<String>,
    skipped: Vec<String>,
    /// This machine cannot hold a lab.
    no_lab: bool,
}

impl Suite {
    fn format(&mut self) {
        let done = self.cargo(&["fmt", "--all", "--check"]).status();
        self.count("cargo fmt --all --check", matches!(done, Ok(status) if status.success()));
    }

    fn lints(&mut self) {
        let args = ["clippy", "-q", "--workspace", "--all-targets", "--", "-D", "warnings"];
        let done = self.cargo(&args).status();
        self.count("cargo clippy", matches!(done, Ok(status) if status.success()));
    }

    fn tests(&mut self) {
        // The end-to-end tests start our programs: they must be there first.
        let built = self.cargo(&["build", "-q", "--workspace", "--bins"]).status();
        if !matches!(built, Ok(status) if status.success()) {
            return self.count("cargo build --workspace --bins", false);
        }
        let skips = self.workspace.join("target/suite-skips");
        let _ = std::fs::remove_file(&skips);
        let mut command = self.cargo(&["test", "--workspace", "--no-fail-fast"]);
        let output = command.env("SUITE_SKIPS", &skips).stderr(Stdio::inherit()).output();
        let Ok(output) = output else { return self.count("cargo test", false) };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut counted = 0;
        let mut failed = Vec::new();
        for line in text.lines() {
            if let Some((passed, failures)) = counts(line) {
                counted += passed + failures;
                self.passed += passed;
            } else if let Some(name) = line.strip_prefix("test ").and_then(|line| line.strip_suffix(" ... FAILED")) {
                failed.push(name.to_owned());
            }
        }
        print!("{}", failures_of(&text));
        self.count("cargo test runs to its end", counted > 0 && (output.status.success() || !failed.is_empty()));
        self.again(failed);
        let reasons = std::fs::read_to_string(&skips).unwrap_or_default();
        self.skipped.extend(reasons.lines().map(str::to_owned));
    }

    /// An end-to-end test holds many programs against each other on a machine that does much else: what failed there
    /// has one more try alone, and is told as unsteady when it passes. Whatever is no end-to-end test has failed.
    fn again(&mut self, failed: Vec<String>) {
        let few = failed.len() <= SECOND_TRIES;
        for name in failed {
            let passed = few && {
                let args = ["test", "-q", "-p", "fleet-tests", "--test", "e2e", "--", "--exact", &name];
                let output = self.cargo(&args).stderr(Stdio::inherit()).output();
                let text =
                    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
                print!("{}", failures_of(&text));
                text.lines().find_map(counts) == Some((1, 0))
            };
            if passed {
                self.passed += 1;
                self.unsteady.push(name);
            } else {
                self.failed.push(format!("test {name}"));
            }
        }
    }

    /// Counts per area must not fall below those recorded beside the cases.
    fn conformance(&mut self) {
        let cases = self.workspace.join("tests/conformance");
        let recorded =
            std::fs::read_to_string(self.workspace.join("tests/conformance-counts.json")).unwrap_or_default();
        let Ok(recorded) = serde_json::from_str::<BTreeMap<String, usize>>(&recorded) else {
            return self.count("tests/conformance-counts.json can be read", false);
        };
        let Ok(cases) = load(&[cases], &[]) else { return self.count("tests/conformance can be read", false) };
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let outcome = run_all(&cases);
        std::panic::set_hook(hook);
        for (area, least) in recorded {
            let count = outcome.areas.get(&area).copied().unwrap_or_default();
            println!(
                "{area}: {} of {} (recorded: {least})",
                count.passed,
                count.passed + count.failed + count.unsupported
            );
            self.count(
                &format!("conformance {area}: {} passed, {least} recorded", count.passed),
                count.passed >= least,
            );
        }
    }

    fn demo(&mut self) {
        let done = self.cargo(&["demo"]).output();
        let succeeded = matches!(&done, Ok(output) if output.status.success());
        if let (false, Ok(output)) = (succeeded, &done) {
            println!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        }
        self.count("cargo demo", succeeded);
    }

    /// Real hosts, where they can be had: without the rights for containers the lab says so and is skipped.
    fn lab(&mut self) {
        let output = self.cargo(&["lab", "--", "--small"]).stderr(Stdio::inherit()).output();
        let Ok(output) = output else { return self.count("cargo lab -- --small", false) };
        let text = String::from_utf8_lossy(&output.stdout);
        print!("{text}");
        if output.status.code() == Some(lab::CANNOT.into()) {
            self.no_lab = true;
            return;
        }
        let shown = text.lines().filter(|line| line.starts_with("ok ")).count();
        self.passed += shown;
        self.failed.extend(text.lines().filter(|line| line.starts_with("FAILED ")).map(str::to_owned));
        self.count("cargo lab -- --small", output.status.success() && shown > 0);
    }

    fn cargo(&self, args: &[&str]) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(args).current_dir(&self.workspace).stdin(Stdio::null());
        command
    }

    fn count(&mut self, what: &str, holds: bool) {
        if holds {
            self.passed += 1;
        } else {
            println!("FAILED: {what}");
            self.failed.push(what.to_owned());
        }
    }

    fn finish(mut self) -> ExitCode {
        self.skipped.sort();
        self.skipped.dedup();
        for reason in &self.skipped {
            println!("skipped: {reason}");
        }
        if rustix::process::geteuid().is_root() && !self.skipped.is_empty() {
            self.failed.push("nothing may be skipped for root".to_owned());
        }
        if self.no_lab {
            let reason = "lab: containers and network namespaces cannot be had here".to_owned();
            println!("skipped: {reason}");
            self.skipped.push(reason);
        }
        for name in &self.unsteady {
            println!(
                "unsteady: test {name} failed beside others and passed alone: a defect of the test or the product"
            );
        }
        for failure in &self.failed {
            println!("failed: {failure}");
        }
        let few = |list: &[String], word: &str| match list.len() {
            0 => String::new(),
            count => format!(", {count} {word}"),
        };
        let (unsteady, skipped) = (few(&self.unsteady, "unsteady"), few(&self.skipped, "skipped"));
        println!("suite: {} passed, {} failed{unsteady}{skipped}", self.passed, self.failed.len());
        ExitCode::from(u8::from(!self.failed.is_empty()))
    }
}

/// What the tests that failed said: all between `failures:` and the result.
fn failures_of(text: &str) -> String {
    let mut said = String::new();
    let mut inside = false;
    for line in text.lines() {
        inside = (inside || line == "failures:") && !line.starts_with("test result: ");
        if inside {
            said.push_str(line);
            said.push('\n');
        }
    }
    said
}

/// The numbers of a `test result:` line.
fn counts(line: &str) -> Option<(usize, usize)> {
    let rest = line.strip_prefix("test result: ")?;
    let number = |word: &str| {
        let before = rest.split(word).next()?.trim();
        before.rsplit(' ').next()?.parse::<usize>().ok()
    };
    Some((number(" passed")?, number(" failed")?))
}
