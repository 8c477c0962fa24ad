//! A network namespace, so that filters, links and routes can be real and are nobody else's.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use fleet_minion::system::command::which;
use fleet_tests::harness::{Finished, program};
use serde_json::Value;

use super::system_states::{Case, Refused};

/// A network namespace, and a minion whose calls run in it.
pub(super) struct Namespace {
    dir: tempfile::TempDir,
    holder: Child,
    /// A line of shell that prints what states manage in it; `HOME` is a directory of its own.
    observe: &'static str,
}

impl Namespace {
    /// A fresh one, or why there can be none here.
    pub(super) fn new(tool: &str, observe: &'static str) -> Result<Self, String> {
        if which(tool, None).is_none() {
            return Err(format!("there is no program '{tool}'"));
        }
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let home = dir.path().display();
        std::fs::create_dir(dir.path().join("srv")).map_err(|error| error.to_string())?;
        let settings =
            format!("id: wall\nroot_dir: {home}/root\nfile_client: local\nfile_roots: {{base: [{home}/srv]}}\n");
        std::fs::write(dir.path().join("minion"), settings).map_err(|error| error.to_string())?;
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c", "echo ready; exec sleep 1000"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut holder = command.spawn().map_err(|error| error.to_string())?;
        let mut line = String::new();
        // The namespace is there when its first process speaks.
        let told = BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line);
        let namespace = Self { dir, holder, observe };
        if told.is_err() || line != "ready\n" {
            return Err("no network namespace can be made".to_owned());
        }
        let tried = namespace.run(&["sh", "-ec", &namespace.home(observe)]);
        if tried.status == 0 { Ok(namespace) } else { Err(format!("{tool}: {}", tried.stderr.trim())) }
    }

    fn run(&self, argv: &[&str]) -> Finished {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.holder.id())).arg("--").args(argv);
        Finished::of(&mut command)
    }

    fn home(&self, text: &str) -> String {
        text.replace("HOME", self.dir.path().to_str().unwrap())
    }

    pub(super) fn shell(&self, line: &str) -> String {
        let finished = self.run(&["sh", "-ec", &self.home(line)]);
        assert_eq!(finished.status, 0, "{line}: {}{}", finished.stdout, finished.stderr);
        finished.stdout
    }

    fn declare(&self, state: &str, declaration: &str) {
        let text = format!("x:\n  {state}: {}\n", self.home(declaration));
        std::fs::write(self.dir.path().join("srv/case.sls"), text).unwrap();
    }

    fn observed(&self) -> String {
        self.shell(self.observe)
    }

    /// Calls a function inside.
    pub(super) fn call(&self, words: &[&str]) -> Finished {
        let (call, home) = (program("saltcall"), self.dir.path().to_str().unwrap());
        let argv = [call.to_str().unwrap(), "-c", home, "--local", "--out", "json"];
        self.run(&[&argv, words].concat())
    }

    /// Runs the one chunk; its result.
    fn apply(&self, dry: bool) -> Value {
        let finished = self.call(&["state.sls", "case", &format!("test={dry}")]);
        let chunk = finished.json()["local"].as_object().and_then(|chunks| chunks.values().next()).cloned();
        chunk.unwrap_or_else(|| panic!("{finished:?}"))
    }

    /// Predicts, checks that nothing changed, applies what was predicted, and that nothing is left to do.
    fn converge(&self, case: &Case) -> String {
        let (state, before) = (case.state, self.observed());
        let predicted = self.apply(true);
        assert_eq!(self.observed(), before, "{state}: a dry run changed something");
        assert_eq!(predicted["result"], Value::Null, "{state}: nothing predicted: {predicted}");
        let done = self.apply(false);
        assert_eq!((&done["result"], &done["changes"]), (&Value::Bool(true), &predicted["changes"]), "{state}: {done}");
        let after = self.observed();
        assert_ne!(after, before, "{state}: nothing changed: {done}");
        self.shell(case.holds);
        for dry in [true, false] {
            let again = self.apply(dry);
            let changes = again["changes"].as_object().map(serde_json::Map::len);
            assert_eq!((&again["result"], changes), (&Value::Bool(true), Some(0)), "{state}: {again}");
        }
        assert_eq!(self.observed(), after, "{state}: the second run changed something");
        after
    }

    /// Predicts, applies, damages and repairs.
    pub(super) fn check(&self, case: &Case) {
        self.declare(case.state, case.declaration);
        self.shell(case.prepare);
        self.converge(case);
        self.shell(case.damage);
        self.converge(case);
    }

    /// What must be refused is, dry and for real, and changes nothing.
    pub(super) fn refused(&self, cases: &[Refused]) {
        for (line, state, declaration, told) in cases {
            self.shell(line);
            self.declare(state, declaration);
            let before = self.observed();
            for dry in [true, false] {
                let answer = self.apply(dry);
                let comment = answer["comment"].as_str().unwrap_or_default();
                assert!(answer["result"] == false && comment.contains(told), "{state} {declaration}: {answer}");
            }
            assert_eq!(self.observed(), before, "{state} {declaration}");
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
