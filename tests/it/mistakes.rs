//! What a person is told who made a typical mistake in a tree: the whole text, from `saltcall` to the excerpt.
//!
//! One file a mistake in `tests/mistakes`: the call, the files of the tree (`pillar/…` is pillar), and what is said on
//! stderr. `UPDATE_GOLDEN=1` writes what is said now; read the difference before it is committed.

use std::path::{Path, PathBuf};

use fleet_minion::cli::saltcall;

/// One mistake as its file tells it.
struct Mistake {
    call: String,
    files: Vec<(String, String)>,
    says: String,
}

fn parse(text: &str) -> Mistake {
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("--- "), sections.last_mut()) {
            (Some(name), _) => sections.push((name.to_owned(), String::new())),
            (None, Some((_, content))) => content.push_str(&format!("{line}\n")),
            (None, None) => {}
        }
    }
    let mut take = |name: &str| {
        let index = sections.iter().position(|(section, _)| section == name).unwrap();
        sections.remove(index).1
    };
    let (call, says) = (take("call").trim().to_owned(), take("says"));
    Mistake { call, files: sections, says }
}

/// Exit status, stderr.
fn said(mistake: &Mistake, dir: &Path) -> (u8, String) {
    for (name, content) in &mistake.files {
        let path = match name.strip_prefix("pillar/") {
            Some(rest) => dir.join("pillar").join(rest),
            None => dir.join("srv").join(name),
        };
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        // A tab is written as a tab, whatever the editor of these files does.
        std::fs::write(path, content.replace("<TAB>", "\t")).unwrap();
    }
    std::fs::create_dir_all(dir.join("pillar")).unwrap();
    let at = |name: &str| dir.join(name).display().to_string();
    let config = format!(
        "root_dir: {}\nid: web1\nfile_client: local\nfile_roots: {{base: [{}]}}\npillar_roots: {{base: [{}]}}\n",
        at("root"),
        at("srv"),
        at("pillar")
    );
    std::fs::write(dir.join("minion"), config).unwrap();
    let config_dir = dir.display().to_string();
    let fixed = ["saltcall", "--local", "--retcode-passthrough", "--log-level", "quiet", "-c", config_dir.as_str()];
    let argv = fixed.into_iter().chain(mistake.call.split(' ')).map(std::ffi::OsString::from);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut streams = saltcall::Streams { out: &mut out, err: &mut err, terminal: false };
    let status = saltcall::main(argv, &mut streams);
    (status, String::from_utf8(err).unwrap().replace(&config_dir, "DIR"))
}

#[test]
fn people_are_told_where_and_what_to_do() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("mistakes");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 15, "{} mistakes", paths.len());
    let mut wrong = String::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let mistake = parse(&text);
        let dir = tempfile::tempdir().unwrap();
        let (status, says) = said(&mistake, dir.path());
        let name = path.file_name().unwrap().to_string_lossy();
        if status == 0 {
            wrong.push_str(&format!("{name}: exit status 0\n"));
        }
        if says != mistake.says {
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                let head = &text[..text.find("--- says\n").unwrap()];
                std::fs::write(&path, format!("{head}--- says\n{says}")).unwrap();
            }
            wrong.push_str(&format!("{name} should say:\n{}but says:\n{says}\n", mistake.says));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
