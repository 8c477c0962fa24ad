//! Runs the timeline of a scenario on a host.

use std::collections::BTreeSet;

use super::check::Chunks;
use super::fault::{Fault, ensure};
use super::host::Host;
use super::jobs;
use super::running::Lab;
use super::scenario::{Scenario, Step};

/// Runs a scenario from its first step to its last or to the first that fails, which the fault names.
pub fn run_scenario(lab: &Lab, host: &Host, scenario: &Scenario) -> Result<(), Fault> {
    write(lab, scenario, &scenario.tree)?;
    for (index, step) in scenario.timeline.iter().enumerate() {
        let done = take(lab, host, scenario, step);
        done.map_err(|fault| Fault::Wrong(format!("step {}, {step:?}, on {}: {fault}", index + 1, host.name)))?;
    }
    Ok(())
}

fn take(lab: &Lab, host: &Host, scenario: &Scenario, step: &Step) -> Result<(), Fault> {
    match step {
        Step::Converge => converge(lab, host, &["state.apply", &scenario.name], &scenario.inexact).map(drop),
        Step::Settled => settled(lab, host, &["state.apply", &scenario.name]),
        Step::Run(line) | Step::Check(line) => host.must(line).map(drop),
        Step::Write(files) => write(lab, scenario, files),
        Step::Fails(expected) => {
            let failed = apply(lab, host, &["state.apply", &scenario.name])?.failed();
            ensure(failed.len() == expected.len(), || format!("these failed: {failed:#?}"))?;
            for (id, words) in expected {
                let comment =
                    failed.get(id).ok_or_else(|| Fault::Wrong(format!("{id} did not fail, these did: {failed:#?}")))?;
                ensure(comment.contains(words), || format!("{id} says: {comment}"))?;
            }
            Ok(())
        }
    }
}

fn write(lab: &Lab, scenario: &Scenario, files: &[(String, String)]) -> Result<(), Fault> {
    files.iter().try_for_each(|(path, text)| lab.write(&format!("salt/{}/{path}", scenario.name), text))
}

/// Predicts a state run (which changes nothing), applies it, compares, and does both again: nothing is left to do.
/// The chunks of the run that did something.
pub fn converge(lab: &Lab, host: &Host, call: &[&str], inexact: &[String]) -> Result<Chunks, Fault> {
    let before = host.files();
    let predicted = apply(lab, host, &[call, &["test=True"]].concat())?;
    let after = host.files();
    ensure(before == after, || format!("the dry run changed files:\n{}", lines_apart(&before, &after)))?;
    let open = predicted.changed();
    let real = apply(lab, host, call)?;
    real.all_succeeded()?;
    ensure(!real.changed().is_empty(), || format!("nothing was changed; predicted: {open:?}"))?;
    predicted.came_true(&real, inexact)?;
    settled(lab, host, call)?;
    Ok(real)
}

/// There is nothing to do, in a dry run and for real.
pub fn settled(lab: &Lab, host: &Host, call: &[&str]) -> Result<(), Fault> {
    apply(lab, host, &[call, &["test=True"]].concat())?.nothing_to_do()?;
    apply(lab, host, call)?.nothing_to_do()
}

/// Runs states on one host over the master.
pub fn apply(lab: &Lab, host: &Host, call: &[&str]) -> Result<Chunks, Fault> {
    let finished = lab.fleet.ctl(&[&[host.name.as_str()], call, &["--out", "json", "--static"]].concat());
    Chunks::of(&jobs::answers(&finished)?[&host.name])
}

/// Lines that are in one text only.
fn lines_apart(before: &str, after: &str) -> String {
    let (before, after): (BTreeSet<_>, BTreeSet<_>) = (before.lines().collect(), after.lines().collect());
    let gone = before.difference(&after).map(|line| format!("- {line}"));
    let new = after.difference(&before).map(|line| format!("+ {line}"));
    gone.chain(new).take(20).collect::<Vec<_>>().join("\n")
}
