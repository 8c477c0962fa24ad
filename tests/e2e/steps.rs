//! Named steps of shell in a copy of this machine that has a network of its own, and what they said.

use std::collections::BTreeMap;

use fleet_tests::harness::{Machine, program};
use serde_json::Value;

/// Functions of shell for steps: `run NAME COMMAND...`, `refused NAME COMMAND...` (what is said of an error, too), `state
/// NAME SLS DRY`, and `saltcall`.
const FUNCTIONS: &str = r#"
run() { echo "== $1"; shift; "$@" < /dev/null || true; }
refused() { echo "== $1"; shift; if "$@" < /dev/null 2>&1; then echo taken; fi; }
state() { run "$1" saltcall --local state.sls $2 test=$3; }
saltcall() { CALL "$@"; }
"#;

/// What the steps said, by their names.
pub(super) struct Said(pub(super) BTreeMap<String, String>);

impl Said {
    /// Runs lines of shell with states by name; `HOME/` is a directory that the copy shares with this machine. All must succeed.
    pub(super) fn by(machine: &Machine, states: &[(&str, &str)], lines: &str) -> Self {
        let home = machine.home();
        let at = home.display();
        std::fs::create_dir_all(home.join("srv")).unwrap();
        let settings = format!("id: copy\nroot_dir: {at}/root\nfile_client: local\nfile_roots: {{base: [{at}/srv]}}\n");
        std::fs::write(home.join("minion"), settings).unwrap();
        for (name, sls) in states {
            std::fs::write(home.join(format!("srv/{name}.sls")), sls).unwrap();
        }
        let call = format!("{} -c {at} --out json", program("saltcall").display());
        let lines = format!("{}{}", FUNCTIONS.replace("CALL", &call), lines.replace("HOME/", &format!("{at}/")));
        let finished = machine.run(&["unshare", "--net", "sh", "-ec", &lines]);
        assert_eq!(finished.status, 0, "{}{}", finished.stdout, finished.stderr);
        let steps = finished.stdout.split("== ").skip(1).filter_map(|step| step.split_once('\n'));
        Self(steps.map(|(name, said)| (name.to_owned(), said.to_owned())).collect())
    }

    /// What a step said.
    pub(super) fn text(&self, step: &str) -> &str {
        self.0.get(step).unwrap_or_else(|| panic!("{step} is missing: {:?}", self.0))
    }

    /// What a function returned, or the chunks of a state run.
    pub(super) fn local(&self, step: &str) -> Value {
        let answer: Value = serde_json::from_str(self.text(step)).unwrap_or_else(|error| panic!("{step}: {error}"));
        answer["local"].clone()
    }
}
