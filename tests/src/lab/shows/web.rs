//! The worked example of `srv`: two groups of web servers.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::harness::wait_until;
use crate::lab::fault::{Fault, ensure};
use crate::lab::host::Host;
use crate::lab::jobs;
use crate::lab::running::Lab;
use crate::lab::timeline::{converge, settled};

const HIGHSTATE: &[&str] = &["state.highstate"];
const MAIN_PID: &str = "systemctl show -p MainPID --value nginx";

/// From nothing to web servers that answer: each group serves what its pillar says.
pub fn first_highstate(lab: &mut Lab) -> Result<(), Fault> {
    for host in &lab.hosts {
        converge(lab, host, HIGHSTATE, &[])?;
        serves(host, root_of(host))?;
        host.must("systemctl is-enabled nginx; nginx -t")?;
    }
    Ok(())
}

/// All hosts at once over the master: one line for each in the summary, and nothing to do on any.
pub fn all_at_once(lab: &mut Lab) -> Result<(), Fault> {
    let done = lab.fleet.ctl(&["*", "state.highstate", "--out", "json", "--static"]);
    let answers = jobs::answers(&done)?;
    ensure(done.status == 0, || format!("{done:?}"))?;
    for host in &lab.hosts {
        crate::lab::check::Chunks::of(&answers[&host.name])?.nothing_to_do()?;
    }
    Ok(())
}

/// Another root in the pillar of one group: its servers are reloaded, not restarted, and serve it; the others are left
/// alone.
pub fn changed_pillar(lab: &mut Lab) -> Result<(), Fault> {
    lab.write("pillar/nginx/web2.sls", "nginx:\n  root: /other\n")?;
    for host in &lab.hosts {
        if host.name.starts_with("www-0") {
            settled(lab, host, HIGHSTATE)?;
            continue;
        }
        let before = host.must(MAIN_PID)?;
        converge(lab, host, HIGHSTATE, &[])?;
        let after = host.must(MAIN_PID)?;
        ensure(before == after, || format!("{}: nginx was restarted, not reloaded", host.name))?;
        serves(host, "/other")?;
    }
    lab.write("pillar/nginx/web2.sls", "nginx:\n  root: /data\n")?;
    for host in lab.hosts.iter().filter(|host| host.name.starts_with("www-1")) {
        converge(lab, host, HIGHSTATE, &[])?;
        serves(host, root_of(host))?;
    }
    Ok(())
}

/// What people do by hand is undone: a stopped service, an edited file, a removed package.
pub fn damaged_by_hand(lab: &mut Lab) -> Result<(), Fault> {
    let host = &lab.hosts[0];
    for damage in [
        "systemctl stop nginx",
        "systemctl disable nginx",
        "echo '# by hand' >> /etc/nginx/nginx.conf",
        "rm -r /www",
        "apt-get remove -q -y 'nginx*' 'libnginx*'",
        "apt-get purge -q -y 'nginx*' 'libnginx*'; rm -rf /etc/nginx",
    ] {
        host.must(damage)?;
        let repaired = converge(lab, host, HIGHSTATE, &[]).and_then(|_| serves(host, root_of(host)));
        repaired.map_err(|fault| Fault::Wrong(format!("after `{damage}`: {fault}")))?;
    }
    Ok(())
}

fn root_of(host: &Host) -> &'static str {
    if host.name.starts_with("www-0") { "/www" } else { "/data" }
}

/// The host's web server answers this machine from the right directory.
fn serves(host: &Host, root: &str) -> Result<(), Fault> {
    let wanted = format!("{} serves {root}", host.name);
    // A reload answers before its new workers do.
    let answered = wait_until(Duration::from_secs(5), || get(host).ok().filter(|text| text.contains(&wanted)));
    ensure(answered.is_some(), || format!("{}: not '{wanted}' but {:?}", host.address, get(host)))
}

fn get(host: &Host) -> std::io::Result<String> {
    let address = SocketAddr::from((host.address, 80));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    write!(stream, "GET / HTTP/1.0\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}
