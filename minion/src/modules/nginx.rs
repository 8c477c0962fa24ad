//! `nginx.*`: the web server nginx.

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Facts, Function};
use fleet_common::value::{Map, Value};

use super::tool::run;
use crate::cx::{Act, Look, Module};
use crate::system::http::{Client, Request, Wishes};

/// The module.
pub const MODULE: Module = Module {
    name: "nginx",
    doc: "The web server nginx.",
    functions: &[
        Function::reads("version", "The version of nginx.", "nginx.version", Nothing::ROWS, |_, arguments| {
            Nothing::bind("nginx.version", arguments)?;
            let said = run(&["nginx", "-v"])?.err();
            let version = said.lines().find_map(|line| line.split_once("nginx/")).map(|(_, version)| version);
            let version = version.and_then(|version| version.split(' ').next());
            version.map(|version| version.into()).ok_or_else(|| CallError::Failed(format!("nginx -v: {said}")))
        }),
        Function::reads("build_info", "What nginx was built with.", "nginx.build_info", Nothing::ROWS, build_info),
        Function::reads(
            "configtest",
            "Whether the configuration is sound, and what nginx says of it.",
            "nginx.configtest",
            Nothing::ROWS,
            configtest,
        ),
        Function::changes(
            "signal",
            "Starts nginx, or tells it to stop, quit, reopen its logs or reload; what it said. Null for other words.",
            "nginx.signal reload",
            Signal::ROWS,
            signal,
        ),
        Function::reads(
            "status",
            "The counters of the page that nginx makes with `stub_status`.",
            "nginx.status http://127.0.0.1/status",
            Status::ROWS,
            status,
        ),
    ],
};

args! {
    /// No arguments.
    struct Nothing {}
}

args! {
    /// Arguments of `nginx.signal`.
    struct Signal {
        /// start, reopen, stop, quit or reload.
        signal: Option<String> = None,
    }
}

args! {
    /// Arguments of `nginx.status`.
    struct Status {
        /// The address of the page.
        url: String = "http://127.0.0.1/status".to_owned(),
    }
}

/// The largest page of counters that is read.
const PAGE: u64 = 64 << 10;

fn build_info(_look: &Look, arguments: Arguments) -> CallResult {
    Nothing::bind("nginx.build_info", arguments)?;
    let said = run(&["nginx", "-V"])?.err();
    let (info, built) = said.split_once("configure arguments:").unwrap_or((&said, ""));
    let list = |parts: Vec<String>| parts.into_iter().map(Value::from).collect::<Value>();
    let info = info.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    Ok(Map::from_iter([("info", list(info)), ("build arguments", list(arguments_of(built)))]).into())
}

/// The arguments of a build; blanks within quotes divide nothing.
fn arguments_of(text: &str) -> Vec<String> {
    let (mut all, mut quoted) = (vec![String::new()], false);
    for letter in text.trim().chars() {
        if letter == '\'' {
            quoted = !quoted;
        }
        match all.last_mut() {
            Some(last) if letter != ' ' || quoted => last.push(letter),
            _ => all.push(String::new()),
        }
    }
    all.retain(|part| !part.is_empty());
    all
}

fn configtest(_look: &Look, arguments: Arguments) -> CallResult {
    Nothing::bind("nginx.configtest", arguments)?;
    let finished = run(&["nginx", "-t"])?;
    // nginx says all it has to say on its error stream.
    let (comment, stream) = if finished.status == 0 { ("Syntax OK", "stdout") } else { ("Syntax Error", "stderr") };
    Ok(Map::from_iter([
        ("comment", Value::from(comment)),
        (stream, finished.err().into()),
        ("result", (finished.status == 0).into()),
    ])
    .into())
}

fn signal(_act: &Act, arguments: Arguments) -> CallResult {
    let args = Signal::bind("nginx.signal", arguments)?;
    let words = match args.signal.as_deref() {
        Some("start") => vec!["nginx"],
        Some(word @ ("reopen" | "stop" | "quit" | "reload")) => vec!["nginx", "-s", word],
        _ => return Ok(Value::Null.into()),
    };
    let finished = run(&words)?;
    let said = [finished.out(), finished.err()].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>();
    Ok(match (finished.status, said.is_empty()) {
        (0, true) => format!("Command: \"{}\" completed successfully!", words.join(" ")),
        (status, true) => format!("nginx ended with status {status}"),
        _ => said.join("\n"),
    }
    .into())
}

fn status(look: &Look, arguments: Arguments) -> CallResult {
    let url = Status::bind("nginx.status", arguments)?.url;
    let failed = |error: crate::system::http::HttpError| CallError::Failed(error.to_string());
    let client = Client::new(&look.opts(), &Wishes::default()).map_err(failed)?;
    let page = client.send(&Request::get(&url)).and_then(|mut answer| answer.whole(PAGE)).map_err(failed)?;
    counters(&String::from_utf8_lossy(&page))
        .map(Into::into)
        .ok_or_else(|| CallError::Failed(format!("{url} is no page of nginx's stub_status")))
}

/// The counters of a page of `stub_status`.
fn counters(page: &str) -> Option<Map> {
    let mut lines = page.lines();
    let number = |text: &str| text.trim().parse::<i64>().ok();
    let active = number(lines.next()?.strip_prefix("Active connections:")?)?;
    let totals: Vec<i64> = lines.nth(1)?.split_whitespace().map(number).collect::<Option<_>>()?;
    let [accepted, handled, requests] = totals[..] else { return None };
    let words: Vec<&str> = lines.next()?.split_whitespace().collect();
    let ["Reading:", reading, "Writing:", writing, "Waiting:", waiting] = words[..] else { return None };
    Some(Map::from_iter([
        ("active connections", active),
        ("accepted", accepted),
        ("handled", handled),
        ("requests", requests),
        ("reading", number(reading)?),
        ("writing", number(writing)?),
        ("waiting", number(waiting)?),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_or_refused() {
        let page =
            "Active connections: 2 \nserver accepts handled requests\n 7 6 31 \nReading: 0 Writing: 1 Waiting: 1 \n";
        let found = counters(page).unwrap();
        assert_eq!((found.get("requests"), found.get("waiting")), (Some(&Value::Int(31)), Some(&Value::Int(1))));
        for broken in
            ["", "<html>", &page.replace("31", "x"), &page.replace("6 31", "6"), &page.replace("Writing: 1", "")]
        {
            assert_eq!(counters(broken), None, "{broken}");
        }
    }

    #[test]
    fn quoted_arguments_stay_whole() {
        assert_eq!(arguments_of(" --with-cc-opt='-g -O2' --prefix=/x"), ["--with-cc-opt='-g -O2'", "--prefix=/x"]);
    }
}
