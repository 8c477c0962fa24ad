//! Packages of Node, in a copy of this machine, out of files that are made in it; nothing goes to the network.

use fleet_minion::system::command::which;
use fleet_tests::harness::skip;

use crate::system_states::{Case, check};

/// Two versions of a package as files, and a directory to install below.
macro_rules! packages {
    ($more:literal) => {
        concat!(
            "mkdir -p HOME/made /srv/app; cd HOME/made\n",
            "npm config set --location=user offline=true 2>/dev/null\n",
            "for version in 1.0.0 2.0.0; do printf '{\"name\":\"fleet-tiny\",\"version\":\"%s\"}' $version > package.json; ",
            "npm pack --silent >/dev/null 2>&1; done; rm package.json; cd /srv/app; echo '{}' > package.json\n",
            $more
        )
    };
}

pub(super) const CASES: &[Case] = &[
    Case {
        state: "npm.installed",
        declaration: "[{name: 'fleet-tiny@HOME/made/fleet-tiny-1.0.0.tgz'}, {dir: /srv/app}]",
        prepare: packages!(""),
        damage: "cd /srv/app; npm install --silent HOME/made/fleet-tiny-2.0.0.tgz >/dev/null 2>&1",
        holds: "grep -q 1.0.0 /srv/app/node_modules/fleet-tiny/package.json",
    },
    // npm notes where a package came from below a directory only; for the system the file tells what it holds.
    Case {
        state: "npm.installed",
        declaration: "[{name: HOME/made/fleet-tiny-1.0.0.tgz}]",
        prepare: packages!("npm config set --location=user prefix /srv/system"),
        damage: "npm install --global --silent HOME/made/fleet-tiny-2.0.0.tgz >/dev/null 2>&1",
        holds: "grep -q 1.0.0 /srv/system/lib/node_modules/fleet-tiny/package.json",
    },
    Case {
        state: "npm.installed",
        declaration: "[{name: HOME/made/fleet-tiny-1.0.0.tgz}, {dir: /srv/app}]",
        prepare: packages!(""),
        damage: "cd /srv/app; npm install --silent HOME/made/fleet-tiny-2.0.0.tgz >/dev/null 2>&1",
        holds: "grep -q 1.0.0 /srv/app/node_modules/fleet-tiny/package.json",
    },
    Case {
        state: "npm.removed",
        declaration: "[{name: fleet-tiny}, {dir: /srv/app}]",
        prepare: packages!("npm install --silent HOME/made/fleet-tiny-1.0.0.tgz >/dev/null 2>&1"),
        damage: "cd /srv/app; npm install --silent HOME/made/fleet-tiny-2.0.0.tgz >/dev/null 2>&1",
        holds: "test ! -e /srv/app/node_modules/fleet-tiny",
    },
    Case {
        state: "npm.bootstrap",
        declaration: "[{name: /srv/app}]",
        prepare: packages!(
            "echo '{\"dependencies\":{\"fleet-tiny\":\"file:HOME/made/fleet-tiny-1.0.0.tgz\"}}' > package.json"
        ),
        damage: "rm -r /srv/app/node_modules",
        holds: "grep -q 1.0.0 /srv/app/node_modules/fleet-tiny/package.json",
    },
    Case {
        state: "npm.cache_cleaned",
        declaration: "[{name: ''}, {force: true}]",
        prepare: packages!("npm cache add HOME/made/fleet-tiny-1.0.0.tgz >/dev/null 2>&1"),
        damage: "npm cache add HOME/made/fleet-tiny-2.0.0.tgz >/dev/null 2>&1",
        holds: "test -z \"$(npm cache ls 2>/dev/null)\"",
    },
];

#[test]
fn packages_of_node_are_as_predicted() {
    let test = "packages_of_node_are_as_predicted";
    match which("npm", None) {
        Some(_) => check(test, CASES),
        None => skip(test, "there is no program 'npm'"),
    }
}
