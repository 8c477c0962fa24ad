//! Cases of `at` for `system_states`: real jobs in the queue of a copy, what is refused, and what a watch adds.

use fleet_minion::system::command::which;
use fleet_tests::harness::{Machine, program, skip};

use super::system_states::{Case, Minion, Refused, check, refused};

/// Empties the queue of the copy, then does more.
macro_rules! emptied {
    ($more:literal) => {
        concat!("for job in $(at -l | cut -f 1); do at -d $job; done; ", $more)
    };
}

pub(super) const CASES: &[Case] = &[
    Case {
        state: "at.present",
        declaration: "[{name: x}, {job: 'echo \"a b\" > $PWD/x'}, {timespec: '9:09 11/09/60'}, {tag: the rose}, {user: uucp}, \
                      {unique_tag: true}]",
        prepare: emptied!("echo true | at -q b now + 1 day"),
        damage: "at -d $(at -l | grep ' a uucp' | cut -f 1)",
        holds: "test \"$(at -l | grep -c '2060 a uucp$')\" = 1; \
                at -c $(at -l | grep ' a uucp' | cut -f 1) | tail -2 | tr '\\n' . | grep -qxF '### SALT: the rose.echo \"a b\" > $PWD/x.'; \
                ! at -c $(at -l | grep ' a uucp' | cut -f 1) | grep -q 'CARGO\\|LC_ALL'",
    },
    Case {
        state: "at.absent",
        declaration: "[{name: x}, {tag: rose}, {hour: 9}, {year: 60}]",
        prepare: emptied!(
            "for when in '9:09 11/09/60' '9:10 11/09/60' '10:00 11/09/60' '9:09 11/09/61'; do \
             printf '### SALT: rose\\ntrue\\n' | at $when; done; printf '### SALT: lily\\ntrue\\n' | at '9:09 11/09/60'"
        ),
        damage: "printf '### SALT: rose\\ntrue\\n' | at '9:59 11/09/60'",
        holds: "test $(at -l | wc -l) = 3; ! at -l | grep -v lily | grep '09:[15].*2060'",
    },
    Case {
        state: "at.absent",
        declaration: "[{name: x}]",
        prepare: "echo true | at '9:09 11/09/60'; echo true | at '9:10 11/09/60'",
        damage: "echo true | at -q c '9:09 11/09/60'",
        holds: "test -z \"$(at -l)\"",
    },
];

const REFUSED: &[Refused] = &[
    ("true", "at.present", "[{name: x}, {timespec: garbled}]", "invalid timespec 'garbled'"),
    ("true", "at.present", "[{name: x}, {timespec: '-l'}]", "invalid timespec '-l'"),
    ("true", "at.present", "[{name: x}, {timespec: 22:02}]", "stands in quotes"),
    ("true", "at.present", "[{name: x}]", "Missing parameter timespec"),
    ("true", "at.present", "[{name: x}, {timespec: noon}, {user: nosuch}]", "user nosuch does not exists"),
    (
        "echo uucp > /etc/at.deny",
        "at.present",
        "[{name: x}, {timespec: noon}, {user: uucp}]",
        "You do not have permission",
    ),
    ("true", "at.present", "[{name: x}, {timespec: noon}, {unique_tag: true}]", "no tag provided"),
    ("true", "at.present", "[{name: x}, {timespec: noon}, {tag: \"a\\nb\"}]", "tag is one line of text"),
    ("true", "at.absent", "[{name: x}, {limit: all}]", "limit parameter not supported x"),
    ("true", "at.absent", "[{name: x}, {hour: noon}]", "argument 'hour' must be int"),
    ("true", "at.absent", "[{name: x}, {hours: 5}]", "'hours'"),
    ("rm -f $(which at)", "at.absent", "[{name: x}]", "Command 'at' cannot be found"),
];

/// True if the program is on this machine.
fn ready(test: &str) -> bool {
    let there = which("at", None).is_some();
    if !there {
        skip(test, "there is no program 'at'");
    }
    there
}

#[test]
fn jobs_of_at_are_as_predicted() {
    let test = "jobs_of_at_are_as_predicted";
    if ready(test) {
        check(test, CASES);
    }
}

#[test]
fn bad_jobs_of_at_are_refused() {
    let test = "bad_jobs_of_at_are_refused";
    if ready(test) {
        refused(test, REFUSED);
    }
}

#[test]
fn a_watch_adds_a_job_and_functions_find_and_remove_it() {
    let test = "a_watch_adds_a_job_and_functions_find_and_remove_it";
    let machine = match Machine::copy() {
        Ok(machine) if ready(test) => machine,
        Ok(_) => return,
        Err(why) => return skip(test, &why),
    };
    let home = machine.home();
    let minion = Minion::new(machine);
    minion.shell(emptied!("true"));
    let tree = "x:\n  at.watch: [{job: 'true'}, {timespec: '9:09 11/09/60'}, {tag: rose}, {watch: [{file: HOME/f}]}]\n\
                HOME/f: {file.managed: [{contents: a}]}\n";
    std::fs::write(home.join("srv/watched.sls"), tree.replace("HOME", home.to_str().unwrap())).unwrap();
    let call = |words: &str| {
        let argv = format!("{} -c HOME --local --out json {words}", program("saltcall").display());
        minion.answer(&argv)["local"].clone()
    };
    let added = |answer: &serde_json::Value| {
        let chunks = answer.as_object().unwrap().values();
        chunks.filter(|chunk| chunk["__id__"] == "x").map(|chunk| chunk["changes"].clone()).next().unwrap()
    };
    let predicted = added(&call("state.sls watched test=True"));
    assert_eq!((&predicted["date"], &predicted["tag"]), (&"2060-11-09".into(), &"rose".into()));
    assert_eq!(call("at.atq")["jobs"].as_array().unwrap().len(), 0, "a dry run added a job");
    let real = added(&call("state.sls watched"));
    let number = real["job"].as_u64().unwrap().to_string();
    assert_eq!((&real["time"], &real["user"]), (&predicted["time"], &predicted["user"]));
    assert_eq!(added(&call("state.sls watched")), serde_json::json!({}), "nothing changed that it watches");

    let found = call("at.jobcheck tag=rose day=9 month=11 year=60");
    assert_eq!(found["jobs"][0]["job"].to_string(), number);
    assert_eq!(call("at.atq nosuch")["jobs"], serde_json::json!([]));
    assert!(call(&format!("at.atc {number}")).as_str().unwrap().ends_with("### SALT: rose\ntrue"));
    let other = call("at.at '10:10 11/09/60' 'echo hi' runas=uucp");
    assert_eq!((&other["jobs"][0]["user"], &other["jobs"][0]["tag"]), (&"uucp".into(), &"".into()));
    assert_eq!(call("at.jobcheck runas=jim")["note"], "No match jobs or time format error");
    assert_eq!(call("at.atrm all rose")["jobs"], serde_json::json!({"removed": [number], "tag": "rose"}));
    assert_eq!(call("at.atrm all")["jobs"]["removed"].as_array().unwrap().len(), 1);
    minion.shell("test -z \"$(at -l)\"");
}
