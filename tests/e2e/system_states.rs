//! States of the system, in a throwaway copy of this machine: predict, apply, compare, apply again, damage, repair.

use fleet_tests::harness::{Machine, program, skip};
use serde_json::Value;

/// A state, its declaration, the shell commands that prepare and damage, and what must hold afterwards.
struct Case {
    state: &'static str,
    declaration: &'static str,
    prepare: &'static str,
    damage: &'static str,
    holds: &'static str,
}

const CASES: &[Case] = &[
    Case {
        state: "alternatives.install",
        declaration: "[{name: pick}, {link: /usr/bin/pick}, {path: /usr/bin/env}, {priority: 50}]",
        prepare: "",
        damage: "update-alternatives --quiet --remove pick /usr/bin/env",
        holds: "test $(readlink /etc/alternatives/pick) = /usr/bin/env",
    },
    Case {
        state: "alternatives.set",
        declaration: "[{name: pick}, {path: /usr/bin/tail}]",
        prepare: "for p in 9:env 5:tail; do \
                  update-alternatives --quiet --install /usr/bin/pick pick /usr/bin/${p#*:} ${p%:*}; done",
        damage: "update-alternatives --quiet --set pick /usr/bin/env",
        holds: "test $(readlink /etc/alternatives/pick) = /usr/bin/tail",
    },
    Case {
        state: "alternatives.auto",
        declaration: "[{name: pick}]",
        prepare: "for p in 9:env 5:tail; do \
                  update-alternatives --quiet --install /usr/bin/pick pick /usr/bin/${p#*:} ${p%:*}; done; \
                  update-alternatives --quiet --set pick /usr/bin/tail",
        damage: "update-alternatives --quiet --set pick /usr/bin/tail",
        holds: "test $(readlink /etc/alternatives/pick) = /usr/bin/env",
    },
];

/// One minion inside a copy of the machine.
struct Minion(Machine);

impl Minion {
    fn new(machine: Machine) -> Self {
        let home = machine.home();
        std::fs::create_dir_all(home.join("srv")).unwrap();
        let at = home.display();
        let settings = format!("id: copy\nroot_dir: {at}/root\nfile_client: local\nfile_roots: {{base: [{at}/srv]}}\n");
        std::fs::write(home.join("minion"), settings).unwrap();
        Self(machine)
    }

    fn declare(&self, state: &str, declaration: &str) {
        std::fs::write(self.0.home().join("srv/case.sls"), format!("x:\n  {state}: {declaration}\n")).unwrap();
    }

    /// Runs the one chunk; its result.
    fn apply(&self, dry: bool) -> Value {
        let (call, home) = (program("saltcall"), self.0.home());
        let test = format!("test={dry}");
        let argv = [call.to_str().unwrap(), "-c", home.to_str().unwrap(), "--local", "--out", "json"];
        let finished = self.0.run(&[&argv[..], &["state.sls", "case", &test]].concat());
        let answer = finished.json();
        let chunk = answer["local"].as_object().and_then(|chunks| chunks.values().next()).cloned();
        chunk.unwrap_or_else(|| panic!("{finished:?}"))
    }

    /// Predicts, checks that nothing changed, applies and checks that something did.
    fn predict_and_apply(&self, state: &str) {
        let before = self.0.changed();
        let predicted = self.apply(true);
        assert_eq!(self.0.changed(), before, "{state}: a dry run changed something");
        assert_eq!(predicted["result"], Value::Null, "{state}: nothing predicted: {predicted}");
        let done = self.apply(false);
        assert_eq!(done["result"], true, "{state}: {done}");
        assert!(done["changes"].as_object().is_some_and(|changes| !changes.is_empty()), "{state}: {done}");
        assert_ne!(self.0.changed(), before, "{state}: nothing changed: {done}");
    }
}

#[test]
fn predictions_are_what_happens_to_a_system() {
    for case in CASES {
        let machine = match Machine::copy() {
            Ok(machine) => machine,
            Err(why) => return skip("predictions_are_what_happens_to_a_system", &why),
        };
        let (state, minion) = (case.state, Minion::new(machine));
        minion.declare(state, case.declaration);
        minion.0.shell(case.prepare);
        minion.predict_and_apply(state);
        minion.0.shell(case.holds);
        for dry in [true, false] {
            let before = minion.0.changed();
            let again = minion.apply(dry);
            assert_eq!(again["result"], true, "{state}: {again}");
            assert!(again["changes"].as_object().is_some_and(|changes| changes.is_empty()), "{state}: {again}");
            assert_eq!(minion.0.changed(), before, "{state}: the second run changed something");
        }
        minion.0.shell(case.damage);
        minion.predict_and_apply(state);
        minion.0.shell(case.holds);
    }
}
