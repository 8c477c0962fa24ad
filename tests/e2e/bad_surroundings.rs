//! What states say where their tools are missing or die, and where nothing can be written: in a copy of this machine.

use fleet_tests::harness::{Machine, skip};
use serde_json::Value;

use crate::system_states::Minion;

/// A state that needs a program of the system, its declaration, and the program's name.
type Tool = (&'static str, &'static str, &'static str);

const TOOLS: &[Tool] = &[
    (
        "alternatives.install",
        "[{name: pick}, {link: /usr/local/pick}, {path: /etc/hosts}, {priority: 5}]",
        "update-alternatives",
    ),
    ("apache_conf.disabled", "[{name: lab}]", "a2disconf"),
    ("apache_module.enabled", "[{name: lab}]", "a2enmod"),
    ("apache_site.disabled", "[{name: lab}]", "a2dissite"),
    ("cmd.run", "[{name: echo x}]", "sh"),
    ("cron.present", "[{name: /bin/true}]", "crontab"),
    ("debconf.set", "[{name: d}, {data: {q: {type: string, value: x}}}]", "debconf-get-selections"),
    ("file.patch", "[{name: /srv/text}, {source: 'salt://p.diff'}]", "patch"),
    ("gem.installed", "[{name: tiny}]", "gem"),
    ("gem.sources_add", "[{name: 'file:///srv/none'}]", "gem"),
    ("git.latest", "[{name: /srv/o.git}, {target: /srv/new}]", "git"),
    ("git.present", "[{name: /srv/new.git}]", "git"),
    ("git.config_set", "[{name: a.b}, {value: c}, {global: true}]", "git"),
    ("group.present", "[{name: fleetg}]", "groupadd"),
    ("group.absent", "[{name: games}]", "groupdel"),
    ("iptables.append", "[{chain: INPUT}, {jump: ACCEPT}]", "iptables"),
    ("kmod.present", "[{name: lab_module}]", "modprobe"),
    ("locale.present", "[{name: bs_BA.UTF-8}]", "locale"),
    ("mount.mounted", "[{name: /srv}, {device: tmpfs}, {fstype: tmpfs}, {persist: false}]", "mount"),
    ("mysql_user.present", "[{name: larry}, {password: x}]", "mysql"),
    ("pip.installed", "[{name: tiny}]", "python3"),
    ("pkg.installed", "[{name: no-such-package}]", "no apt-get (for aptpkg)"),
    ("pkg.removed", "[{name: debianutils}]", "no apt-get (for aptpkg)"),
    ("postgres_user.present", "[{name: larry}]", "psql"),
    ("service.enabled", "[{name: fleet-script}]", "update-rc.d"),
    ("ssh_known_hosts.present", "[{name: 127.0.0.1}]", "ssh-key"),
    ("supervisord.running", "[{name: x}]", "supervisorctl"),
    ("user.present", "[{name: fleetu}]", "useradd"),
    ("user.absent", "[{name: games}]", "userdel"),
    ("virtualenv.managed", "[{name: /srv/venv}, {venv_bin: venv}]", "python3"),
    ("webutil.user_exists", "[{name: larry}, {password: x}, {htpasswd_file: /srv/passwords}]", "htpasswd"),
    ("x509.private_key_managed", "[{name: /srv/key}]", "openssl"),
];

/// What the tools are to work on.
const GROUND: &str = "cp /etc/hosts /srv/text; git init -q --bare /srv/o.git; \
    printf -- '--- a\\n+++ b\\n@@ -1 +1 @@\\n-x\\n+y\\n' > HOME/srv/p.diff; \
    mkdir -p /lib/modules/$(uname -r) /etc/apache2/conf-enabled /etc/apache2/sites-enabled; touch /lib/modules/$(uname -r)/lab_module.ko; \
    touch /etc/apache2/conf-enabled/lab.conf /etc/apache2/sites-enabled/lab.conf; \
    mkdir -p /etc/init.d; printf '#!/bin/sh\\nexit 0\\n' > /etc/init.d/fleet-script; chmod 755 /etc/init.d/fleet-script";

/// No program of the system is there.
const NONE: &str = "for at in /usr/local/bin /usr/local/sbin /usr/sbin /usr/bin; do mount -t tmpfs none $at; done";

/// Every program of the system dies as soon as it runs.
const KILLED: &str = "mkdir -p /run/k/bin /run/k/sbin; cp /bin/dash /run/k/real; \
    printf '#!/run/k/real\\nkill -KILL $$\\n' > /run/k/dies; \
    for d in bin sbin; do cd /run/k/$d; ls /usr/$d | xargs -n 400 sh -c 'tee \"$@\" < /run/k/dies > /dev/null' sh; chmod 755 *; done; \
    cd /; for at in /usr/local/bin /usr/local/sbin; do mount -t tmpfs none $at; done; mount --bind /run/k/sbin /usr/sbin; mount --bind /run/k/bin /usr/bin";

/// Runs states where a line of shell was run before; each must fail with its words, for real, and change nothing.
fn refused(test: &str, ground: &str, line: &str, cases: &[(&str, &str, String)]) {
    let machine = match Machine::copy() {
        Ok(machine) => machine,
        Err(why) => return skip(test, &why),
    };
    let minion = Minion::new(machine);
    minion.shell(ground);
    let before = minion.changed();
    let sls: String =
        cases.iter().enumerate().map(|(at, (state, body, _))| format!("'{at}':\n  {state}: {body}\n")).collect();
    for dry in [true, false] {
        let (status, chunks) = minion.run(&sls, line, dry);
        assert!(dry || status != 0);
        let mut wrong = Vec::new();
        for (at, (state, body, told)) in cases.iter().enumerate() {
            let id = at.to_string();
            let chunk = chunks.values().find(|chunk| chunk["__id__"] == id.as_str()).unwrap();
            // What only doing it shows is no failure of a dry run.
            let settled = dry && chunk["result"] == Value::Null;
            let comment = chunk["comment"].as_str().unwrap_or_default();
            if !(settled || chunk["result"] == false && comment.contains(told.as_str())) {
                wrong.push(format!("{state} {body} (dry: {dry}, expects {told:?}): {}: {comment}", chunk["result"]));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert_eq!(minion.changed(), before, "something was left behind");
    }
}

#[test]
fn a_tool_that_is_missing_is_named() {
    let cases: Vec<_> = TOOLS.iter().map(|(state, body, tool)| (*state, *body, (*tool).to_owned())).collect();
    refused("a_tool_that_is_missing_is_named", GROUND, NONE, &cases);
}

/// A function that needs a program of the system, its arguments in YAML, and the program's name.
const FUNCTIONS: &[(&str, &str, &str)] = &[
    ("alternatives.install", "[pick, /usr/local/pick, /etc/hosts, 5]", "update-alternatives"),
    ("apache.version", "[]", "apache2ctl"),
    ("apache.a2enmod", "[lab]", "a2enmod"),
    ("at.atq", "[]", "at"),
    ("cron.raw_cron", "[root]", "crontab"),
    ("debconf.get_selections", "[]", "debconf-get-selections"),
    ("dig.A", "[localhost]", "dig"),
    ("gem.list", "[]", "gem"),
    ("git.init", "[/srv/new]", "git"),
    ("group.add", "[fleetg]", "groupadd"),
    ("helm.version", "[]", "helm"),
    ("iptables.get_rules", "[]", "iptables"),
    ("kmod.load", "[lab_module]", "modprobe"),
    ("locale.list_avail", "[]", "locale"),
    ("mount.mount", "[/srv/x, tmpfs]", "mount"),
    ("mysql.db_list", "[]", "mysql"),
    ("network.ping", "[127.0.0.1]", "ping"),
    ("network.traceroute", "[127.0.0.1]", "traceroute"),
    ("nftables.list_tables", "[]", "nft"),
    ("nginx.version", "[]", "nginx"),
    ("npm.list", "[]", "npm"),
    ("pip.list", "[]", "python3"),
    ("pkg.version", "[bash]", "no apt-get (for aptpkg)"),
    ("pkg.list_pkgs", "[]", "no apt-get (for aptpkg)"),
    ("pkg.install", "[bash]", "no apt-get (for aptpkg)"),
    ("postgres.db_list", "[]", "psql"),
    ("rabbitmq.status", "[]", "rabbitmqctl"),
    ("service.enable", "[fleet-script]", "update-rc.d"),
    ("ssh.recv_known_host_entries", "[127.0.0.1]", "ssh-key"),
    ("supervisord.status", "[]", "supervisorctl"),
    ("user.add", "[fleetu]", "useradd"),
    ("virtualenv.create", "[/srv/venv]", "python3"),
    ("webutil.useradd", "[/srv/passwords, larry, x]", "htpasswd"),
    ("x509.create_private_key", "[]", "openssl"),
];

#[test]
fn a_tool_that_a_function_needs_is_named() {
    let case = |(name, arguments, tool): &(&str, &str, &str)| {
        ("module.run", &*format!("[{{{name}: {arguments}}}]").leak(), (*tool).to_owned())
    };
    let cases: Vec<_> = FUNCTIONS.iter().map(case).collect();
    refused("a_tool_that_a_function_needs_is_named", GROUND, NONE, &cases);
}

#[test]
fn a_tool_that_is_killed_has_not_answered() {
    let dies = |(state, body, _): &Tool| (*state, *body, "signal 9 (SIGKILL)".to_owned());
    // A command that is killed is an answer of its own.
    let cases: Vec<_> = TOOLS.iter().filter(|(state, ..)| *state != "cmd.run").map(dies).collect();
    refused("a_tool_that_is_killed_has_not_answered", GROUND, KILLED, &cases);
}

/// States that write files, in `/mnt`; `BIG` is a text of 60,000 letters.
const FILES: &[(&str, &str)] = &[
    ("apache.configfile", "[{name: /mnt/site}, {config: [{Listen: 80}]}]"),
    ("archive.extracted", "[{name: /mnt/out}, {source: HOME/a.tar.gz}]"),
    ("archive.extracted", "[{name: /mnt/deep/out}, {source: HOME/a.zip}]"),
    ("file.append", "[{name: /mnt/text}, {text: BIG}]"),
    ("file.append", "[{name: /mnt/new/log}, {text: BIG}, {makedirs: true}]"),
    ("file.blockreplace", "[{name: /mnt/text}, {content: BIG}, {append_if_not_found: true}]"),
    ("file.comment", "[{name: /mnt/text}, {regex: '^key'}]"),
    ("file.copy", "[{name: /mnt/copy}, {source: /etc/services}]"),
    ("file.copy", "[{name: /mnt/text}, {source: /etc/services}, {force: true}]"),
    ("file.copy", "[{name: /mnt/new/copy}, {source: /etc/services}, {makedirs: true}]"),
    ("file.copy", "[{name: /mnt/copies}, {source: HOME/srv/tree}]"),
    ("file.decode", "[{name: /mnt/decoded}, {encoded_data: aGVsbG8K}]"),
    ("file.keyvalue", "[{name: /mnt/text}, {key: key}, {value: BIG}]"),
    ("file.line", "[{name: /mnt/text}, {mode: ensure}, {content: BIG}, {after: key}]"),
    ("file.managed", "[{name: /mnt/new}, {contents: BIG}]"),
    ("file.managed", "[{name: /mnt/new/deep/file}, {contents: BIG}, {makedirs: true}]"),
    ("file.managed", "[{name: /mnt/text}, {contents: BIG}]"),
    ("file.patch", "[{name: /mnt/text}, {source: 'salt://p.diff'}]"),
    ("file.prepend", "[{name: /mnt/text}, {text: BIG}]"),
    ("file.recurse", "[{name: /mnt/tree}, {source: 'salt://tree'}]"),
    ("file.rename", "[{name: /mnt/text}, {source: HOME/pem}, {force: true}]"),
    ("file.replace", "[{name: /mnt/text}, {pattern: key}, {repl: BIG}]"),
    ("file.serialize", "[{name: /mnt/data.json}, {dataset: {a: BIG}}, {serializer: json}]"),
    ("file.uncomment", "[{name: /mnt/text}, {regex: word}]"),
    ("ini.options_present", "[{name: /mnt/ini}, {sections: {a: {b: BIG}}}]"),
    ("ini.sections_present", "[{name: /mnt/ini}, {sections: [new]}]"),
    ("webutil.user_absent", "[{name: larry}, {htpasswd_file: /mnt/passwords}]"),
    ("webutil.user_exists", "[{name: moe}, {password: x}, {htpasswd_file: /mnt/passwords}]"),
    ("webutil.user_exists", "[{name: moe}, {password: x}, {htpasswd_file: /mnt/new-passwords}]"),
    ("x509.pem_managed", "[{name: /mnt/pem}, {text: HOME/pem}]"),
    ("x509.private_key_managed", "[{name: /mnt/key}, {algo: ed25519}]"),
];

/// States that a file system refuses which is for reading only, beside those that write.
const READ_ONLY: &[(&str, &str)] = &[
    ("alias.present", "[{name: root}, {target: me@example.org}]"),
    ("debconf.set", "[{name: d}, {data: {q: {type: string, value: x}}}]"),
    ("file.absent", "[{name: /mnt/text}]"),
    ("file.directory", "[{name: /mnt/dir}]"),
    ("file.hardlink", "[{name: /mnt/hard}, {target: /mnt/text}]"),
    ("file.mknod", "[{name: /mnt/pipe}, {ntype: p}]"),
    ("file.rename", "[{name: /mnt/other}, {source: /mnt/text}]"),
    ("file.symlink", "[{name: /mnt/link}, {target: /mnt/text}]"),
    ("file.tidied", "[{name: /mnt/tidy}, {matches: ['.*old$']}]"),
    ("file.touch", "[{name: /mnt/touched}]"),
    ("git.present", "[{name: /mnt/bare.git}]"),
    ("host.present", "[{name: lab.example}, {ip: 192.0.2.1}]"),
    ("ini.options_absent", "[{name: /mnt/ini}, {sections: {a: [b]}}]"),
    ("ini.sections_absent", "[{name: /mnt/ini}, {sections: [a]}]"),
    ("locale.system", "[{name: POSIX}]"),
    ("mount.fstab_present", "[{name: tmpfs}, {fs_file: /srv/x}, {fs_vfstype: tmpfs}, {fs_mount: false}]"),
    (
        "pkgrepo.managed",
        "[{name: 'deb file:/srv/none ./'}, {file: /etc/apt/sources.list.d/lab.list}, {refresh: false}]",
    ),
    (
        "ssh_auth.present",
        "[{name: AAAAC3NzaC1lZDI1NTE5AAAAIJBGlxWyY1yG6V2bBGJAB3BF5FzRxL0ruU7RTXcb5nWo}, {user: root}, {enc: ssh-ed25519}, {config: /mnt/keys}]",
    ),
    ("ssh_known_hosts.present", "[{name: lab.example}, {enc: ssh-rsa}, {key: AAAAB3NzaC1yc2E}]"),
    ("sysctl.present", "[{name: net.ipv4.ip_default_ttl}, {value: 64}, {config: /etc/sysctl.d/lab.conf}]"),
    ("timezone.system", "[{name: Asia/Tokyo}]"),
    ("virtualenv.managed", "[{name: /mnt/venv}, {venv_bin: venv}]"),
];

/// What is in the file system, and what the states read.
const FILLED: &str = "mount -t tmpfs -o size=64k none /mnt; printf 'key=1\\n# word\\n' > /mnt/text; printf '[a]\\nb = 1\\n' > /mnt/ini; \
    mkdir /mnt/tidy; touch /mnt/tidy/a.old; echo '{}' > /mnt/data.json; printf 'larry:x\\ncurly:y\\n' > /mnt/passwords; \
    mkdir -p HOME/srv/tree; echo a > HOME/srv/tree/a; mkdir -p HOME/t/d; echo f > HOME/t/d/f; tar -C HOME/t -czf HOME/a.tar.gz d; (cd HOME/t; python3 -m zipfile -c ../a.zip d); \
    printf -- '-----BEGIN CERTIFICATE-----\\nQUJD\\n-----END CERTIFICATE-----\\n' > HOME/pem; \
    printf -- '--- a\\n+++ b\\n@@ -1,2 +1,2 @@\\n-key=1\\n+key=2\\n # word\\n' > HOME/srv/p.diff";

/// As [`refused`], in a file system of its own whose content is looked at before and after.
fn unwritten(test: &str, line: &str, cases: &[(&str, &str)], told: &str) {
    let machine = match Machine::copy() {
        Ok(machine) => machine,
        Err(why) => return skip(test, &why),
    };
    let minion = Minion::new(machine);
    // A file system counts what is in a directory as its size.
    let look = "find /mnt -type d -printf \"%p %m\\n\" | sort; find /mnt ! -type d -printf \"%p %m %s %l\\n\" | sort; \
                find /mnt -type f | sort | xargs sha256sum";
    let mut sls = String::new();
    for (number, (state, body)) in cases.iter().enumerate() {
        let body = body.replace("BIG", "{{ 'x' * 60000 }}");
        sls += &format!("'{number}':\n  {state}: {body}\n");
    }
    for order in ["first", "last"] {
        sls += &format!("{order}:\n  cmd.run: [{{name: '{look}'}}, {{order: {order}}}]\n");
    }
    let (status, chunks) = minion.run(&sls, &format!("{FILLED}; {line}"), false);
    assert_ne!(status, 0);
    let found = |id: &str| chunks.values().find(|chunk| chunk["__id__"] == id).unwrap();
    let mut wrong = Vec::new();
    for (number, (state, body)) in cases.iter().enumerate() {
        let chunk = found(&number.to_string());
        let comment = chunk["comment"].as_str().unwrap_or_default();
        if chunk["result"] != false || !comment.contains(told) {
            wrong.push(format!("{state} {body}: {}: {comment}", chunk["result"]));
        }
    }
    assert!(wrong.is_empty(), "these do not say {told:?}:\n{}", wrong.join("\n"));
    let seen = |id: &str| found(id)["changes"]["stdout"].as_str().unwrap().to_owned();
    assert_eq!(seen("first"), seen("last"));
    assert!(seen("first").contains("/mnt/text"));
}

#[test]
fn a_full_disk_is_named_and_nothing_is_half_written() {
    let line = "head -c 1000000 /dev/zero > /mnt/fill || true";
    unwritten("a_full_disk_is_named_and_nothing_is_half_written", line, FILES, "No space left on device");
}

#[test]
fn a_file_system_for_reading_only_is_named_and_nothing_is_half_written() {
    let line = "mount -o remount,ro /mnt; mount --bind /etc /etc; mount -o remount,bind,ro /etc; \
                mount --bind /var/cache/debconf /var/cache/debconf; mount -o remount,bind,ro /var/cache/debconf";
    let cases = [FILES, READ_ONLY].concat();
    let test = "a_file_system_for_reading_only_is_named_and_nothing_is_half_written";
    unwritten(test, line, &cases, "Read-only file system");
}
