//! Cases of `network.*` states for `system_states`, and a link that the real `ifup` configures.

use fleet_minion::system::command::which;
use fleet_tests::harness::{Machine, program, skip};

use super::system_states::{Case, Minion, check};

/// Fills the table of links as people write it.
macro_rules! table {
    ($more:literal) => {
        concat!(
            "mkdir -p /etc/network/if-up.d /etc/network/if-down.d; printf '# by hand\\nsource /etc/network/interfaces.d/*\\n\\n",
            "auto lo\\niface lo inet loopback\\n' > /etc/network/interfaces",
            $more
        )
    };
}

/// None of them configures a link: the copy has this machine's.
pub(super) const CASES: &[Case] = &[
    Case {
        state: "network.managed",
        declaration: "[{name: eth7}, {type: eth}, {proto: static}, {ipaddr: 10.1.0.7}, {netmask: 255.255.255.0}, {dns: [10.0.0.1]}, \
                      {ipv6proto: static}, {ipv6addr: '2001:db8::7'}, {ipv6netmask: 64}, {up_cmds: [echo up]}, {noifupdown: true}]",
        prepare: table!(""),
        damage: "sed -i 's/10.1.0.7/10.1.0.8/; s/auto eth7/auto eth8 eth7/' /etc/network/interfaces",
        holds: "grep -qx '# by hand' /etc/network/interfaces; grep -q ^source /etc/network/interfaces; \
                grep -qx '    address 2001:db8::7' /etc/network/interfaces; grep -qx 'auto eth7' /etc/network/interfaces; \
                grep -A3 '^iface eth7 inet static' /etc/network/interfaces | tail -3 | tr -s ' \\n' ' ' | \
                grep -qx ' address 10.1.0.7 netmask 255.255.255.0 dns-nameservers 10.0.0.1 '",
    },
    Case {
        state: "network.routes",
        declaration: "[{name: eth7}, {routes: [{name: office, ipaddr: 10.2.0.0, netmask: 255.255.255.0, gateway: 10.1.0.3}]}, \
                      {require_reboot: true}]",
        prepare: table!(""),
        damage: "sed -i s/10.1.0.3/10.1.0.4/ /etc/network/if-up.d/route-eth7",
        holds: "test -x /etc/network/if-up.d/route-eth7; \
                grep -qx 'ip route add 10.2.0.0/255.255.255.0 via 10.1.0.3 dev eth7' /etc/network/if-up.d/route-eth7; \
                grep -qx 'ip route del 10.2.0.0/255.255.255.0 via 10.1.0.3 dev eth7' /etc/network/if-down.d/route-eth7",
    },
    Case {
        state: "network.system",
        declaration: "[{name: x}, {enabled: true}, {hostname: web7.example.com}, {require_reboot: true}]",
        prepare: "printf 'VERBOSE=no\\n#CONFIGURE_INTERFACES=yes\\n' > /etc/default/networking; echo was > /etc/hostname",
        damage: "printf 'VERBOSE=no\\nCONFIGURE_INTERFACES=no\\n' > /etc/default/networking; echo was > /etc/hostname",
        holds: "test \"$(cat /etc/hostname)\" = web7; grep -qx CONFIGURE_INTERFACES=yes /etc/default/networking; \
                grep -qx VERBOSE=no /etc/default/networking",
    },
];

#[test]
fn the_network_is_as_predicted() {
    check("the_network_is_as_predicted", CASES);
}

#[test]
fn bad_settings_of_the_network_are_refused() {
    let machine = match Machine::copy() {
        Ok(machine) => machine,
        Err(why) => return skip("bad_settings_of_the_network_are_refused", &why),
    };
    let minion = Minion::new(machine);
    minion.shell(table!(""));
    let before = minion.changed();
    let refused = [
        ("ip.build_interface eth7 eth True proto=statc", "Option: proto, Expected: [static|dhcp|"),
        ("ip.build_interface eth7 eth True proto=static ipaddr=10.0.0.300", "Option: ipaddr, Expected: [IPv4 address]"),
        ("ip.build_interface eth7 eth True proto=static nettmask=24", "'nettmask' is no option of eth eth7"),
        ("ip.build_interface eth7 pppoe True provider=x", "type 'pppoe' of a link is not implemented"),
        ("ip.build_interface ../eth7 eth True", "cannot be the name of a link"),
        ("ip.build_interface eth7 slave True", "Option: master, Expected"),
        ("ip.build_routes eth7 routes=x", "Expected: [List of routes]"),
        ("ip.build_network_settings enabled=perhaps", "Setting: networking, Expected"),
        ("ip.build_network_settings hostname=a_b", "Setting: hostname, Expected"),
        ("ip.apply_network_settings apply_hostname=True", "apply_hostname needs the name"),
    ];
    for (words, told) in refused {
        let call = format!("{} -c HOME --local {words}", program("saltcall").display());
        minion.shell(&format!(
            "! {call} > HOME/said 2>&1 || exit 1; grep -qF \"{told}\" HOME/said || {{ cat HOME/said >&2; exit 1; }}"
        ));
    }
    assert_eq!(minion.changed(), before);
}

/// A link of a namespace of its own, by the real `ifup`: begun, changed, begun again after `ifdown`, ended.
const LINK: &str = r#"
cd HOME; mount -t tmpfs tmpfs /run; mkdir -p /run/network
ip link add eth7 type veth peer name eth8
call() { CALL -c HOME --local --out json state.sls case test=$1 > answer || true; }
has() { grep -qF "$1" answer || { echo "no $1 in:"; cat answer; exit 1; }; }
declare_state() { printf 'eth7:\n  network.managed: %s\n' "$1" > srv/case.sls; }
shows() { ip -4 addr show dev eth7 | grep -q "inet $1/24"; }
gone() { if shows "$1"; then echo "$1 is there"; exit 1; fi; }

declare_state '[{proto: static}, {ipaddr: 10.7.0.7}, {netmask: 255.255.255.0}]'
call True; has 'eth7 is set to be added'; gone 10.7.0.7
call False; has 'Interface eth7 added.'; has 'Interface eth7 is up'; shows 10.7.0.7
call False; has '"changes": {}'; call True; has '"changes": {}'
declare_state '[{proto: static}, {ipaddr: 10.7.0.8}, {netmask: 255.255.255.0}]'
call False; has 'Interface eth7 updated.'; shows 10.7.0.8; gone 10.7.0.7
ifdown eth7; gone 10.7.0.8
call True; has 'eth7 is up'; gone 10.7.0.8
call False; shows 10.7.0.8
declare_state '[{proto: static}, {ipaddr: 10.7.0.8}, {netmask: 255.255.255.0}, {enabled: false}]'
call False; has 'eth7 is down'; gone 10.7.0.8
call False; has '"changes": {}'
"#;

#[test]
fn a_link_is_configured_by_ifup() {
    let test = "a_link_is_configured_by_ifup";
    if which("ifup", None).is_none() {
        return skip(test, "there is no program 'ifup'");
    }
    let machine = match Machine::copy() {
        Ok(machine) => machine,
        Err(why) => return skip(test, &why),
    };
    let minion = Minion::new(machine);
    minion.shell(table!(""));
    let script = LINK.replace("CALL", program("saltcall").to_str().unwrap());
    minion.shell(&format!("cat > HOME/link <<'END'\n{script}\nEND\nunshare --net --mount sh -eu HOME/link"));
}
