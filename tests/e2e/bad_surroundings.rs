//! What states say where their tools are missing or die, and where nothing can be written: in a copy of this machine.

use fleet_minion::states::STATES;
use fleet_minion::system::command::which;
use fleet_tests::harness::{Machine, skip};
use serde_json::Value;

use crate::bad_cases::{FILES, FUNCTIONS, KINDS, MISSING, READ_ONLY, TOOLS, Tool, WITHOUT};
use crate::system_states::Minion;

/// What the tools are to work on.
const GROUND: &str = "cp /etc/hosts /srv/text; git init -q --bare /srv/o.git; \
    printf -- '--- a\\n+++ b\\n@@ -1 +1 @@\\n-x\\n+y\\n' > HOME/srv/p.diff; \
    mkdir -p /lib/modules/$(uname -r) /etc/apache2/conf-enabled /etc/apache2/sites-enabled; touch /lib/modules/$(uname -r)/lab_module.ko; \
    tar -C /etc -cf /srv/a.tar hosts; mkdir -p /etc/network; touch /etc/network/interfaces; \
    touch /etc/apache2/conf-enabled/lab.conf /etc/apache2/sites-enabled/lab.conf; \
    mkdir -p /etc/init.d; printf '#!/bin/sh\\nexit 0\\n' > /etc/init.d/fleet-script; chmod 755 /etc/init.d/fleet-script";

/// No program of the system is there.
const NONE: &str = "for at in /usr/local/bin /usr/local/sbin /usr/sbin /usr/bin; do mount -t tmpfs none $at; done";

/// Every program of the system dies as soon as it runs.
const KILLED: &str = "mkdir -p /run/k/bin /run/k/sbin; cp /bin/dash /run/k/real; \
    printf '#!/run/k/real\\nkill -KILL $$\\n' > /run/k/dies; \
    for d in bin sbin; do cd /run/k/$d; ls /usr/$d | xargs -n 400 sh -c 'tee \"$@\" < /run/k/dies > /dev/null' sh; chmod 755 *; done; \
    cd /; for at in /usr/local/bin /usr/local/sbin; do mount -t tmpfs none $at; done; mount --bind /run/k/sbin /usr/sbin; mount --bind /run/k/bin /usr/bin";

/// Runs states where a line of shell was run before; each must fail with its words, for real, and change nothing.
fn refused(test: &str, ground: &str, line: &str, cases: &[(&str, &str, String)]) {
    let machine = match Machine::copy() {
        Ok(machine) => machine,
        Err(why) => return skip(test, &why),
    };
    let minion = Minion::new(machine);
    minion.shell(ground);
    let before = minion.changed();
    let sls: String =
        cases.iter().enumerate().map(|(at, (state, body, _))| format!("'{at}':\n  {state}: {body}\n")).collect();
    for dry in [true, false] {
        let (status, chunks) = minion.run(&sls, line, dry);
        assert!(dry || status != 0);
        let mut wrong = Vec::new();
        for (at, (state, body, told)) in cases.iter().enumerate() {
            let id = at.to_string();
            let chunk = chunks.values().find(|chunk| chunk["__id__"] == id.as_str()).unwrap();
            // What only doing it shows is no failure of a dry run.
            let settled = dry && chunk["result"] == Value::Null;
            let comment = chunk["comment"].as_str().unwrap_or_default();
            if !(settled || chunk["result"] == false && comment.contains(told.as_str())) {
                wrong.push(format!("{state} {body} (dry: {dry}, expects {told:?}): {}: {comment}", chunk["result"]));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert_eq!(minion.changed(), before, "something was left behind");
    }
}

#[test]
fn a_tool_that_is_missing_is_named() {
    let cases: Vec<_> = TOOLS.iter().map(|(state, body, tool)| (*state, *body, (*tool).to_owned())).collect();
    refused("a_tool_that_is_missing_is_named", GROUND, NONE, &cases);
}

#[test]
fn a_tool_that_a_function_needs_is_named() {
    let case = |(name, arguments, tool): &(&str, &str, &str)| {
        ("module.run", &*format!("[{{{name}: {arguments}}}]").leak(), (*tool).to_owned())
    };
    let cases: Vec<_> = FUNCTIONS.iter().map(case).collect();
    refused("a_tool_that_a_function_needs_is_named", GROUND, NONE, &cases);
}

#[test]
fn a_tool_that_is_killed_has_not_answered() {
    let dies = |(state, body, _): &Tool| (*state, *body, "signal 9 (SIGKILL)".to_owned());
    // A command that is killed is an answer of its own; a source of packages stands before they are asked for, and how a
    // link is configured before it begins.
    let other = ["cmd.run", "network.managed", "pkgrepo.managed"];
    let cases: Vec<_> = TOOLS.iter().filter(|(state, ..)| !other.contains(state)).map(dies).collect();
    refused("a_tool_that_is_killed_has_not_answered", GROUND, KILLED, &cases);
}

#[test]
fn what_is_named_and_missing_is_told() {
    let test = "what_is_named_and_missing_is_told";
    let ready = |program: &str| {
        let there = program.is_empty() || which(program, None).is_some();
        if !there {
            skip(test, &format!("there is no program '{program}'"));
        }
        there
    };
    let cases = MISSING.iter().filter(|(.., program)| ready(program));
    let cases: Vec<_> = cases.map(|(state, body, told, _)| (*state, *body, (*told).to_owned())).collect();
    refused(test, GROUND, "true", &cases);
}

/// A family without a row in a table above has a reason in [`WITHOUT`], and one with a row has none.
#[test]
fn every_family_is_tried_in_all_bad_surroundings_or_says_why_not() {
    let tables = |kind: &str| -> Vec<&str> {
        let functions = FUNCTIONS.iter().map(|_| "module.run");
        match kind {
            "tool" => TOOLS.iter().map(|(state, ..)| *state).chain(functions).collect(),
            "missing" => MISSING.iter().map(|(state, ..)| *state).collect(),
            "full" => FILES.iter().map(|(state, _)| *state).collect(),
            _ => FILES.iter().chain(READ_ONLY).map(|(state, _)| *state).collect(),
        }
    };
    let mut wrong = Vec::new();
    for kind in KINDS {
        let tried: Vec<&str> = tables(kind).iter().filter_map(|state| Some(state.split_once('.')?.0)).collect();
        for family in STATES.iter().map(|module| module.name) {
            let reasons =
                WITHOUT.iter().filter(|(kinds, families, _)| kinds.contains(&kind) && families.contains(&family));
            match (tried.contains(&family), reasons.count()) {
                (true, 0) | (false, 1) => {}
                (tried, reasons) => wrong.push(format!("{family}, {kind}: tried: {tried}, reasons why not: {reasons}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is in the file system, and what the states read.
const FILLED: &str = "mount -t tmpfs -o size=64k none /mnt; printf 'key=1\\n# word\\n' > /mnt/text; printf '[a]\\nb = 1\\n' > /mnt/ini; \
    mkdir /mnt/tidy; touch /mnt/tidy/a.old; echo '{}' > /mnt/data.json; printf 'larry:x\\ncurly:y\\n' > /mnt/passwords; \
    mkdir -p /etc/network/if-up.d /etc/network/if-down.d; touch /etc/network/interfaces /etc/default/networking; \
    mkdir -p HOME/srv/tree; echo a > HOME/srv/tree/a; mkdir -p HOME/t/d; echo f > HOME/t/d/f; tar -C HOME/t -czf HOME/a.tar.gz d; (cd HOME/t; python3 -m zipfile -c ../a.zip d); \
    printf -- '-----BEGIN CERTIFICATE-----\\nQUJD\\n-----END CERTIFICATE-----\\n' > HOME/pem; \
    printf -- '--- a\\n+++ b\\n@@ -1,2 +1,2 @@\\n-key=1\\n+key=2\\n # word\\n' > HOME/srv/p.diff";

/// As [`refused`], in a file system of its own whose content is looked at before and after.
fn unwritten(test: &str, line: &str, cases: &[(&str, &str)], told: &str) {
    let machine = match Machine::copy() {
        Ok(machine) => machine,
        Err(why) => return skip(test, &why),
    };
    let minion = Minion::new(machine);
    // A file system counts what is in a directory as its size.
    let look = "find /mnt /etc -type d -printf \"%p %m\\n\" | sort; find /mnt /etc ! -type d -printf \"%p %m %s %l\\n\" | sort; \
                find /mnt /etc -type f | sort | xargs sha256sum";
    let mut sls = String::new();
    for (number, (state, body)) in cases.iter().enumerate() {
        let body = body.replace("BIG", "{{ 'x' * 60000 }}");
        sls += &format!("'{number}':\n  {state}: {body}\n");
    }
    for order in ["first", "last"] {
        sls += &format!("{order}:\n  cmd.run: [{{name: '{look}'}}, {{order: {order}}}]\n");
    }
    let (status, chunks) = minion.run(&sls, &format!("{FILLED}; {line}"), false);
    assert_ne!(status, 0);
    let found = |id: &str| chunks.values().find(|chunk| chunk["__id__"] == id).unwrap();
    let mut wrong = Vec::new();
    for (number, (state, body)) in cases.iter().enumerate() {
        let chunk = found(&number.to_string());
        let comment = chunk["comment"].as_str().unwrap_or_default();
        if chunk["result"] != false || !comment.contains(told) {
            wrong.push(format!("{state} {body}: {}: {comment}", chunk["result"]));
        }
    }
    assert!(wrong.is_empty(), "these do not say {told:?}:\n{}", wrong.join("\n"));
    let seen = |id: &str| found(id)["changes"]["stdout"].as_str().unwrap().to_owned();
    assert_eq!(seen("first"), seen("last"));
    assert!(seen("first").contains("/mnt/text"));
}

#[test]
fn a_full_disk_is_named_and_nothing_is_half_written() {
    let line = "mkdir /run/etc; mount -t tmpfs -o size=64m none /run/etc; cp -a /etc/. /run/etc; mount --bind /run/etc /etc; \
                for at in /etc /mnt; do head -c 70000000 /dev/zero > $at/fill || true; done";
    unwritten("a_full_disk_is_named_and_nothing_is_half_written", line, FILES, "No space left on device");
}

#[test]
fn a_file_system_for_reading_only_is_named_and_nothing_is_half_written() {
    let line = "mount -o remount,ro /mnt; mount --bind /etc /etc; mount -o remount,bind,ro /etc; \
                mount --bind /var/cache/debconf /var/cache/debconf; mount -o remount,bind,ro /var/cache/debconf";
    let cases = [FILES, READ_ONLY].concat();
    let test = "a_file_system_for_reading_only_is_named_and_nothing_is_half_written";
    unwritten(test, line, &cases, "Read-only file system");
}
