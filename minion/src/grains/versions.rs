//! Versions that trees compare against.

use fleet_common::functions::salt_version;
use fleet_common::value::{Map, Value};

/// `saltversion`, `saltversioninfo`, `pythonversion`, `zfs_support` and the like.
pub(super) fn fill(grains: &mut Map) {
    grains.insert("saltversion", format!("{}.{}", salt_version::COMPATIBLE[0], salt_version::COMPATIBLE[1]));
    grains.insert("saltversioninfo", salt_version::COMPATIBLE.to_vec());
    // There is no interpreter inside: trees that choose between Python 2 and 3 spellings must see 3.
    let python: Vec<Value> = vec![3.into(), 11.into(), 0.into(), "final".into(), 0.into()];
    grains.insert("pythonversion", python);
    grains.insert("transactional", std::path::Path::new("/usr/sbin/transactional-update").exists());
    let zfs = std::path::Path::new("/sys/module/zfs").exists();
    grains.insert("zfs_support", zfs);
    grains.insert("zfs_feature_flags", zfs);
}
