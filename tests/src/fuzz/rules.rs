//! What people and minions name: targets, ids, keys, configuration, paths of files.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use fleet_common::config::Settings;
use fleet_common::crypto::fingerprint::Fingerprint;
use fleet_common::crypto::keys::PublicKey;
use fleet_common::files::{FileSource, Roots};
use fleet_common::ids::{FunctionName, Jid, MinionId};
use fleet_common::join::Join;
use fleet_common::proto::job::{Target as Meant, TargetKind};
use fleet_common::target::{Matcher, Subject};
use fleet_common::value::{Map, Value};

use super::targets::{Target, plain, texts};

pub(super) const TARGETS: &[Target] = &[
    Target { name: "targets", inputs: 3_600, seeds: target_seeds, start: || plain(targets) },
    Target { name: "ids", inputs: 280_000, seeds: id_seeds, start: || plain(ids) },
    Target { name: "config", inputs: 8_000, seeds: config_seeds, start: || plain(config) },
    Target { name: "files", inputs: 200_000, seeds: file_seeds, start: || plain(files) },
];

fn target_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "web*",
        "web[0-9]?.example.com",
        "web(1|2).*\\.[a-z]{2,5}$",
        "web1,web2,db[1-3]",
        "os:Debian",
        "ip4:10.*",
        "a:b:c:d",
        "10.0.0.0/8",
        "fe80::1/64",
        "G@os:Debian and ( web* or E@db[0-9]+ ) and not I@role:x and S@10.0.0.0/8",
        "N@front or L@a,b,c and P@os:(De|Ub).*",
        "www[01:50]",
        "G@num_cpus>=4",
    ])
}

struct One(Map);

impl Subject for One {
    fn id(&self) -> &str {
        "web1.example.com"
    }
    fn grains(&self, _: Option<&[Value]>) -> Option<Cow<'_, Map>> {
        Some(Cow::Borrowed(&self.0))
    }
    fn pillar(&self) -> Option<&Map> {
        Some(&self.0)
    }
}

fn targets(bytes: &[u8]) {
    static SUBJECT: OnceLock<One> = OnceLock::new();
    let subject = SUBJECT.get_or_init(|| {
        let list = Value::List(vec!["10.0.0.1".into(), "fe80::1".into()]);
        let nested: Map = [("c", Value::from("d"))].into_iter().collect();
        let all = [("os", Value::from("Debian")), ("num_cpus", 4.into()), ("ipv4", list), ("a", Value::Map(nested))];
        One(all.into_iter().collect())
    });
    let Ok(expr) = std::str::from_utf8(bytes) else { return };
    let groups: Map = [("front", "web* or N@back"), ("back", "N@front")].into_iter().collect();
    for kind in TargetKind::all() {
        if let Ok(matcher) = Matcher::parse(&Meant::new(kind, expr), &groups) {
            matcher.matches(subject);
        }
    }
}

fn id_seeds() -> Vec<Vec<u8>> {
    let finger = "ab".repeat(32);
    let join = format!("salt-join-1,master.example.com,4506,4505,{finger},token");
    let pem = fleet_common::crypto::keys::MasterKeys::generate().root().to_pem();
    let mut seeds = texts(&["web1.example.com", "20261120113836123456", "test.ping", &finger, &join, &pem]);
    seeds.extend(texts(&["..", ".hidden", "../../etc/passwd", "a/b", "CON", "x\0y"]));
    seeds
}

/// What is an id can be a file's name, and no more than that.
fn ids(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(id) = text.parse::<MinionId>() {
        let path = Path::new("/keys").join(id.as_str());
        assert!(path.parent() == Some(Path::new("/keys")) && path.file_name().is_some(), "{id} leaves its folder");
        assert!(!id.as_str().starts_with('.') && id.as_str().len() <= 255);
    }
    if let Ok(jid) = text.parse::<Jid>() {
        assert!(jid.as_str().len() == 20 && jid.as_str().bytes().all(|byte| byte.is_ascii_digit()));
    }
    if let Ok(join) = text.parse::<Join>() {
        assert_eq!(join.to_string().parse::<Join>().ok(), Some(join));
    }
    let _ = text.parse::<FunctionName>();
    let _ = text.parse::<Fingerprint>();
    let _ = PublicKey::from_pem(text);
}

fn config_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "interface: 0.0.0.0\npublish_port: 4505\nauto_accept: yes\ntimeout: 5\nkeep_jobs: 24\n",
        "file_roots:\n  base:\n    - /srv/salt\n  dev: [/srv/dev]\nfileserver_followsymlinks: False\n",
        "nodegroups:\n  front: 'web*'\npublisher_acl:\n  larry:\n    - test.ping\n    - 'web*': [pkg.*]\n",
        "publisher_acl:\n  larry:\n    - cmd.run: {args: ['echo [a-z]+'], kwargs: {cwd: /}}\n    - '@wheel'\n",
        "id: web1\nmaster: [a, b]\nmaster_port: 4506\ngrains: {roles: [web]}\nminion_acl: ['test.*']\n",
        "join: salt-join-1,host,4506,4505,abab,tok\nautosign_grains: [serial]\nproviders: {pkg: aptpkg}\n",
    ])
}

/// Both daemons' settings: used or refused with a message.
fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(fault) = fleet_master::config::Config::from_text(text, "master") {
        assert!(!fault.to_string().is_empty());
    }
    // A name of its own: none is looked up.
    if let Ok(mut settings) = Settings::from_text(&format!("id: web1\n{text}"), "minion") {
        let _ = fleet_minion::config::Config::take(&mut settings, Path::new("/nonexistent"));
        let _ = settings.warnings();
    }
}

fn file_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "base\na/b",
        "base\ntop",
        "base\n../secret",
        "base\na/../../secret",
        "base\nout",
        "base\nfar/hostname",
        "../base\ntop",
        "__env__\ntop",
        "dev\n/etc/hostname",
        "base\na//./b",
    ])
}

/// Whatever is asked for: what is answered lies in the tree.
fn files(bytes: &[u8]) {
    static TREE: OnceLock<(tempfile::TempDir, Roots)> = OnceLock::new();
    let (_, roots) = TREE.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let lay = || -> std::io::Result<()> {
            std::fs::create_dir_all(dir.path().join("tree/a"))?;
            std::fs::write(dir.path().join("tree/a/b"), "inside")?;
            std::fs::write(dir.path().join("tree/top"), "inside")?;
            std::fs::write(dir.path().join("secret"), "outside")?;
            std::os::unix::fs::symlink("../secret", dir.path().join("tree/out"))?;
            std::os::unix::fs::symlink("/etc", dir.path().join("tree/far"))
        };
        lay().expect("a small tree can be laid out");
        let mut served = fleet_common::files::Served::default();
        served.follow = false;
        let all = BTreeMap::from([("base".to_owned(), vec![dir.path().join("tree")])]);
        (dir, Roots::new(all).serving(served))
    });
    let text = String::from_utf8_lossy(bytes);
    let (env, path) = text.split_once('\n').unwrap_or(("base", &text));
    if let Ok(Some(content)) = roots.read(env, path) {
        assert_eq!(&*content, b"inside", "{env:?} {path:?}");
    }
    let _ = roots.stat(env, path);
    for name in roots.list(env, path).unwrap_or_default() {
        assert!(["a/b", "top", "out"].contains(&name.as_str()), "{name}");
    }
}
