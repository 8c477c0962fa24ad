//! What name servers say, asked of a real one.

use std::net::{Ipv4Addr, UdpSocket};
use std::process::{Child, Command};

use fleet_common::call::{Arguments, Outcome};
use fleet_common::value::Value;
use fleet_common::yaml;
use fleet_minion::cx::Act;
use fleet_minion::system::command::which;
use fleet_tests::harness::skip;

use super::states::minion;

const RECORDS: &[&str] = &[
    "host-record=web.ex.test,192.0.2.1,2001:db8::1",
    "host-record=mail.ex.test,192.0.2.25",
    "cname=www.ex.test,web.ex.test",
    "mx-host=ex.test,mail.ex.test,10",
    "txt-record=t.ex.test,hello world",
    "txt-record=ex.test,v=spf1 ip4:192.0.2.0/24 include:other.test -all",
    "txt-record=other.test,v=spf1 +ip4:198.51.100.7 -all",
    "ptr-record=1.2.0.192.in-addr.arpa,web.ex.test",
];

/// A name server of this test's own, on an address of its own: dig asks port 53 only.
struct Server {
    child: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start() -> Self {
        let [.., high, low] = std::process::id().to_be_bytes();
        let address = Ipv4Addr::new(127, 53, high, low.max(1));
        let mut command = Command::new("dnsmasq");
        command.args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root"]);
        command.args(["--bind-interfaces", &format!("--listen-address={address}"), "--pid-file="]);
        let child = command.args(RECORDS.iter().map(|record| format!("--{record}"))).spawn().unwrap();
        // It is there once nobody else can have its port.
        while UdpSocket::bind((address, 53)).is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Self { child, address: address.to_string() }
    }
}

fn ask(act: &Act, server: &str, function: &str, name: &str) -> Outcome {
    act.run(function, Arguments::positional([name]).with("nameserver", server)).unwrap()
}

#[test]
fn name_servers_are_asked() {
    if !(rustix::process::geteuid().is_root() && which("dnsmasq", None).is_some() && which("dig", None).is_some()) {
        return skip("name_servers_are_asked", "dig and dnsmasq are needed, and root");
    }
    let scratch = tempfile::tempdir().unwrap();
    let act = minion(scratch.path());
    let server = Server::start();
    for (function, name, expected) in [
        ("dig.A", "www.ex.test", "[192.0.2.1]"),
        ("dnsutil.A", "web.ex.test", "[192.0.2.1]"),
        ("dig.A", "nobody.ex.test", "[]"),
        ("dig.AAAA", "www.ex.test", "['2001:db8::1']"),
        ("dig.CNAME", "www.ex.test", "web.ex.test."),
        ("dig.PTR", "192.0.2.1", "[web.ex.test.]"),
        ("dig.TXT", "t.ex.test", "['\"hello world\"']"),
        ("dnsutil.MX", "ex.test", "[['10', mail.ex.test.]]"),
        ("dig.SPF", "ex.test", "[192.0.2.0/24, 198.51.100.7]"),
        ("dig.NS", "ex.test", "[]"),
    ] {
        let answer = ask(&act, &server.address, function, name);
        assert_eq!((answer.value, answer.retcode), (yaml::load(expected, "expected").unwrap().value, 0), "{function}");
    }
    let resolved = Arguments::positional(["ex.test"]).with("resolve", true).with("nameserver", server.address.as_str());
    let resolved = act.run("dig.MX", resolved).unwrap().value;
    assert_eq!(resolved, yaml::load("[['10', 192.0.2.25]]", "expected").unwrap().value);
    let silent = ask(&act, "127.0.0.1:1", "dig.A", "web.ex.test");
    assert_eq!(silent.value, Value::List(Vec::new()));
    assert_ne!(silent.retcode, 0, "a server that is none is no empty answer");
    for word in ["-f/etc/passwd", "+trace", "@192.0.2.1", "a b", ""] {
        let error = act.run("dig.A", Arguments::positional([word])).unwrap_err().to_string();
        assert!(error.contains("neither a name nor an address"), "{word}: {error}");
    }
}

#[test]
fn a_mistake_names_the_function_that_was_called() {
    let scratch = tempfile::tempdir().unwrap();
    let act = minion(scratch.path());
    for function in ["dig.check_ip", "dnsutil.check_ip"] {
        let error = act.run(function, Arguments::default().with("adr", "::1")).unwrap_err().to_string();
        assert!(error.contains(function), "{error}");
        assert_eq!(act.run(function, Arguments::positional(["::1"])).unwrap().value, Value::Bool(true));
        assert_eq!(act.run(function, Arguments::positional(["999.1.1.1"])).unwrap().value, Value::Bool(false));
    }
}

/// What the reference answers to the same words.
#[test]
fn an_address_may_have_a_mask() {
    let scratch = tempfile::tempdir().unwrap();
    let act = minion(scratch.path());
    let right = ["10.0.0.0/8", "10.0.0.1/32", "10.0.0.0/1", "10.0.0.1/08", "fe80::1/64", "fe80::/8", "fe80::/128"];
    let wrong = ["10.0.0.1/33", "10.0.0.0/0", "10.0.0.1/8/8", "10.0.0.1/", "10.0.0.1/255.0.0.0", "::1/0", "::1/129"];
    for (words, meant) in [(right, true), (wrong, false)] {
        for word in words {
            let answer = act.run("dig.check_ip", Arguments::positional([word])).unwrap().value;
            assert_eq!(answer, Value::Bool(meant), "{word}");
        }
    }
}
