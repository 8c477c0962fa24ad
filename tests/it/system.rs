//! States of the system: predict, apply, compare, apply again, damage, predict, repair, against the real programs.
//!
//! apt and dpkg work in a directory of their own; accounts and tables of the machine have names no system uses and go
//! away again.

use std::path::Path;

use fleet_common::value::Value;
use fleet_minion::cx::Act;
use fleet_minion::system::command::which;
use fleet_tests::harness::skip;

use crate::states::{minion, run, shell};

/// What a case needs, and how it is made ready and taken away.
#[derive(Clone, Copy, PartialEq)]
enum Ground {
    /// apt and dpkg below the scratch directory, with small packages of our own.
    Apt,
}

struct Case {
    state: &'static str,
    ground: Ground,
    /// The declaration; `R/` is the scratch directory.
    declaration: &'static str,
    prepare: &'static str,
    damage: &'static str,
    /// Prints what the state manages.
    observe: &'static str,
}

const fn case(
    state: &'static str,
    ground: Ground,
    declaration: &'static str,
    prepare: &'static str,
    damage: &'static str,
    observe: &'static str,
) -> Case {
    Case { state, ground, declaration, prepare, damage, observe }
}

const PACKAGES: &str = "dpkg-query --admindir=R/apt/var/lib/dpkg -W -f '${Package} ${Version} ${Status}\\n' | sort";

const CASES: &[Case] = &[
    case("pkg.installed", Ground::Apt, "[{name: fleet-b}]", "", "apt-get -qq -y remove fleet-a", PACKAGES),
    case(
        "pkg.installed",
        Ground::Apt,
        "[{pkgs: [{fleet-a: '>=1.0,<2.0'}, fleet-c]}, {hold: true}]",
        "apt-get -qq -y install fleet-a=2.0",
        "apt-get -qq -y --allow-change-held-packages install fleet-a=2.0; echo fleet-c install | dpkg --admindir=R/apt/var/lib/dpkg --set-selections",
        PACKAGES,
    ),
    case(
        "pkg.installed",
        Ground::Apt,
        "[{sources: [{fleet-c: R/repo/fleet-c_1.0_all.deb}]}]",
        "",
        "apt-get -qq -y remove fleet-c",
        PACKAGES,
    ),
    case(
        "pkg.latest",
        Ground::Apt,
        "[{name: fleet-a}]",
        "apt-get -qq -y install fleet-a=1.0",
        "apt-get -qq -y remove fleet-a",
        PACKAGES,
    ),
    case(
        "pkg.removed",
        Ground::Apt,
        "[{pkgs: [fleet-a, nosuch]}]",
        "apt-get -qq -y install fleet-b",
        "apt-get -qq -y install fleet-b",
        PACKAGES,
    ),
    case(
        "pkg.purged",
        Ground::Apt,
        "[{pkgs: [fleet-c, fleet-a]}]",
        "apt-get -qq -y install fleet-b fleet-c; apt-get -qq -y remove fleet-c",
        "apt-get -qq -y install fleet-c",
        PACKAGES,
    ),
    case(
        "pkg.uptodate",
        Ground::Apt,
        "[{refresh: true}]",
        "apt-get -qq -y install fleet-a=1.0 fleet-b",
        "apt-get -qq -y --allow-downgrades install fleet-a=1.0",
        PACKAGES,
    ),
    case(
        "pkg.held",
        Ground::Apt,
        "[{name: fleet-a}]",
        "apt-get -qq -y install fleet-a",
        "apt-mark -q unhold fleet-a",
        PACKAGES,
    ),
    case(
        "pkg.unheld",
        Ground::Apt,
        "[{pkgs: [fleet-a]}]",
        "apt-get -qq -y install fleet-a; apt-mark -q hold fleet-a",
        "apt-mark -q hold fleet-a",
        PACKAGES,
    ),
    case(
        "pkgrepo.managed",
        Ground::Apt,
        "[{name: 'deb [signed-by=R/keys/k.gpg trusted=yes] file:R/repo ./'}, {file: R/apt/etc/apt/sources.list.d/t.list}, {key_url: R/key.asc}]",
        "printf -- '-----BEGIN PGP PUBLIC KEY BLOCK-----\\n\\naGVsbG8=\\n=abcd\\n-----END PGP PUBLIC KEY BLOCK-----\\n' > R/key.asc; rm R/apt/etc/apt/sources.list",
        "rm R/apt/etc/apt/sources.list.d/t.list",
        "cat R/apt/etc/apt/sources.list.d/* R/keys/k.gpg || true",
    ),
    case(
        "pkgrepo.absent",
        Ground::Apt,
        "[{name: 'deb file:R/repo2 ./'}, {refresh: false}]",
        "echo deb file:R/repo2 ./ > R/apt/etc/apt/sources.list.d/t.list",
        "printf 'Types: deb\\nURIs: file:R/repo2\\nSuites: ./\\n' > R/apt/etc/apt/sources.list.d/t.sources",
        "ls R/apt/etc/apt/sources.list.d",
    ),
];

/// True if there is a case for a state.
pub(crate) fn has_case(name: &str) -> bool {
    CASES.iter().any(|case| case.state == name)
}

const MAKE_APT: &str = r#"
mkdir -p R/apt/etc/apt/apt.conf.d R/apt/etc/apt/sources.list.d R/apt/etc/apt/preferences.d R/apt/var/lib/dpkg/info R/apt/var/lib/dpkg/updates \
    R/apt/var/lib/apt/lists/partial R/apt/var/cache/apt/archives/partial R/apt/var/log/apt R/repo
touch R/apt/var/lib/dpkg/status
cd R/repo
pack() {
    mkdir -p $1-$2/DEBIAN $1-$2/usr/share/$1 $1-$2/etc
    echo $2 > $1-$2/usr/share/$1/version
    echo $2 > $1-$2/etc/$1.conf
    echo /etc/$1.conf > $1-$2/DEBIAN/conffiles
    printf "Package: $1\nVersion: $2\nArchitecture: all\nMaintainer: T <t@example.org>\n$3Description: a test\n" > $1-$2/DEBIAN/control
    dpkg-deb --root-owner-group -b $1-$2 . > /dev/null
}
pack fleet-a 1.0; pack fleet-a 2.0; pack fleet-b 1.0 'Depends: fleet-a\n'; pack fleet-c 1.0
for deb in *.deb; do
    dpkg-deb -f $deb; echo Filename: ./$deb; echo Size: $(stat -c %s $deb); echo SHA256: $(sha256sum < $deb | cut -d' ' -f1); echo
done > Packages
echo 'deb [trusted=yes] file:R/repo ./' > R/apt/etc/apt/sources.list
cat > R/apt.conf <<'END'
Dir "R/apt";
Dir::State::status "R/apt/var/lib/dpkg/status";
Dir::Bin::methods "/usr/lib/apt/methods";
Dir::Bin::dpkg "/usr/bin/dpkg";
Dir::Etc::Trusted "/dev/null";
DPkg::Options { "--root=R/apt"; "--log=/dev/null"; "--force-not-root"; };
DPkg::Path "/usr/sbin:/usr/bin:/sbin:/bin";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
END
export APT_CONFIG=R/apt.conf
apt-get -qq update
"#;

/// Runs a line of a case where its programs work on the scratch directory.
fn on_ground(root: &Path, line: &str) {
    if !line.is_empty() {
        shell(
            root,
            &format!(
                "export APT_CONFIG=R/apt.conf DEBIAN_FRONTEND=noninteractive\n{{ {line}\n}} > R/out 2>&1 || {{ cat R/out; exit 1; }}"
            ),
        );
    }
}

pub(crate) fn observed(root: &Path, line: &str) -> String {
    let line = line.replace("R/", &format!("{}/", root.display()));
    let output = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Predicts, checks that nothing changed, applies, checks that it was as predicted and is settled; what is then observed.
pub(crate) fn settled_change(name: &str, observe: &str, act: &Act, root: &Path) -> String {
    let before = observed(root, observe);
    let predicted = run(act, true);
    assert_eq!(observed(root, observe), before, "{name}: a dry run changed something");
    assert_eq!(predicted.get("result"), Some(&Value::Null), "{name}: nothing predicted: {predicted:?}");
    let done = run(act, false);
    assert_eq!(done.get("result"), Some(&Value::Bool(true)), "{name}: {done:?}");
    let after = observed(root, observe);
    assert_ne!(after, before, "{name}: nothing changed: {done:?}");
    assert_eq!(predicted.get("changes"), done.get("changes"), "{name}: not as predicted");
    for dry in [true, false] {
        let again = run(act, dry);
        assert_eq!(again.get("result"), Some(&Value::Bool(true)), "{name}: {again:?}");
        assert!(again.get("changes").is_some_and(|changes| !changes.truthy()), "{name}: not settled: {again:?}");
    }
    assert_eq!(observed(root, observe), after, "{name}: the second run changed something");
    after
}

fn ready(test: &str, ground: Ground) -> bool {
    let needs: &[&str] = match ground {
        Ground::Apt => &["apt-get", "dpkg-deb"],
    };
    let missing = needs.iter().find(|program| which(program, None).is_none());
    if let Some(program) = missing {
        skip(test, &format!("there is no program '{program}'"));
    }
    missing.is_none()
}

fn check(ground: Ground, test: &str, make: &str) {
    if !ready(test, ground) {
        return;
    }
    for case in CASES.iter().filter(|case| case.ground == ground) {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().canonicalize().unwrap();
        shell(&root, "mkdir -p R/srv R/cache");
        shell(&root, make);
        let declaration = case.declaration.replace("R/", &format!("{}/", root.display()));
        std::fs::write(root.join("srv/case.sls"), format!("x:\n  {}: {declaration}\n", case.state)).unwrap();
        on_ground(&root, case.prepare);
        let act = minion(&root);
        act.environment().set("APT_CONFIG", Some(root.join("apt.conf").to_string_lossy().into_owned()));
        let settled = || settled_change(case.state, case.observe, &act, &root);
        let wanted = settled();
        on_ground(&root, case.damage);
        assert_eq!(settled(), wanted, "{}: the damage is not repaired", case.state);
    }
}

#[test]
fn packages_are_as_predicted() {
    check(Ground::Apt, "packages_are_as_predicted", MAKE_APT);
}
