//! Bad input for every state and function there is, in a copy of this machine: what is said, and that nothing is left
//! behind.

use std::fmt::Write as _;

use fleet_common::call::{ArgRow, Rest};
use fleet_common::state::is_option;
use fleet_common::value::Value;
use fleet_common::value::json_dump::{JsonOptions, dumps};
use fleet_common::yaml;
use fleet_minion::states::STATES;
use fleet_tests::harness::{Machine, skip};

use crate::system_states::Minion;

/// A value that an argument of this kind cannot be; `None` where no kind of value is wrong.
fn wrong(kind: &str) -> Option<&'static str> {
    match kind {
        "str" => Some("{a: b}"),
        "int" | "float" => Some("many"),
        "bool" => Some("perhaps"),
        "dict" => Some("flat"),
        // A list may be one of texts or numbers; what is in a list that may hold anything is in `ANYTHING`.
        "list" => Some("[{a: b}]"),
        _ => None,
    }
}

/// Lists that hold anything, or mappings.
const ANYTHING: &[(&str, &str)] = &[
    ("helm.repo_manage", "present"),
    ("helm.repo_managed", "present"),
    ("publish.full_data", "arg"),
    ("publish.publish", "arg"),
    ("publish.runner", "arg"),
    ("random.sample", "value"),
    ("random.shuffle", "value"),
    ("saltutil.runner", "arg"),
    ("slsutil.merge_all", "lst"),
    ("test.cross_test", "args"),
    ("x509.create_crl", "revoked"),
];

/// A value that an argument of a state or function cannot be.
fn wrong_for(name: &str, row: &ArgRow) -> Option<&'static str> {
    wrong(row.kind).filter(|_| !ANYTHING.contains(&(name, row.name)))
}

/// A value that an argument of this kind can be.
fn right(kind: &str) -> &'static str {
    match kind {
        "int" | "float" => "1",
        "bool" => "false",
        "list" => "[]",
        "dict" => "{a: b}",
        _ => "x",
    }
}

/// A name with its last two different neighbours swapped: what a person types in a hurry.
fn mistyped(name: &str) -> String {
    let mut letters: Vec<char> = name.chars().collect();
    let last = (1..letters.len()).rfind(|&at| letters[at] != letters[at - 1]).expect("a name has different letters");
    letters.swap(last, last - 1);
    letters.into_iter().collect()
}

/// Plain arguments that may be given by name, apart from `name`, which every declaration has.
fn plain(rows: &'static [ArgRow]) -> impl Iterator<Item = &'static ArgRow> {
    rows.iter().filter(|row| row.rest == Rest::No && row.name != "name" && !is_option(row.name))
}

/// Declarations that must fail, with the words that each must say.
#[derive(Default)]
struct Mistakes {
    sls: String,
    told: Vec<Vec<String>>,
}

impl Mistakes {
    fn add(&mut self, body: &str, told: &[&str]) {
        writeln!(self.sls, "'{}':\n  {body}", self.told.len()).unwrap();
        self.told.push(told.iter().map(|words| (*words).to_owned()).collect());
    }

    /// Runs them all in a copy of the machine, dry (`true`) and for real: each fails with its words, and nothing changes.
    fn check(&self, test: &str, modes: &[bool]) {
        let machine = match Machine::copy() {
            Ok(machine) => machine,
            Err(why) => return skip(test, &why),
        };
        let minion = Minion::new(machine);
        let before = minion.changed();
        for &dry in modes {
            let (status, chunks) = minion.run(&self.sls, "true", dry);
            assert_eq!(chunks.len(), self.told.len());
            let mut wrong = Vec::new();
            for chunk in chunks.values() {
                let index: usize = chunk["__id__"].as_str().unwrap().parse().unwrap();
                let comment = chunk["comment"].as_str().unwrap_or_default();
                let said = self.told[index].iter().all(|words| comment.contains(words));
                if chunk["result"] != false || !said {
                    wrong.push(format!("{:?}: {}: {comment}", self.told[index], chunk["result"]));
                }
            }
            assert!(wrong.is_empty(), "dry: {dry}\n{}", wrong.join("\n"));
            assert_ne!(status, 0);
            assert_eq!(minion.changed(), before, "something was left behind");
        }
    }
}

/// What the example of a state gives, as a list of mappings in YAML's flow form.
fn example(text: &str, name: &str) -> Vec<(String, String)> {
    // Templates in examples stand for any text.
    let text = text.replace("{{ ", "").replace(" }}", "");
    let document = yaml::load(&text, "example").unwrap();
    let (id, body) = document.value.as_map().and_then(|map| map.iter().next()).unwrap();
    let items = body.get(name).and_then(Value::as_list).unwrap_or_default();
    let pair = |(key, value): (&Value, &Value)| (key.as_str().unwrap_or_default().to_owned(), json(value));
    let id = ("name".to_owned(), json(id));
    std::iter::once(id)
        .chain(items.iter().filter_map(Value::as_map).flat_map(|map| map.iter().map(pair)))
        .filter(|(key, _)| !is_option(key) || key == "name")
        .collect()
}

fn json(value: &Value) -> String {
    dumps(value, &JsonOptions::default())
}

fn declaration(state: &str, arguments: &[(String, String)]) -> String {
    let items: Vec<String> = arguments.iter().map(|(name, value)| format!("{{{name}: {value}}}")).collect();
    format!("{state}: [{}]", items.join(", "))
}

#[test]
fn every_argument_of_every_state_is_of_its_kind_and_has_its_name() {
    let mut mistakes = Mistakes::default();
    for module in STATES {
        for function in module.functions {
            let state = format!("{}.{}", module.name, function.name);
            let good = example(function.example, &state);
            let with = |name: &str, value: &str| {
                let mut arguments = good.clone();
                arguments.retain(|(known, _)| known != name);
                arguments.push((name.to_owned(), value.to_owned()));
                declaration(&state, &arguments)
            };
            for row in plain(function.args) {
                if let Some(value) = wrong_for(&state, row) {
                    let told = [&*format!("argument '{}' must be {}", row.name, row.kind), &state];
                    mistakes.add(&with(row.name, value), &told);
                }
            }
            let open = function.args.iter().any(|row| row.rest == Rest::Keyword);
            if let Some(row) = plain(function.args).find(|row| !open && row.name.len() > 4) {
                let name = mistyped(row.name);
                let told = [&*format!("{state} has no argument '{name}'"), "did you mean"];
                mistakes.add(&with(&name, right(row.kind)), &told);
            }
        }
    }
    assert!(mistakes.told.len() > 500, "{}", mistakes.told.len());
    mistakes.check("every_argument_of_every_state_is_of_its_kind_and_has_its_name", &[true, false]);
}

#[test]
fn every_argument_of_every_function_is_of_its_kind_and_has_its_name() {
    let functions = fleet_minion::registry::functions();
    let mut mistakes = Mistakes::default();
    for name in functions.names() {
        let row = functions.row(&name).unwrap();
        let with = |argument: &str, value: &str| {
            let all = row.args.iter().filter(|row| row.rest == Rest::No);
            let needed = all.filter(|row| row.default.is_none() && row.name != argument);
            let mut given: Vec<String> = needed.map(|row| format!("'{}': {}", row.name, right(row.kind))).collect();
            given.push(format!("'{argument}': {value}"));
            format!(
                "module.run: [{{{name}: [{}]}}]",
                given.iter().map(|one| format!("{{{one}}}")).collect::<Vec<_>>().join(", ")
            )
        };
        for argument in plain(row.args) {
            if let Some(value) = wrong_for(&name, argument) {
                let told = format!("argument '{}' must be {}", argument.name, argument.kind);
                mistakes.add(&with(argument.name, value), &[&told, &name]);
            }
        }
    }
    assert!(mistakes.told.len() > 1000, "{}", mistakes.told.len());
    // A dry run does not look into a function.
    mistakes.check("every_argument_of_every_function_is_of_its_kind_and_has_its_name", &[false]);
}
