//! MariaDB: the cases of its states, and what is said when something is wrong.

use fleet_common::call::Arguments;
use fleet_common::value::{Map, Value};

use crate::servers::{Case, Server, started};
use crate::states::{minion_with, run};

/// The account that asks has a password that every way of writing texts has to take care of.
macro_rules! on_maria {
    ($($own:literal),*) => {
        concat!("[", $($own),*, ", {connection_unix_socket: R/s.sock}, {connection_user: boss}, ",
            r##"{connection_pass: "it's \\ a \"#secret"}]"##)
    };
}

const ACCOUNTS: &str =
    "sql \"SELECT User, Host, plugin, authentication_string FROM mysql.user WHERE User LIKE 'fleet%' ORDER BY 1, 2\"";
const LARRY: &str = "sql \"SHOW GRANTS FOR larry@localhost\"";

pub(crate) const MARIADB: Server = Server {
    needs: &["mariadbd", "mariadb-install-db", "mariadb"],
    start: r##"me=$(id -un)
mariadb-install-db --no-defaults --datadir=R/data --auth-root-authentication-method=normal --skip-test-db --user=$me
mariadbd --no-defaults --datadir=R/data --socket=R/s.sock --pid-file=R/m.pid --skip-networking --user=$me \
  --innodb-flush-log-at-trx-commit=0 --innodb-buffer-pool-size=16M > R/log 2>&1 < /dev/null &
for i in $(seq 300); do mariadb --no-defaults -S R/s.sock -uroot -e 'SELECT 1' && break; sleep 0.1; done
mariadb --no-defaults -S R/s.sock -uroot <<'END'
CREATE USER boss@localhost IDENTIFIED BY 'it''s \\ a "#secret';
GRANT ALL ON *.* TO boss@localhost WITH GRANT OPTION;
CREATE USER larry@localhost;
CREATE DATABASE shop;
CREATE TABLE shop.items (id INT, name VARCHAR(10));
END"##,
    stop: "kill $(cat R/m.pid); for i in $(seq 100); do [ -e R/m.pid ] || break; sleep 0.1; done",
    line: "sql() { mariadb --no-defaults -S R/s.sock -uroot -N -e \"$1\"; }; ",
    cases: &[
        Case {
            state: "mysql_user.present",
            declaration: on_maria!("{name: fleet_u}, {host: '%'}, {password: \"it's a \\\\ secret\"}"),
            prepare: "",
            damage: "sql \"ALTER USER fleet_u@'%' IDENTIFIED BY 'other'\"",
            observe: ACCOUNTS,
        },
        Case {
            state: "mysql_user.present",
            declaration: on_maria!("{name: fleet_h}, {password_hash: '*14E65567ABDB5135D0CFD9A70B3032C179A49EE7'}"),
            prepare: "",
            damage: "sql \"ALTER USER fleet_h@localhost IDENTIFIED VIA unix_socket\"",
            observe: ACCOUNTS,
        },
        Case {
            state: "mysql_user.present",
            declaration: on_maria!("{name: fleet_s}, {allow_passwordless: true}, {unix_socket: true}"),
            prepare: "sql \"CREATE USER fleet_s@localhost IDENTIFIED BY 'x'\"",
            damage: "sql \"ALTER USER fleet_s@localhost IDENTIFIED BY 'x'\"",
            observe: ACCOUNTS,
        },
        Case {
            state: "mysql_user.present",
            declaration: on_maria!("{name: fleet_n}, {allow_passwordless: true}"),
            prepare: "",
            damage: "sql \"ALTER USER fleet_n@localhost IDENTIFIED BY 'x'\"",
            observe: ACCOUNTS,
        },
        Case {
            state: "mysql_user.absent",
            declaration: on_maria!("{name: fleet_u}, {host: '%'}"),
            prepare: "",
            damage: "sql \"CREATE USER fleet_u@'%'\"",
            observe: ACCOUNTS,
        },
        Case {
            state: "mysql_database.present",
            declaration: on_maria!("{name: 'fleet_`d'}, {character_set: latin1}, {collate: latin1_bin}"),
            prepare: "",
            damage: "sql 'ALTER DATABASE `fleet_``d` CHARACTER SET utf8mb4'",
            observe: "sql 'SELECT * FROM information_schema.SCHEMATA ORDER BY SCHEMA_NAME'",
        },
        Case {
            state: "mysql_database.absent",
            declaration: on_maria!("{name: 'fleet_`d'}"),
            prepare: "",
            damage: "sql 'CREATE DATABASE `fleet_``d`'",
            observe: "sql 'SHOW DATABASES'",
        },
        Case {
            state: "mysql_grants.present",
            declaration: on_maria!("{grant: 'select, insert'}, {database: 'my_shop.*'}, {user: larry}"),
            prepare: "",
            damage: "sql 'REVOKE INSERT ON `my\\_shop`.* FROM larry@localhost'",
            observe: LARRY,
        },
        Case {
            state: "mysql_grants.present",
            declaration: on_maria!(
                "{grant: 'select (name, id),update'}, {database: shop.items}, {user: larry}, {grant_option: true}"
            ),
            prepare: "",
            damage: "sql 'REVOKE GRANT OPTION ON shop.items FROM larry@localhost'",
            observe: LARRY,
        },
        Case {
            state: "mysql_grants.present",
            declaration: on_maria!("{grant: select}, {database: shop.*}, {user: larry}, {revoke_first: true}"),
            prepare: "sql 'GRANT SELECT, DELETE ON shop.* TO larry@localhost WITH GRANT OPTION'",
            damage: "sql 'GRANT ALL ON shop.* TO larry@localhost'",
            observe: LARRY,
        },
        Case {
            state: "mysql_grants.absent",
            declaration: on_maria!("{grant: 'select,insert'}, {database: 'my_shop.*'}, {user: larry}"),
            prepare: "",
            damage: "sql 'GRANT SELECT, INSERT ON `my\\_shop`.* TO larry@localhost'",
            observe: LARRY,
        },
        Case {
            state: "mysql_grants.absent",
            declaration: on_maria!("{grant: all privileges}, {database: 'shop.*'}, {user: larry}"),
            prepare: "sql 'GRANT ALL ON shop.* TO larry@localhost'",
            damage: "sql 'GRANT ALL ON shop.* TO larry@localhost'",
            observe: LARRY,
        },
        Case {
            state: "mysql_query.run",
            declaration: on_maria!(
                "{database: shop}, {query: 'SELECT 1 AS one, NULL AS none'}, {output: R/rows}, {overwrite: false}"
            ),
            prepare: "",
            damage: "rm R/rows",
            observe: "cat R/rows || true",
        },
        Case {
            state: "mysql_query.run_file",
            declaration: on_maria!("{query_file: R/all.sql}, {database: shop}, {output: R/rows2}, {overwrite: false}"),
            prepare: "printf 'DELETE FROM items; -- all; of them\\nINSERT INTO items\\nVALUES (1, \"a;b\");\\nSELECT * FROM items;\\n' > R/all.sql",
            damage: "rm R/rows2; sql 'DELETE FROM shop.items'",
            observe: "cat R/rows2 || true; sql 'SELECT * FROM shop.items'",
        },
    ],
};

#[test]
fn mariadb_is_asked_by_settings_and_what_it_refuses_is_told() {
    let Some((_scratch, running)) = started("mariadb_is_asked_by_settings_and_what_it_refuses_is_told", &MARIADB)
    else {
        return;
    };
    let root = &running.0;
    let socket = root.join("s.sock").display().to_string();
    let secret = "it's \\ a \"#secret";
    let settings = [("mysql.unix_socket", socket.as_str()), ("mysql.user", "boss"), ("mysql.pass", secret)];
    let act = minion_with(root, &settings.map(|(key, value)| (key, Value::from(value))));
    let call = |function: &str, words: &[&str]| match act.run(function, Arguments::positional(words.iter().copied())) {
        Ok(outcome) => outcome.value,
        Err(error) => Value::from(error.to_string()),
    };
    let yes = Value::from(true);
    assert_eq!(call("mysql.user_create", &["ann", "localhost", "pass-of-ann"]), yes);
    assert_eq!(call("mysql.verify_login", &["ann", "pass-of-ann"]), yes);
    assert_eq!(call("mysql.verify_login", &["ann", "pass-of-bob"]), Value::from(false));
    assert_eq!(call("mysql.user_exists", &["ann", "localhost", "pass-of-ann"]), yes);
    assert_eq!(call("mysql.grant_add", &["SELECT", "shop.*", "ann"]), yes);
    assert_eq!(
        call("mysql.user_grants", &["ann"]),
        ["GRANT USAGE ON *.* TO `ann`@`localhost`", "GRANT SELECT ON `shop`.* TO `ann`@`localhost`"]
            .into_iter()
            .collect::<Value>()
    );
    let answer = call("mysql.query", &["shop", "INSERT INTO items VALUES (1, 'a'), (2, NULL);"]);
    assert_eq!(answer.get("rows affected"), Some(&Value::from(2)));
    let answer = call("mysql.query", &["shop", "SELECT name FROM items ORDER BY id -- all"]);
    let row = |value: Value| Value::List(vec![value]);
    let rows = Value::List(vec![row("a".into()), row(Value::Null)]);
    assert_eq!((answer.get("rows returned"), answer.get("results")), (Some(&2.into()), Some(&rows)));
    // What is wrong is told in the server's words; a query can't make the client run a program.
    let said = |function: &str, words: &[&str]| call(function, words).as_str().unwrap_or_default().to_owned();
    assert!(said("mysql.query", &["shop", "SELECT nosuch"]).contains("MySQL Error 1054: Unknown column 'nosuch'"));
    assert!(said("mysql.query", &["nosuch", "SELECT 1"]).contains("Unknown database 'nosuch'"));
    let ran = root.join("ran").display().to_string();
    for trick in [format!("\\! touch {ran}"), format!("system touch {ran}"), format!("SELECT 1;\n\\! touch {ran}\n")] {
        let refused = said("mysql.query", &["shop", &trick]);
        assert!(refused.contains("MySQL Error 1064") || refused.contains("Unknown command"), "{trick}: {refused}");
        assert!(!root.join("ran").exists(), "{trick} ran a program");
    }
    assert!(said("mysql.user_create", &["ann", "localhost", "x"]).contains("MySQL Error 1396"));
    assert!(
        said("mysql.grant_add", &["SELECT", "shop.*", "nobody-x"]).contains("there is no account nobody-x@localhost")
    );
    assert!(said("mysql.db_remove", &["mysql"]).contains("is the server's own"));
    // States name the password that was wrong, not its text, and the server that is down.
    let state = |name: &str, declaration: &str| {
        std::fs::write(root.join("srv/case.sls"), format!("x:\n  {name}: {declaration}\n")).unwrap();
        let done = run(&act, false);
        assert_eq!(done.get("result"), Some(&Value::from(false)), "{done:?}");
        assert_eq!(done.get("changes"), Some(&Value::Map(Map::new())));
        done.get("comment").and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let wrong = state("mysql_user.present", "[{password: x}, {connection_pass: wrong-one}]");
    assert!(
        wrong.contains("MySQL Error 1045: Access denied for user 'boss'@'localhost'") && !wrong.contains("wrong-one")
    );
    let down = state("mysql_database.present", &format!("[{{connection_unix_socket: {socket}.gone}}]"));
    assert!(down.contains("MySQL Error 2002: Can't connect"), "{down}");
    assert!(state("mysql_user.present", "[{host: '%'}]").starts_with("Either password or password_hash"));
    assert!(state("mysql_user.present", "[{password: x}, {auth_plugin: ed25519}]").contains("'ed25519'"));
    assert!(state("mysql_grants.present", "[{grant: nonsense}, {database: shop.*}, {user: larry}]").contains("1064"));
    assert!(
        state("mysql_grants.present", "[{grant: select}, {database: shop}, {user: larry}]").contains("DATABASE.TABLE")
    );
    assert!(
        state("mysql_query.run", "[{database: none}, {query: 'SELECT 1'}]").contains("Database none is not present")
    );
}
