//! Password files of web servers by the real `htpasswd`, in a copy of this machine.

use fleet_minion::system::command::which;
use fleet_tests::harness::{Machine, program, skip};
use serde_json::json;

use super::system_states::{Case, Minion, Refused, check, refused};

pub(super) const CASES: &[Case] = &[
    Case {
        state: "webutil.user_exists",
        declaration: "[{name: larry}, {password: 'a b'}, {htpasswd_file: /srv/passwords}, {options: B}, {update: true}]",
        prepare: "printf '# staff\\nmoe:x\\n' > /srv/passwords; chmod 640 /srv/passwords; chown root:games /srv/passwords",
        damage: "htpasswd -b /srv/passwords larry other",
        holds: "printf 'a b' | htpasswd -v -i /srv/passwords larry; grep -qx moe:x /srv/passwords; grep -q '^larry:$2y' /srv/passwords; \
                test \"$(stat -c '%a %G' /srv/passwords)\" = '640 games'; head -1 /srv/passwords | grep -qx '# staff'",
    },
    // Who may write is the account's own business: the file is in its own directory.
    Case {
        state: "webutil.user_exists",
        declaration: "[{name: larry}, {password: secret}, {htpasswd_file: /srv/own/passwords}, {runas: uucp}]",
        prepare: "install -d -m 700 -o uucp /srv/own",
        damage: "htpasswd -D /srv/own/passwords larry",
        holds: "printf secret | htpasswd -v -i /srv/own/passwords larry; test \"$(stat -c %U /srv/own/passwords)\" = uucp",
    },
    Case {
        state: "webutil.user_absent",
        declaration: "[{name: larry}, {htpasswd_file: /srv/passwords}]",
        prepare: "printf 'larry:1\\nlarry2:2\\nlarry:3\\n' > /srv/true; ln -s true /srv/passwords",
        damage: "echo larry:4 >> /srv/passwords",
        holds: "grep -qx larry2:2 /srv/true; ! grep ^larry: /srv/true; test -L /srv/passwords",
    },
];

const REFUSED: &[Refused] = &[
    ("true", "webutil.user_exists", "[{name: a}, {password: x}]", "htpasswd_file"),
    ("true", "webutil.user_exists", "[{name: a}, {htpasswd_file: /srv/p}]", "give argument 'password'"),
    (
        "true",
        "webutil.user_exists",
        "[{name: 'a:b'}, {password: x}, {htpasswd_file: /srv/p}]",
        "cannot be in a password file",
    ),
    ("true", "webutil.user_exists", "[{name: a}, {password: x}, {htpasswd_file: p}]", "'p' is not an absolute path"),
    (
        "true",
        "webutil.user_exists",
        "[{name: a}, {password: x}, {htpasswd_file: /srv/p}, {options: c}]",
        "'c' is no kind of hash",
    ),
    (
        "true",
        "webutil.user_exists",
        "[{name: a}, {password: x}, {htpasswd_file: /srv/p}, {runas: nosuch}]",
        "User 'nosuch' is not available",
    ),
    ("printf '\\377' > /srv/p", "webutil.user_absent", "[{name: a}, {htpasswd_file: /srv/p}]", "/srv/p: not in UTF-8"),
    ("mkdir -p /srv/p", "webutil.user_absent", "[{name: a}, {htpasswd_file: /srv/p}]", "/srv/p: Is a directory"),
];

/// True if the program is on this machine.
fn ready(test: &str) -> bool {
    let there = which("htpasswd", None).is_some();
    if !there {
        skip(test, "there is no program 'htpasswd'");
    }
    there
}

#[test]
fn password_files_are_as_predicted() {
    let test = "password_files_are_as_predicted";
    if ready(test) {
        check(test, CASES);
    }
}

#[test]
fn bad_declarations_of_password_files_are_refused() {
    let test = "bad_declarations_of_password_files_are_refused";
    if ready(test) {
        refused(test, REFUSED);
    }
}

#[test]
fn a_directory_that_is_missing_is_told_before_and_refused_then() {
    let test = "a_directory_that_is_missing_is_told_before_and_refused_then";
    let machine = match Machine::copy() {
        Ok(machine) if ready(test) => machine,
        Ok(_) => return,
        Err(why) => return skip(test, &why),
    };
    let minion = Minion::new(machine);
    let before = minion.changed();
    for who in ["", ", {runas: uucp}"] {
        let sls = format!("larry:\n  webutil.user_exists: [{{password: x}}, {{htpasswd_file: /srv/no/such}}{who}]\n");
        for (dry, result, told) in
            [(true, json!(null), "directory /srv/no is not there yet"), (false, json!(false), "/srv/no/such: ")]
        {
            let (_, chunks) = minion.run(&sls, "true", dry);
            let chunk = chunks.values().next().unwrap();
            assert_eq!(chunk["result"], result, "{chunk}");
            assert!(chunk["comment"].as_str().unwrap().contains(told), "{chunk}");
            assert_eq!(minion.changed(), before);
        }
    }
}

#[test]
fn functions_add_verify_and_remove() {
    let test = "functions_add_verify_and_remove";
    let machine = match Machine::copy() {
        Ok(machine) if ready(test) => machine,
        Ok(_) => return,
        Err(why) => return skip(test, &why),
    };
    let minion = Minion::new(machine);
    let answer = |words: &str| {
        let line = format!("{} -c HOME --local --out json {words}", program("saltcall").display());
        minion.answer(&line)["local"].clone()
    };
    let said = |text: &str| json!({"retcode": 0, "stdout": "", "stderr": text});
    assert_eq!(answer("webutil.useradd /srv/p larry 'a b' opts=s"), said("Adding password for user larry"));
    assert_eq!(answer("webutil.verify /srv/p larry 'a b'"), true);
    assert_eq!(answer("webutil.verify /srv/p larry other"), false);
    assert_eq!(answer("webutil.verify /srv/p moe other"), false);
    assert_eq!(answer("webutil.verify /srv/none larry x"), false);
    assert_eq!(answer("apache.useradd /srv/p larry other"), said("Updating password for user larry"));
    assert_eq!(answer("webutil.verify /srv/p larry other"), true);
    assert_eq!(answer("webutil.userdel /srv/p moe"), json!(["User moe not found"]));
    assert_eq!(answer("webutil.userdel /srv/p larry all_results=true"), said("Deleting password for user larry"));
    minion.shell("test -e /srv/p; ! test -s /srv/p");
    // An account that may not write, more than one line, a directory that is not there.
    for words in ["/srv/p larry x runas=uucp", "/srv/p larry 'secret\nb'", "/srv/no/such larry secret"] {
        let call = format!("{} -c HOME --local webutil.useradd {words}", program("saltcall").display());
        minion.shell(&format!("! {call} > /srv/said 2>&1; ! grep -q secret /srv/said; ! test -s /srv/p"));
    }
}
