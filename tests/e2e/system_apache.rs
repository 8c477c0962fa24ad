//! What of Apache is switched on and off, in a copy of this machine.

use fleet_minion::system::command::which;
use fleet_tests::harness::skip;

use crate::system_states::{Case, check};

pub(super) const CASES: &[Case] = &[
    Case {
        state: "apache_module.enabled",
        declaration: "[{name: rewrite}]",
        prepare: "a2dismod -q -f rewrite",
        damage: "a2dismod -q -f rewrite",
        holds: "mkdir -p /run/lock; apache2ctl -M | grep -q rewrite_module",
    },
    Case {
        state: "apache_module.disabled",
        declaration: "[{name: autoindex}]",
        prepare: "a2enmod -q autoindex",
        damage: "a2enmod -q autoindex",
        holds: "! test -e /etc/apache2/mods-enabled/autoindex.load",
    },
    Case {
        state: "apache_site.enabled",
        declaration: "[{name: shop.example}]",
        prepare: "echo 'Listen 8123' > /etc/apache2/sites-available/shop.example.conf",
        damage: "a2dissite -q shop.example",
        holds: "test -e /etc/apache2/sites-enabled/shop.example.conf",
    },
    Case {
        state: "apache_site.disabled",
        declaration: "[{name: 000-default}]",
        prepare: "a2ensite -q 000-default",
        damage: "a2ensite -q 000-default",
        holds: "! test -e /etc/apache2/sites-enabled/000-default.conf",
    },
    Case {
        state: "apache_conf.enabled",
        declaration: "[{name: fleet.conf}]",
        prepare: "echo 'ServerName copy' > /etc/apache2/conf-available/fleet.conf",
        damage: "a2disconf -q fleet",
        holds: "test -e /etc/apache2/conf-enabled/fleet.conf",
    },
    Case {
        state: "apache_conf.disabled",
        declaration: "[{name: security}]",
        prepare: "a2enconf -q security",
        damage: "a2enconf -q security",
        holds: "! test -e /etc/apache2/conf-enabled/security.conf",
    },
];

#[test]
fn what_apache_has_on_is_as_predicted() {
    let test = "what_apache_has_on_is_as_predicted";
    match which("a2enmod", None) {
        Some(_) => check(test, CASES),
        None => skip(test, "there is no program 'a2enmod'"),
    }
}
