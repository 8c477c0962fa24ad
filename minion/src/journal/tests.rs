//! Faults: torn at every byte, damaged at every byte, killed while rewriting.

use std::collections::BTreeSet;

use fleet_common::ids::{Jid, MinionId};
use fleet_common::proto::ret::{End, Return};
use fleet_common::value::Value;

use super::record::{Frames, Record};
use super::*;

fn jid(number: u64) -> Jid {
    format!("{:020}", 20_261_120_000_000_000_000u128 + u128::from(number)).parse().unwrap()
}

fn id() -> MinionId {
    "web1".parse().unwrap()
}

fn begun(number: u64, changes: bool) -> Begun {
    Begun {
        stream: 1,
        serial: number,
        jid: jid(number),
        expires: 1_000_000 + number,
        fun: "state.apply".parse().unwrap(),
        fun_args: vec![Value::from("web")],
        changes,
        started: 5,
    }
}

fn done(number: u64, value: &str) -> Return {
    let mut ret = interrupted(&id(), &begun(number, true), Vec::new());
    (ret.end, ret.ret, ret.retcode, ret.success) = (End::Returned, Value::from(value), 0, true);
    ret
}

fn chunk(number: u64, key: &str) -> Chunk {
    Chunk { jid: jid(number), key: key.to_owned(), result: Value::Bool(true) }
}

fn open(path: &std::path::Path) -> (Journal, Recovered) {
    Journal::open(path, &id(), Limits::default()).unwrap()
}

/// Job 1 done and acknowledged, 2 done, 3 running with two chunks, 4 running.
fn fill(journal: &Journal) {
    for number in 1..=4 {
        journal.begin(begun(number, number != 4)).unwrap();
        if number == 3 {
            journal.chunk(chunk(3, "a")).unwrap();
            journal.chunk(chunk(3, "b")).unwrap();
        } else if number < 3 {
            journal.done(&done(number, "yes")).unwrap();
        }
    }
    journal.acked(&jid(1)).unwrap();
    journal.sync().unwrap();
}

#[test]
fn a_job_starts_once_and_what_stopped_is_interrupted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let (journal, first) = open(&path);
    assert_eq!(first, Recovered::default());
    fill(&journal);
    assert!(matches!(journal.begin(begun(3, true)), Err(BeginError::Duplicate(_))));
    drop(journal);

    let (journal, found) = open(&path);
    assert_eq!(found, Recovered { interrupted: vec![jid(3), jid(4)], damaged: 0 });
    assert_eq!(journal.standing(Standing::Unacknowledged), [jid(2), jid(3), jid(4)]);
    assert_eq!(journal.load(&jid(2)).unwrap(), done(2, "yes"));
    let cut = journal.load(&jid(3)).unwrap();
    assert_eq!((cut.end, cut.success, cut.out.as_deref()), (End::Interrupted, false, Some("highstate")));
    assert_eq!(cut.ret.as_map().unwrap().keys().filter_map(Value::as_str).collect::<Vec<_>>(), ["a", "b"]);
    for number in 1..=4 {
        assert!(matches!(journal.begin(begun(number, true)), Err(BeginError::Duplicate(_))), "{number}");
    }
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn torn_at_any_byte_the_whole_records_before_count() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    fill(&open(&path).0);
    let whole = std::fs::read(&path).unwrap();
    for cut in 0..=whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let records: Vec<Record> = Frames::new(&whole[..cut]).map(|(_, _, record)| record).collect();
        let began: BTreeSet<Jid> = records
            .iter()
            .filter_map(|r| if let Record::Begun(begun) = r { Some(begun.jid.clone()) } else { None })
            .collect();
        let finished: BTreeSet<Jid> = records
            .iter()
            .filter_map(|r| if let Record::Done(ret) = r { Some(ret.jid.clone()) } else { None })
            .collect();
        let (journal, found) = open(&path);
        assert_eq!(journal.begun(), began.iter().cloned().collect::<Vec<_>>(), "cut at {cut}");
        assert_eq!(found.interrupted, began.difference(&finished).cloned().collect::<Vec<_>>(), "cut at {cut}");
        // What is appended after the cut is read again.
        journal.begin(begun(9, true)).unwrap();
        drop(journal);
        assert_eq!(open(&path).1, Recovered { interrupted: vec![jid(9)], damaged: 0 }, "cut at {cut}");
    }
}

#[test]
fn damage_at_any_byte_costs_one_record() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    fill(&open(&path).0);
    let whole = std::fs::read(&path).unwrap();
    let all = Frames::new(&whole).count();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        assert_eq!(Frames::new(&bytes).count(), all - 1, "byte {at}");
        std::fs::write(&path, &bytes).unwrap();
        assert!(open(&path).1.damaged > 0, "byte {at}");
    }
}

#[test]
fn a_kill_while_rewriting_leaves_the_old_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    fill(&open(&path).0);
    std::fs::write(path.with_extension("new"), b"half a file").unwrap();
    assert_eq!(open(&path).1.interrupted, [jid(3), jid(4)]);
}

#[test]
fn acknowledged_work_leaves_the_file_and_expired_jobs_the_memory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let limits = Limits { rewrite_bytes: 64 * 1024, ..Limits::default() };
    let (journal, _) = Journal::open(&path, &id(), limits).unwrap();
    let large = "x".repeat(4000);
    for number in 0..300 {
        journal.begin(begun(number, true)).unwrap();
        journal.done(&done(number, &large)).unwrap();
        journal.acked(&jid(number)).unwrap();
    }
    assert!(journal.size() < 200 * 1024, "{}", journal.size());
    assert_eq!(journal.begun().len(), 300);
    journal.sweep(1_000_000 + 150 + 10 * 60 * 1000).unwrap();
    assert_eq!(journal.begun().len(), 150);
    journal.begin(begun(999, true)).unwrap();
    drop(journal);
    let (journal, found) = open(&path);
    assert_eq!((found.interrupted, found.damaged), (vec![jid(999)], 0));
    journal.sweep(1_000_000 + 150 + 10 * 60 * 1000).unwrap();
    assert_eq!(journal.begun().len(), 151);
}

#[test]
fn jobs_without_effect_are_forgotten_first_and_a_full_journal_refuses() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { most_jobs: 6000, ..Limits::default() };
    let (journal, _) = Journal::open(&dir.path().join("journal"), &id(), limits).unwrap();
    for number in 0..5000 {
        journal.begin(begun(number, false)).unwrap();
        journal.done(&done(number, "")).unwrap();
        journal.acked(&jid(number)).unwrap();
    }
    assert_eq!(journal.begun().len(), 4096);
    let mut number = 5000;
    let refused = loop {
        number += 1;
        if let Err(error) = journal.begin(begun(number, true)) {
            break error;
        }
    };
    assert!(matches!(refused, BeginError::Full(6000)), "{refused}");
}
