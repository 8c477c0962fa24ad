//! Command lines: argument parsing, `keyctl` and `saltcall` output.

use std::ffi::OsString;
use std::fs;

use fleet_common::cli_args;
use fleet_common::value::Value;
use fleet_minion::cli::saltcall::{self, Options, Streams};

use super::{Case, Scratch, Verdict, compare, salt_key};

/// Runs one case.
pub(super) fn run(case: &Case) -> Verdict {
    let argv: Vec<String> =
        case.input.get("argv").and_then(Value::as_list).unwrap_or_default().iter().map(text).collect();
    if case.input.get("parse").is_some_and(Value::truthy) {
        return Verdict::of(arguments(case, &argv));
    }
    match argv.first().map(String::as_str) {
        Some("salt-call") => call(case),
        Some("salt-key") => salt_key::run(case),
        Some(program) => Verdict::Unsupported(format!("the program {program}")),
        None => Verdict::Fail("no argv in the input".to_owned()),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// What a function would be given.
fn arguments(case: &Case, argv: &[String]) -> Result<(), String> {
    let parsed = <Options as clap::Parser>::try_parse_from(argv);
    let status = case.expected.get("exit_code").and_then(Value::as_int).unwrap_or(0);
    let options = match (status, parsed) {
        (0, parsed) => parsed.map_err(|error| error.to_string())?,
        (64, Err(_)) => return Ok(()),
        (status, _) => return Err(format!("status {status} was expected")),
    };
    let given = cli_args::parse(options.words.get(1..).unwrap_or_default(), &options.no_parse);
    compare(case.expected.get("args").unwrap_or(&Value::Null), &Value::List(given.positional))?;
    compare(case.expected.get("kwargs").unwrap_or(&Value::Null), &Value::Map(given.keyword))
}

/// Runs `saltcall` as the program does, with its configuration in the scratch directory.
fn call(case: &Case) -> Verdict {
    match prepare(case) {
        Ok((scratch, argv)) => {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let status = saltcall::main(argv, &mut Streams { out: &mut out, err: &mut err, terminal: false });
            let (out, err) = (String::from_utf8_lossy(&out).into_owned(), String::from_utf8_lossy(&err).into_owned());
            if err.contains("not supported yet") || err.contains("is not implemented") {
                return Verdict::Unsupported(err);
            }
            Verdict::of(judge(case, &scratch, status, &out).map_err(|why| format!("{why}\n  stderr   {err}")))
        }
        Err(why) => Verdict::Fail(why),
    }
}

fn prepare(case: &Case) -> Result<(Scratch, Vec<OsString>), String> {
    let scratch = Scratch::new(&case.input)?;
    let root = scratch.root().display();
    let extra = case.text("minion_config").unwrap_or_default();
    let config = format!(
        "id: web1\nroot_dir: {root}\ncachedir: {root}/cache\nfile_client: local\n\
         file_roots: {{base: [{root}/srv/salt]}}\npillar_roots: {{base: [{root}/srv/pillar]}}\n{extra}"
    );
    fs::write(scratch.root().join("etc-salt/minion"), config).map_err(|error| error.to_string())?;
    let input = scratch.substitute(&case.input);
    let words = input.get("argv").and_then(Value::as_list).unwrap_or_default();
    let mut argv: Vec<OsString> = words.iter().map(|word| text(word).into()).collect();
    let config_dir = scratch.root().join("etc-salt").into_os_string();
    argv.splice(1..1, ["-c".into(), config_dir]);
    Ok((scratch, argv))
}

fn judge(case: &Case, scratch: &Scratch, status: u8, out: &str) -> Result<(), String> {
    let wanted = case.expected.get("exit_code").and_then(Value::as_int).unwrap_or(0);
    if i64::from(status) != wanted {
        return Err(format!("status {wanted} was expected, {status} came"));
    }
    let quoted =
        if case.input.get("states").is_some_and(Value::truthy) { quote_durations(out) } else { out.to_owned() };
    let out = scratch.mask(&Value::from(quoted));
    compare(case.expected.get("stdout").unwrap_or(&Value::from("")), &out)?;
    let Some(file) = case.text("outfile") else { return Ok(()) };
    let written = fs::read_to_string(scratch.root().join(file)).map_err(|error| error.to_string())?;
    compare(case.expected.get("outfile").unwrap_or(&Value::Null), &scratch.mask(&Value::from(written)))
}

/// The recordings have a text where JSON has the number of a duration.
fn quote_durations(text: &str) -> String {
    const KEY: &str = "\"duration\": ";
    let quote = |line: &str| match line.split_once(KEY) {
        Some((indent, rest)) => {
            let number = rest.trim_end_matches([',', '\n']);
            format!("{indent}{KEY}\"{number}\"{}", &rest[number.len()..])
        }
        None => line.to_owned(),
    };
    text.split_inclusive('\n').map(quote).collect()
}
