//! All grains of a minion in one mapping.

use std::path::Path;

use fleet_common::diag::Diagnostic;
use fleet_common::digest;
use fleet_common::ids::MinionId;
use fleet_common::value::{Map, Value};

use super::{cpu, custom, disk, memory, network, os, process, versions, r#virtual};

/// What grains are made from, besides the machine.
pub struct GrainSources<'a> {
    /// The minion's id.
    pub id: &'a MinionId,
    /// The configured master: a name, or a list of them.
    pub master: &'a Value,
    /// `grains:` of the configuration.
    pub configured: Option<&'a Map>,
    /// The configuration directory, whose file `grains` holds those set by `grains.setval`.
    pub config_dir: Option<&'a Path>,
}

/// Collects all grains. Those of the machine are overridden by the file `grains`, and both by the configuration's.
///
/// A broken `grains` file is told beside the other grains: it must not keep a minion from starting.
pub fn collect(sources: &GrainSources<'_>) -> (Map, Vec<Diagnostic>) {
    let mut grains = Map::new();
    grains.insert("id", sources.id.as_str());
    grains.insert("master", sources.master.clone());
    grains.insert("server_id", server_id(sources.id.as_str()));
    os::fill(&mut grains);
    cpu::fill(&mut grains);
    memory::fill(&mut grains);
    disk::fill(&mut grains);
    network::fill(&mut grains);
    r#virtual::fill(&mut grains);
    process::fill(&mut grains);
    versions::fill(&mut grains);
    let mut faults = Vec::new();
    if let Some(directory) = sources.config_dir {
        match custom::load_file(&directory.join(custom::GRAINS_FILE)) {
            Ok(set) => grains.extend(set),
            Err(fault) => faults.push(*fault),
        }
    }
    if let Some(configured) = sources.configured {
        grains.extend(configured.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    (grains, faults)
}

/// A number made from the id, the same on every start: what trees use to spread times and choose shards.
fn server_id(id: &str) -> i64 {
    let sum = digest::of_bytes("sha256", id.as_bytes()).unwrap_or_default();
    let low = sum.last_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    i64::from(low & 0x7fff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_id_is_the_known_one() {
        assert_eq!(server_id("web1"), 1_826_842_219);
    }

    #[test]
    fn every_grain_that_trees_rely_on_is_there() {
        let id = "web1".parse::<MinionId>().unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("grains"), "role: web\nos: Mine\n").unwrap();
        let configured: Map = [("os", "Configured")].into_iter().collect();
        let (grains, faults) = collect(&GrainSources {
            id: &id,
            master: &Value::from("salt"),
            configured: Some(&configured),
            config_dir: Some(dir.path()),
        });
        assert_eq!(faults, []);
        for name in [
            "id",
            "os",
            "os_family",
            "osrelease",
            "osrelease_info",
            "osfinger",
            "osfullname",
            "osarch",
            "oscodename",
            "kernel",
            "kernelrelease",
            "kernelversion",
            "cpuarch",
            "num_cpus",
            "cpu_model",
            "cpu_flags",
            "mem_total",
            "swap_total",
            "ipv4",
            "ipv6",
            "ip_interfaces",
            "ip4_interfaces",
            "ip6_interfaces",
            "hwaddr_interfaces",
            "host",
            "fqdn",
            "domain",
            "nodename",
            "localhost",
            "init",
            "virtual",
            "master",
            "path",
            "pid",
            "shell",
            "saltversion",
            "saltversioninfo",
            "pythonversion",
            "locale_info",
            "machine_id",
            "server_id",
            "uid",
            "gid",
            "username",
            "groupname",
            "cwd",
            "dns",
            "disks",
            "ssds",
        ] {
            assert!(grains.contains(name), "{name} is missing");
        }
        assert_eq!(grains.get("os"), Some(&Value::from("Configured")));
        assert_eq!(grains.get("role"), Some(&Value::from("web")));
    }
}
