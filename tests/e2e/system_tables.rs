//! Cases of `host`, `ini`, `mount`, `ssh_auth` and `ssh_known_hosts` for `system_states`, and real mounts.

use fleet_tests::harness::{Machine, program, skip};

use super::system_states::{Case, Minion, check};

const ONE: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

/// A declaration in which `ONE` is a key.
macro_rules! with_key {
    ($start:literal, $end:literal) => {
        concat!($start, "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl", $end)
    };
}

pub(super) const CASES: &[Case] = &[
    Case {
        state: "host.present",
        declaration: "[{name: web1}, {ip: [10.0.0.5, 10.0.0.6]}, {comment: ours}, {clean: true}]",
        prepare: "printf '127.0.0.1 localhost\\n10.0.0.7 web1 www\\n' > /etc/hosts",
        damage: "printf '127.0.0.1 localhost\\n10.0.0.5 else\\n10.0.0.7 web1 www\\n' > /etc/hosts",
        holds: "test \"$(grep -c 'web1.*# ours' /etc/hosts)\" = 2; ! grep -q 10.0.0.7.*web1 /etc/hosts; \
                grep -q 10.0.0.7.*www /etc/hosts; grep -q localhost /etc/hosts",
    },
    Case {
        state: "host.absent",
        declaration: "[{name: web1}, {ip: 10.0.0.5}]",
        prepare: "echo 10.0.0.5 web1 www >> /etc/hosts",
        damage: "echo 10.0.0.5 web1 >> /etc/hosts",
        holds: "! grep -q web1 /etc/hosts; grep -q www /etc/hosts",
    },
    Case {
        state: "host.only",
        declaration: "[{name: 10.0.0.5}, {hostnames: [a, b]}]",
        prepare: "echo 10.0.0.5 web1 >> /etc/hosts",
        damage: "sed -i '/10.0.0.5/d' /etc/hosts",
        holds: "grep -qP '^10.0.0.5\\t\\ta b$' /etc/hosts",
    },
    Case {
        state: "ini.options_present",
        declaration: "[{name: /srv/x.ini}, {sections: {a: {b: 5, n: x y}, new: {q: 1}, top: 0}}, {no_spaces: true}]",
        prepare: "printf '# top\\n[a]\\nb = 2\\n; c\\nd = 3\\n' > /srv/x.ini; chmod 600 /srv/x.ini",
        damage: "sed -i 's/^b=.*/b=9/; /^q/d' /srv/x.ini",
        holds: "printf '# top\\ntop=0\\n\\n[a]\\nb=5\\n; c\\nd=3\\nn=x y\\n\\n[new]\\nq=1\\n' | cmp - /srv/x.ini; \
                test \"$(stat -c %a /srv/x.ini)\" = 600",
    },
    Case {
        state: "ini.options_present",
        declaration: "[{name: /srv/x.ini}, {sections: {a: {b: 5}}}, {strict: true}]",
        prepare: "printf 'z = 1\\n[a]\\nb = 2\\nd = 3\\n[o]\\np = 1\\n' > /srv/x.ini",
        damage: "sed -i 's/^b .*/e = 9/' /srv/x.ini",
        holds: "test \"$(tr '\\n' . < /srv/x.ini)\" = '[a].b = 5..[o].p = 1.'",
    },
    Case {
        state: "ini.options_absent",
        declaration: "[{name: /srv/x.ini}, {sections: {a: [b, zz]}}]",
        prepare: "printf '[a]\\nb = 2\\nd = 3\\n' > /srv/x.ini",
        damage: "echo 'b: 3' >> /srv/x.ini; echo 'b = 3' >> /srv/x.ini",
        holds: "! grep -q '^b =' /srv/x.ini; grep -q '^d = 3' /srv/x.ini",
    },
    Case {
        state: "ini.sections_present",
        declaration: "[{name: /srv/x.ini}, {sections: [a, n]}]",
        prepare: "printf '[a]\\nb = 2\\n' > /srv/x.ini",
        damage: "rm /srv/x.ini",
        holds: "grep -q '^.n.$' /srv/x.ini; grep -q '^.a.$' /srv/x.ini",
    },
    Case {
        state: "ini.sections_absent",
        declaration: "[{name: /srv/x.ini}, {sections: [a]}]",
        prepare: "printf '[a]\\nb = 2\\n[c]\\nd = 1\\n' > /srv/x.ini",
        damage: "printf '[a]\\n' >> /srv/x.ini",
        holds: "! grep -q '^.a.$' /srv/x.ini; grep -q '^d = 1' /srv/x.ini",
    },
    Case {
        state: "mount.mounted",
        declaration: "[{name: /mnt/a}, {device: tmpfs}, {fstype: tmpfs}, {opts: [size=1m, noexec]}, {mount: false}]",
        prepare: "printf '# c\\n/dev/vda / ext4 ro 0 1\\n' > /etc/fstab",
        damage: "sed -i s/noexec/exec/ /etc/fstab",
        holds: "test \"$(tr '\\t\\n' ' .' < /etc/fstab)\" = '# c./dev/vda / ext4 ro 0 1.tmpfs  /mnt/a tmpfs size=1m,noexec 0 0.'",
    },
    Case {
        state: "mount.unmounted",
        declaration: "[{name: /mnt/a}, {persist: true}]",
        prepare: "printf '/dev/vda / ext4 ro 0 1\\ntmpfs /mnt/a tmpfs ro 0 0\\n' > /etc/fstab",
        damage: "printf 'tmpfs /mnt/a tmpfs rw 0 0\\n' >> /etc/fstab",
        holds: "test \"$(cat /etc/fstab)\" = '/dev/vda / ext4 ro 0 1'",
    },
    Case {
        state: "mount.fstab_present",
        declaration: "[{name: tmpfs}, {fs_file: /mnt/a}, {fs_vfstype: tmpfs}, {fs_mount: false}]",
        prepare: "printf '# c\\n' > /etc/fstab",
        damage: "printf 'tmpfs /mnt/a tmpfs rw 0 0\\n' > /etc/fstab",
        holds: "grep -qP '^tmpfs\\t\\t/mnt/a\\ttmpfs\\tdefaults\\t0 0$' /etc/fstab; test \"$(grep -c mnt /etc/fstab)\" = 1",
    },
    Case {
        state: "mount.fstab_absent",
        declaration: "[{name: tmpfs}, {fs_file: /mnt/a}]",
        prepare: "printf 'tmpfs /mnt/a tmpfs rw 0 0\\nx /mnt/a tmpfs rw 0 0\\n' > /etc/fstab",
        damage: "printf 'tmpfs /mnt/a ramfs rw 0 0\\n' >> /etc/fstab",
        holds: "! grep -q ^tmpfs /etc/fstab; grep -q ^x /etc/fstab",
    },
    Case {
        state: "ssh_auth.present",
        declaration: with_key!(
            "[{name: 'no-pty ssh-ed25519 ",
            " me'}, {user: fleetu}, {options: ['from=\"10.0.0.1\"']}]"
        ),
        prepare: "useradd -m fleetu",
        damage: "sed -i 's/no-pty,//' /home/fleetu/.ssh/authorized_keys; echo '# kept' >> /home/fleetu/.ssh/authorized_keys",
        holds: with_key!(
            "grep -qx 'no-pty,from=\"10.0.0.1\" ssh-ed25519 ",
            " me' /home/fleetu/.ssh/authorized_keys; \
             test \"$(stat -c %a.%U /home/fleetu/.ssh /home/fleetu/.ssh/authorized_keys | tr '\\n' ' ')\" = '700.fleetu 600.fleetu '; \
             ssh-keygen -lf /home/fleetu/.ssh/authorized_keys"
        ),
    },
    Case {
        state: "ssh_auth.present",
        declaration: "[{name: all}, {user: fleetu}, {source: HOME/keys}]",
        prepare: with_key!("useradd -m fleetu; echo ssh-ed25519 ", " me > HOME/keys; echo '# x' >> HOME/keys"),
        damage: "rm /home/fleetu/.ssh/authorized_keys",
        holds: "ssh-keygen -lf /home/fleetu/.ssh/authorized_keys",
    },
    Case {
        state: "ssh_auth.absent",
        declaration: with_key!("[{name: ", "}, {user: root}, {config: /srv/keys}]"),
        prepare: with_key!("echo ssh-ed25519 ", " me > /srv/keys; echo '# kept' >> /srv/keys"),
        damage: with_key!("echo no-pty ssh-ed25519 ", " >> /srv/keys"),
        holds: "test \"$(cat /srv/keys)\" = '# kept'",
    },
    Case {
        state: "ssh_auth.manage",
        declaration: with_key!("[{name: all}, {user: root}, {config: /srv/keys}, {ssh_keys: ['ssh-ed25519 ", " me']}]"),
        prepare: "ssh-keygen -q -t ed25519 -N '' -f /srv/other; cat /srv/other.pub > /srv/keys",
        damage: "cat /srv/other.pub >> /srv/keys",
        holds: with_key!("test \"$(cat /srv/keys)\" = 'ssh-ed25519 ", " me'"),
    },
    Case {
        state: "ssh_known_hosts.present",
        declaration: with_key!(
            "[{name: web1}, {user: root}, {port: 2222}, {enc: ssh-ed25519}, {key: ",
            "}, {config: /srv/known}, {hash_known_hosts: false}]"
        ),
        prepare: "ssh-keygen -q -t ed25519 -N '' -f /srv/other; \
                  echo \"[web1]:2222 $(cut -d' ' -f1-2 /srv/other.pub)\" > /srv/known; ssh-keygen -q -H -f /srv/known",
        damage: "rm /srv/known",
        holds: "ssh-keygen -F '[web1]:2222' -f /srv/known | grep -q 9GKJl; \
                test \"$(ssh-keygen -F '[web1]:2222' -f /srv/known | grep -c ssh-ed)\" = 1",
    },
    Case {
        state: "ssh_known_hosts.absent",
        declaration: "[{name: web1}, {user: root}, {config: /srv/known}]",
        prepare: with_key!("echo web1 ssh-ed25519 ", " > /srv/known; ssh-keygen -q -H -f /srv/known"),
        damage: with_key!("echo web1,web2 ssh-ed25519 ", " >> /srv/known"),
        holds: "! ssh-keygen -F web1 -f /srv/known",
    },
];

#[test]
fn tables_and_keys_are_as_predicted() {
    assert!(ONE.ends_with("9GKJl"));
    check("tables_and_keys_are_as_predicted", CASES);
}

/// One shell, because what it mounts is gone with it: predict, mount, again, other options, damage, unmount.
const MOUNTS: &str = r#"
cd HOME; mkdir -p /mnt/a /mnt/b; : > /etc/fstab
call() { CALL -c HOME --local --out json state.sls case test=$1 > answer || true; }
has() { grep -qF "$1" answer || { echo "no $1 in:"; cat answer; exit 1; }; }
declare_state() { printf 'x:\n  %s\n' "$1" > srv/case.sls; }
shows() { grep -qE "^[^ ]+ /mnt/$1" /proc/mounts; }
size() { awk -v at=/mnt/a '$2 == at {print $4}' /proc/mounts | tail -1; }

declare_state 'mount.mounted: [{name: /mnt/a}, {device: tmpfs}, {fstype: tmpfs}, {opts: "size=1m,nofail"}]'
call True; has '"result": null'; ! shows a; test ! -s /etc/fstab
call False; has '"result": true'; has '"mount": true'; shows a; size | grep -q size=1024k; grep -q /mnt/a /etc/fstab
call False; has '"result": true'; has '"changes": {}'
declare_state 'mount.mounted: [{name: /mnt/a}, {device: tmpfs}, {fstype: tmpfs}, {opts: [size=2m, noexec]}]'
call True; has '"result": null'; size | grep -q size=1024k
call False; has 'Forced remount'; size | grep size=2048k | grep -q noexec
call False; has '"changes": {}'
umount /mnt/a; call True; has '"result": null'; ! shows a
call False; shows a
touch /mnt/a/f
declare_state 'mount.mounted: [{name: /mnt/b/c}, {device: /mnt/a}, {fstype: none}, {opts: bind}, {mkmnt: true}, {persist: false}]'
call True; has 'would be created and mounted'; test ! -e /mnt/b/c
call False; has '"result": true'; test -e /mnt/b/c/f; ! grep -q /mnt/b/c /etc/fstab
call False; has '"changes": {}'
declare_state 'mount.unmounted: [{name: /mnt/b/c}]'
call True; has 'should not be'; test -e /mnt/b/c/f
call False; has '"umount": true'; test ! -e /mnt/b/c/f
call False; has 'already unmounted'
declare_state 'mount.mounted: [{name: /mnt/b}, {device: /dev/no-such-disk}, {fstype: ext4}]'
call False; has '"result": false'; has 'does not exist'; ! grep -q no-such-disk /etc/fstab
declare_state 'mount.swap: [{name: /srv/no-such-swap}]'
call True; has 'set to be activated'
call False; has '"result": false'; has 'failed to activate'; ! grep -q no-such-swap /etc/fstab
"#;

#[test]
fn what_is_mounted_is_as_predicted() {
    match Machine::copy() {
        Ok(machine) => Minion::new(machine).shell(&MOUNTS.replace("CALL", program("saltcall").to_str().unwrap())),
        Err(why) => skip("what_is_mounted_is_as_predicted", &why),
    }
}
