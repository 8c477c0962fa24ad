//! What people write and minions answer: YAML, JSON, values, templates, compounds.

use fleet_common::proto::decode::{Limits as MessageLimits, decode, encode};
use fleet_common::proto::job::{Target as Asked, TargetKind};
use fleet_common::render::{Limits, Renderer, Template};
use fleet_common::target::Matcher;
use fleet_common::value::{Map, Value, json_load};
use fleet_common::yaml::{self, DumpOptions};

use super::targets::{Check, Target, texts};
use crate::paper::Paper;

pub(super) const TARGETS: &[Target] = &[
    Target { name: "yaml", inputs: 90_000, seeds: || texts(YAML), start: || Box::new(yaml_text) },
    Target { name: "json", inputs: 260_000, seeds: || texts(JSON), start: || Box::new(json_text) },
    Target { name: "value", inputs: 280_000, seeds: || texts(MESSAGES), start: || Box::new(message) },
    Target { name: "template", inputs: 56_000, seeds: || texts(TEMPLATES), start: || rendered(false) },
    Target { name: "pipe", inputs: 48_000, seeds: || texts(TEMPLATES), start: || rendered(true) },
    Target { name: "compound", inputs: 2_000, seeds: || texts(COMPOUND), start: || Box::new(compound) },
];

const YAML: &[&str] = &[
    "a: &x {b: 1, c: [1, 2.5, ~, yes]}\nd:\n  <<: *x\n  e: 'q''q'\n",
    "- |\n  text\n   more\n- >-\n  folded\n\n  text\n- \"esc\\u00e9\\n\"\n- !!binary aGk=\n- 2001-12-14\n",
    "? [k, l]\n: v\n? m\n'x y': {z: 1:30, w: 0x1F}\n# c\n",
    "a:\n  file.managed:\n    - name: /etc/x\n    - mode: 0644\n    - require:\n      - pkg: y\n",
    "&a [*a, &b [*b], {<<: [*a, *b]}]\n",
];
const JSON: &[&str] = &[
    r#"{"a": [1, -2.5e10, "x\u00e9\n", null, true], "b": {"c": {}}}"#,
    r#"[[[[["deep"]]]], 123456789012345678901234567890, 1e400, "\ud83d\ude00"]"#,
];
const MESSAGES: &[&str] = &[
    "\u{1}",
    "\u{2}a\u{3}",
    "~",
    "",
    "a\u{5}",
    "\u{82}",
    "\u{7f}\u{0}\u{7f}",
    "\u{c7}\u{81}\u{a1}k\u{90}",
    "\u{dc}\u{0}\u{2}\u{1}\u{2}",
];
const TEMPLATES: &[&str] = &[
    "{% set l = [1, 'a', {'k': (2, none)}] %}{% for x in l if x %}{{ loop.index }}: {{ x }}\n{% else %}e{% endfor %}",
    "{% macro m(a, b=2) %}{{ a }}{{ b|default('x')|upper }}{{ caller() if caller }}{% endmacro %}{% call m(1) %}c{% endcall %}",
    "{% from 'map.jinja' import m with context %}a: {{ m.p }}\n{% import_yaml 'd.yaml' as d %}b: {{ d|yaml(false)|indent(2) }}\n",
    "{% set ns = namespace(t='x') %}{% for i in range(9) %}{% set ns.t = ns.t ~ ns.t %}{% do [].append(i) %}{% endfor %}{{ ns.t|length }}",
    "{% load_yaml as y %}\na: {{ pillar.nginx.port + 1 }}\n{% endload %}{{ y.a ** 2 // 3 }} {{ '%5.2f|%s' % (1.5, y) }} {{ '{:>8}'.format('x') }}",
    "{% for n in [1, [2, [3]]] recursive %}{% if n is iterable %}{{ loop(n) }}{% else %}{{ n }}{% endif %}{% endfor %}",
    "{{ salt['grains.filter_by']({'Debian': {'a': 1}}, merge=salt['pillar.get']('nginx', {})) }} {{ 'a-b'|regex_replace('(a)', '\\\\1x') }}",
    "{{ [3, 1, 2]|sort(reverse=true)|map('string')|join(',') }} {{ {'b': 1, 'a': [1.0, 1e20]}|json }} {{ 'abc'[::-1][1:] }}",
    "#!jinja|json\n{\"a\": {{ [1, 2]|tojson }}}",
    "{%- if 'x' in ['x'] and not 1 > 2 -%} y {%- elif z is defined %} w {% endif -%} {# c #}\n{% raw %}{{ r }}{% endraw %}",
];
const COMPOUND: &[&str] = &[
    "web* and G@os:Debian or not ( E@db\\d+ and I@role:x )",
    "L@a,b or S@10.0.0.0/8 and P@os:^De and J@a:b$ or web[1-9]",
];

/// What loads is written and loads again.
fn yaml_text(input: &[u8]) -> Result<(), String> {
    let Ok(document) = yaml::load(&String::from_utf8_lossy(input), "fuzz.sls") else { return Ok(()) };
    let written = yaml::dump(&document.value, &DumpOptions::default());
    match yaml::load(&written, "again.sls") {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("the dump {written:?} does not load: {error}")),
    }
}

fn json_text(input: &[u8]) -> Result<(), String> {
    drop(json_load::parse(&String::from_utf8_lossy(input)));
    Ok(())
}

/// What decodes is encoded to what decodes the same.
fn message(input: &[u8]) -> Result<(), String> {
    // Seeds are texts whose characters stand for bytes; what was broken by a mutation is taken as it is.
    let bytes = match std::str::from_utf8(input) {
        Ok(text) => text.chars().map(|c| (c as u32 & 0xff) as u8).collect(),
        Err(_) => input.to_vec(),
    };
    let Ok(value) = decode::<Value>(&bytes, MessageLimits::SESSION) else { return Ok(()) };
    match decode::<Value>(&encode(&value), MessageLimits::SESSION) {
        Ok(again) if encode(&again) == encode(&value) => Ok(()),
        other => Err(format!("{value:?} comes back as {other:?}")),
    }
}

fn compound(input: &[u8]) -> Result<(), String> {
    let expr = String::from_utf8_lossy(input).into_owned();
    let target = Asked { kind: TargetKind::Compound, expr, delimiter: ":".to_owned() };
    drop(Matcher::parse(&target, &Map::new()));
    Ok(())
}

/// A template, or the whole pipe, on a minion without a machine and with little room.
fn rendered(pipe: bool) -> Check {
    let nginx = Map::from_iter([("port", Value::from(80))]);
    let files = [("map.jinja", "{% set m = {'p': pillar.nginx.port} %}"), ("d.yaml", "a: [1, {b: c}]\n")];
    let scope = Paper::new(&files, Map::from_iter([("nginx", Value::Map(nginx))])).scope();
    let limits = Limits { output: 1 << 20, memory: 16 << 20, fuel: 50_000, ..Limits::default() };
    let renderer = Renderer::new(limits);
    Box::new(move |input| {
        let text = String::from_utf8_lossy(input);
        let template = Template { text: &text, path: "web/init.sls", sls: Some("web") };
        if pipe {
            drop(renderer.sls(&scope, &template));
        } else if let Ok(text) = renderer.text(&scope, &template) {
            return if text.len() <= 1 << 20 { Ok(()) } else { Err(format!("{} bytes came", text.len())) };
        }
        Ok(())
    })
}
