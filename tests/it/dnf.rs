//! The states and functions of packages over the real dnf and rpm, in an install root with a repository of our own.
//! Nothing goes to the network, nothing of this machine is read or changed.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use fleet_common::call::Arguments;
use fleet_common::value::{Map, Value};
use fleet_minion::cx::Act;
use fleet_minion::system::command::which;
use fleet_tests::harness::skip;

use crate::states::{minion_with, run, shell};
use crate::system::settled_change;

/// A repository with packages.
const PACK: &str = r#"
mkdir -p R/repo
spec() {
    printf 'Name: %s\nVersion: %s\nRelease: 1\nSummary: A test\nLicense: MIT\nURL: https://example.org/\nBuildArch: noarch\n%b%%description\nOne.\nTwo.\n' "$1" "$2" "$3"
    printf '%%install\nmkdir -p %%{buildroot}/opt/%s %%{buildroot}/etc\necho %s > %%{buildroot}/opt/%s/version\necho x > %%{buildroot}/etc/%s.conf\n' $1 $2 $1 $1
    printf '%%files\n/opt/%s\n%%config(noreplace) /etc/%s.conf\n' $1 $1
}
pack() {
    spec "$@" > R/$1.spec
    rpmbuild -bb --quiet --define "_topdir R/build" --define "_rpmdir R/repo" R/$1.spec > R/out 2>&1 || { cat R/out; exit 1; }
}
pack fleet-a 1.0; pack fleet-a 2.0; pack fleet-b 1.0 'Epoch: 1\nRequires: fleet-a\n'; pack fleet-c 1.0
createrepo_c -q R/repo
"#;

/// An install root, and a configuration of dnf that names only what is below the scratch directory.
const MAKE: &str = r#"
mkdir -p R/srv R/cache R/root R/etc/repos.d R/etc/plugins
printf '[main]\ngpgcheck=0\nplugins=1\nreposdir=R/etc/repos.d\npluginconfpath=R/etc/plugins\ncachedir=/cache\nmodule_platform_id=platform:test\n' > R/etc/dnf.conf
printf '[main]\nenabled=1\nlocklist=R/etc/versionlock.list\n' > R/etc/plugins/versionlock.conf
printf '[main]\nenabled=0\n' > R/etc/plugins/local.conf
: > R/etc/versionlock.list
printf '[fleet]\nname=Fleet\nbaseurl=file://R/repo\nenabled=1\n' > R/etc/repos.d/fleet.repo
dnf -q -y --config=R/etc/dnf.conf --installroot=R/root makecache > R/out 2>&1 || { cat R/out; exit 1; }
"#;

/// dnf of the install root, for lines that prepare and damage.
const DNF: &str = "dnf() { command dnf -q -y --config=R/etc/dnf.conf --installroot=R/root \"$@\" > R/out 2>&1 || { cat R/out; return 1; }; }\n";

/// What is installed and held.
const PACKAGES: &str = "rpm --root R/root -qa --qf '%{NAME} %{VERSION}\\n' | sort; grep -v '^#' R/etc/versionlock.list | sort; cat R/root/opt/*/version";

/// What repositories there are.
const SOURCES: &str = "cd R/etc/repos.d && grep -r . . | sort";

/// A state, its declaration, a line that prepares, one that damages, and what shows it.
struct Case(&'static str, &'static str, &'static str, &'static str, &'static str);

const CASES: &[Case] = &[
    Case("pkg.installed", "[{name: fleet-b}]", "", "dnf remove fleet-a", PACKAGES),
    Case(
        "pkg.installed",
        "[{pkgs: [fleet-c, {fleet-a: '1.0'}]}, {refresh: true}]",
        "dnf install fleet-a",
        "dnf install fleet-a-2.0",
        PACKAGES,
    ),
    Case(
        "pkg.installed",
        "[{name: fleet-a}, {version: latest}]",
        "dnf install fleet-a-1.0",
        "dnf install fleet-a-1.0",
        PACKAGES,
    ),
    Case(
        "pkg.installed",
        "[{sources: [{fleet-c: R/repo/noarch/fleet-c-1.0-1.noarch.rpm}]}]",
        "dnf install fleet-a",
        "dnf remove fleet-c",
        PACKAGES,
    ),
    Case(
        "pkg.installed",
        "[{name: fleet-a}, {version: '<2'}, {hold: true}]",
        "",
        "dnf versionlock clear; dnf install fleet-a-2.0",
        PACKAGES,
    ),
    Case("pkg.latest", "[{name: fleet-a}]", "dnf install fleet-a-1.0", "dnf remove fleet-a", PACKAGES),
    Case("pkg.removed", "[{name: fleet-a}]", "dnf install fleet-b", "dnf install fleet-a-1.0", PACKAGES),
    Case("pkg.purged", "[{pkgs: [fleet-b, fleet-c]}]", "dnf install fleet-b fleet-c", "dnf install fleet-c", PACKAGES),
    Case(
        "pkg.uptodate",
        "[{name: all}, {refresh: true}]",
        "dnf install fleet-a-1.0 fleet-b",
        "dnf install fleet-a-1.0",
        PACKAGES,
    ),
    Case("pkg.held", "[{name: fleet-a}]", "dnf install fleet-a", "dnf versionlock delete fleet-a", PACKAGES),
    Case(
        "pkg.unheld",
        "[{name: fleet-a}]",
        "dnf install fleet-a; dnf versionlock add fleet-a",
        "dnf versionlock add fleet-a",
        PACKAGES,
    ),
    Case(
        "pkgrepo.managed",
        "[{name: tools}, {humanname: Tools}, {baseurl: 'file://R/repo'}, {gpgcheck: 0}, {gpgkey: [a, b]}, {priority: 5}, \
         {comments: [first, second]}]",
        "",
        "sed -i 's/^gpgcheck=0/gpgcheck=1/; /^priority/d; s/first/other/' R/etc/repos.d/tools.repo",
        SOURCES,
    ),
    Case(
        "pkgrepo.managed",
        "[{name: fleet}, {mirrorlist: 'file://R/list'}, {baseurl: ''}, {enabled: false}]",
        "",
        "sed -i 's/^enabled=0/enabled=1/' R/etc/repos.d/fleet.repo",
        SOURCES,
    ),
    Case(
        "pkgrepo.absent",
        "[{name: tools}]",
        "printf '\\n[tools]\\nname=T\\nbaseurl=x\\n' >> R/etc/repos.d/fleet.repo",
        "printf '[tools]\\nname=T\\nbaseurl=x\\n' >> R/etc/repos.d/fleet.repo",
        SOURCES,
    ),
];

/// The repository, made once.
static REPOSITORY: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let made = tempfile::tempdir().unwrap();
    shell(made.path(), PACK);
    made
});

fn make(root: &Path) {
    shell(root, &format!("cp -r {}/repo R/repo\n{MAKE}", REPOSITORY.path().display()));
}

fn ready(test: &str) -> bool {
    let missing = ["dnf", "rpm", "rpmbuild", "createrepo_c"].into_iter().find(|name| which(name, None).is_none());
    if let Some(program) = missing {
        skip(test, &format!("there is no program '{program}'"));
    }
    missing.is_none()
}

/// A minion of the family that has dnf, whose dnf works below the scratch directory.
fn red_hat(root: &Path) -> Act {
    let at = |name: &str| Value::from(root.join(name).to_string_lossy().into_owned());
    let act = minion_with(root, &[("dnf_root", at("root")), ("dnf_config", at("etc/dnf.conf"))]);
    act.set_grains(Arc::new(Map::from_iter([("id", "web1"), ("os_family", "RedHat")])));
    act
}

fn text(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| error.to_string())
}

#[test]
fn packages_of_dnf_are_as_predicted() {
    if !ready("packages_of_dnf_are_as_predicted") {
        return;
    }
    for Case(state, declaration, prepare, damage, observe) in CASES {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().canonicalize().unwrap();
        make(&root);
        let declaration = declaration.replace("R/", &format!("{}/", root.display()));
        std::fs::write(root.join("srv/case.sls"), format!("x:\n  {state}: {declaration}\n")).unwrap();
        let act = red_hat(&root);
        shell(&root, &format!("{DNF}{prepare}"));
        let wanted = settled_change(state, observe, &act, &root);
        shell(&root, &format!("{DNF}{damage}"));
        assert_eq!(settled_change(state, observe, &act, &root), wanted, "{state}: the damage is not repaired");
    }
}

/// A function, its arguments, and its answer as JSON.
const ANSWERS: &[(&str, &str, &str)] = &[
    ("pkg.install", "[fleet-a, {version: '1.0'}]", r#"{"fleet-a":{"old":"","new":"1.0-1"}}"#),
    ("pkg.version", "[fleet-a]", r#""1.0-1""#),
    ("pkg.list_pkgs", "[]", r#"{"fleet-a":"1.0-1"}"#),
    ("pkg.latest_version", "[fleet-a, fleet-b, {refresh: false}]", r#"{"fleet-a":"2.0-1","fleet-b":"1:1.0-1"}"#),
    ("pkg.upgrade_available", "[fleet-a]", "true"),
    ("pkg.list_upgrades", "[]", r#"{"fleet-a":"2.0-1"}"#),
    ("pkg.list_repo_pkgs", "[fleet-a]", r#"{"fleet-a":["2.0-1","1.0-1"]}"#),
    ("pkg.refresh_db", "[]", "true"),
    ("pkg.version_cmp", "['1.0~rc1', '1.0']", "-1"),
    ("pkg.normalize_name", "[fleet-a.noarch]", r#""fleet-a""#),
    ("pkg.parse_arch", "[fleet-a.noarch]", r#"{"name":"fleet-a","arch":"noarch"}"#),
    (
        "pkg.hold",
        "[fleet-a]",
        r#"{"fleet-a":{"name":"fleet-a","changes":{"old":"","new":"hold"},"result":true,"comment":"Package fleet-a is now being held."}}"#,
    ),
    ("pkg.list_holds", "[]", r#"["fleet-a-0:1.0-1.*"]"#),
    ("pkg.upgrade", "[]", "{}"),
    (
        "pkg.install",
        "[fleet-a, {version: '2.0'}, {update_holds: true}]",
        r#"{"fleet-a":{"old":"1.0-1","new":"2.0-1"}}"#,
    ),
    ("pkg.list_holds", "[{full: false}]", r#"["fleet-a"]"#),
    (
        "pkg.unhold",
        "[fleet-a]",
        r#"{"fleet-a":{"name":"fleet-a","changes":{"old":"hold","new":""},"result":true,"comment":"Package fleet-a is no longer held."}}"#,
    ),
    (
        "pkg.file_list",
        "[fleet-a]",
        r#"{"errors":[],"files":["/etc/fleet-a.conf","/opt/fleet-a","/opt/fleet-a/version"]}"#,
    ),
    ("pkg.owner", "[/opt/fleet-a/version]", r#""fleet-a""#),
    ("pkg.verify", "[fleet-a]", "{}"),
    ("pkg.install", "[fleet-a, {reinstall: true}]", r#"{"fleet-a":{"old":"2.0-1","new":"2.0-1"}}"#),
    ("pkg.install", "[fleet-b]", r#"{"fleet-b":{"old":"","new":"1:1.0-1"}}"#),
    ("pkg.remove", "[fleet-a]", r#"{"fleet-a":{"old":"2.0-1","new":""},"fleet-b":{"old":"1:1.0-1","new":""}}"#),
    ("pkg.get_repo", "[fleet]", r#"{"name":"Fleet","baseurl":"file://R/repo","enabled":"1"}"#),
    (
        "pkg.mod_repo",
        "[new, {name: New}, {baseurl: 'file://R/repo'}]",
        r#"{"R/etc/repos.d/new.repo":{"new":{"name":"New","baseurl":"file://R/repo"}}}"#,
    ),
    ("pkg.del_repo", "[new]", r#""File R/etc/repos.d/new.repo containing repo 'new' has been removed.""#),
];

#[test]
fn functions_answer_from_dnf_and_rpm() {
    if !ready("functions_answer_from_dnf_and_rpm") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().canonicalize().unwrap();
    make(&root);
    let (act, at) = (red_hat(&root), format!("{}/", root.display()));
    let call = |function: &str, given: &str| {
        let given = fleet_common::yaml::load(&given.replace("R/", &at), "given").unwrap().value;
        let mut arguments = Arguments::default();
        let Value::List(items) = given else { panic!("{function}: a list is needed") };
        for item in items {
            match item {
                Value::Map(named) => {
                    for (key, value) in named {
                        arguments.keyword.insert(key, value);
                    }
                }
                one => arguments.positional.push(one),
            }
        }
        act.run(function, arguments)
    };
    for (function, given, wanted) in ANSWERS {
        let answer = call(function, given).unwrap_or_else(|error| panic!("{function} {given}: {error}")).value;
        assert_eq!(text(&answer), wanted.replace("R/", &at), "{function} {given}");
    }
    // What was altered, and what the package says of itself.
    call("pkg.install", "[fleet-a]").unwrap();
    shell(&root, "echo y >> R/root/etc/fleet-a.conf; rm R/root/opt/fleet-a/version");
    let altered = call("pkg.verify", "[fleet-a]").unwrap().value;
    let of = |path: &str, key: &str| altered.get(path).and_then(|file| file.get(key)).cloned();
    assert_eq!(of("/opt/fleet-a/version", "missing"), Some(Value::Bool(true)), "{altered:?}");
    assert_eq!(of("/etc/fleet-a.conf", "type"), Some("config".into()), "{altered:?}");
    let told = call("pkg.info_installed", "[fleet-a, {attr: 'version,license,description'}]").unwrap().value;
    assert_eq!(text(&told), r#"{"fleet-a":{"version":"2.0","license":"MIT","description":"One.\nTwo."}}"#);
    // Mistakes say what is wrong, and change nothing.
    for (function, given, words) in [
        ("pkg.install", "[fleet-none]", "Unable to find a match: fleet-none"),
        (
            "pkg.install",
            "[fleet-a, {version: '>9'}]",
            "No version matching 'fleet-a>9' could be found (available: 2.0-1, 1.0-1)",
        ),
        ("pkg.install", "[fleet-a, {setopt: [gpgcheck]}]", "'setopt' takes 'option=value', not 'gpgcheck'"),
        ("pkg.info_installed", "[fleet-none]", "package fleet-none is not installed"),
        ("pkg.mod_repo", "[bare, {name: Bare}]", "give one of baseurl, mirrorlist, metalink"),
        ("pkg.mod_repo", "['../x', {baseurl: y}]", "is no id of a repository"),
        ("pkg.mod_repo", "[bare, {baseurl: y}, {key_url: z}]", "'key_url' of a repository of dnf"),
        ("pkg.del_repo", "[bare]", "the bare repo does not exist"),
        ("pkg.get_selections", "[]", "only apt has it"),
    ] {
        let error = call(function, given).err().unwrap_or_else(|| panic!("{function} {given} succeeded")).to_string();
        assert!(error.contains(words), "{function} {given}: {error}");
    }
    std::fs::write(root.join("srv/case.sls"), "x:\n  pkg.installed: [{name: fleet-none}]\n").unwrap();
    let failed = run(&act, false);
    assert_eq!(failed.get("result"), Some(&Value::Bool(false)), "{failed:?}");
}
