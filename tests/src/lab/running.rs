//! A whole lab: network, hosts, master, state tree; everything is gone when it is dropped.

use std::fs;
use std::path::{Path, PathBuf};

use super::cache::{self, Image};
use super::fault::Fault;
use super::host::Host;
use super::place::{self, Place};
use super::run::run;
use super::{network, signals};
use crate::harness::{Fleet, FleetOptions, Network};

/// Which lab.
#[derive(Debug, Clone)]
pub struct Options {
    /// Names of the hosts.
    pub hosts: Vec<String>,
    /// Makes the image again even if there is one.
    pub fresh: bool,
}

/// A running lab.
pub struct Lab {
    // Dropped in this order: what runs, then what it ran on.
    /// The master, on this machine.
    pub fleet: Fleet,
    /// The hosts, each with an accepted minion that answers.
    pub hosts: Vec<Host>,
    _cleared: Cleared,
    _image: Image,
}

/// Clears the lab's place at its end.
struct Cleared(Place);

impl Drop for Cleared {
    fn drop(&mut self) {
        place::clear(self.0.number());
    }
}

impl Lab {
    /// Starts everything and waits until all minions answer. `workspace` is the checkout, whose `srv` is served.
    pub fn start(options: &Options, workspace: &Path) -> Result<Self, Fault> {
        let image = cache::image(options.fresh)?;
        let cleared = Cleared(Place::take()?);
        let place = &cleared.0;
        signals::clear_when_told_to_stop(place.number());
        let dir = place.dir();
        fs::create_dir_all(&dir).map_err(Fault::file(&dir))?;
        let text = dir.to_string_lossy().into_owned();
        // Hosts write to memory: quick, and gone at once.
        run("mount", &["-t", "tmpfs", "-o", "size=75%,mode=0755", "fleet-lab", &text])?;
        network::bridge(place)?;
        let srv = workspace.join("srv").to_string_lossy().into_owned();
        run("cp", &["-a", &srv, &text])?;
        let mut fleet = master(place, &dir)?;
        fleet.start_master();
        let mut hosts = Vec::new();
        for (index, name) in options.hosts.iter().enumerate() {
            hosts.push(Host::start(place, &image, name, index, &minion_config(&fleet, place, name))?);
        }
        for host in &mut hosts {
            host.wait_until_up()?;
        }
        let names: Vec<&str> = options.hosts.iter().map(String::as_str).collect();
        fleet.accept(&names);
        fleet.wait_for(&names);
        Ok(Self { fleet, hosts, _cleared: cleared, _image: image })
    }

    /// Directory of the lab's copy of `srv`.
    pub fn srv(&self) -> PathBuf {
        self._cleared.0.dir().join("srv")
    }

    /// Writes a file of the state tree or the pillar, below the lab's copy of `srv`.
    pub fn write(&self, path: &str, text: &str) -> Result<(), Fault> {
        let path = self.srv().join(path);
        let folder = path.parent().unwrap_or(&path);
        fs::create_dir_all(folder).map_err(Fault::file(folder))?;
        fs::write(&path, text).map_err(Fault::file(&path))
    }

    /// A host by its name.
    pub fn host(&self, name: &str) -> Result<&Host, Fault> {
        self.hosts.iter().find(|host| host.name == name).ok_or_else(|| Fault::Wrong(format!("there is no host {name}")))
    }
}

fn master(place: &Place, dir: &Path) -> Result<Fleet, Fault> {
    let groups = dir.join("srv/nodegroups.conf");
    Ok(Fleet::in_dir(
        dir.join("fleet"),
        &FleetOptions {
            master_config: fs::read_to_string(&groups).map_err(Fault::file(&groups))?,
            states: Some(dir.join("srv/salt")),
            pillar: Some(dir.join("srv/pillar")),
            // Minions are started by their hosts, not by the fleet.
            network: Some(Network { master: place.address(1).to_string(), namespace: String::new() }),
            ..FleetOptions::default()
        },
    ))
}

fn minion_config(fleet: &Fleet, place: &Place, name: &str) -> String {
    format!(
        "id: {name}\nmaster: {}\nmaster_port: {}\npublish_port: {}\nlog_level: info\napt_lock_timeout: 4\ngrains:\n  max_open_file: 8192\n",
        place.address(1),
        fleet.request_port,
        fleet.publish_port,
    )
}
