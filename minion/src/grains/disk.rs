//! Disks and firmware.

use fleet_common::value::{Map, Value};

use crate::system::fs::read_line;

/// `disks`, `ssds`, `efi`, `efi-secure-boot`, `gpus`, `num_gpus`.
pub(super) fn fill(grains: &mut Map) {
    let (disks, ssds) = disks();
    grains.insert("disks", disks);
    grains.insert("ssds", ssds);
    let efi = std::path::Path::new("/sys/firmware/efi").exists();
    grains.insert("efi", efi);
    grains.insert("efi-secure-boot", efi && secure_boot());
    let gpus = gpus();
    grains.insert("num_gpus", gpus.len());
    grains.insert("gpus", gpus.into_iter().collect::<Value>());
}

fn names(directory: &str) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

fn disks() -> (Vec<String>, Vec<String>) {
    let block = names("/sys/block").into_iter().filter(|name| !name.starts_with("loop") && !name.starts_with("ram"));
    block.partition(|name| read_line(format!("/sys/block/{name}/queue/rotational")).as_deref() != Some("0"))
}

fn secure_boot() -> bool {
    let Ok(entries) = std::fs::read_dir("/sys/firmware/efi/efivars") else { return false };
    let is_variable = |name: &str| name.starts_with("SecureBoot-");
    let variable = entries.flatten().find(|entry| entry.file_name().to_str().is_some_and(is_variable));
    // Four bytes of attributes, then the value.
    variable.and_then(|entry| std::fs::read(entry.path()).ok()).is_some_and(|value| value.last() == Some(&1))
}

/// Display controllers (PCI class 3) as `{vendor, model}`; the model is the device number, since names need a database.
fn gpus() -> Vec<Value> {
    let card = |device: &String| {
        let at = |file: &str| read_line(format!("/sys/bus/pci/devices/{device}/{file}"));
        at("class").filter(|class| class.starts_with("0x03"))?;
        let vendor = match at("vendor")?.as_str() {
            "0x10de" => "nvidia",
            "0x1002" | "0x1022" => "amd",
            "0x8086" => "intel",
            "0x1af4" | "0x1234" => "qemu",
            "0x15ad" => "vmware",
            _ => "unknown",
        };
        let model = at("device").unwrap_or_default();
        Some(Value::Map([("vendor", vendor.to_owned()), ("model", model)].into_iter().collect()))
    };
    names("/sys/bus/pci/devices").iter().filter_map(card).collect()
}
