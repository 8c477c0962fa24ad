//! Several hosts in groups, where one group has a fault.

use std::fs;

use crate::lab::check::Chunks;
use crate::lab::fault::{Fault, ensure};
use crate::lab::jobs;
use crate::lab::running::Lab;

const TOP: &str = "
base:
  web1group:
    - match: nodegroup
    - groups.sound
  web2group:
    - match: nodegroup
    - groups.sound
    - groups.broken
";

const SOUND: &str = "
/root/sound:
  file.managed:
    - contents: I ran
";

/// The fault is on line 3.
const BROKEN: &str = "/root/broken:
  file.managed:
    - contents: {{ pillar['no']['such']['key'] }}
";

/// A template that fails for one group stops the hosts of that group before their first chunk, with the place; the others
/// run.
pub fn failing_template(lab: &mut Lab) -> Result<(), Fault> {
    let top = lab.srv().join("salt/top.sls");
    let kept = fs::read_to_string(&top).map_err(Fault::file(&top))?;
    lab.write("salt/top.sls", TOP)?;
    lab.write("salt/groups/sound.sls", SOUND)?;
    lab.write("salt/groups/broken.sls", BROKEN)?;
    let done = lab.fleet.ctl(&["*", "state.highstate", "--out", "json", "--static"]);
    lab.write("salt/top.sls", &kept)?;
    let answers = jobs::answers(&done)?;
    ensure(done.status != 0, || "the command says that all is well".to_owned())?;
    for host in &lab.hosts {
        let answer = &answers[&host.name];
        if host.name.starts_with("www-0") {
            Chunks::of(answer)?.all_succeeded()?;
            host.must("grep -qx 'I ran' /root/sound; rm /root/sound")?;
            continue;
        }
        let said = answer.to_string();
        ensure(said.contains("groups.broken") && said.contains("line 3"), || format!("{} says: {said}", host.name))?;
        host.must("test ! -e /root/sound && test ! -e /root/broken")?;
    }
    Ok(())
}
