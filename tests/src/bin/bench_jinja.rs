//! How fast a template of 200 lines is rendered, as ratios to Jinja2 in the same run: cold (compiled and rendered, as each
//! SLS is) and warm (compiled before).
//!
//! `cargo run --release -p fleet-tests --bin bench_jinja [PYTHON]`: the interpreter must have Jinja2.

use std::process::{Command, ExitCode};
use std::time::Instant;

use fleet_common::render::{Limits, Renderer, Template};
use fleet_common::value::{Map, Value};
use fleet_tests::paper::Paper;

const ROUNDS: usize = 200;
const MAP: &str = "{% set defaults = {'root': '/srv/www', 'port': 8000} %}\n{% set family = {'Debian': {'user': 'www-data'}, \
                   'RedHat': {'user': 'nginx'}}[grains.os_family] %}\n{% macro line(k, v) %}{{ k }}={{ v }}{% endmacro %}\n";

fn main() -> ExitCode {
    let python = std::env::args().nth(1).unwrap_or_else(|| "python3".to_owned());
    let text = template();
    match compare(&python, &text) {
        Ok([cold, warm]) => {
            println!("template: {} lines, {} bytes, loops and an imported map", text.lines().count(), text.len());
            for (name, (ours, theirs)) in [("cold", cold), ("warm", warm)] {
                println!(
                    "{name}: {:.1} µs here, {:.1} µs Jinja2, ratio {:.1}",
                    ours * 1e6,
                    theirs * 1e6,
                    theirs / ours
                );
            }
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("bench_jinja: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Seconds here and there, cold and warm; refused unless both render the same text.
fn compare(python: &str, text: &str) -> Result<[(f64, f64); 2], String> {
    let sites = Map::from_iter([("sites", Value::List(vec![Value::from("a"), Value::from("b"), Value::from("c")]))]);
    let paper = Paper::new(&[("map.jinja", MAP)], sites);
    let scope = paper.scope();
    let template = Template { text, path: "web/init.sls", sls: Some("web") };
    let render = |renderer: &Renderer| renderer.text(&scope, &template).map_err(|error| error.to_string());
    let ours = render(&Renderer::new(Limits::default()))?;
    let cold = median(|| render(&Renderer::new(Limits::default())).map(drop))?;
    let kept = Renderer::new(Limits::default());
    render(&kept)?;
    let warm = median(|| render(&kept).map(drop))?;
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    for (name, content) in [("map.jinja", MAP), ("web.sls", text), ("expected.txt", ours.as_str())] {
        std::fs::write(dir.path().join(name), content).map_err(|error| error.to_string())?;
    }
    let output = Command::new(python).args(["-c", &script()]).arg(dir.path()).output();
    let output = output.map_err(|error| format!("{python}: {error}"))?;
    let shown = String::from_utf8_lossy(&output.stdout);
    let mut times = shown.split_whitespace().map(str::parse::<f64>);
    match (times.next(), times.next()) {
        (Some(Ok(their_cold)), Some(Ok(their_warm))) => Ok([(cold, their_cold), (warm, their_warm)]),
        _ => Err(format!("{python}: no times came: {shown:?} {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// The middle of the times of some rounds, in seconds.
fn median(mut run: impl FnMut() -> Result<(), String>) -> Result<f64, String> {
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        run()?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// States of many services as trees have them: a map import, loops, conditions, filters.
fn template() -> String {
    let mut text = "{% from 'map.jinja' import defaults, family, line with context %}\n".to_owned();
    for number in 0..20 {
        text.push_str(&format!(
            "{{% if grains.os == 'Debian' or {number} is odd %}}\nservice{number}:\n  pkg.installed:\n    - name: pkg{number}\n\
             {{% for site in pillar.sites %}}\n/etc/{{{{ site }}}}/{number}.conf:\n  file.managed:\n    \
             - user: {{{{ family.user }}}}\n    - port: {{{{ defaults.port + {number} }}}}\n    \
             - text: {{{{ line(site|upper, loop.index ~ '-' ~ defaults.root) }}}}\n{{% endfor %}}\n{{% endif %}}\n"
        ));
    }
    text
}

/// The same in Jinja2, with the settings of the reference's environment.
fn script() -> String {
    format!(
        "import sys,time,jinja2\nd=sys.argv[1]\nt=open(d+'/web.sls').read()\n\
         x=dict(grains={{'os':'Debian','os_family':'Debian'}},pillar={{'sites':['a','b','c']}})\n\
         def env():\n return jinja2.Environment(loader=jinja2.FileSystemLoader(d),undefined=jinja2.StrictUndefined,\
         extensions=['jinja2.ext.do','jinja2.ext.loopcontrols'])\n\
         def cold():\n return env().from_string(t).render(**x)\n\
         w=env().from_string(t)\n\
         assert cold().strip()==open(d+'/expected.txt').read().strip(), 'another text came'\n\
         def median(f,n):\n  a=[]\n  for _ in range(n):\n   s=time.perf_counter();f();a.append(time.perf_counter()-s)\n  \
         a.sort();return a[n//2]\n\
         print(median(cold,20),median(lambda: w.render(**x),{ROUNDS}))\n"
    )
}
