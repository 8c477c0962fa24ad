//! The web server nginx, run in a copy of this machine with a network of its own.

use fleet_minion::system::command::which;
use fleet_tests::harness::{Machine, program, skip};

/// Calls that are made one after the other beside a running server, and what their answers hold.
const CALLS: &[(&str, &str)] = &[
    ("nginx.version", "\"1."),
    ("nginx.build_info", "--with-http_stub_status_module"),
    ("nginx.configtest", "\"comment\": \"Syntax OK\""),
    ("nginx.signal nonsense", "null"),
    ("nginx.signal reload", "nginx.pid"),
    ("nginx.signal start", "completed successfully!"),
    ("nginx.status http://127.0.0.1:8097/status", "\"requests\": 1"),
    ("nginx.signal reload", "signal process started"),
    ("nginx.signal stop", "signal process started"),
];

#[test]
fn nginx_answers_and_obeys() {
    let test = "nginx_answers_and_obeys";
    if which("nginx", None).is_none() {
        return skip(test, "there is no program 'nginx'");
    }
    let machine = match Machine::copy() {
        Ok(machine) => machine,
        Err(why) => return skip(test, &why),
    };
    let home = machine.home();
    std::fs::write(home.join("minion"), format!("id: copy\nroot_dir: {0}/root\nfile_client: local\n", home.display()))
        .unwrap();
    let call = format!("{} -c {} --local --out json", program("saltcall").display(), home.display());
    // Its processes live as long as one command does: all calls are one.
    let mut line = "ip link set lo up; rm -f /etc/nginx/sites-enabled/*; \
                    echo 'server { listen 127.0.0.1:8097; location /status { stub_status; } }' > /etc/nginx/conf.d/fleet.conf\n"
        .to_owned();
    for (words, _) in CALLS {
        line.push_str(&format!("{call} {words} || true; echo ----\n"));
    }
    line.push_str(&format!("echo broken > /etc/nginx/conf.d/x.conf; {call} nginx.configtest || true\n"));
    let finished = machine.run(&["unshare", "--net", "sh", "-ec", &line]);
    assert_eq!(finished.status, 0, "{}{}", finished.stdout, finished.stderr);
    let answers: Vec<&str> = finished.stdout.split("----\n").collect();
    let broken = ("nginx.configtest", "\"comment\": \"Syntax Error\"");
    assert_eq!(answers.len(), CALLS.len() + 1, "{}{}", finished.stdout, finished.stderr);
    for ((words, wanted), answer) in CALLS.iter().chain([&broken]).zip(answers) {
        assert!(answer.contains(wanted), "{words}: {answer}{}", finished.stderr);
    }
}
