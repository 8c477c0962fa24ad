//! Private keys: made, closed, recognised and never replaced without being told to, with the real program.

use std::os::unix::fs::PermissionsExt;

use fleet_common::call::Arguments;
use fleet_common::value::Value;
use fleet_minion::system::command::which;
use fleet_tests::harness::skip;

use crate::states::{minion, run, shell};

#[test]
fn keys_are_made_once_and_kept_unless_told_otherwise() {
    if which("openssl", None).is_none() {
        return skip("keys_are_made_once_and_kept_unless_told_otherwise", "there is no program 'openssl'");
    }
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().canonicalize().unwrap();
    shell(&root, "mkdir -p R/srv R/cache");
    let act = minion(&root);
    let key = root.join("key.pem");
    let path = key.display().to_string();
    let declare = |more: &str| {
        let text = format!("x:\n  x509.private_key_managed: [{{name: {path}}}{more}]\n");
        std::fs::write(root.join("srv/case.sls"), text).unwrap();
    };
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let read = || std::fs::read_to_string(&key).unwrap();
    // What is predicted happens; then nothing is left to do, and the key stays.
    let applied = |more: &str| {
        declare(more);
        let (predicted, done) = (run(&act, true), run(&act, false));
        assert_eq!(predicted.get("result"), Some(&Value::Null), "{predicted:?}");
        assert_eq!(done.get("result"), Some(&Value::from(true)), "{done:?}");
        assert_eq!(predicted.get("changes"), done.get("changes"));
        let made = read();
        let again = run(&act, false);
        assert_eq!(text(&again, "comment"), "The private key is in the correct state", "{again:?}");
        assert_eq!(read(), made);
        done.get("changes").cloned().unwrap()
    };
    assert_eq!(applied(", {algo: ec}").get("created"), Some(&Value::from(path.as_str())));
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o7777, 0o400);
    assert_eq!(applied(", {algo: ec}, {keysize: 384}").get("keysize"), Some(&Value::from(384)));
    assert_eq!(applied(", {algo: ed25519}").get("algo"), Some(&Value::from("ed25519")));
    assert_eq!(applied(", {algo: ed25519}, {passphrase: 'well kept'}").get("passphrase"), Some(&Value::from(true)));
    assert!(read().contains("ENCRYPTED") && !read().contains("well kept"));
    // What can't be read, or makes no sense, fails and leaves the key as it is.
    let before = read();
    for (more, why) in [
        (", {algo: ed25519}", "The existing file is encrypted"),
        (", {algo: ed25519}, {passphrase: other}", "Could not load PEM-encoded private key"),
        (", {algo: dsa}", "Invalid algorithm"),
        (", {keysize: 100}", "Invalid keysize 100"),
        (", {encoding: der}", "'der' of x509.private_key_managed is not implemented"),
        (", {algo: ed25519}, {passphrase: 'well kept'}, {contents: x}", "has no argument 'contents'"),
    ] {
        declare(more);
        for dry in [true, false] {
            let done = run(&act, dry);
            assert_eq!(done.get("result"), Some(&Value::from(false)), "{more}: {done:?}");
            assert!(text(&done, "comment").contains(why), "{more}: {done:?}");
            assert!(!format!("{done:?}").contains("PRIVATE KEY"), "{more}: the key is told");
        }
    }
    assert_eq!(read(), before);
    let changes = applied(", {algo: ed25519}, {overwrite: true}");
    assert_eq!(changes.get("passphrase"), Some(&Value::from(false)));
    // Functions see what the key is, and which belongs to it.
    let call = |function: &str, arguments: Arguments| match act.run(function, arguments) {
        Ok(outcome) => outcome.value,
        Err(error) => Value::from(error.to_string()),
    };
    let public = call("x509.get_public_key", Arguments::positional([path.as_str()]));
    let other = call("x509.create_private_key", Arguments::default().with("algo", "ed25519"));
    let belongs =
        |private: &Value| call("x509.verify_private_key", Arguments::positional([private.clone(), public.clone()]));
    assert_eq!((belongs(&path.as_str().into()), belongs(&other)), (true.into(), false.into()));
    shell(&root, "openssl req -x509 -key R/key.pem -out R/cert.pem -days 30 -subj /CN=shop.example");
    let certificate = root.join("cert.pem").display().to_string();
    let ends = |days: i64| call("x509.expires", Arguments::positional([certificate.as_str()]).with("days", days));
    assert_eq!((ends(10), ends(40)), (false.into(), true.into()));
    let told = call("x509.expired", Arguments::positional([certificate.as_str()]));
    assert_eq!((told.get("cn"), told.get("expired")), (Some(&"shop.example".into()), Some(&false.into())));
    let no_certificate = call("x509.expires", Arguments::positional([path.as_str()]));
    assert!(no_certificate.as_str().is_some_and(|why| why.starts_with("openssl:")), "{no_certificate:?}");
}
