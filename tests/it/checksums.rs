//! What a file of the tree must be before it is kept: its announced checksum.

use fleet_common::value::Value;

use crate::states::{minion, run};

#[test]
fn a_file_of_the_tree_with_another_checksum_is_not_cached() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("srv")).unwrap();
    std::fs::write(root.path().join("srv/a.txt"), "hello\n").unwrap();
    let act = minion(root.path());
    let cached = |arguments: &str, dry| {
        let text = format!("x: {{file.cached: [{{name: 'salt://a.txt'}}{arguments}]}}\n");
        std::fs::write(root.path().join("srv/case.sls"), text).unwrap();
        let answer = run(&act, dry);
        let comment = answer.get("comment").and_then(Value::as_str).unwrap_or_default().to_owned();
        (answer.get("result").cloned().unwrap_or_default(), comment)
    };
    let copy = root.path().join("cache/files/base/a.txt");
    let right = "b1946ac92492d2347c6235b4d2611184";
    let wrong = right.replace('b', "c");
    for dry in [true, false] {
        let (result, comment) = cached(&format!(", {{source_hash: md5={wrong}}}"), dry);
        assert_eq!(result, Value::Bool(false), "{comment}");
        let why = format!("the hash ({right}) does not match the specified hash ({wrong})");
        assert!(comment.contains("salt://a.txt") && comment.ends_with(&why), "{comment}");
        assert!(!copy.exists());
    }
    assert_eq!(cached(&format!(", {{source_hash: {right}}}"), false).0, Value::Bool(true));
    assert_eq!(std::fs::read_to_string(&copy).unwrap(), "hello\n");
    let (result, comment) = cached(&format!(", {{source_hash: {right}}}"), false);
    assert_eq!((result, comment.ends_with(&format!("with hash {right}"))), (Value::Bool(true), true), "{comment}");
    // The checksum is not looked at when told so.
    let (result, comment) = cached(&format!(", {{source_hash: {wrong}}}, {{skip_verify: true}}"), false);
    assert_eq!(result, Value::Bool(true), "{comment}");
}
