//! What the master keeps of a job.

use fleet_master::client::Client;
use serde_json::Value;

use super::fault::{Fault, ensure};
use super::host::Host;
use super::running::Lab;
use crate::harness::{Finished, wait_until};

/// Starts a function on a host without waiting for it; the job's label.
pub fn start(lab: &Lab, host: &Host, call: &[&str]) -> Result<String, Fault> {
    let started = lab.fleet.ctl(&[&[host.name.as_str(), "--async"], call].concat());
    let label = |word: &&str| word.len() == 20 && word.bytes().all(|byte| byte.is_ascii_digit());
    let jid = started.stdout.split_whitespace().find(label).map(str::to_owned);
    jid.ok_or_else(|| Fault::Wrong(format!("no job was started: {started:?}")))
}

/// The only return of a job that was started on one host, once the master has it.
pub fn wait_for_return(lab: &Lab, host: &Host, jid: &str, time: std::time::Duration) -> Result<Value, Fault> {
    let found = wait_until(time, || {
        let job = show(lab, jid)?;
        let returns = job["returns"].as_array().cloned().unwrap_or_default();
        (!returns.is_empty()).then_some(returns)
    });
    let missing = || format!("{jid} was not reported:\n{}\n{}", lab.fleet.tail("master"), host.minion_log());
    let mut found = found.ok_or_else(|| Fault::Wrong(missing()))?;
    ensure(found.len() == 1, || format!("{jid} was reported more than once: {found:#?}"))?;
    Ok(found.remove(0))
}

/// A job with its returns; `None` while the master does not answer.
fn show(lab: &Lab, jid: &str) -> Option<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async {
        let mut client = Client::connect(&lab.fleet.api_socket()).await.ok()?;
        client.get::<Value>(&format!("/jobs/{jid}")).await.ok()
    })
}

/// What each host answered to a command with `--out json --static`.
pub fn answers(finished: &Finished) -> Result<Value, Fault> {
    serde_json::from_str(&finished.stdout).map_err(|_| Fault::Wrong(format!("no answer: {finished:?}")))
}
