//! Files and answers of web servers: brought, checked, kept, refused.

use std::sync::atomic::{AtomicUsize, Ordering};

use fleet_common::call::Arguments;
use fleet_common::digest::hex_of_bytes;
use fleet_common::value::{Map, Value};
use fleet_minion::cx::Act;
use fleet_tests::harness::web::{Asked, Reply, WebServer};

use crate::states::{minion_with, run};

const CONTENT: &[u8] = b"from afar\n";

fn sum() -> String {
    hex_of_bytes("sha256", CONTENT).unwrap()
}

/// A server with a file, a list of checksums, a way in, a loop and a large answer.
fn serve(asked: &Asked) -> Reply {
    let body = match asked.path.as_str() {
        "/app.conf" => CONTENT.to_vec(),
        "/SHA256SUMS" => format!("{}  other\n{}  dist/app.conf\n", "0".repeat(64), sum()).into_bytes(),
        "/locked" if asked.header("authorization") == Some("Basic YW5uOnNlY3JldA==") => CONTENT.to_vec(),
        "/locked" => return (401, Vec::new(), b"who are you?".to_vec()),
        "/loop" => return (302, vec!["Location: /loop".to_owned()], Vec::new()),
        "/large" => vec![b'x'; 300_000],
        "/json?a=1" => return (200, vec!["Content-Type: application/json".to_owned()], b"{\"b\": [1, 2]}".to_vec()),
        _ => return (404, Vec::new(), b"nothing here".to_vec()),
    };
    (200, Vec::new(), body)
}

struct Scene {
    root: tempfile::TempDir,
    act: Act,
}

impl Scene {
    fn new(settings: &[(&str, Value)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("srv")).unwrap();
        let act = minion_with(root.path(), settings);
        Self { root, act }
    }

    /// Runs one state; result, comment and changes.
    fn state(&self, declaration: &str, dry: bool) -> (Value, String, Value) {
        let text = format!("x: {{{}}}\n", declaration.replace("R/", &format!("{}/", self.root.path().display())));
        std::fs::write(self.root.path().join("srv/case.sls"), text).unwrap();
        let answer = run(&self.act, dry);
        let get = |key: &str| answer.get(key).cloned().unwrap_or_default();
        (get("result"), get("comment").as_str().unwrap_or_default().to_owned(), get("changes"))
    }

    fn file(&self) -> Option<Vec<u8>> {
        std::fs::read(self.root.path().join("f")).ok()
    }

    fn query(&self, url: &str, arguments: &[(&str, Value)]) -> Map {
        let asked =
            arguments.iter().fold(Arguments::positional([url]), |all, (key, value)| all.with(key, value.clone()));
        self.act.run("http.query", asked).unwrap().value.as_map().cloned().unwrap()
    }
}

#[test]
fn a_file_of_a_server_is_brought_checked_and_asked_for_once() {
    let (server, scene) = (WebServer::start(serve), Scene::new(&[]));
    let at = &server.address;
    let managed = format!("file.managed: [{{name: R/f}}, {{source: '{at}/app.conf'}}, {{source_hash: {}}}]", sum());
    assert_eq!(scene.state(&managed, true).0, Value::Null);
    assert_eq!(scene.file(), None, "a dry run wrote the file");
    let (result, comment, changes) = scene.state(&managed, false);
    assert_eq!((result, scene.file().as_deref()), (Value::Bool(true), Some(CONTENT)), "{comment}");
    assert_eq!(changes.get("diff"), Some(&Value::from("New file")));
    let so_far = server.asked().len();
    assert_eq!(scene.state(&managed, false).2, Value::Map(Map::new()));
    // Even without the cache: the file itself has the checksum.
    std::fs::remove_dir_all(scene.root.path().join("cache")).unwrap();
    assert_eq!(scene.state(&managed, false).0, Value::Bool(true));
    assert_eq!(server.asked().len(), so_far, "asked again for what was there");
    let listed =
        format!("file.managed: [{{name: R/f}}, {{source: '{at}/app.conf'}}, {{source_hash: '{at}/SHA256SUMS'}}]");
    assert_eq!(scene.state(&listed, false).0, Value::Bool(true));
    std::fs::write(scene.root.path().join("f"), "changed").unwrap();
    assert_eq!(scene.state(&listed, false).0, Value::Bool(true));
    assert_eq!(scene.file().as_deref(), Some(CONTENT));
    let skipped =
        format!("file.managed: [{{name: R/g}}, {{source: ['{at}/gone', '{at}/app.conf']}}, {{skip_verify: true}}]");
    assert_eq!(scene.state(&skipped, false).0, Value::Bool(true));
}

#[test]
fn what_is_not_as_announced_is_not_written() {
    let (server, scene) = (WebServer::start(serve), Scene::new(&[("http_max_body", Value::from(100_000))]));
    let at = &server.address;
    let secret = at.replace("http://", "http://ann:wrong@");
    for (source, rest, part) in [
        (format!("{at}/app.conf"), "{source_hash: ''}".to_owned(), "please set source_hash or set skip_verify to True"),
        (format!("{at}/app.conf"), format!("{{source_hash: {}}}", "1".repeat(64)), "was expected"),
        (format!("{at}/app.conf"), "{source_hash: nonsense}".to_owned(), "format is invalid"),
        (format!("{at}/app.conf"), format!("{{source_hash: '{at}/gone'}}"), "HTTP 404"),
        (format!("{at}/gone"), "{skip_verify: true}".to_owned(), "HTTP 404"),
        (format!("{at}/loop"), "{skip_verify: true}".to_owned(), "redirect"),
        (format!("{at}/large"), "{skip_verify: true}".to_owned(), "larger than 100000 bytes"),
        (format!("{secret}/locked"), "{skip_verify: true}".to_owned(), "<redacted>@127.0.0.1"),
        ("http://127.0.0.1:1/x".to_owned(), "{skip_verify: true}".to_owned(), "onnection refused"),
        (format!("{at}/../../x"), "{skip_verify: true}".to_owned(), "not an address"),
    ] {
        let (result, comment, _) =
            scene.state(&format!("file.managed: [{{name: R/f}}, {{source: '{source}'}}, {rest}]"), false);
        assert_eq!((result, scene.file()), (Value::Bool(false), None), "{source}: {comment}");
        assert!(comment.contains(part) && !comment.contains("wrong"), "{source}: {comment}");
    }
    let mut find = std::process::Command::new("find");
    let kept =
        find.arg(scene.root.path().join("cache")).args(["-path", "*extrn*", "-type", "f"]).output().unwrap().stdout;
    assert!(kept.is_empty(), "something was kept: {}", String::from_utf8_lossy(&kept));
    let locked = at.replace("http://", "http://ann:secret@");
    let state = format!("file.managed: [{{name: R/f}}, {{source: '{locked}/locked'}}, {{skip_verify: true}}]");
    assert_eq!(scene.state(&state, false).0, Value::Bool(true));
}

#[test]
fn a_certificate_nobody_vouches_for_is_refused() {
    let server = WebServer::start_tls(serve);
    let strict = Scene::new(&[]);
    let error = strict.query(&format!("{}/app.conf", server.address), &[]);
    let text = error.get("error").and_then(Value::as_str).unwrap_or_default();
    assert!(text.contains("certificate") && !error.contains("body"), "{error:?}");
    let bundle = strict.root.path().join("ca.pem");
    std::fs::write(&bundle, &server.certificate).unwrap();
    let bundle = Value::from(bundle.to_str().unwrap());
    let trusting = Scene::new(&[("ca_bundle", bundle)]);
    let url = format!("{}/app.conf", server.address);
    assert_eq!(trusting.query(&url, &[]).get("body"), Some(&Value::from("from afar\n")));
    assert_eq!(strict.query(&url, &[("verify_ssl", false.into())]).get("body"), Some(&Value::from("from afar\n")));
}

#[test]
fn queries_tell_what_was_asked_for() {
    let (server, scene) = (WebServer::start(serve), Scene::new(&[]));
    let at = &server.address;
    let yes = Value::Bool(true);
    let params = Value::Map(Map::from_iter([("a", 1)]));
    let answer = scene.query(
        &format!("{at}/json"),
        &[("params", params), ("decode", yes.clone()), ("status", yes.clone()), ("headers", yes.clone())],
    );
    assert_eq!(answer.get("status"), Some(&Value::from(200)));
    assert_eq!(answer.get("dict").and_then(|dict| dict.get("b")), Some(&Value::List(vec![1.into(), 2.into()])));
    assert_eq!(answer.get("headers").and_then(|all| all.get("Content-Type")), Some(&Value::from("application/json")));
    let gone = scene.query(&format!("{at}/gone"), &[]);
    assert_eq!(gone.get("error"), Some(&Value::from("HTTP 404: Not Found")));
    assert_eq!((gone.get("status"), gone.get("body")), (Some(&Value::from(404)), Some(&Value::from("nothing here"))));
    let form = Value::Map(Map::from_iter([("k", "a b")]));
    scene.query(&format!("{at}/app.conf"), &[("method", "POST".into()), ("data", form)]);
    let last = server.asked().pop().unwrap();
    assert_eq!((last.method.as_str(), last.body.as_str()), ("POST", "k=a+b"));
    let refused = Arguments::positional([format!("{at}/json")]).with("cookies", true);
    let error = scene.act.run("http.query", refused).unwrap_err().to_string();
    assert!(error.contains("'cookies' of http.query"), "{error}");
}

#[test]
fn a_state_waits_for_the_right_answer() {
    let times = AtomicUsize::new(0);
    let server = WebServer::start(move |_| match times.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => (503, Vec::new(), Vec::new()),
        _ => (200, Vec::new(), b"ready".to_vec()),
    });
    let scene = Scene::new(&[]);
    let at = &server.address;
    let once = format!("http.query: [{{name: '{at}/'}}, {{status: 200}}]");
    assert_eq!(
        scene.state(&once, true),
        (Value::Null, "Status 200 was not found. (TEST MODE)".into(), Map::new().into())
    );
    assert_eq!(server.asked().len(), 0, "a dry run asked");
    assert_eq!(scene.state(&once, false).0, Value::Bool(false));
    let wait = format!(
        "http.wait_for_successful_query: [{{name: '{at}/'}}, {{match: rea}}, {{status: 200}}, {{wait_for: 30}}]"
    );
    let (result, comment, _) = scene.state(&wait, false);
    assert_eq!((result, comment.as_str()), (Value::Bool(true), "Match text \"rea\" was found. Status 200 was found."));
    assert_eq!(server.asked().len(), 3);
    let never = format!("http.query: [{{name: '{at}/'}}, {{match: 'x+y'}}, {{match_type: pcre}}]");
    assert_eq!(scene.state(&never, false).1, "Match pattern \"x+y\" was not found.");
}
