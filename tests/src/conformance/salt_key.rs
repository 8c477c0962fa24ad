//! `salt-key` cases, run against `keyctl`.

use std::ffi::OsString;
use std::fs;

use fleet_common::value::{Map, Value, json_load};
use fleet_master::cli::keyctl::{Terminal, execute};

use super::{Case, Scratch, Verdict};

const FOLDERS: [&str; 4] = ["minions", "minions_pre", "minions_denied", "minions_rejected"];

/// Runs one case.
pub(super) fn run(case: &Case) -> Verdict {
    Verdict::of(check(case))
}

fn check(case: &Case) -> Result<(), String> {
    let scratch = Scratch::new(&case.input)?;
    let root = scratch.root();
    let pki = root.join("pki");
    let fixture = fs::read_to_string(case.dir.join("keys.fixture")).map_err(|error| error.to_string())?;
    let fixture = json_load::parse(&fixture).map_err(|error| error.to_string())?;
    let texts = fixture.as_list().ok_or("keys.fixture: a list is expected")?;
    for folder in FOLDERS {
        fs::create_dir_all(pki.join(folder)).map_err(|error| error.to_string())?;
        let keys = case.input.get("keys").and_then(|keys| keys.get(folder)).and_then(Value::as_map);
        for (name, number) in keys.into_iter().flatten() {
            let number = number.as_int().and_then(|number| usize::try_from(number).ok());
            let text = number.and_then(|number| texts.get(number)).and_then(Value::as_str).ok_or("no such key")?;
            let name = name.as_str().ok_or("a key's name is a text")?;
            fs::write(pki.join(folder).join(name), text).map_err(|error| error.to_string())?;
        }
    }
    let more = case.text("master_config").unwrap_or("");
    let config = format!("root_dir: {}\npki_dir: {}\n{more}\n", root.display(), pki.display());
    fs::write(root.join("etc-salt/master"), config).map_err(|error| error.to_string())?;

    let input = scratch.substitute(&case.input);
    let argv = input.get("argv").and_then(Value::as_list).ok_or("argv is missing")?;
    let mut words: Vec<OsString> = argv.iter().filter_map(Value::as_str).map(OsString::from).collect();
    words.insert(1, root.join("etc-salt").into());
    words.insert(1, "-c".into());
    let stdin = case.text("stdin").unwrap_or("").to_owned();
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let mut terminal =
        Terminal { input: &mut stdin.as_bytes(), output: &mut output, errors: &mut errors, is_terminal: false };
    let exit = execute(words, &mut terminal);

    let errors = String::from_utf8_lossy(&errors).into_owned();
    same("exit_code", &Value::from(exit as u8), case.expected.get("exit_code"), &errors)?;
    let output = scratch.mask(&Value::from(String::from_utf8_lossy(&output).into_owned()));
    same("stdout", &output, case.expected.get("stdout"), &errors)?;
    let after: Map = FOLDERS.iter().map(|folder| (*folder, names(&pki.join(folder)))).collect();
    same("keys_after", &Value::Map(after), case.expected.get("keys_after"), &errors)?;
    if let Some(file) = case.text("outfile") {
        let text = fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"))?;
        same("outfile", &Value::from(text), case.expected.get("outfile"), &errors)?;
    }
    Ok(())
}

fn same(what: &str, ours: &Value, theirs: Option<&Value>, errors: &str) -> Result<(), String> {
    match theirs {
        Some(theirs) if theirs != ours => {
            Err(format!("{what}:\n  ours:   {ours:?}\n  theirs: {theirs:?}\n  stderr: {errors}"))
        }
        _ => Ok(()),
    }
}

/// Hidden files other than keys (the lock, temporary ones) lie elsewhere: all names count.
fn names(folder: &std::path::Path) -> Value {
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names.into()
}
