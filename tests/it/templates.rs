//! What users are told for typical mistakes in templates: file, line, the lines around, hints; and where limits stop.

use fleet_common::diag::Diagnostic;
use fleet_common::render::{Limits, Renderer, Scope, Template};
use fleet_common::value::{Map, Value};
use fleet_tests::paper::Paper;

fn scope(files: &[(&str, &str)]) -> Scope {
    let nginx = Map::from_iter([("port", Value::from(80))]);
    Paper::new(files, Map::from_iter([("nginx", Value::Map(nginx))])).scope()
}

fn fault(text: &str, files: &[(&str, &str)]) -> Diagnostic {
    let template = Template { text, path: "web/init.sls", sls: Some("web") };
    *Renderer::new(Limits::default()).sls(&scope(files), &template).expect_err("the template is wrong")
}

/// The first line of the printed diagnostic, and all of it.
fn told(text: &str, files: &[(&str, &str)]) -> (String, String) {
    let all = fault(text, files).to_string();
    (all.lines().next().unwrap_or("").to_owned(), all)
}

#[test]
fn fifteen_typical_mistakes_are_told_where_they_are() {
    let map: &[(&str, &str)] = &[
        ("web/map.jinja", "{% set web = {'pkg': 'nginx'} %}\n"),
        ("web/broken.jinja", "ok\n{{ missing_thing }}\n"),
        ("web/bad.yaml", "a: 1\nb: [1\n"),
    ];
    let cases: &[(&str, &str, &str)] = &[
        (
            "a:\n  {{ piller.nginx }}\n",
            "web/init.sls:2:6: Jinja variable 'piller' is undefined",
            "did you mean 'pillar'?",
        ),
        ("{{ pillar.nginx.prot }}", "web/init.sls:1:4: Jinja variable 'dict object' has no attribute 'prot'", "'port'"),
        (
            "{{ salt['pillar.gt']('x') }}",
            "web/init.sls:1:8: Jinja variable 'salt.utils.templates.AliasedLoader object' has no attribute 'pillar.gt'",
            "",
        ),
        ("x\n{% if true %}\ny\n", "web/init.sls:2:14: Jinja syntax error: Unexpected end of template.", "'endif'"),
        ("{% fi true %}{% endif %}", "web/init.sls:1:4: Jinja syntax error: Encountered unknown tag 'fi'.", ""),
        (
            "{% if true %}{% else if false %}{% endif %}",
            "web/init.sls:1:17: Jinja syntax error: expected token 'end of statement block', got 'if'",
            "elif",
        ),
        ("{{ 'a' + 1 }}", "web/init.sls:1:4: Jinja error: can only concatenate str (not \"int\") to str", "use ~"),
        (
            "{{ ','.join([1]) }}",
            "web/init.sls:1:7: Jinja error: sequence item 0: expected str instance, int found",
            "join filter",
        ),
        ("{{ 'x'|uper }}", "web/init.sls:1:8: Jinja syntax error: No filter named 'uper'.", "did you mean 'upper'?"),
        (
            "{% from 'web/mop.jinja' import web %}",
            "web/init.sls:1:4: Jinja error: web/mop.jinja",
            "did you mean 'web/map.jinja'?",
        ),
        (
            "{% from 'salt://web/map.jinja' import web %}",
            "web/init.sls:1:4: Jinja error: salt://web/map.jinja",
            "'web/map.jinja'",
        ),
        (
            "a\n{% include 'web/broken.jinja' %}\n",
            "web/broken.jinja:2:4: Jinja variable 'missing_thing' is undefined",
            "via web/init.sls:2:4",
        ),
        ("a\n{% import_yaml 'web/bad.yaml' as d %}\n", "web/bad.yaml:", "via web/init.sls:2:"),
        (
            "{% for i in range(2) %}\na{{ i }}:\n  - b\n c: d\n{% endfor %}\n",
            "web/init.sls:4:2: ",
            "of the rendered text",
        ),
        ("#!jinja|yaml|gpg\na: b\n", "web/init.sls:1:1: the renderer 'gpg' is not supported yet", ""),
    ];
    let mut wrong = String::new();
    for (text, first, somewhere) in cases {
        let (line, all) = told(text, map);
        if !line.starts_with(first) || !all.contains(somewhere) {
            wrong.push_str(&format!("{text:?} should begin {first:?} and contain {somewhere:?}:\n{all}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn an_import_without_a_file_is_a_mistake_like_others() {
    for text in ["{% import_yaml as d %}{{ d }}", "a\n{% import_json  as d %}", "{% import_text as %}"] {
        let template = Template { text, path: "x.sls", sls: None };
        let fault = Renderer::new(Limits::default()).text(&scope(&[]), &template).expect_err("there is no file");
        assert!(fault.message.contains("syntax") || fault.message.contains("Jinja"), "{fault}");
    }
}

#[test]
fn limits_stop_what_never_ends() {
    let limited = |text: &str| {
        let limits = Limits { fuel: 20_000, output: 10_000, chain: 200, recursion: 20, ..Limits::default() };
        let template = Template { text, path: "x.sls", sls: None };
        let fault = Renderer::new(limits).text(&scope(&[]), &template).expect_err("the template is beyond a limit");
        assert!(fault.message.starts_with("Jinja limit"), "{fault}");
    };
    limited("{% for a in range(1000) %}{% for b in range(1000) %}{{ a }}{% endfor %}{% endfor %}");
    limited("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}");
    limited("{% set ns = namespace(t='xxxxxxxxxx') %}{% for i in range(40) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}");
    limited("{{ 2 ** 1000000 }}");
    limited("{{ 'x' * 100000000 }}");
    let chain = format!("{{{{ 1{} }}}}", " + 1".repeat(20_000));
    limited(&chain);
    let filters = format!("{{{{ 1{} }}}}", "|string".repeat(20_000));
    limited(&filters);
    let negations = format!("{{{{ {}1 }}}}", "- ".repeat(20_000));
    limited(&negations);
}
