//! Cases of `alias`, `debconf`, `kmod` and `locale` for `system_states`, and what they say of bad input.

use fleet_minion::system::command::which;
use fleet_tests::harness::skip;

use super::system_states::{Case, Refused, check, refused};

/// Makes a kernel's folder of modules in which `ext4` is a part of the kernel, then does more.
macro_rules! built_in {
    ($more:literal) => {
        concat!(
            "mkdir -p /lib/modules/$(uname -r) /etc/modules-load.d; ",
            "echo kernel/fs/ext4/ext4.ko > /lib/modules/$(uname -r)/modules.builtin; ",
            $more
        )
    };
}

pub(super) const CASES: &[Case] = &[
    Case {
        state: "alias.present",
        declaration: "[{name: root}, {target: [me@example.com, ops]}]",
        prepare: "printf '# c\\nroot: you,\\n  them # why\\nwww: root\\n' > /etc/aliases",
        damage: "sed -i s/ops/oops/ /etc/aliases; echo root: twice >> /etc/aliases",
        holds: "test \"$(tr '\\n' . < /etc/aliases)\" = '# c.root: me@example.com, ops # why.www: root.'",
    },
    Case {
        state: "alias.absent",
        declaration: "[{name: root}]",
        prepare: "printf '# c\\nroot: you,\\n  them\\nwww: root\\n' > /etc/aliases",
        damage: "echo root: twice >> /etc/aliases",
        holds: "test \"$(tr '\\n' . < /etc/aliases)\" = '# c.www: root.'",
    },
    Case {
        state: "debconf.set",
        declaration: "[{name: fleet-d}, {data: {fleet-d/b: {type: boolean, value: true}, fleet-d/p: {type: password, value: geheim}, fleet-d/s: {type: string, value: two words}}}]",
        prepare: "",
        damage: "echo fleet-d fleet-d/b boolean false | debconf-set-selections",
        holds: "debconf-get-selections | grep -qP '^fleet-d\\tfleet-d/b\\tboolean\\ttrue$'; \
                debconf-get-selections | grep -qP '^fleet-d\\tfleet-d/s\\tstring\\ttwo words$'; \
                debconf-get-selections | grep -qP '^fleet-d\\tfleet-d/p\\tpassword\\tgeheim$'",
    },
    Case {
        state: "debconf.set_file",
        declaration: "[{name: x}, {source: HOME/answers}, {template: jinja}, {context: {word: one}}]",
        prepare: "printf '# c\\nfleet-d fleet-d/s string {{ word }} two\\n' > HOME/answers",
        damage: "echo fleet-d fleet-d/s string three | debconf-set-selections",
        holds: "debconf-get-selections | grep -qP '^fleet-d\\tfleet-d/s\\tstring\\tone two$'",
    },
    // Kernels of test machines load no modules: what a state does for the next start is shown with one that is built in.
    Case {
        state: "kmod.present",
        declaration: "[{name: x}, {mods: [ext4]}, {persist: true}]",
        prepare: built_in!("printf '#ext4\\nloop max=8\\n' > /etc/modules-load.d/salt_managed.conf"),
        damage: "echo '# nothing' > /etc/modules-load.d/salt_managed.conf",
        holds: "grep -qx ext4 /etc/modules-load.d/salt_managed.conf",
    },
    Case {
        state: "kmod.absent",
        declaration: "[{name: ext4}, {persist: true}, {comment: false}]",
        prepare: built_in!("printf 'loop\\next4\\n' > /etc/modules-load.d/salt_managed.conf"),
        damage: "printf 'ext4\\nloop\\n' > /etc/modules-load.d/salt_managed.conf",
        holds: "test \"$(cat /etc/modules-load.d/salt_managed.conf)\" = loop",
    },
    Case {
        state: "locale.present",
        declaration: "[{name: bs_BA.UTF-8}]",
        prepare: "printf '# bs_BA.UTF-8 UTF-8\\n# ia_FR UTF-8\\n' > /etc/locale.gen",
        damage: "localedef --delete-from-archive bs_BA.utf8; sed -i 's/^bs/# bs/' /etc/locale.gen",
        holds: "locale -a | grep -qx bs_BA.utf8; grep -qx 'bs_BA.UTF-8 UTF-8' /etc/locale.gen; grep -q '^# ia_FR' /etc/locale.gen",
    },
    Case {
        state: "locale.system",
        declaration: "[{name: C.UTF-8}]",
        prepare: "printf '# c\\nLANG=de_DE\\nLC_TIME=POSIX\\n' > /etc/default/locale",
        damage: "rm /etc/default/locale",
        holds: "grep -qx 'LANG=\"C.UTF-8\"' /etc/default/locale",
    },
];

/// True if the programs of a state's family are on this machine.
fn ready(test: &str, state: &str) -> bool {
    const TOOLS: &[(&str, &str)] = &[
        // One a line, so that branches that add families merge.
        ("debconf.", "debconf-get-selections"),
        ("locale.", "locale-gen"),
    ];
    let needed = TOOLS.iter().find(|(family, _)| state.starts_with(family)).map(|(_, program)| *program);
    let missing = needed.filter(|program| which(program, None).is_none());
    if let Some(program) = missing {
        skip(test, &format!("there is no program '{program}'"));
    }
    missing.is_none()
}

#[test]
fn families_of_the_system_are_as_predicted() {
    let test = "families_of_the_system_are_as_predicted";
    for case in CASES.iter().filter(|case| ready(test, case.state)) {
        check(test, std::slice::from_ref(case));
    }
}

const REFUSED: &[Refused] = &[
    ("true", "alias.present", "[{name: root}, {target: {a: b}}]", "target is an address or a list of them"),
    ("true", "alias.present", "[{name: 'a: b'}, {target: c}]", "cannot be the name of an alias"),
    ("true", "alias.present", "[{name: root}, {target: \"a\\nb: c\"}]", "target is one line of text"),
    ("true", "locale.present", "[{name: xx_YY.UTF-8}]", "the system does not know it"),
    ("mount -t tmpfs -o ro none /etc/default", "locale.system", "[{name: 'C.UTF-8'}]", "Read-only file system"),
    (
        "rm -f $(which locale-gen localedef)",
        "locale.present",
        "[{name: eo}]",
        "\"locale-gen\" or \"localedef\" was not found",
    ),
    ("true", "kmod.present", "[{name: no_such_module}]", "Kernel module no_such_module is unavailable"),
    ("true", "kmod.present", "[{name: x}, {persist: [1]}]", "argument 'persist' must be bool"),
    ("true", "debconf.set", "[{name: p}, {data: {q: {type: string}}}]", "q: an answer is a mapping of type and value"),
    (
        "true",
        "debconf.set",
        "[{name: p}, {data: {q: {type: weird, value: 1}}}]",
        "there is no kind 'weird' of questions",
    ),
    ("true", "debconf.set_file", "[{name: x}, {source: 'salt://none'}]", "Source file salt://none not found"),
    (
        "rm -f $(which debconf-get-selections)",
        "debconf.set",
        "[{name: p}, {data: {q: {type: string, value: 1}}}]",
        "Command 'debconf-get-selections' cannot be found",
    ),
];

#[test]
fn bad_input_for_families_of_the_system_is_refused() {
    let test = "bad_input_for_families_of_the_system_is_refused";
    for case in REFUSED.iter().filter(|case| ready(test, case.1)) {
        refused(test, std::slice::from_ref(case));
    }
}
