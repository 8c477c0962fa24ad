//! Archives: unpacked once, mended, refused; no member leaves its directory.

use std::path::Path;

use fleet_common::value::Value;
use fleet_minion::cx::Act;
use fleet_minion::system::archive::{tar, zip};

use crate::states::{minion, run, shell};

/// Makes archives with Python: of every compression, and hostile ones.
const MAKE: &str = r##"
import io, os, stat, sys, tarfile, zipfile
os.chdir(sys.argv[1])
def member(name, content=b"", kind=tarfile.REGTYPE, link="", mode=0o640):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname, info.mode = len(content), kind, link, mode
    return info, io.BytesIO(content)
def tar(name, mode, *members):
    with tarfile.open(name, mode) as archive:
        for info, content in members:
            archive.addfile(info, content)
good = lambda: (member("app/", kind=tarfile.DIRTYPE, mode=0o750), member("app/bin/run", b"#!/bin/sh\n", mode=0o755),
                member("app/l", kind=tarfile.SYMTYPE, link="bin/run"))
tar("plain.tar", "w", *good())
tar("packed.tar.gz", "w:gz", *good())
tar("packed.tar.bz2", "w:bz2", *good())
tar("packed.tar.xz", "w:xz", *good())
tar("two.tar", "w", member("a/", kind=tarfile.DIRTYPE), member("b/", kind=tarfile.DIRTYPE), member("b/x", b"2"))
tar("up.tar", "w", member("../escaped", b"x"))
tar("absolute.tar", "w", member("/abs/x", b"x"))
tar("hard.tar", "w", member("h", kind=tarfile.LNKTYPE, link="../secret"))
tar("hard_through.tar", "w", member("out", kind=tarfile.SYMTYPE, link=".."), member("h", kind=tarfile.LNKTYPE, link="out/secret"))
tar("dir.tar", "w", member("out", kind=tarfile.SYMTYPE, link=".."), member("out/made/", kind=tarfile.DIRTYPE))
tar("mode.tar", "w", member("out", kind=tarfile.SYMTYPE, link="../secrets"), member("out/", kind=tarfile.DIRTYPE, mode=0o777))
tar("near.tar", "w", member("lib/", kind=tarfile.DIRTYPE, mode=0o750), member("lib64", kind=tarfile.SYMTYPE, link="lib"),
    member("lib64/x", b"x"), member("lib/y", kind=tarfile.LNKTYPE, link="lib/x"), member("pipe", kind=tarfile.FIFOTYPE))
tar("up_dir.tar", "w", member("../", kind=tarfile.DIRTYPE), member("a/x", b"x"))
tar("far_dir.tar", "w", member(os.getcwd() + "/secret", kind=tarfile.DIRTYPE), member("a/x", b"x"))
tar("link.tar", "w", member("out", kind=tarfile.SYMTYPE, link=".."), member("out/escaped", b"x"))
with zipfile.ZipFile("good.zip", "w", zipfile.ZIP_DEFLATED) as archive:
    info = zipfile.ZipInfo("app/run")
    info.external_attr = (stat.S_IFREG | 0o755) << 16
    archive.writestr(info, "#!/bin/sh\n")
    archive.writestr("app/d/f", "f")
with zipfile.ZipFile("up.zip", "w") as archive:
    archive.writestr("../escaped", "x")
with zipfile.ZipFile("link.zip", "w") as archive:
    info = zipfile.ZipInfo("out")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(info, "..")
    archive.writestr("out/escaped", "x")
open("broken.tar.gz", "wb").write(open("packed.tar.gz", "rb").read()[:60])
"##;

struct Scene {
    root: tempfile::TempDir,
    act: Act,
}

impl Scene {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("srv")).unwrap();
        let made = std::process::Command::new("python3").args(["-c", MAKE]).arg(root.path()).status().unwrap();
        assert!(made.success());
        let act = minion(root.path());
        Self { root, act }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.root.path().join(name)
    }

    /// Runs `archive.extracted`; result, comment and changes.
    fn extracted(&self, arguments: &str, dry: bool) -> (Value, String, Value) {
        let root = format!("{}/", self.root.path().display());
        let text = format!("x: {{archive.extracted: [{{name: R/x}}, {arguments}]}}\n").replace("R/", &root);
        std::fs::write(self.path("srv/case.sls"), text).unwrap();
        let answer = run(&self.act, dry);
        let get = |key: &str| answer.get(key).cloned().unwrap_or_default();
        (get("result"), get("comment").as_str().unwrap_or_default().to_owned(), get("changes"))
    }
}

#[test]
fn archives_of_all_compressions_are_unpacked_once_and_mended() {
    for name in ["plain.tar", "packed.tar.gz", "packed.tar.bz2", "packed.tar.xz", "good.zip"] {
        let scene = Scene::new();
        let state = format!("{{source: R/{name}}}");
        let (result, comment, _) = scene.extracted(&state, true);
        assert_eq!(result, Value::Null, "{name}: {comment}");
        assert!(!scene.path("x").exists(), "{name}: a dry run wrote");
        let (result, comment, changes) = scene.extracted(&state, false);
        assert_eq!(result, Value::Bool(true), "{name}: {comment}");
        assert!(
            changes.get("extracted_files").and_then(Value::as_list).is_some_and(|names| names.len() >= 2),
            "{name}"
        );
        let runnable = if name.ends_with("zip") { "x/app/run" } else { "x/app/bin/run" };
        assert_eq!(std::fs::read(scene.path(runnable)).unwrap(), b"#!/bin/sh\n", "{name}");
        shell(scene.root.path(), &format!("test -x R/{runnable}"));
        assert_eq!(scene.extracted(&state, false).1, "All files in archive are already present", "{name}");
        std::fs::remove_file(scene.path(runnable)).unwrap();
        assert_eq!(scene.extracted(&state, false).0, Value::Bool(true), "{name}");
        assert!(scene.path(runnable).exists(), "{name}: not mended");
    }
}

#[test]
fn options_strip_clean_and_own() {
    let scene = Scene::new();
    let strip = "{source: R/packed.tar.gz}, {options: --strip-components=1}, {enforce_toplevel: false}";
    assert_eq!(scene.extracted(strip, false).0, Value::Bool(true));
    assert!(scene.path("x/bin/run").exists());
    assert_eq!(scene.extracted(strip, false).2, Value::Map(fleet_common::value::Map::new()));
    std::fs::write(scene.path("x/stray"), "").unwrap();
    let clean = "{source: R/plain.tar}, {clean_parent: true}, {user: '7'}, {group: '8'}, {trim_output: 1}";
    let (result, comment, changes) = scene.extracted(clean, false);
    assert_eq!(result, Value::Bool(true), "{comment}");
    assert!(comment.ends_with("Output was trimmed to 1 number of lines"), "{comment}");
    assert!(!scene.path("x/stray").exists() && changes.get("updated ownership").is_some(), "{changes:?}");
    shell(scene.root.path(), "test $(stat -c %u:%g R/x/app/bin/run) = 7:8");
    shell(scene.root.path(), "chown 0 R/x/app/bin/run");
    let (result, comment, changes) = scene.extracted(clean, true);
    assert!(result == Value::Null && comment.contains("Ownership would be updated"), "{comment}");
    assert_eq!(changes.get("updated ownership"), Some(&Value::Bool(true)));
    scene.extracted(clean, false);
    shell(scene.root.path(), "test $(stat -c %u R/x/app/bin/run) = 7");
}

#[test]
fn what_cannot_be_unpacked_is_told_and_leaves_nothing() {
    let scene = Scene::new();
    for (arguments, part) in [
        ("{source: R/two.tar}", "does not have a single top-level directory"),
        ("{source: R/gone.tar}", "does not exist"),
        ("{source: 'salt://gone.tar'}", "does not exist"),
        ("{source: R/plain.tar}, {source_hash: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}", "does not match the desired"),
        ("{source: R/plain.tar}, {archive_format: zip}", "not a zip file"),
        ("{source: R/plain.tar}, {user: nobody-knows}", "User nobody-knows does not exist"),
        ("{source: R/plain.tar}, {source_hash_update: true}", "'source_hash_update' is not implemented"),
        ("{source: R/broken.tar.gz}", "R/broken.tar.gz"),
    ] {
        let (result, comment, _) = scene.extracted(arguments, false);
        let part = part.replace("R/", &format!("{}/", scene.root.path().display()));
        assert!(result == Value::Bool(false) && comment.contains(&part), "{arguments}: {comment}");
        assert!(!scene.path("x").exists(), "{arguments}: something was made");
    }
    shell(scene.root.path(), "mkdir -p R/x/app/bin/run");
    let (result, comment, _) = scene.extracted("{source: R/plain.tar}", false);
    assert!(result == Value::Bool(false) && comment.contains("incorrect type") && comment.contains("app/bin/run"));
    assert_eq!(scene.extracted("{source: R/plain.tar}, {force: true}", false).0, Value::Bool(true));
    assert_eq!(scene.extracted("{source: R/plain.tar}, {if_missing: R/x/app}, {overwrite: true}", false).1, {
        format!("Path {} exists", scene.path("x/app").display())
    });
}

#[test]
fn no_member_leaves_the_directory() {
    let scene = Scene::new();
    let inner = scene.path("inner");
    std::fs::create_dir(&inner).unwrap();
    let archive = |name: &str| scene.path(name);
    shell(scene.root.path(), "mkdir -m 700 R/secrets; echo kept > R/secret");
    for name in ["up.tar", "link.tar", "hard.tar", "hard_through.tar", "dir.tar", "mode.tar"] {
        let refused = tar::extract(&archive(name), &inner).unwrap_err();
        assert!(refused.to_string().contains("leads out of the directory"), "{name}: {refused}");
        let _ = std::fs::remove_file(inner.join("out"));
    }
    zip::extract(&archive("up.zip"), &inner, None, true).unwrap_err();
    zip::extract(&archive("link.zip"), &inner, None, true).unwrap_err();
    assert!(!Path::new(&scene.path("escaped")).exists() && !scene.path("made").exists());
    shell(scene.root.path(), "test $(stat -c %a R/secrets) = 700 && test $(stat -c %h R/secret) = 1");
    tar::extract(&archive("absolute.tar"), &inner).unwrap();
    tar::extract(&archive("near.tar"), &inner).unwrap();
    shell(
        &inner,
        "test -f R/abs/x && test $(stat -c %a-%h R/lib/x) = 640-2 && test -p R/pipe && test $(stat -c %a R/lib) = 750",
    );
}

/// What is removed before an archive is unpacked is named by the archive, too.
#[test]
fn an_archive_has_nothing_removed_outside() {
    let scene = Scene::new();
    shell(scene.root.path(), "echo kept > R/secret");
    for more in ["{clean: true}", "{force: true}", "{force: true}, {user: '7'}"] {
        let more = format!("{more}, {{enforce_toplevel: false}}");
        let (result, comment, _) = scene.extracted(&format!("{{source: R/up_dir.tar}}, {more}"), false);
        assert!(result == Value::Bool(false) && comment.contains("leads out of the directory"), "{more}: {comment}");
        assert!(!scene.path("x").exists(), "{more}: something was made");
    }
    for more in ["{clean: true}", "{force: true}"] {
        let (result, comment, _) =
            scene.extracted(&format!("{{source: R/far_dir.tar}}, {more}, {{enforce_toplevel: false}}"), false);
        assert_eq!(result, Value::Bool(true), "{more}: {comment}");
        shell(scene.root.path(), "test -f R/secret && test -f R/x/a/x");
    }
}
