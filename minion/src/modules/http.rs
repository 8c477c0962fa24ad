//! `http.*`: asking web servers.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use fleet_common::args;
use fleet_common::call::{Arguments, CallError, CallResult, Facts, Function};
use fleet_common::value::{Map, Value, json_load, python::str_};
use fleet_common::yaml;

use crate::cx::{Look, Module};
use crate::system::fs::{WriteOptions, write_atomic};
use crate::system::http::{Answer, Client, HttpError, Request, Wishes};

/// Largest answer that is held in memory.
const MOST: u64 = 64 << 20;

/// The module.
pub const MODULE: Module = Module {
    name: "http",
    doc: "Asking web servers.",
    functions: &[
        Function::changes(
            "query",
            "Sends a request; `body`, and what else was asked for (`status`, `headers`, `text`, `dict`), or `error`.",
            "http.query https://example.org/ status=True",
            Query::ROWS,
            |act, arguments| Ok(query(act, &Query::bind("http.query", arguments)?)?.into()),
        ),
        Function::changes(
            "wait_for_successful_query",
            "Sends a request again and again until it succeeds.",
            "http.wait_for_successful_query https://example.org/ wait_for=160 request_interval=1",
            Wait::ROWS,
            wait,
        ),
    ],
};

args! {
    /// Arguments of `http.query`.
    pub struct Query {
        /// The address.
        url: String,
        /// The method.
        method: String = "GET".to_owned(),
        /// Parameters that are added to the address.
        params: Value = Value::Null,
        /// What is sent: a text, or pairs that become a form.
        data: Value = Value::Null,
        /// A file that is sent.
        data_file: Option<String> = None,
        /// Headers, by name.
        header_dict: Option<Map> = None,
        /// Headers, as `Name: value`.
        header_list: Vec<String> = Vec::new(),
        /// A file of headers, a line each.
        header_file: Option<String> = None,
        /// Name for basic authentication.
        username: Option<String> = None,
        /// Password for basic authentication.
        password: Option<String> = None,
        /// Return the answer as data in `dict`, too.
        decode: bool = false,
        /// How the answer is read: `json`, `yaml`, `plain`, or `auto` by its type.
        decode_type: String = "auto".to_owned(),
        /// Return the status, too.
        status: bool = false,
        /// Return the headers, too.
        headers: bool = false,
        /// Return the answer in `text`, too.
        text: bool = false,
        /// File the answer is written to.
        text_out: Option<String> = None,
        /// Send nothing and return nothing.
        test: bool = false,
        /// Check the server's certificate; as configured when not given.
        verify_ssl: Option<bool> = None,
        /// Certificates to trust instead of the machine's.
        ca_bundle: Option<String> = None,
        /// Our certificate: a file, or the files of certificate and key.
        cert: Vec<String> = Vec::new(),
        /// An answer of status 400 and above is an error.
        raise_error: bool = true,
        /// What we call ourselves.
        agent: Option<String> = None,
        /// Taken for trees written for the reference: there is one client.
        backend: Option<String> = None,
        /// Taken for trees written for the reference: settings are the minion's.
        node: Option<String> = None,
        /// Fields that are not shown in logs: no log has any.
        hide_fields: Vec<String> = Vec::new(),
        /// Taken for trees written for the reference: the answer is text when it can be.
        decode_body: bool = true,
        /// Options that are not supported; refused when set.
        **others: Map,
    }
}

args! {
    /// Arguments of `http.wait_for_successful_query`; the others are those of `http.query`.
    pub struct Wait {
        /// The address.
        url: String,
        /// Seconds until it is given up.
        wait_for: f64 = 300.0,
        /// Seconds between the requests.
        request_interval: f64 = 0.0,
        /// Arguments of `http.query`.
        **others: Map,
    }
}

fn failed(error: &HttpError) -> CallError {
    CallError::Failed(error.to_string())
}

/// Sends the request; what `http.query` returns.
///
/// # Errors
/// Arguments that cannot be used. A server that cannot be asked is no error: it is told under `error`.
pub fn query(look: &Look, args: &Query) -> Result<Map, CallError> {
    if let Some((name, _)) = args.others.iter().find(|(_, value)| value.truthy()) {
        return Err(CallError::Unsupported(format!("the argument '{}' of http.query", str_(name))));
    }
    if args.test {
        return Ok(Map::new());
    }
    let request = request(args)?;
    let mut certificate = args.cert.iter().map(PathBuf::from);
    let wishes = Wishes {
        verify: args.verify_ssl,
        ca_bundle: args.ca_bundle.clone().map(PathBuf::from),
        certificate: certificate.next().map(|first| (first, certificate.next())),
    };
    let client = Client::new(&look.opts(), &wishes).map_err(|error| failed(&error))?;
    let asked = client.send(&request).and_then(|mut answer| answer.whole(MOST).map(|body| (answer, body)));
    match asked {
        Ok((answer, body)) => told(args, &answer, &String::from_utf8_lossy(&body)),
        Err(error @ (HttpError::Failed { .. } | HttpError::TooLarge { .. })) => {
            let mut told = Map::new();
            if args.status {
                told.insert("status", 0);
            }
            told.insert("error", error.to_string());
            Ok(told)
        }
        Err(error) => Err(failed(&error)),
    }
}

fn request(args: &Query) -> Result<Request, CallError> {
    let mut headers: Vec<(String, String)> = Vec::new();
    headers.extend(args.agent.iter().map(|agent| ("User-Agent".to_owned(), agent.clone())));
    headers.extend(args.header_dict.iter().flatten().map(|(name, value)| (str_(name), str_(value))));
    let lines = match &args.header_file {
        Some(path) => file(path)?.lines().map(str::to_owned).collect(),
        None => args.header_list.clone(),
    };
    for line in lines.iter().filter(|line| !line.trim().is_empty()) {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| CallError::Invocation(format!("'{line}' is not a header: 'Name: value' is expected")))?;
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    let mut url = args.url.clone();
    let parameters = form(&args.params);
    if !parameters.is_empty() {
        url = format!("{url}{}{parameters}", if url.contains('?') { '&' } else { '?' });
    }
    let body = match (&args.data_file, &args.data) {
        (Some(path), _) => Some(file(path)?.into_bytes()),
        (None, Value::Null) => None,
        (None, data @ Value::Map(_)) => Some(form(data).into_bytes()),
        (None, data) => Some(str_(data).into_bytes()),
    };
    let account = args.username.clone().map(|name| (name, args.password.clone().unwrap_or_default()));
    Ok(Request { method: args.method.clone(), url, headers, account, body })
}

fn file(path: &str) -> Result<String, CallError> {
    let bytes = crate::system::fs::read_bounded(std::path::Path::new(path), MOST);
    let bytes = bytes.map_err(|fault| CallError::Failed(fault.to_string()))?;
    String::from_utf8(bytes).map_err(|_| CallError::Failed(format!("{path} is not UTF-8 text")))
}

/// Pairs as a form has them: `a=1&b=x+y`.
fn form(pairs: &Value) -> String {
    let escaped = |text: &str| {
        let mut out = String::new();
        for byte in text.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => out.push(char::from(byte)),
                b' ' => out.push('+'),
                other => out.push_str(&format!("%{other:02X}")),
            }
        }
        out
    };
    let pairs = pairs.as_map().into_iter().flatten();
    pairs
        .map(|(name, value)| format!("{}={}", escaped(&str_(name)), escaped(&str_(value))))
        .collect::<Vec<_>>()
        .join("&")
}

fn told(args: &Query, answer: &Answer, text: &str) -> Result<Map, CallError> {
    let mut told = Map::new();
    if answer.status >= 400 && args.raise_error {
        told.insert("status", i64::from(answer.status));
        told.insert("error", format!("HTTP {}: {}", answer.status, answer.reason));
        told.insert("body", text);
        return Ok(told);
    }
    told.insert("body", text);
    if let Some(path) = &args.text_out {
        let written = write_atomic(std::path::Path::new(path), text.as_bytes(), &WriteOptions::default());
        written.map_err(|fault| CallError::Failed(fault.to_string()))?;
    }
    if args.status {
        told.insert("status", i64::from(answer.status));
    }
    if args.headers {
        told.insert(
            "headers",
            answer.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect::<Map>(),
        );
    }
    if args.decode {
        let kind = answer.headers.iter().find(|(name, _)| name == "Content-Type").map(|(_, value)| value.as_str());
        let kind = match (args.decode_type.as_str(), kind.unwrap_or("application/json")) {
            ("auto", kind) if kind.contains("json") => "json",
            ("auto", kind) if kind.contains("yaml") => "yaml",
            ("auto", kind) if kind.contains("xml") => "xml",
            ("auto", _) => "plain",
            (given, _) => given,
        };
        let unread = |why: String| CallError::Failed(format!("{}: the answer is not {kind}: {why}", answer.address));
        match kind {
            "json" => told.insert("dict", json_load::parse(text).map_err(|error| unread(error.to_string()))?),
            "yaml" => {
                told.insert("dict", yaml::load(text, &answer.address).map_err(|error| unread(error.to_string()))?.value)
            }
            "plain" => told.insert("dict", text),
            other => return Err(CallError::Unsupported(format!("decode_type '{other}' of http.query"))),
        };
    }
    if args.text {
        told.insert("text", text);
    }
    Ok(told)
}

fn wait(look: &crate::cx::Act, arguments: Arguments) -> CallResult {
    let Wait { url, wait_for, request_interval, mut others } = Wait::bind("http.wait_for_successful_query", arguments)?;
    others.insert("url", url);
    let args = Query::bind("http.query", Arguments { positional: Vec::new(), keyword: others })?;
    Ok(patient(look, &args, wait_for, request_interval)?.into())
}

/// Sends a request until it succeeds or the seconds are over; what came of the last one.
pub fn patient(look: &Look, args: &Query, wait_for: f64, interval: f64) -> Result<Map, CallError> {
    let seconds = |number: f64| Duration::try_from_secs_f64(number.clamp(0.0, 1e9)).unwrap_or_default();
    let start = Instant::now();
    loop {
        let answer = query(look, args)?;
        if !answer.contains("error") || start.elapsed() > seconds(wait_for) {
            return Ok(answer);
        }
        // Without an interval the reference asks as fast as it can; a server that is starting needs its processor.
        std::thread::sleep(seconds(interval).max(Duration::from_millis(50)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_become_a_form() {
        let pairs = Map::from_iter([("a b", Value::from(1)), ("ä", Value::from("x&y"))]);
        assert_eq!(form(&pairs.into()), "a+b=1&%C3%A4=x%26y");
    }
}
