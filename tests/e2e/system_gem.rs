//! Packages of Ruby, in a copy of this machine, out of a source that is made in it.

use fleet_minion::system::command::which;
use fleet_tests::harness::skip;

use crate::system_states::{Case, check};

/// Two versions of a gem in a source of its own; nothing goes to the network.
macro_rules! gems {
    ($more:literal) => {
        concat!(
            "mkdir -p HOME/source/gems; cd HOME/source/gems\n",
            "for version in 1.0 2.0; do printf \"Gem::Specification.new do |s| s.name='fleet-tiny'; s.version='$version'; ",
            "s.summary='x'; s.authors=['x']; s.files=[]; end\" > tiny.gemspec; gem build -q tiny.gemspec; done\n",
            $more
        )
    };
}

pub(super) const CASES: &[Case] = &[
    Case {
        state: "gem.installed",
        declaration: "[{name: fleet-tiny}, {version: '~> 1.0'}, {source: 'file://HOME/source'}]",
        prepare: gems!("gem generate_index -q --directory HOME/source"),
        damage: "gem uninstall -q -a -x fleet-tiny; gem install -q --local HOME/source/gems/fleet-tiny-2.0.gem --no-document",
        holds: "gem list --local | grep -q 'fleet-tiny (.*1.0)'",
    },
    Case {
        state: "gem.installed",
        declaration: "[{name: HOME/source/gems/fleet-tiny-1.0.gem}]",
        prepare: gems!(""),
        damage: "gem uninstall -q -a -x fleet-tiny; gem install -q --local HOME/source/gems/fleet-tiny-2.0.gem --no-document",
        holds: "gem list --local | grep -q 'fleet-tiny (.*1.0)'",
    },
    Case {
        state: "gem.removed",
        declaration: "[{name: fleet-tiny}]",
        prepare: gems!("gem install -q --local --no-document ./fleet-tiny-1.0.gem"),
        damage: "gem install -q --local --no-document HOME/source/gems/fleet-tiny-2.0.gem HOME/source/gems/fleet-tiny-1.0.gem",
        holds: "! gem list --local | grep -q fleet-tiny",
    },
    Case {
        state: "gem.sources_add",
        declaration: "[{name: 'file://HOME/source'}]",
        prepare: gems!("gem generate_index -q --directory HOME/source"),
        damage: "gem sources -q --remove file://HOME/source",
        holds: "gem sources --list | grep -q '^file://HOME/source$'",
    },
    Case {
        state: "gem.sources_remove",
        declaration: "[{name: 'file://HOME/source'}]",
        prepare: gems!("gem generate_index -q --directory HOME/source; gem sources -q --add file://HOME/source"),
        damage: "gem sources -q --add file://HOME/source",
        holds: "! gem sources --list | grep -q '^file://HOME/source$'",
    },
];

#[test]
fn packages_of_ruby_are_as_predicted() {
    let test = "packages_of_ruby_are_as_predicted";
    match which("gem", None) {
        Some(_) => check(test, CASES),
        None => skip(test, "there is no program 'gem'"),
    }
}
