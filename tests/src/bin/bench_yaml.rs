//! How fast YAML is loaded into our values, as a ratio to PyYAML's C loader in the same run.
//!
//! `cargo run --release -p fleet-tests --bin bench_yaml [PYTHON]`: the interpreter must have PyYAML with its C parts.

use std::io::Write as _;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use fleet_common::yaml;

const ROUNDS: u32 = 5;

fn main() -> ExitCode {
    let python = std::env::args().nth(1).unwrap_or_else(|| "python3".to_owned());
    let text = document(1 << 20);
    let ours = best(|| match yaml::load(&text, "bench.sls") {
        Ok(document) => drop(document),
        Err(error) => eprintln!("{error}"),
    });
    println!("ours: {:.1} ms for {} KiB", ours * 1e3, text.len() / 1024);
    match theirs(&python, &text) {
        Ok(theirs) => {
            println!("PyYAML CSafeLoader: {:.1} ms, ratio {:.1}", theirs * 1e3, theirs / ours);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench_yaml: {python}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Seconds of the best of some rounds.
fn best(mut run: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}

/// Pillar-like text: nested mappings, lists, quoted and plain scalars, numbers, block scalars.
fn document(bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 1024);
    let mut number = 0;
    while text.len() < bytes {
        text.push_str(&format!(
            "site{number}:\n  enabled: yes\n  port: {}\n  mode: '0644'\n  server_name: www{number}.example.com\n  \
             aliases: [a{number}.example.com, b{number}.example.com]\n  limits: {{soft: 1024, hard: 4096, ratio: 0.75}}\n  \
             users:\n    - name: alice\n      groups: [wheel, docker]\n    - name: bob # an operator\n      shell: /bin/zsh\n  \
             config: |\n    listen 80;\n    root /srv/www/{number};\n  note: \"tab\\tand quote\"\n",
            8000 + number
        ));
        number += 1;
    }
    text
}

/// Seconds PyYAML needs for the same text in the same number of rounds.
fn theirs(python: &str, text: &str) -> Result<f64, std::io::Error> {
    let script = format!(
        "import sys,time,yaml\nt=sys.stdin.read()\nb=9e9\nfor _ in range({ROUNDS}):\n s=time.perf_counter()\n \
         yaml.load(t,Loader=yaml.CSafeLoader)\n b=min(b,time.perf_counter()-s)\nprint(b)"
    );
    let mut child = Command::new(python).args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(text.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    let shown = String::from_utf8_lossy(&output.stdout);
    shown.trim().parse().map_err(|_| std::io::Error::other(format!("no time came: {shown:?}")))
}
