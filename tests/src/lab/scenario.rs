//! Scenario files: a state tree and what happens to it, in YAML. `tests/lab-scenarios/README.md` explains the form.

use std::fs;
use std::path::Path;

use fleet_common::value::{Map, Value, python};
use fleet_common::yaml;

use super::fault::Fault;

/// One scenario, for one host.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The file's name without its ending; also the name of the SLS.
    pub name: String,
    /// One line that says what it shows.
    pub about: String,
    /// Files of the SLS' folder, by their paths in it.
    pub tree: Vec<(String, String)>,
    /// Ids of chunks whose changes are not known before they happen.
    pub inexact: Vec<String>,
    /// What happens, in order.
    pub timeline: Vec<Step>,
}

/// One step of a timeline.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Predict, apply, compare, and once more: nothing is left to do.
    Converge,
    /// Predict and apply: there is nothing to do.
    Settled,
    /// A line of shell on the host: what a person does there, or damage.
    Run(String),
    /// A line of shell on the host that succeeds if things are as they should be.
    Check(String),
    /// Apply: these chunks fail, with these words in their comments, and no others.
    Fails(Vec<(String, String)>),
    /// Replaces a file of the tree.
    Write(Vec<(String, String)>),
}

impl Scenario {
    /// All scenarios of a directory, by name.
    pub fn all(dir: &Path) -> Result<Vec<Self>, Fault> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(dir).map_err(Fault::file(dir))? {
            let path = entry.map_err(Fault::file(dir))?.path();
            if path.extension().is_some_and(|ending| ending == "yaml") {
                paths.push(path);
            }
        }
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    fn read(path: &Path) -> Result<Self, Fault> {
        let text = fs::read_to_string(path).map_err(Fault::file(path))?;
        let shown = path.display().to_string();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Self::parse(&name, &shown, &text)
    }

    fn parse(name: &str, file: &str, text: &str) -> Result<Self, Fault> {
        let wrong = |what: String| Fault::Scenario(format!("{file}: {what}"));
        let document = yaml::load(text, file).map_err(|error| Fault::Scenario(error.to_string()))?;
        let map = document.value.as_map().ok_or_else(|| wrong("a mapping is expected".to_owned()))?;
        for key in map.keys().map(python::str_) {
            if !["about", "tree", "inexact", "timeline"].contains(&key.as_str()) {
                return Err(wrong(format!("unknown key '{key}'")));
            }
        }
        let about = map
            .get("about")
            .and_then(Value::as_str)
            .ok_or_else(|| wrong("'about' must say what it shows".to_owned()))?;
        let tree = texts(map.get("tree")).filter(|tree| tree.iter().any(|(path, _)| path == "init.sls"));
        let tree = tree.ok_or_else(|| wrong("'tree' must map paths to texts and have an init.sls".to_owned()))?;
        let inexact =
            map.get("inexact").and_then(Value::as_list).unwrap_or_default().iter().map(python::str_).collect();
        let steps = map.get("timeline").and_then(Value::as_list).filter(|steps| !steps.is_empty());
        let steps = steps.ok_or_else(|| wrong("'timeline' must be a list of steps".to_owned()))?;
        let read = |(index, value)| {
            step(value)
                .ok_or_else(|| wrong(format!("step {} of the timeline is none: {}", index + 1, python::repr(value))))
        };
        let timeline = steps.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        Ok(Self { name: name.to_owned(), about: about.to_owned(), tree, inexact, timeline })
    }
}

fn step(value: &Value) -> Option<Step> {
    match value.as_str() {
        Some("converge") => return Some(Step::Converge),
        Some("settled") => return Some(Step::Settled),
        _ => {}
    }
    let map = value.as_map().filter(|map| map.len() == 1)?;
    let (key, content) = map.iter().next()?;
    let line = || content.as_str().map(str::to_owned);
    match key.as_str()? {
        "run" => line().map(Step::Run),
        "check" => line().map(Step::Check),
        "fails" => texts(Some(content)).map(Step::Fails),
        "write" => texts(Some(content)).map(Step::Write),
        _ => None,
    }
}

fn texts(value: Option<&Value>) -> Option<Vec<(String, String)>> {
    let pair = |(key, text): (&Value, &Value)| Some((key.as_str()?.to_owned(), text.as_str()?.to_owned()));
    value.and_then(Value::as_map).map(Map::iter)?.map(pair).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_scenario_has_steps_and_says_what_is_wrong() {
        let good = "about: x\ntree:\n  init.sls: 'a: {test.nop: []}'\ntimeline:\n  - converge\n  - run: rm -f /x\n  - fails: {a: words}\n";
        let read = Scenario::parse("a", "a.yaml", good).unwrap();
        let fails = Step::Fails(vec![("a".to_owned(), "words".to_owned())]);
        assert_eq!(read.timeline, [Step::Converge, Step::Run("rm -f /x".to_owned()), fails]);
        let fault = |text: &str| Scenario::parse("a", "a.yaml", text).unwrap_err().to_string();
        assert!(fault(&good.replace("converge", "converg")).contains("step 1 of the timeline is none: 'converg'"));
        assert!(fault(&good.replace("about", "abut")).contains("unknown key 'abut'"));
        assert!(fault(&good.replace("init.sls", "x.sls")).contains("init.sls"));
        assert!(fault("a: [").contains("a.yaml"));
    }

    #[test]
    fn the_scenarios_of_the_project_can_be_read() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("lab-scenarios");
        assert!(Scenario::all(&dir).unwrap().len() >= 3);
    }

    /// Families without a timeline, and why.
    const WITHOUT: &[(&str, &str)] = &[
        ("helm", "needs a cluster: tests/e2e/system_helm.rs"),
        ("rabbitmq_cluster", "Debian's server takes minutes: tests/e2e/system_rabbitmq.rs"),
        ("rabbitmq_plugin", "the same"),
        ("rabbitmq_policy", "the same"),
        ("rabbitmq_upstream", "the same"),
        ("rabbitmq_user", "the same"),
        ("rabbitmq_vhost", "the same"),
        ("test", "changes nothing anywhere"),
    ];

    /// True if some text of the scenario's tree declares a state of a family.
    fn declares(scenario: &Scenario, family: &str) -> bool {
        let written = scenario.timeline.iter().filter_map(|step| match step {
            Step::Write(files) => Some(files),
            _ => None,
        });
        let texts = written.chain([&scenario.tree]).flatten().map(|(_, text)| text);
        let start = format!("{family}.");
        texts.flat_map(|text| text.lines()).any(|line| line.trim_start_matches([' ', '-']).starts_with(&start))
    }

    #[test]
    fn every_family_of_states_has_a_timeline_or_a_reason() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("lab-scenarios");
        let all = Scenario::all(&dir).unwrap();
        for module in fleet_minion::states::STATES {
            let excused = WITHOUT.iter().any(|(family, _)| *family == module.name);
            let shown = all.iter().any(|scenario| declares(scenario, module.name));
            assert!(excused != shown, "{} needs a scenario in {}, or a reason for none", module.name, dir.display());
        }
    }
}
