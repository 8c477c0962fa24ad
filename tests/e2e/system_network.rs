//! What `network.*` says of links, routes and neighbours that are made for it, and the name of a copy.

use fleet_tests::harness::{Machine, program, skip};
use serde_json::{Value, json};

use super::namespace::Namespace;
use super::system_states::Minion;

const LINKS: &str = "ip link set lo up; ip link add veth0 type veth peer name veth1; ip link set veth0 address 02:00:00:00:00:01; \
                     ip link set veth0 up; ip link set veth1 up; ip addr add 192.0.2.1/24 dev veth0; \
                     ip -6 addr add fd00::1/64 dev veth0 nodad; \
                     ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev veth0; \
                     ip -6 neigh add fd00::9 lladdr 02:00:00:00:00:09 dev veth0; \
                     ip route add default via 192.0.2.9; ip route add unreachable 198.51.100.0/24";

#[test]
fn links_routes_and_neighbours_are_as_they_were_made() {
    let test = "links_routes_and_neighbours_are_as_they_were_made";
    let namespace = match Namespace::new("ip", "ip route") {
        Ok(namespace) => namespace,
        Err(why) => return skip(test, &why),
    };
    namespace.shell(LINKS);
    let said = |words: &[&str]| -> Value { namespace.call(words).json()["local"].clone() };
    let default = json!({"addr_family": "inet", "destination": "0.0.0.0", "gateway": "192.0.2.9", "netmask": "0.0.0.0",
                         "flags": "UG", "interface": "veth0"});
    assert_eq!(said(&["network.default_route", "inet"]), json!([default]));
    let routes = said(&["network.routes", "family=inet"]);
    let flags = |net: &str| {
        routes.as_array().unwrap().iter().find(|route| route["destination"] == net).unwrap()["flags"].clone()
    };
    assert_eq!((flags("192.0.2.0"), flags("198.51.100.0")), ("U".into(), "!".into()));
    let six = said(&["network.routes", "inet6"]);
    assert!(
        six.as_array()
            .unwrap()
            .iter()
            .any(|route| route["destination"] == "fd00::/64" && route["interface"] == "veth0")
    );
    let route =
        json!({"destination": "203.0.113.7", "gateway": "192.0.2.9", "interface": "veth0", "source": "192.0.2.1"});
    assert_eq!(said(&["network.get_route", "203.0.113.7"]), route);
    for function in ["network.arp", "network.ip_neighs", "network.ipneighs"] {
        assert_eq!(said(&[function]), json!({"02:00:00:00:00:09": "192.0.2.9"}), "{function}");
    }
    assert_eq!(said(&["network.ip_neighs6"]), json!({"02:00:00:00:00:09": "fd00::9"}));
    assert_eq!(said(&["network.ip_networks", "interface=ve*"]), json!(["192.0.2.0/24"]));
    assert_eq!(said(&["network.ip_networks", "interface=eth*,lo"]), json!([]));
    assert_eq!(said(&["network.ip_networks", "lo", "include_loopback=True"]), json!(["127.0.0.0/8"]));
    let figures = json!({"address": "192.0.2.0", "netmask": "255.255.255.0", "num_addresses": 256, "prefixlen": 24});
    assert_eq!(said(&["network.ip_networks", "verbose=True"]), json!({"192.0.2.0/24": figures}));
    assert!(said(&["network.ip_networks6"]).as_array().unwrap().contains(&"fd00::/64".into()));
    assert_eq!(said(&["network.interface", "veth0"])[0]["address"], "192.0.2.1");
    assert_eq!(said(&["network.interface", "veth1"]), "");
    assert_eq!(said(&["network.ifacestartswith", "192.0.2"]), json!(["veth0"]));
    assert_eq!(said(&["network.ping", "127.0.0.1", "return_boolean=True"]), true);
    assert!(
        said(&["network.ping", "127.0.0.1", "timeout=2"])
            .as_str()
            .unwrap()
            .contains("4 packets transmitted, 4 received")
    );
    assert_eq!(said(&["network.traceroute", "127.0.0.1"])[0]["ip"], "127.0.0.1");
    assert_eq!(said(&["network.wol", "08:00:27:13:69:77", "192.0.2.255", "7"]), true);
    assert_eq!(said(&["network.netstat"]), json!([]));
}

#[test]
fn bad_questions_about_the_network_are_refused() {
    let namespace = match Namespace::new("ip", "ip route") {
        Ok(namespace) => namespace,
        Err(why) => return skip("bad_questions_about_the_network_are_refused", &why),
    };
    let refused: &[(&[&str], &str)] = &[
        (&["network.routes", "inet5"], "Invalid address family inet5"),
        (&["network.get_route", "bad"], "'bad' does not appear to be an IPv4 or IPv6 address"),
        (&["network.get_route", "203.0.113.7"], "unreachable"),
        (&["network.interface", "nope0"], "Interface nope0 not in available interfaces"),
        (&["network.ping", "host=-f"], "cannot be the name of a host"),
        (&["network.ping", "127.0.0.1", "timeout=soon"], "timeout is a number of seconds"),
        (&["network.dig", "@192.0.2.1"], "cannot be the name of a host"),
        (&["network.connect", "127.0.0.1", "0"], "a port is 1 to 65535, not 0"),
        (&["network.connect", "127.0.0.1", "1", "proto=sctp"], "proto is tcp or udp, not 'sctp'"),
        (&["network.connect", "127.0.0.1", "1", "timeout=-1"], "timeout is more than 0"),
        (&["network.wol", "bad"], "Invalid MAC address"),
        (&["network.iphexval", "::1"], "does not appear to be an IPv4 address"),
        (&["network.get_bufsize", "lo"], "ethtool: netlink error"),
        (&["network.mod_bufsize", "lo", "rx=many"], "rx is a number, not many"),
        (&["network.mod_bufsize", "lo", "size=5"], "there is no buffer 'size'"),
        (&["network.mod_bufsize", "lo"], "a size is needed"),
    ];
    for (words, told) in refused {
        let finished = namespace.call(words);
        let said = format!("{}{}", finished.stdout, finished.stderr);
        assert!(finished.status != 0 && said.contains(told), "{words:?}: {finished:?}");
    }
}

#[test]
fn a_machine_gets_another_name() {
    let machine = match Machine::copy() {
        Ok(machine) => machine,
        Err(why) => return skip("a_machine_gets_another_name", &why),
    };
    let minion = Minion::new(machine);
    // The name of a kernel is not part of the copy: it is of a namespace that ends with the call.
    let called = |name: &str| {
        let call = format!("{} -c HOME --local --out json network.mod_hostname {name}", program("saltcall").display());
        minion.answer(&format!("unshare --uts sh -c 'hostname was; {call} && test $(hostname) = {name}'"))
    };
    minion.shell("printf '127.0.0.1\\tlocalhost\\n127.0.1.1 was.example was # was\\n' > /etc/hosts; touch /etc/hostname; chmod 640 /etc/hostname");
    assert_eq!(called("web1.example.com")["local"], true);
    minion.shell(
        "test \"$(cat /etc/hostname)\" = web1.example.com; stat -c %a /etc/hostname | grep -qx 640; \
                  grep -qx '127.0.1.1 was.example web1.example.com # was' /etc/hosts",
    );
    minion.shell(&format!(
        "! {} -c HOME --local network.mod_hostname 'a b' 2> HOME/said; grep -q 'name of a machine' HOME/said",
        program("saltcall").display()
    ));
}
