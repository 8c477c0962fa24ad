//! What goes wrong around a run: the network, the master.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::lab::check::Chunks;
use crate::lab::fault::{Fault, ensure};
use crate::lab::jobs;
use crate::lab::network;
use crate::lab::running::Lab;

/// A run of some seconds: one line for each time that a command ran, and a last chunk.
const SLOW: &str = "
first:
  cmd.run:
    - name: echo first >> /root/slow
second:
  cmd.run:
    - name: sleep 4; echo second >> /root/slow
third:
  file.managed:
    - name: /root/third
    - contents: done
";

/// The second chunk ends only when the minion that is to report it has been stopped and another one is ready.
const RESTARTING: &str = "
first:
  cmd.run:
    - name: echo first >> /root/slow
second:
  cmd.run:
    - name: systemctl restart saltminion && echo second >> /root/slow
third:
  file.managed:
    - name: /root/third
    - contents: done
";

/// How long until a return is there when nothing holds it up any more.
const REPORT: Duration = Duration::from_secs(60);

/// All packets of a host are dropped in the middle of a run: it goes on, and reports when the network is back.
pub fn network_gone(lab: &mut Lab) -> Result<(), Fault> {
    let jid = begin(lab, SLOW)?;
    let host = &lab.hosts[0];
    network::blackhole(&host.namespace)?;
    let ended = host.wait_for("test -e /root/third", Duration::from_secs(20));
    let told = lab.fleet.log("master").lines().any(|line| line.contains(&jid) && line.contains("recorded"));
    network::heal(&host.namespace)?;
    ended?;
    ensure(!told, || "the return came through a network that drops everything".to_owned())?;
    reported(lab, &jid)
}

/// The master is killed in the middle of a run and comes back after its end: the run is reported then.
pub fn master_killed(lab: &mut Lab) -> Result<(), Fault> {
    let jid = begin(lab, SLOW)?;
    lab.fleet.stop("master", Signal::KILL);
    let ended = lab.hosts[0].wait_for("test -e /root/third", Duration::from_secs(20));
    lab.fleet.start_master();
    ended?;
    reported(lab, &jid)
}

/// A state restarts the minion that runs it: the run goes on, nothing runs twice, and the next minion reports it.
pub fn own_restart(lab: &mut Lab) -> Result<(), Fault> {
    let main_pid = "systemctl show -p MainPID --value saltminion";
    let before = lab.hosts[0].must(main_pid)?;
    let jid = begin(lab, RESTARTING)?;
    reported(lab, &jid)?;
    let after = lab.hosts[0].must(main_pid)?;
    ensure(before != after, || "the minion was not restarted".to_owned())
}

/// Starts a run without waiting for it; its job's label, once its first chunk ran.
fn begin(lab: &Lab, states: &str) -> Result<String, Fault> {
    lab.write("salt/slow/init.sls", states)?;
    let host = &lab.hosts[0];
    host.must("rm -f /root/slow /root/third")?;
    let jid = jobs::start(lab, host, &["state.apply", "slow"])?;
    host.wait_for("test -e /root/slow", Duration::from_secs(10))?;
    Ok(jid)
}

/// The run succeeded and was reported once, and nothing of it ran twice.
fn reported(lab: &Lab, jid: &str) -> Result<(), Fault> {
    let host = &lab.hosts[0];
    let ret = jobs::wait_for_return(lab, host, jid, REPORT)?;
    let log = || host.minion_log();
    ensure(ret["end"] == "returned" && ret["success"] == Value::Bool(true), || {
        format!("reported: {ret:#}\n{}", log())
    })?;
    Chunks::of(&ret["return"])?.all_succeeded()?;
    let lines = host.must("cat /root/slow")?;
    ensure(lines == "first\nsecond\n", || format!("the commands ran like this:\n{lines}"))?;
    lab.fleet.wait_for(&[&host.name]);
    Ok(())
}
