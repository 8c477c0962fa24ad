//! Whether this machine is virtual, a container or real, from files only.

use fleet_common::value::Map;

use crate::system::fs::read_line;

/// `virtual`, `virtual_subtype`, and what the firmware says of the machine.
pub(super) fn fill(grains: &mut Map) {
    let seen = Seen {
        container: read_line("/run/systemd/container").or_else(container_variable),
        docker: std::path::Path::new("/.dockerenv").exists(),
        podman: std::path::Path::new("/run/.containerenv").exists(),
        cgroup: read_line("/proc/1/cgroup").unwrap_or_default(),
        vendor: firmware("sys_vendor").unwrap_or_default(),
        product: firmware("product_name").unwrap_or_default(),
        hypervisor: read_line("/sys/hypervisor/type").unwrap_or_default(),
        cpu: read_line("/proc/cpuinfo").unwrap_or_default(),
    };
    let (kind, subtype) = seen.classify();
    grains.insert("virtual", kind);
    if let Some(subtype) = subtype {
        grains.insert("virtual_subtype", subtype);
    }
    for (grain, file) in [
        ("biosversion", "bios_version"),
        ("biosreleasedate", "bios_date"),
        ("biosvendor", "bios_vendor"),
        ("manufacturer", "sys_vendor"),
        ("productname", "product_name"),
        ("serialnumber", "product_serial"),
        ("uuid", "product_uuid"),
        ("boardname", "board_name"),
    ] {
        if let Some(text) = firmware(file).filter(|text| !text.is_empty()) {
            grains.insert(grain, if grain == "uuid" { text.to_lowercase() } else { text });
        }
    }
}

fn firmware(file: &str) -> Option<String> {
    read_line(format!("/sys/class/dmi/id/{file}"))
}

/// The `container=` variable of process 1, which container managers set.
fn container_variable() -> Option<String> {
    let environment = std::fs::read("/proc/1/environ").ok()?;
    let value = environment.split(|byte| *byte == 0).find_map(|item| item.strip_prefix(b"container="))?;
    Some(String::from_utf8_lossy(value).into_owned())
}

struct Seen {
    container: Option<String>,
    docker: bool,
    podman: bool,
    cgroup: String,
    vendor: String,
    product: String,
    hypervisor: String,
    cpu: String,
}

impl Seen {
    fn classify(&self) -> (&'static str, Option<&'static str>) {
        match self.container.as_deref() {
            Some("systemd-nspawn") => return ("container", Some("systemd-nspawn")),
            Some("lxc" | "lxc-libvirt") => return ("container", Some("LXC")),
            Some("podman") => return ("container", Some("Podman")),
            Some("docker") => return ("container", Some("Docker")),
            _ => {}
        }
        if self.docker || self.cgroup.contains("/docker/") {
            return ("container", Some("Docker"));
        }
        if self.podman {
            return ("container", Some("Podman"));
        }
        if self.cgroup.contains("/lxc/") {
            return ("container", Some("LXC"));
        }
        if self.container.is_some() {
            return ("container", None);
        }
        self.machine()
    }

    fn machine(&self) -> (&'static str, Option<&'static str>) {
        let (vendor, product) = (self.vendor.as_str(), self.product.as_str());
        if product.contains("VMware") || vendor.contains("VMware") {
            return ("VMware", None);
        }
        if product.contains("VirtualBox") {
            return ("VirtualBox", None);
        }
        if vendor.contains("Microsoft") && product.contains("Virtual Machine") {
            return ("HyperV", None);
        }
        if vendor.contains("Parallels") {
            return ("Parallels", None);
        }
        if self.hypervisor == "xen" || product.contains("HVM domU") {
            return ("xen", product.contains("HVM domU").then_some("Xen HVM DomU"));
        }
        let is_cloud = ["Amazon EC2", "Google", "OpenStack", "DigitalOcean", "Hetzner", "QEMU", "RHEV", "oVirt"];
        if is_cloud.iter().any(|name| vendor.contains(name)) || product.contains("KVM") {
            return ("kvm", None);
        }
        if self.cpu.contains("QEMU Virtual CPU") {
            return ("kvm", None);
        }
        let flagged = self
            .cpu
            .lines()
            .any(|line| line.starts_with("flags") && line.split_whitespace().any(|flag| flag == "hypervisor"));
        if flagged { ("kvm", None) } else { ("physical", None) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Seen {
        let text = String::new;
        Seen {
            container: None,
            docker: false,
            podman: false,
            cgroup: text(),
            vendor: text(),
            product: text(),
            hypervisor: text(),
            cpu: text(),
        }
    }

    #[test]
    fn containers_come_before_the_machine_they_run_on() {
        let nspawn = Seen { container: Some("systemd-nspawn".into()), vendor: "QEMU".into(), ..seen() };
        assert_eq!(nspawn.classify(), ("container", Some("systemd-nspawn")));
        assert_eq!(Seen { docker: true, ..seen() }.classify(), ("container", Some("Docker")));
        assert_eq!(Seen { vendor: "QEMU".into(), ..seen() }.classify(), ("kvm", None));
        assert_eq!(Seen { product: "VirtualBox".into(), ..seen() }.classify(), ("VirtualBox", None));
        assert_eq!(Seen { cpu: "flags\t: fpu hypervisor lm\n".into(), ..seen() }.classify(), ("kvm", None));
        assert_eq!(seen().classify(), ("physical", None));
    }
}
