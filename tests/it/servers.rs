//! States of programs that serve: predict, apply, compare, apply again, damage, repair, against the real servers, each
//! in a directory of its own.

use std::path::{Path, PathBuf};

use fleet_minion::system::command::which;
use fleet_tests::harness::skip;

use crate::server_mariadb::MARIADB;
use crate::states::minion;
use crate::system::settled_change;

/// One state and what happens to it; `R/` is the scratch directory.
pub(crate) struct Case {
    pub(crate) state: &'static str,
    pub(crate) declaration: &'static str,
    pub(crate) prepare: &'static str,
    pub(crate) damage: &'static str,
    /// Prints what the state manages.
    pub(crate) observe: &'static str,
}

/// A server: the programs it needs, how it is started and stopped, and what every line of its cases begins with.
pub(crate) struct Server {
    pub(crate) needs: &'static [&'static str],
    pub(crate) start: &'static str,
    pub(crate) stop: &'static str,
    pub(crate) line: &'static str,
    pub(crate) cases: &'static [Case],
}

const SERVERS: &[&Server] = &[&SUPERVISOR, &POSTGRES, &MARIADB];

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

/// Shell that finds the server's programs, and the account they run as: never root.
macro_rules! pg {
    ($($line:literal),*) => {
        concat!(
            "PATH=$PATH:$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)\n",
            "as=; [ $(id -u) != 0 ] || as='setpriv --reuid 65534 --regid 65534 --clear-groups'\n",
            "export PGPASSWORD=own-secret\n",
            "sql() { psql -X -A -t -q -h R/ -U postgres \"$@\"; }\n",
            $($line),*
        )
    };
}

/// The arguments that say which server: the minion's own account, a socket in the scratch directory, a password.
macro_rules! on_pg {
    ($($own:literal),*) => {
        concat!("[", $($own),*, ", {user: ME}, {db_host: R/}, {db_user: postgres}, {db_password: own-secret}]")
    };
}

const ROLES: &str = "sql -d postgres -c \"SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolcanlogin, rolpassword IS NOT NULL, \
                     ARRAY(SELECT roleid::regrole FROM pg_auth_members WHERE member = a.oid) FROM pg_authid a \
                     WHERE rolname ~ '^f' ORDER BY 1\"";

const POSTGRES: Server = Server {
    needs: &["psql"],
    start: pg!(
        "chmod 755 R/; mkdir R/pg R/space; echo own-secret > R/pg/secret; chmod 700 R/pg R/space\n",
        "[ -z \"$as\" ] || chown -R 65534:65534 R/pg R/space; [ -z \"$as\" ] || chmod 777 R/\n",
        "$as initdb -D R/pg/data -U postgres -A scram-sha-256 --pwfile=R/pg/secret --no-sync -E UTF8 --locale=C\n",
        // What the server says is in no language that a program may rely on.
        "lc=C; mkdir R/locale; ! localedef -i de_DE -f UTF-8 R/locale/de_DE.UTF-8 || lc=de_DE.UTF-8\n",
        "LOCPATH=R/locale $as pg_ctl -D R/pg/data -o \"-c listen_addresses= -c fsync=off -c lc_messages=$lc -k R/\" -l R/pg/log -w start\n",
        "sql -d postgres -c 'CREATE ROLE fleet_a; CREATE ROLE fleet_b LOGIN'"
    ),
    stop: pg!("$as pg_ctl -D R/pg/data -m immediate stop"),
    line: pg!(""),
    cases: &[
        Case {
            state: "postgres_user.present",
            declaration: on_pg!(
                "{name: fleet_u}, {password: \"it's a \\\\ secret\"}, {createdb: true}, {groups: fleet_a}"
            ),
            prepare: "",
            damage: "sql -d postgres -c \"ALTER ROLE fleet_u NOCREATEDB SUPERUSER PASSWORD 'other'; REVOKE fleet_a FROM fleet_u; ALTER ROLE fleet_u NOSUPERUSER\"",
            observe: ROLES,
        },
        Case {
            state: "postgres_user.present",
            declaration: on_pg!("{name: fleet_b}, {password: known}, {encrypted: md5}, {superuser: true}"),
            prepare: "",
            damage: "sql -d postgres -c 'ALTER ROLE fleet_b PASSWORD NULL NOSUPERUSER'",
            observe: ROLES,
        },
        Case {
            state: "postgres_user.absent",
            declaration: on_pg!("{name: fleet_u}"),
            prepare: "",
            damage: "sql -d postgres -c 'CREATE ROLE fleet_u LOGIN'",
            observe: ROLES,
        },
        Case {
            state: "postgres_group.present",
            declaration: on_pg!("{name: fleet_g}, {createroles: true}"),
            prepare: "",
            damage: "sql -d postgres -c 'ALTER ROLE fleet_g NOCREATEROLE'",
            observe: ROLES,
        },
        Case {
            state: "postgres_group.absent",
            declaration: on_pg!("{name: fleet_g}"),
            prepare: "",
            damage: "sql -d postgres -c 'CREATE ROLE fleet_g'",
            observe: ROLES,
        },
        Case {
            state: "postgres_tablespace.present",
            declaration: on_pg!(
                "{name: fleet_space}, {directory: R/space}, {owner: fleet_b}, {options: {seq_page_cost: 1.5}}"
            ),
            prepare: "",
            damage: "sql -d postgres -c 'ALTER TABLESPACE fleet_space OWNER TO postgres' -c 'ALTER TABLESPACE fleet_space RESET (seq_page_cost)'",
            observe: "sql -d postgres -c 'SELECT spcname, spcowner::regrole, spcoptions FROM pg_tablespace ORDER BY 1'",
        },
        Case {
            state: "postgres_database.present",
            declaration: on_pg!(
                "{name: fleet_d}, {owner: fleet_b}, {encoding: utf-8}, {template: template0}, {tablespace: fleet_space}"
            ),
            prepare: "",
            damage: "sql -d postgres -c 'ALTER DATABASE fleet_d OWNER TO postgres' -c 'ALTER DATABASE fleet_d SET TABLESPACE pg_default'",
            observe: "sql -d postgres -c 'SELECT datname, datdba::regrole, dattablespace, encoding FROM pg_database ORDER BY 1'",
        },
        Case {
            state: "postgres_schema.present",
            declaration: on_pg!("{name: fleet_s}, {dbname: fleet_d}, {owner: fleet_b}"),
            prepare: "",
            damage: "sql -d fleet_d -c 'DROP SCHEMA fleet_s'",
            observe: "sql -d fleet_d -c 'SELECT nspname, nspowner::regrole FROM pg_namespace ORDER BY 1'",
        },
        Case {
            state: "postgres_extension.present",
            declaration: on_pg!("{name: plpgsql}, {maintenance_db: fleet_d}"),
            prepare: "sql -d fleet_d -c 'DROP EXTENSION plpgsql'",
            damage: "sql -d fleet_d -c 'DROP EXTENSION plpgsql'",
            observe: "sql -d fleet_d -c 'SELECT extname, extversion FROM pg_extension ORDER BY 1'",
        },
        Case {
            state: "postgres_extension.absent",
            declaration: on_pg!("{name: plpgsql}, {maintenance_db: fleet_d}"),
            prepare: "",
            damage: "sql -d fleet_d -c 'CREATE EXTENSION plpgsql'",
            observe: "sql -d fleet_d -c 'SELECT extname FROM pg_extension ORDER BY 1'",
        },
        Case {
            state: "postgres_privileges.present",
            declaration: on_pg!(
                "{name: fleet_a}, {object_name: ALL}, {object_type: table}, {privileges: [SELECT, INSERT]}, {prepend: fleet_s}, {maintenance_db: fleet_d}"
            ),
            prepare: "sql -d fleet_d -c 'CREATE TABLE fleet_s.one(); CREATE TABLE fleet_s.\"It is\"(); GRANT SELECT ON fleet_s.one TO fleet_a'",
            damage: "sql -d fleet_d -c 'REVOKE INSERT ON fleet_s.one FROM fleet_a'",
            observe: "sql -d fleet_d -c \"SELECT relname, relacl FROM pg_class WHERE relkind = 'r' AND relnamespace = 'fleet_s'::regnamespace ORDER BY 1\"",
        },
        Case {
            state: "postgres_privileges.present",
            declaration: on_pg!("{name: fleet_b}, {object_name: fleet_a}, {object_type: group}, {grant_option: true}"),
            prepare: "sql -d postgres -c 'GRANT fleet_a TO fleet_b'",
            damage: "sql -d postgres -c 'REVOKE fleet_a FROM fleet_b'",
            observe: "sql -d postgres -c 'SELECT roleid::regrole, member::regrole, admin_option FROM pg_auth_members ORDER BY 1, 2'",
        },
        Case {
            state: "postgres_privileges.absent",
            declaration: on_pg!(
                "{name: fleet_a}, {object_name: fleet_d}, {object_type: database}, {privileges: [ALL]}"
            ),
            prepare: "sql -d postgres -c 'GRANT CONNECT ON DATABASE fleet_d TO fleet_a'",
            damage: "sql -d postgres -c 'GRANT ALL ON DATABASE fleet_d TO fleet_a'",
            observe: "sql -d postgres -c \"SELECT datacl FROM pg_database WHERE datname = 'fleet_d'\"",
        },
        Case {
            state: "postgres_schema.absent",
            declaration: on_pg!("{name: fleet_s}, {dbname: fleet_d}"),
            prepare: "",
            damage: "sql -d fleet_d -c 'CREATE SCHEMA fleet_s'",
            observe: "sql -d fleet_d -c 'SELECT nspname FROM pg_namespace ORDER BY 1'",
        },
        Case {
            state: "postgres_database.absent",
            declaration: on_pg!("{name: fleet_d}"),
            prepare: "",
            damage: "sql -d postgres -c 'CREATE DATABASE fleet_d'",
            observe: "sql -d postgres -c 'SELECT datname FROM pg_database ORDER BY 1'",
        },
        Case {
            state: "postgres_tablespace.absent",
            declaration: on_pg!("{name: fleet_space}"),
            prepare: "",
            damage: "sql -d postgres -c \"CREATE TABLESPACE fleet_space LOCATION 'R/space'\"",
            observe: "sql -d postgres -c 'SELECT spcname FROM pg_tablespace ORDER BY 1'",
        },
    ],
};

/// Runs a line where the server is; its output stays out of the way unless it fails.
fn on(root: &Path, line: &str) {
    let line = format!("{{ {line}\n}} > R/out 2>&1 || {{ cat R/out; exit 1; }}");
    crate::states::shell(root, &line);
}

/// A running server; stopped on drop, whatever the test said.
pub(crate) struct Running(pub(crate) PathBuf, &'static Server);

impl Drop for Running {
    fn drop(&mut self) {
        let line = self.1.stop.replace("R/", &format!("{}/", self.0.display()));
        let _ = std::process::Command::new("sh").args(["-c", &line]).status();
    }
}

/// A scratch directory with the server in it, or nothing where its programs are missing.
pub(crate) fn started(test: &str, server: &'static Server) -> Option<(tempfile::TempDir, Running)> {
    if let Some(program) = server.needs.iter().find(|program| which(program, None).is_none()) {
        skip(test, &format!("there is no program '{program}'"));
        return None;
    }
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().canonicalize().unwrap();
    crate::states::shell(&root, "mkdir -p R/srv R/cache; chmod 755 R/");
    let running = Running(root.clone(), server);
    on(&root, server.start);
    Some((scratch, running))
}

fn check(test: &str, server: &'static Server) {
    let Some((_scratch, running)) = started(test, server) else { return };
    let root = running.0.clone();
    let act = minion(&root);
    for case in server.cases {
        let me = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
        let declaration = case.declaration.replace("R/", &format!("{}/", root.display())).replace("ME", &me);
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
fn databases_are_as_predicted() {
    check("databases_are_as_predicted", &POSTGRES);
}

/// Nothing is in a database that is not there; a server that refuses says nothing about databases, whatever words it uses.
#[test]
fn a_database_that_is_not_there_is_told_from_a_refusal() {
    let Some((_scratch, running)) = started("a_database_that_is_not_there_is_told_from_a_refusal", &POSTGRES) else {
        return;
    };
    let root = running.0.clone();
    let act = minion(&root);
    let odd_role = on_pg!("{name: x}, {dbname: fleet_gone}")
        .replace("{db_user: postgres}", r#"{db_user: 'database "fleet_gone" does not exist'}"#);
    let extension = on_pg!("{name: plpgsql}, {maintenance_db: fleet_gone}");
    for (state, declaration, result) in [
        ("postgres_schema.absent", on_pg!("{name: x}, {dbname: fleet_gone}"), true),
        ("postgres_extension.absent", extension, true),
        ("postgres_extension.present", extension, false),
        ("postgres_schema.absent", &odd_role, false),
    ] {
        let me = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
        let declaration = declaration.replace("R/", &format!("{}/", root.display())).replace("ME", &me);
        std::fs::write(root.join("srv/case.sls"), format!("x:\n  {state}: {declaration}\n")).unwrap();
        let done = crate::states::run(&act, false);
        assert_eq!(done.get("result"), Some(&result.into()), "{state} {declaration}: {done:?}");
        assert_eq!(done.get("changes"), Some(&fleet_common::value::Map::new().into()), "{state}: {done:?}");
    }
}

#[test]
fn accounts_and_databases_of_mariadb_are_as_predicted() {
    check("accounts_and_databases_of_mariadb_are_as_predicted", &MARIADB);
}

#[test]
fn processes_are_as_predicted() {
    check("processes_are_as_predicted", &SUPERVISOR);
}
