//! States of programs that serve: predict, apply, compare, apply again, damage, repair, against the real servers, each
//! in a directory of its own.

use std::path::Path;

use fleet_minion::system::command::which;
use fleet_tests::harness::skip;

use crate::states::minion;
use crate::system::settled_change;

/// One state and what happens to it; `R/` is the scratch directory.
struct Case {
    state: &'static str,
    declaration: &'static str,
    prepare: &'static str,
    damage: &'static str,
    /// Prints what the state manages.
    observe: &'static str,
}

/// A server: the programs it needs, how it is started and stopped, and what every line of its cases begins with.
struct Server {
    needs: &'static [&'static str],
    start: &'static str,
    stop: &'static str,
    line: &'static str,
    cases: &'static [Case],
}

const SERVERS: &[&Server] = &[&SUPERVISOR];

/// True if there is a case for a state.
pub(crate) fn has_case(name: &str) -> bool {
    SERVERS.iter().flat_map(|server| server.cases).any(|case| case.state == name)
}

const SUPERVISOR: Server = Server {
    needs: &["supervisord", "supervisorctl"],
    start: r#"cat > R/s.conf <<'END'
[unix_http_server]
file=R/s.sock
[supervisord]
pidfile=R/s.pid
logfile=R/s.log
childlogdir=R/
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://R/s.sock
[include]
files=R/more.conf
[program:one]
command=sleep 1000
startsecs=0
autostart=false
[program:many]
command=sleep 1000
startsecs=0
process_name=%(program_name)s_%(process_num)d
numprocs=2
END
supervisord -c R/s.conf
for i in $(seq 100); do supervisorctl -c R/s.conf pid > R/out 2>&1 && break; sleep 0.1; done"#,
    stop: "kill $(cat R/s.pid)",
    line: "ctl() { supervisorctl -c R/s.conf \"$@\"; }; ",
    cases: &[
        Case {
            state: "supervisord.running",
            declaration: "[{name: one}, {conf_file: R/s.conf}]",
            prepare: "",
            damage: "ctl stop one",
            observe: "ctl status one | awk '{print $1, $2}'",
        },
        Case {
            state: "supervisord.running",
            declaration: "[{name: 'many:*'}, {conf_file: R/s.conf}]",
            prepare: "ctl stop many:many_1",
            damage: "ctl stop many:",
            observe: "ctl status many: | awk '{print $1, $2}'",
        },
        Case {
            state: "supervisord.running",
            declaration: "[{name: late}, {conf_file: R/s.conf}]",
            prepare: "printf '[program:late]\\ncommand=sleep 1000\\nstartsecs=0\\n' > R/more.conf",
            damage: "ctl stop late; ctl remove late",
            observe: "ctl status late | awk '{print $1, $2}'",
        },
        Case {
            state: "supervisord.dead",
            declaration: "[{name: one}, {conf_file: R/s.conf}]",
            prepare: "",
            damage: "ctl start one",
            observe: "ctl status one | awk '{print $1, $2}'",
        },
    ],
};

/// Runs a line where the server is; its output stays out of the way unless it fails.
fn on(root: &Path, line: &str) {
    let line = format!("{{ {line}\n}} > R/out 2>&1 || {{ cat R/out; exit 1; }}");
    crate::states::shell(root, &line);
}

/// A running server; stopped on drop, whatever the test said.
struct Running<'r>(&'r Path, &'static Server);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let line = self.1.stop.replace("R/", &format!("{}/", self.0.display()));
        let _ = std::process::Command::new("sh").args(["-c", &line]).status();
    }
}

fn check(test: &str, server: &'static Server) {
    if let Some(program) = server.needs.iter().find(|program| which(program, None).is_none()) {
        return skip(test, &format!("there is no program '{program}'"));
    }
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().canonicalize().unwrap();
    crate::states::shell(&root, "mkdir -p R/srv R/cache; chmod 755 R/");
    on(&root, server.start);
    let _running = Running(&root, server);
    let act = minion(&root);
    for case in server.cases {
        let declaration = case.declaration.replace("R/", &format!("{}/", root.display()));
        std::fs::write(root.join("srv/case.sls"), format!("x:\n  {}: {declaration}\n", case.state)).unwrap();
        let shell = |line: &str| {
            if !line.is_empty() {
                on(&root, &format!("{}{line}", server.line))
            }
        };
        shell(case.prepare);
        let settled = || settled_change(case.state, &format!("{}{}", server.line, case.observe), &act, &root);
        let wanted = settled();
        shell(case.damage);
        assert_eq!(settled(), wanted, "{}: the damage is not repaired", case.state);
    }
}

#[test]
fn processes_are_as_predicted() {
    check("processes_are_as_predicted", &SUPERVISOR);
}
