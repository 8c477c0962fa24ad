//! From the configuration to rules, and what of the reference's ways in is refused by name.

use std::path::PathBuf;

use fleet_common::config::Settings;
use fleet_common::diag::Diagnostic;
use fleet_common::value::{Map, Value};

use super::Acl;
use crate::peers::PeerRules;

/// Keys that would let somebody in by another way: a master that does not have these ways says so and does not start,
/// because whoever wrote them expects them to work.
const REFUSED: &[(&str, &str)] = &[
    (
        "external_auth",
        "operators are known by the kernel on the API's socket: write publisher_acl with their accounts and groups",
    ),
    ("open_mode", "it takes every key for every id: accept keys with 'keyctl -a', tokens or autosign_file"),
    ("peer", "minions cannot make other minions run anything: remove it"),
    ("token_dir", "there are no login tokens: remove it"),
    ("file_recv", "minions cannot write files on the master: remove it"),
];

/// Who may do what, and where it is written down.
#[derive(Debug, Clone)]
pub struct Access {
    /// `publisher_acl`, `publisher_acl_blacklist`.
    pub acl: Acl,
    /// `peer_run`.
    pub peers: PeerRules,
    /// `audit_log`.
    pub audit_log: PathBuf,
}

impl Access {
    /// Takes the settings; warnings come beside them.
    pub fn take(settings: &mut Settings, nodegroups: &Map) -> Result<(Self, Vec<Diagnostic>), Diagnostic> {
        for (key, instead) in REFUSED {
            let set = settings.get::<Value>(key)?.is_some_and(|value| wanted(&value));
            if set {
                return Err(settings.fault(key, format!("'{key}' is not supported"), instead));
            }
        }
        // The reference's older name still stands in configurations.
        let key = if settings.get::<Value>("publisher_acl")?.is_some() { "publisher_acl" } else { "client_acl" };
        let acl: Map = settings.or(key, Map::new())?;
        let older = settings.get::<Value>("publisher_acl_blacklist")?.is_none();
        let denied = if older { "client_acl_blacklist" } else { "publisher_acl_blacklist" };
        let blacklist: Map = settings.or(denied, Map::new())?;
        let peers = PeerRules::parse(&settings.or("peer_run", Map::new())?)
            .map_err(|why| settings.fault("peer_run", why, "'web.*':\n  - mine.get"))?;
        let trusted: Vec<String> = settings.or("trusted_grains", Vec::new())?;
        let parsed = Acl::parse(&acl, &blacklist, nodegroups, &trusted);
        let (acl, told) =
            parsed.map_err(|why| settings.fault(key, why, "larry:\n  - test.ping\n  - 'web*':\n      - pkg.*"))?;
        let warnings = told.into_iter().map(|text| settings.fault(key, text, "")).collect();
        Ok((Self { acl, peers, audit_log: settings.path("audit_log", "/var/log/salt/audit")? }, warnings))
    }
}

/// Something that is switched off or empty asks for nothing.
fn wanted(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false)) && !value.as_map().is_some_and(Map::is_empty)
}
