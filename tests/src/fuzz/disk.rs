//! What daemons read from disk: the journal, jobs that were handed over, tokens, and the system's own tables.

use std::path::Path;

use fleet_common::ids::{Jid, MinionId};
use fleet_common::value::Value;
use fleet_master::keys::Directory;
use fleet_minion::edit::Ini;
use fleet_minion::journal::{Begun, Journal, Limits, Standing, interrupted};
use fleet_minion::stay::Stays;
use fleet_minion::system::apt::{sources::Source, version};
use fleet_minion::system::checksum::Checksum;
use fleet_minion::system::crontab::Crontab;
use fleet_minion::system::ssh::{AuthKey, KnownHost};
use fleet_minion::system::{mount, shadow, sysctl, user};

use super::targets::{Check, Target, scratch, texts};

pub(super) const TARGETS: &[Target] = &[
    Target { name: "journal", inputs: 26_000, seeds: journal_seeds, start: || in_directory(journal) },
    Target { name: "handover", inputs: 90_000, seeds: handover_seeds, start: || in_directory(handover) },
    Target { name: "tokens", inputs: 50_000, seeds: token_seeds, start: || in_directory(tokens) },
    Target { name: "tables", inputs: 15_000, seeds: table_seeds, start: || in_directory(tables) },
    Target { name: "lists", inputs: 22_000, seeds: list_seeds, start: || Box::new(lists) },
];

/// A check that has a directory of its own.
fn in_directory(check: fn(&Path, &[u8]) -> Result<(), String>) -> Check {
    let dir = scratch();
    Box::new(move |input| check(dir.path(), input))
}

fn jid(number: u8) -> Jid {
    format!("202611201138361234{number:02}").parse().expect("twenty digits")
}

fn id() -> MinionId {
    "web1".parse().expect("it is an id")
}

fn begun(number: u8) -> Begun {
    Begun {
        stream: 1,
        serial: u64::from(number),
        jid: jid(number),
        expires: u64::MAX / 2,
        fun: "state.apply".parse().expect("it is a name"),
        fun_args: vec![Value::from("web")],
        changes: true,
        started: 5,
    }
}

/// A journal with jobs in every standing, and an empty one.
fn journal_seeds() -> Vec<Vec<u8>> {
    let dir = scratch();
    let path = dir.path().join("journal");
    let (journal, _) = Journal::open(&path, &id(), Limits::default()).expect("a new journal");
    for number in 1..=3 {
        journal.begin(begun(number)).unwrap_or_else(|error| panic!("{error}"));
    }
    for number in 1..=2 {
        journal.done(&interrupted(&id(), &begun(number), Vec::new())).expect("room");
    }
    journal.acked(&jid(1)).expect("room");
    drop(journal);
    vec![std::fs::read(&path).expect("it was written"), Vec::new()]
}

/// It opens whatever is in it, ends what was begun, and what it then holds it still holds when it is opened again.
fn journal(dir: &Path, input: &[u8]) -> Result<(), String> {
    let path = dir.join("journal");
    std::fs::write(&path, input).map_err(|error| error.to_string())?;
    let all = [Standing::Running, Standing::Unacknowledged, Standing::Acknowledged];
    let (first, _) = Journal::open(&path, &id(), Limits::default()).map_err(|error| error.to_string())?;
    let before = all.map(|standing| first.standing(standing));
    if !before[0].is_empty() {
        return Err(format!("{:?} still run", before[0]));
    }
    let owed = first.standing(Standing::Unacknowledged);
    if let Some(jid) = owed.iter().find(|jid| first.load(jid).is_none()) {
        return Err(format!("the return of {jid:?} cannot be read"));
    }
    drop(first);
    let (again, recovered) = Journal::open(&path, &id(), Limits::default()).map_err(|error| error.to_string())?;
    let after = all.map(|standing| again.standing(standing));
    if recovered.damaged != 0 || before != after {
        return Err(format!("{before:?} became {after:?}, {} damaged", recovered.damaged));
    }
    Ok(())
}

fn handover_seeds() -> Vec<Vec<u8>> {
    texts(&["20261120113836123456\n20261120113836123457\n", "", "..\n20261120113836123456", "\0\n/etc/passwd\n"])
}

/// Only job ids are expected, each once, and the file is gone.
fn handover(dir: &Path, input: &[u8]) -> Result<(), String> {
    let file = dir.join("staying");
    std::fs::write(&file, input).map_err(|error| error.to_string())?;
    let stays = Stays::read(dir);
    if file.exists() {
        return Err("it is taken over twice".to_owned());
    }
    let text = String::from_utf8_lossy(input);
    let all = stays.give_up();
    match all.iter().find(|jid| !text.contains(jid.as_str()) || stays.claim(jid)) {
        Some(jid) => Err(format!("{jid:?} was never handed over, or is twice")),
        None => Ok(()),
    }
}

fn token_seeds() -> Vec<Vec<u8>> {
    let digest = "ab".repeat(32);
    texts(&[
        &format!("{digest} 99999999999 web*\n{digest} 5 *\n"),
        "x y z\n",
        "",
        &format!("{digest} -1 *\n{digest}\n"),
    ])
}

/// A damaged list of tokens loses lines; what is left is written as it is read.
fn tokens(dir: &Path, input: &[u8]) -> Result<(), String> {
    let file = dir.join("enrolment_tokens");
    std::fs::write(&file, input).map_err(|error| error.to_string())?;
    let directory = Directory::new(dir.to_owned());
    if directory.make_token("web*", 1000, 10).is_err() {
        // Bytes that are no text: nobody is let in.
        return if std::str::from_utf8(input).is_err() { Ok(()) } else { Err("no token is made".to_owned()) };
    }
    let text = std::fs::read_to_string(&file).map_err(|error| error.to_string())?;
    let good = |line: &str| {
        line.split(' ').count() == 3 && line.split(' ').nth(1).is_some_and(|at| at.parse().is_ok_and(|at: u64| at > 10))
    };
    match text.lines().find(|line| !good(line)) {
        Some(line) => Err(format!("{line:?} is kept")),
        None => Ok(()),
    }
}

fn table_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "UUID=1 / ext4 rw,relatime 0 1\n/dev/sdb1\t/a\\040b\tnone\tbind 0 0\n# c\n",
        "root:x:0:0:root:/root:/bin/sh\nweb:x:99999999999:1::/:\n+::::::\nwheel:x:10:a,b,,\n",
        "root:$6$x$y:19000:0:99999:7:::\nweb:!:::::::\n",
        "net.ipv4.ip_forward = 1\n# x = y\n;z=\n=\n",
        "# m\nSHELL=/bin/sh\n# Lines below here are managed by Salt, do not edit\n# c SALT_CRON_IDENTIFIER:x\n*/5 0 * * 1-5 do it\n@reboot x\n",
    ])
}

/// Tables of the system, each read by every reader of one.
fn tables(dir: &Path, input: &[u8]) -> Result<(), String> {
    let etc = dir.join("etc");
    let written = std::fs::create_dir_all(&etc).and_then(|()| {
        ["fstab", "shadow", "sysctl", "passwd", "group"]
            .iter()
            .try_for_each(|name| std::fs::write(etc.join(name), input))
    });
    written.map_err(|error| error.to_string())?;
    let entries = mount::table(&etc.join("fstab")).map_err(|error| error.to_string())?;
    let most = input.len() + 1;
    let read = sysctl::read(&etc.join("sysctl")).map_err(|error| error.to_string())?.unwrap_or_default();
    let shadows = shadow::table(dir.to_str()).map_err(|error| error.to_string())?;
    let accounts = user::Accounts::below(&etc);
    let counts = [entries.len(), read.len(), shadows.len(), accounts.accounts().map_or(0, |all| all.len())];
    if counts.iter().any(|count| *count > most) {
        return Err(format!("{counts:?} rows in {most} bytes"));
    }
    for account in accounts.accounts().into_iter().flatten() {
        accounts.group_ids(&account);
    }
    // Written entries are read as they were.
    for entry in entries.iter().take(3) {
        mount::put(&etc.join("fstab"), |_| true, Some(entry)).map_err(|error| error.to_string())?;
        let again = mount::table(&etc.join("fstab")).map_err(|error| error.to_string())?;
        if again != [entry.clone()] {
            return Err(format!("{entry:?} comes back as {again:?}"));
        }
    }
    let text = String::from_utf8_lossy(input).replace('\r', "");
    let once = Crontab::parse(&text).text();
    let twice = Crontab::parse(&once).text();
    if once == twice { Ok(()) } else { Err(format!("{once:?} becomes {twice:?}")) }
}

fn list_seeds() -> Vec<Vec<u8>> {
    let key = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    let sum = "ab".repeat(32);
    texts(&[
        &format!("from=\"a,b\",no-pty ssh-ed25519 {key} me@here\nhost,1.2.3.4 ssh-ed25519 {key}\n"),
        &format!("{sum}  a.tar.gz\nSHA256 (b) = {sum}\nmd5:{}\n", "0".repeat(32)),
        "deb [arch=amd64 signed-by=/k] http://x/debian stable main # c\n# deb-src cdrom:[x y] / \n1:2.0~rc1-1+b2\n",
        "a = 1\n[s]\nk=v\n; c\n[s]\nk : w\n\n[t\nx==y\n",
    ])
}

/// Lines that lists are made of: what is read is written and read again as the same.
fn lists(input: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(input);
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines {
        if let Some(key) = AuthKey::parse(line)
            && AuthKey::parse(&key.line()).is_none_or(|again| again.key != key.key || again.enc != key.enc)
        {
            return Err(format!("the key of {line:?} is another in {:?}", key.line()));
        }
        if let Some(source) = Source::parse(line)
            && Source::parse(&source.line())
                .is_none_or(|again| again.uri != source.uri || again.disabled != source.disabled)
        {
            return Err(format!("the source of {line:?} is another in {:?}", source.line()));
        }
        let _ = Checksum::written(line);
    }
    for host in KnownHost::parse(&text) {
        if KnownHost::parse(&host.line()).first() != Some(&host) && !host.hostname.starts_with('#') {
            return Err(format!("{host:?} is another when it is read again"));
        }
    }
    let _ = Checksum::listed(&text, "", &["a.tar.gz", ""]);
    if let [one, other, ..] = lines[..]
        && version::compare(one, other) != version::compare(other, one).reverse()
    {
        return Err(format!("{one:?} and {other:?} are in no order"));
    }
    // A carriage return alone at the end gets a line end, and is a part of it from then on.
    let text = text.replace('\r', "");
    for separator in ["=", ":", " "] {
        let once = Ini::parse(&text, separator).text();
        let twice = Ini::parse(&once, separator).text();
        if once != twice {
            return Err(format!("{once:?} becomes {twice:?}"));
        }
    }
    Ok(())
}
