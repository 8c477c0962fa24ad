//! States of the system, in a throwaway copy of this machine: predict, apply, compare, apply again, damage, repair.

use fleet_minion::states::STATES;
use fleet_tests::harness::{Machine, SYSTEM_STATES, program, skip};
use serde_json::Value;

/// A state, its declaration, the shell commands that prepare and damage, and what must hold afterwards.
pub(super) struct Case {
    pub(super) state: &'static str,
    pub(super) declaration: &'static str,
    pub(super) prepare: &'static str,
    pub(super) damage: &'static str,
    pub(super) holds: &'static str,
}

/// Makes `/etc/init.d/fleet-script`, then does more.
macro_rules! script {
    ($more:literal) => {
        concat!(
            "cat > /etc/init.d/fleet-script <<'END'\n#!/bin/sh\n### BEGIN INIT INFO\n# Provides: fleet-script\n",
            "# Default-Start: 2 3 4 5\n# Default-Stop: 0 1 6\n# Required-Start:\n# Required-Stop:\n### END INIT INFO\n",
            "case $1 in start) touch /var/lib/fleet-script;; stop) rm -f /var/lib/fleet-script;; ",
            "status) test -e /var/lib/fleet-script;; *) exit 3;; esac\nEND\nchmod 755 /etc/init.d/fleet-script\n",
            $more
        )
    };
}

/// Cases that stand in files of their own.
const MORE: &[&[Case]] = &[
    // One a line, so that branches that add modules merge.
    crate::system_apache::CASES,
    crate::system_at::CASES,
    crate::system_families::CASES,
    crate::system_firewall::CASES,
    crate::system_gem::CASES,
    crate::system_git::CASES,
    crate::system_ifupdown::CASES,
    crate::system_nftables::CASES,
    crate::system_npm::CASES,
    crate::system_tables::CASES,
    crate::system_webutil::CASES,
];

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
        prepare: TWO_PICKS,
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
    Case {
        state: "alternatives.remove",
        declaration: "[{name: pick}, {path: /usr/bin/env}]",
        prepare: TWO_PICKS,
        damage: TWO_PICKS,
        holds: "test $(readlink /etc/alternatives/pick) = /usr/bin/tail",
    },
    Case {
        state: "timezone.system",
        declaration: "[{name: Asia/Tokyo}]",
        prepare: "ln -sf /usr/share/zoneinfo/UTC /etc/localtime",
        damage: "ln -sf /usr/share/zoneinfo/Europe/Berlin /etc/localtime; printf '0 0 0\\n0\\nLOCAL\\n' > /etc/adjtime",
        holds: "test $(readlink /etc/localtime) = /usr/share/zoneinfo/Asia/Tokyo; ! grep LOCAL /etc/adjtime",
    },
    Case {
        state: "grains.present",
        declaration: "[{name: 'a:b'}, {value: 7}]",
        prepare: "",
        damage: "rm HOME/grains",
        holds: "grep -q 'b: 7' HOME/grains",
    },
    Case {
        state: "grains.absent",
        declaration: "[{name: a}, {destructive: true}]",
        prepare: "echo 'a: 1' > HOME/grains",
        damage: "echo 'a: 2' > HOME/grains",
        holds: "! grep -q a HOME/grains",
    },
    Case {
        state: "grains.list_present",
        declaration: "[{name: roles}, {value: [web, db]}]",
        prepare: "echo 'roles: [web]' > HOME/grains",
        damage: "echo 'roles: [x]' > HOME/grains",
        holds: "grep -q db HOME/grains",
    },
    Case {
        state: "grains.list_absent",
        declaration: "[{name: roles}, {value: web}]",
        prepare: "echo 'roles: [web, db]' > HOME/grains",
        damage: "echo 'roles: [web]' > HOME/grains",
        holds: "! grep -q web HOME/grains",
    },
    Case {
        state: "grains.append",
        declaration: "[{name: roles}, {value: web}]",
        prepare: "echo 'roles: [db]' > HOME/grains",
        damage: "echo 'roles: [db]' > HOME/grains",
        holds: "grep -q web HOME/grains",
    },
    Case {
        state: "virtualenv.managed",
        declaration: "[{name: /srv/venv}, {venv_bin: venv}, {pip_pkgs: [HOME/tiny-1.0-py3-none-any.whl]}]",
        prepare: "WHEELS;",
        damage: "/srv/venv/bin/python -m pip -q uninstall -y tiny",
        holds: "/srv/venv/bin/python -c 'import tiny; assert tiny.V == 1.0'",
    },
    Case {
        state: "pip.installed",
        declaration: "[{name: 'tiny>=1,<2'}, {bin_env: /srv/venv}, {no_index: true}, {find_links: HOME}]",
        prepare: "WHEELS; python3 -m venv /srv/venv",
        damage: "/srv/venv/bin/python -m pip -q install --no-index HOME/tiny-2.0-py3-none-any.whl",
        holds: "/srv/venv/bin/python -c 'import tiny; assert tiny.V == 1.0'",
    },
    Case {
        state: "pip.removed",
        declaration: "[{name: Tiny}, {bin_env: /srv/venv}]",
        prepare: "WHEELS; python3 -m venv /srv/venv; \
                  /srv/venv/bin/python -m pip -q install --no-index HOME/tiny-1.0-py3-none-any.whl",
        damage: "/srv/venv/bin/python -m pip -q install --no-index HOME/tiny-2.0-py3-none-any.whl",
        holds: "! /srv/venv/bin/python -c 'import tiny'",
    },
    // A machine without systemd: scripts. This one runs while its file is there.
    Case {
        state: "service.running",
        declaration: "[{name: fleet-script}, {enable: true}]",
        prepare: script!(""),
        damage: "/etc/init.d/fleet-script stop; update-rc.d fleet-script disable",
        holds: "test -e /var/lib/fleet-script; ls /etc/rc2.d | grep -q '^S..fleet-script$'",
    },
    Case {
        state: "service.dead",
        declaration: "[{name: fleet-script}, {enable: false}]",
        prepare: script!("/etc/init.d/fleet-script start; update-rc.d fleet-script defaults"),
        damage: "/etc/init.d/fleet-script start",
        holds: "test ! -e /var/lib/fleet-script; ls /etc/rc2.d | grep -q '^K..fleet-script$'",
    },
    Case {
        state: "service.enabled",
        declaration: "[{name: fleet-script}]",
        prepare: script!(""),
        damage: "update-rc.d fleet-script disable",
        holds: "ls /etc/rc2.d | grep -q '^S..fleet-script$'",
    },
    Case {
        state: "service.disabled",
        declaration: "[{name: fleet-script}]",
        prepare: script!("update-rc.d fleet-script defaults"),
        damage: "update-rc.d fleet-script enable",
        holds: "ls /etc/rc2.d | grep -q '^K..fleet-script$'",
    },
    Case {
        state: "group.present",
        declaration: "[{name: fleetg}, {gid: 7100}, {members: [daemon, bin]}]",
        prepare: "",
        damage: "gpasswd -d bin fleetg; groupmod -g 7101 fleetg",
        holds: "getent group fleetg | grep -qE '^fleetg:x:7100:(daemon,bin|bin,daemon)$'",
    },
    Case {
        state: "group.present",
        declaration: "[{name: fleetg}, {addusers: [sys]}, {delusers: [bin]}]",
        prepare: "groupadd fleetg; gpasswd -M bin,daemon fleetg",
        damage: "gpasswd -a bin fleetg",
        holds: "getent group fleetg | grep -q :daemon,sys$",
    },
    Case {
        state: "group.absent",
        declaration: "[{name: fleetg}]",
        prepare: "groupadd fleetg",
        damage: "groupadd fleetg",
        holds: "! getent group fleetg",
    },
    Case {
        state: "user.present",
        declaration: "[{name: fleetu}, {uid: 7200}, {gid: 7100}, {groups: [daemon]}, {home: /srv/fleetu}, {shell: /bin/sh}, {fullname: F U}, {password: $6$a$b}, {maxdays: 90}, {allow_uid_change: true}, {allow_gid_change: true}]",
        prepare: "groupadd -g 7100 fleetg",
        damage: "usermod -u 7201 -g daemon -G bin -s /bin/false -c x fleetu; echo fleetu:x | chpasswd -e; chage -M 5 fleetu; rm -r /srv/fleetu",
        holds: "test \"$(id fleetu)\" = 'uid=7200(fleetu) gid=7100(fleetg) groups=7100(fleetg),1(daemon)'; \
                getent passwd fleetu | grep -q ':F U:/srv/fleetu:/bin/sh$'; test -O /srv -a -d /srv/fleetu; \
                getent shadow fleetu | grep -q '^fleetu:$6$a$b:[0-9]*:0:90:'",
    },
    Case {
        state: "user.present",
        declaration: "[{name: fleetu}, {password: secret}, {hash_password: true}, {password_lock: true}, {createhome: false}]",
        prepare: "",
        damage: "usermod -U fleetu",
        holds: "getent shadow fleetu | grep -q '^fleetu:!$6'",
    },
    Case {
        state: "user.present",
        declaration: "[{name: fleetu}, {empty_password: true}]",
        prepare: "useradd fleetu",
        damage: "echo fleetu:x | chpasswd -e",
        holds: "getent shadow fleetu | grep -q ^fleetu::",
    },
    Case {
        state: "user.absent",
        declaration: "[{name: fleetu}, {purge: true}]",
        prepare: "useradd -m fleetu",
        damage: "useradd -m fleetu",
        holds: "! getent passwd fleetu; test ! -e /home/fleetu",
    },
    Case {
        state: "cron.present",
        declaration: "[{name: /bin/true x}, {minute: random}, {hour: '*/2'}, {identifier: T}, {comment: why}]",
        prepare: "echo '1 1 1 1 1 /bin/mine' | crontab -",
        damage: "crontab -l | sed 's,/bin/true x,/bin/false,' | crontab -",
        holds: "crontab -l | grep -q '^[0-9]* ./2 . . . /bin/true x$'; crontab -l | grep -q /bin/mine",
    },
    Case {
        state: "cron.present",
        declaration: "[{name: /bin/true}, {special: '@daily'}, {commented: true}]",
        prepare: "",
        damage: "crontab -r",
        holds: "crontab -l | grep -q '^#DISABLED#@daily /bin/true$'",
    },
    Case {
        state: "cron.absent",
        declaration: "[{name: x}, {identifier: T}]",
        prepare: "printf '# Lines below here are managed by Salt, do not edit\\nA=b\\n# SALT_CRON_IDENTIFIER:T\\n1 1 1 1 1 /bin/t\\n' | crontab -",
        damage: "printf '# Lines below here are managed by Salt, do not edit\\nA=b\\n# SALT_CRON_IDENTIFIER:T\\n1 1 1 1 1 /bin/t\\n' | crontab -",
        holds: "! crontab -l | grep -q /bin/t",
    },
    Case {
        state: "cron.env_present",
        declaration: "[{name: MAILTO}, {value: root}]",
        prepare: "printf '# Lines below here are managed by Salt, do not edit\\nA=b\\n# SALT_CRON_IDENTIFIER:T\\n1 1 1 1 1 /bin/t\\n' | crontab -",
        damage: "crontab -l | sed s/MAILTO=root/MAILTO=x/ | crontab -",
        holds: "crontab -l | grep -q ^MAILTO=root; crontab -l | grep -q /bin/t",
    },
    Case {
        state: "cron.env_absent",
        declaration: "[{name: A}]",
        prepare: "printf '# Lines below here are managed by Salt, do not edit\\nA=b\\n# SALT_CRON_IDENTIFIER:T\\n1 1 1 1 1 /bin/t\\n' | crontab -",
        damage: "printf '# Lines below here are managed by Salt, do not edit\\nA=b\\n# SALT_CRON_IDENTIFIER:T\\n1 1 1 1 1 /bin/t\\n' | crontab -",
        holds: "! crontab -l | grep -q ^A=",
    },
    Case {
        state: "cron.file",
        declaration: "[{name: HOME/tab}]",
        prepare: "echo '1 1 1 1 1 /bin/x' > HOME/tab",
        damage: "crontab -r",
        holds: "crontab -l | cmp - HOME/tab",
    },
];

/// Two programs for one name, the first of them by hand.
const TWO_PICKS: &str = "for p in 9:env 5:tail; do \
    update-alternatives --quiet --install /usr/bin/pick pick /usr/bin/${p#*:} ${p%:*}; done";

/// Two versions of a package, as pip takes them without an index.
const WHEELS: &str = r#"python3 - <<'END'
import zipfile
for version in ("1.0", "2.0"):
    with zipfile.ZipFile(f"HOME/tiny-{version}-py3-none-any.whl", "w") as wheel:
        info = f"tiny-{version}.dist-info"
        wheel.writestr("tiny.py", f"V = {version}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"tiny.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
END
"#;

/// States of these modules that have no case, and why.
const WITHOUT: &[(&str, &str)] = &[
    ("service.masked", "needs systemd: tests/lab-scenarios/service.yaml"),
    ("service.unmasked", "needs systemd: tests/lab-scenarios/service.yaml"),
    ("at.watch", "only a watch adds the job: system_at.rs"),
    ("grains.exists", "reports, never changes"),
    ("pip.uptodate", "needs an index with newer versions"),
    ("helm.release_absent", "needs a cluster: system_helm.rs"),
    ("helm.release_present", "needs a cluster: system_helm.rs"),
    ("helm.repo_managed", "needs a server of charts: system_helm.rs"),
    ("helm.repo_updated", "needs a server of charts: system_helm.rs"),
    ("rabbitmq_cluster.joined", "needs a running server: system_rabbitmq.rs"),
    ("rabbitmq_cluster.join", "needs a running server: system_rabbitmq.rs"),
    ("rabbitmq_plugin.enabled", "needs a running server: system_rabbitmq.rs"),
    ("rabbitmq_plugin.disabled", "needs a running server: system_rabbitmq.rs"),
    ("rabbitmq_policy.present", "needs a running server: system_rabbitmq.rs"),
    ("rabbitmq_policy.absent", "needs a running server: system_rabbitmq.rs"),
    ("rabbitmq_upstream.present", "needs a running server: system_rabbitmq.rs"),
    ("rabbitmq_upstream.absent", "needs a running server: system_rabbitmq.rs"),
    ("rabbitmq_user.present", "needs a running server: system_rabbitmq.rs"),
    ("rabbitmq_user.absent", "needs a running server: system_rabbitmq.rs"),
    ("rabbitmq_vhost.present", "needs a running server: system_rabbitmq.rs"),
    ("rabbitmq_vhost.absent", "needs a running server: system_rabbitmq.rs"),
    ("sysctl.present", "a kernel has one set of values, the copy's is the machine's"),
    ("mount.swap", "swap space is of the whole machine: system_tables.rs shows what it says"),
    ("virtualenv.manage", "another name for managed"),
];

/// All cases.
fn cases() -> impl Iterator<Item = &'static Case> {
    CASES.iter().chain(MORE.iter().flat_map(|more| more.iter()))
}

/// One minion inside a copy of the machine.
pub(super) struct Minion(Machine);

impl Minion {
    pub(super) fn new(machine: Machine) -> Self {
        let home = machine.home();
        std::fs::create_dir_all(home.join("srv")).unwrap();
        let at = home.display();
        let settings = format!("id: copy\nroot_dir: {at}/root\nfile_client: local\nfile_roots: {{base: [{at}/srv]}}\n");
        std::fs::write(home.join("minion"), settings).unwrap();
        Self(machine)
    }

    /// The text with `HOME` as the directory that both sides see.
    fn at_home(&self, text: &str) -> String {
        text.replace("WHEELS;", WHEELS).replace("HOME", self.0.home().to_str().unwrap())
    }

    fn declare(&self, state: &str, declaration: &str) {
        self.write(&format!("x:\n  {state}: {declaration}\n"));
    }

    fn write(&self, sls: &str) {
        std::fs::write(self.0.home().join("srv/case.sls"), self.at_home(sls)).unwrap();
    }

    /// What differs from the real machine.
    pub(super) fn changed(&self) -> String {
        self.0.changed()
    }

    /// Runs the states of an SLS where a line of shell was run before, with what that mounts; exit status and results.
    pub(super) fn run(&self, sls: &str, line: &str, dry: bool) -> (i32, serde_json::Map<String, Value>) {
        self.write(sls);
        self.chunks_after(line, dry)
    }

    pub(super) fn shell(&self, line: &str) {
        self.0.shell(&self.at_home(line));
    }

    /// What a line of shell answers in JSON.
    pub(super) fn answer(&self, line: &str) -> Value {
        self.0.shell(&self.at_home(line)).json()
    }

    /// Runs the one chunk; its result.
    fn apply(&self, dry: bool) -> Value {
        self.apply_after("true", dry)
    }

    /// Runs the one chunk where a line of shell was run before, with what that mounts; its result.
    fn apply_after(&self, line: &str, dry: bool) -> Value {
        let (_, chunks) = self.chunks_after(line, dry);
        chunks.values().next().cloned().unwrap_or_else(|| panic!("no chunk ran"))
    }

    fn chunks_after(&self, line: &str, dry: bool) -> (i32, serde_json::Map<String, Value>) {
        let (call, home) = (program("saltcall"), self.0.home());
        let (line, test) = (format!("{} && exec \"$@\"", self.at_home(line)), format!("test={dry}"));
        let argv = [call.to_str().unwrap(), "-c", home.to_str().unwrap(), "--local", "--out", "json"];
        let finished = self.0.run(&[&["sh", "-ec", &line, "sh"], &argv[..], &["state.sls", "case", &test]].concat());
        let chunks = finished.json()["local"].as_object().cloned().unwrap_or_else(|| panic!("{finished:?}"));
        (finished.status, chunks)
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
        assert!(self.0.changed() != before || state.starts_with("grains."), "{state}: nothing changed: {done}");
    }
}

/// Runs cases, each in a copy of its own.
pub(super) fn check(test: &str, cases: &[Case]) {
    for case in cases {
        let machine = match Machine::copy() {
            Ok(machine) => machine,
            Err(why) => return skip(test, &why),
        };
        let (state, minion) = (case.state, Minion::new(machine));
        minion.declare(state, case.declaration);
        minion.shell(case.prepare);
        minion.predict_and_apply(state);
        minion.shell(case.holds);
        for dry in [true, false] {
            let before = minion.0.changed();
            let again = minion.apply(dry);
            assert_eq!(again["result"], true, "{state}: {again}");
            assert!(again["changes"].as_object().is_some_and(|changes| changes.is_empty()), "{state}: {again}");
            assert_eq!(minion.0.changed(), before, "{state}: the second run changed something");
        }
        minion.shell(case.damage);
        minion.predict_and_apply(state);
        minion.shell(case.holds);
    }
}

/// A line of shell, a state, its declaration, and words of what the state then says, failing with nothing changed.
pub(super) type Refused = (&'static str, &'static str, &'static str, &'static str);

/// Runs what must be refused, dry and for real, each in a copy of its own.
pub(super) fn refused(test: &str, cases: &[Refused]) {
    for (line, state, declaration, told) in cases {
        let machine = match Machine::copy() {
            Ok(machine) => machine,
            Err(why) => return skip(test, &why),
        };
        let minion = Minion::new(machine);
        minion.declare(state, declaration);
        for dry in [true, false] {
            let answer = minion.apply_after(line, dry);
            // What a file system refuses is known only when it is asked.
            let settled = dry && answer["result"] == Value::Null && line.contains("mount ");
            let comment = answer["comment"].as_str().unwrap_or_default();
            assert!(settled || answer["result"] == false && comment.contains(told), "{state} {declaration}: {answer}");
        }
    }
}

#[test]
fn predictions_are_what_happens_to_a_system() {
    check("predictions_are_what_happens_to_a_system", CASES);
}

#[test]
fn every_state_of_the_system_has_a_case() {
    for module in STATES.iter().filter(|module| SYSTEM_STATES.contains(&module.name)) {
        for function in module.functions {
            let name = format!("{}.{}", module.name, function.name);
            let excused = WITHOUT.iter().any(|(state, _)| *state == name);
            assert!(excused != cases().any(|case| case.state == name), "{name} needs a case, or a reason for none");
        }
    }
}
