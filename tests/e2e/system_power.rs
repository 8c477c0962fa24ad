//! `system.*` in a copy of the machine whose programs that stop it or set its clock only write down how they were called.

use fleet_tests::harness::{Machine, program, skip};
use serde_json::Value;

use super::system_states::Minion;

/// Programs that must never run for real.
const NOTED: &[&str] = &["halt", "poweroff", "shutdown", "init", "reboot", "systemctl", "hwclock"];

/// A minion whose programs note their calls in `HOME/calls`; they fail while there is a file `HOME/broken`.
fn noting(test: &str) -> Option<Minion> {
    let machine = match Machine::copy() {
        Ok(machine) => machine,
        Err(why) => {
            skip(test, &why);
            return None;
        }
    };
    let minion = Minion::new(machine);
    // Links go first: what they lead to is of other programs.
    minion.shell(
        "printf '#!/bin/sh\\necho ${0##*/} \"$@\" >> HOME/calls\\n! test -e HOME/broken || { echo broken >&2; exit 1; }\\n' > HOME/note; \
         chmod 755 HOME/note; touch HOME/calls",
    );
    for name in NOTED {
        minion.shell(&format!(
            "for at in $(which -a {name}); do rm -f $at; cp HOME/note $at; done; cp HOME/note /usr/sbin/{name}"
        ));
    }
    // The real `date` still tells the time to the shell of a test.
    minion.shell("cp $(which date) HOME/date; at=$(which date); rm -f $at; cp HOME/note $at");
    Some(minion)
}

/// A call that could neither stop the machine nor set its clock or its name, whatever it runs.
fn caged(words: &str) -> String {
    format!(
        "unshare --uts setpriv --bounding-set=-sys_boot,-sys_time {} -c HOME --local --out json {words}",
        program("saltcall").display()
    )
}

fn call(minion: &Minion, words: &str) -> Value {
    minion.answer(&caged(words))["local"].clone()
}

/// The call fails with these words.
fn refused(minion: &Minion, words: &str, told: &str) {
    minion.shell(&format!(
        "! {} > HOME/said 2>&1; grep -qF -e \"{told}\" HOME/said || {{ cat HOME/said; exit 1; }}",
        caged(words)
    ));
}

/// Exactly these programs ran since the last look.
fn ran(minion: &Minion, calls: &str) {
    minion.shell(&format!("printf '{calls}' > HOME/wanted; diff HOME/wanted HOME/calls; : > HOME/calls"));
}

#[test]
fn machines_are_stopped_by_their_own_programs() {
    let Some(minion) = noting("machines_are_stopped_by_their_own_programs") else { return };
    for (words, calls) in [
        ("system.halt", "halt\\n"),
        ("system.poweroff", "poweroff\\n"),
        ("system.init 3", "init 3\\n"),
        ("system.reboot", "shutdown -r now\\n"),
        ("system.reboot 5", "shutdown -r 5\\n"),
        ("system.shutdown", "shutdown -h now\\n"),
        ("system.shutdown at_time=\"'+7'\"", "shutdown -h +7\\n"),
        ("system.shutdown \"'20:30'\"", "shutdown -h 20:30\\n"),
    ] {
        assert_eq!(call(&minion, words), "", "{words}");
        ran(&minion, calls);
    }
    refused(&minion, "system.shutdown at_time=-c", "at_time is a number of minutes, hh:mm or now, not -c");
    refused(&minion, "system.init 33", "runlevel is one of");
    refused(&minion, "system.halt now", "system.halt");
    ran(&minion, "");
    minion.shell("touch HOME/broken");
    refused(&minion, "system.poweroff", "poweroff: broken");
    minion.shell("rm -f HOME/broken $(which -a halt); : > HOME/calls");
    refused(&minion, "system.halt", "Command 'halt' cannot be found");
}

#[test]
fn clocks_are_set_by_date_and_hwclock() {
    let Some(minion) = noting("clocks_are_set_by_date_and_hwclock") else { return };
    let hardware = "hwclock --test --systohc\\nhwclock --systohc\\n";
    for (words, date) in [
        ("2015 5 12 11 37 53", "date 051211372015.53"),
        ("2015 5 12 11 37 53 \"'-0500'\"", "date -u 051216372015.53"),
        ("2015 12 31 20 0 0 utc_offset=\"'+0530'\"", "date -u 123114302015.00"),
    ] {
        assert_eq!(call(&minion, &format!("system.set_system_date_time {words}")), true);
        ran(&minion, &format!("{date}\\n{hardware}"));
    }
    // The part that is not given is that of now, which passes: only its form is looked at.
    assert_eq!(call(&minion, "system.set_system_date 03-28-13"), true);
    minion.shell("head -1 HOME/calls | grep -xE 'date 0328[0-9]{4}2013[.][0-9]{2}'; : > HOME/calls");
    assert_eq!(call(&minion, "system.set_system_time \"'11:20:05 PM'\""), true);
    minion.shell("head -1 HOME/calls | grep -xE 'date [0-9]{4}2320[0-9]{4}[.]05'; : > HOME/calls");

    refused(&minion, "system.set_system_date hello", "Invalid date format.");
    refused(&minion, "system.set_system_time nope", "newtime is HH:MM");
    refused(&minion, "system.set_system_date_time 2015 13", "months is a number from 1 to 12, not 13");
    refused(&minion, "system.set_system_date_time 2015 utc_offset=foo", "Invalid UTC offset.");
    ran(&minion, "");
    // A clock that programs cannot set is left alone; a date that is not taken is an error.
    minion.shell("printf '#!/bin/sh\\nexit 1\\n' > $(which hwclock)");
    assert_eq!(call(&minion, "system.has_settable_hwclock"), false);
    assert_eq!(call(&minion, "system.set_system_date_time 2015 5 12 11 37 53"), true);
    ran(&minion, "date 051211372015.53\\n");
    minion.shell("touch HOME/broken");
    refused(&minion, "system.set_system_date_time 2015 5 12 11 37 53", "date: broken");
    minion.shell("rm -f $(which -a hwclock)");
    assert_eq!(call(&minion, "system.has_settable_hwclock"), false);
}

#[test]
fn times_names_and_marks_are_those_of_the_machine() {
    let Some(minion) = noting("times_names_and_marks_are_those_of_the_machine") else { return };
    // Asked before and after: the time of the call lies between.
    let answers = |function: &str| caged(function).replace("--out json", "--out newline_values_only");
    minion.shell(&format!(
        "now() {{ HOME/date -u -d @$(($(HOME/date +%s) + 19800)) '+%Y-%m-%d %H:%M:%S'; }}; \
         now > HOME/times; {} >> HOME/times; now >> HOME/times; cat HOME/times; test $(wc -l < HOME/times) = 3; sort -c HOME/times",
        answers("system.get_system_date_time \"'+0530'\"")
    ));
    minion.shell(&format!(
        "now() {{ LC_ALL=C HOME/date -u '+%a %m/%d/%Y'; }}; \
         before=$(now); said=$({}); after=$(now); test \"$said\" = \"$before\" || test \"$said\" = \"$after\"",
        answers("system.get_system_date \"'+0000'\"")
    ));
    minion.shell(&format!(
        "{} | grep -xE '(0[1-9]|1[0-2]):[0-5][0-9]:[0-5][0-9] [AP]M'",
        answers("system.get_system_time")
    ));
    refused(&minion, "system.get_system_time foo", "Invalid UTC offset.");

    assert_eq!(call(&minion, "system.get_computer_desc"), false);
    assert_eq!(call(&minion, "system.set_computer_desc 'The \"lap\" of $Ann'"), true);
    assert_eq!(call(&minion, "system.get_computer_desc"), "The \"lap\" of $Ann");
    minion.shell(". /etc/machine-info; test \"$PRETTY_HOSTNAME\" = 'The \"lap\" of $Ann'");
    refused(&minion, "system.set_computer_desc \"$(printf 'a\\nb')\"", "desc is one line of text");
    assert_eq!(call(&minion, "system.set_computer_desc ''"), true);
    assert_eq!(call(&minion, "system.get_computer_desc"), false);

    let renamed = caged("system.set_computer_name web1.example.com").replacen("--uts ", "--uts sh -c '", 1);
    let named = minion.answer(&format!("{renamed} && test $(hostname) = web1.example.com'"));
    assert_eq!(named["local"], true);
    minion.shell("grep -qx web1.example.com /etc/hostname");

    // What /run holds is of one start: the mark is set and read in one.
    let get = caged("system.get_reboot_required_witnessed");
    assert_eq!(call(&minion, "system.get_reboot_required_witnessed"), false);
    let witnessed = minion
        .answer(&format!("{} > HOME/set; grep -q true HOME/set; {get}", caged("system.set_reboot_required_witnessed")));
    assert_eq!(witnessed["local"], true);
}
