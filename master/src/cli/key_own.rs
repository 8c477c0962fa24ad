//! What `keyctl` does to keys that are no minion's yet: the master's own, and pairs for minions that are prepared.

use std::path::{Path, PathBuf};

use clap::Args;
use fleet_common::crypto::keys::{PublicKey, SigningKey};
use fleet_common::diag::Diagnostic;
use fleet_common::ids::MinionId;
use fleet_common::join::Join;
use fleet_common::proto::api::{OwnKey, Replaced};

use crate::config::Config;

/// Options of these.
#[derive(Debug, Args)]
pub struct OwnArgs {
    /// Replace a key of the master: root (what minions pin) or online (what it signs with).
    #[arg(long, value_name = "KEY", help_heading = "Own keys")]
    pub rotate: Option<String>,
    /// Make a pair of keys for a minion that is prepared: NAME.pem and NAME.pub.
    #[arg(long, value_name = "NAME", help_heading = "Own keys")]
    pub gen_keys: Option<String>,
    /// Where it is put.
    #[arg(long, value_name = "DIR", default_value = ".", help_heading = "Own keys")]
    pub gen_keys_dir: PathBuf,
    /// Print a join string with a one-time token for ids that match a glob: `join: STRING` in the new minion's configuration.
    #[arg(long, value_name = "GLOB", help_heading = "Own keys")]
    pub gen_token: Option<String>,
    /// How long the token is good.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, help_heading = "Own keys")]
    pub token_life: u64,
    /// Print a join string without a token: the key still waits to be accepted.
    #[arg(long, help_heading = "Own keys")]
    pub join_string: bool,
    /// The address under which minions reach this master; its name when it listens on all addresses.
    #[arg(long, value_name = "HOST", help_heading = "Own keys")]
    pub master_address: Option<String>,
}

/// The key of that name.
pub fn own_key(name: &str) -> Result<OwnKey, Diagnostic> {
    [OwnKey::Root, OwnKey::Online].into_iter().find(|key| key.name() == name).ok_or_else(|| {
        Diagnostic::user(format!("'{name}' is no key of the master"))
            .help("root: what minions pin")
            .help("online: the keys of sessions and publications")
            .help("the key of a minion is replaced on its machine: saltminion --rotate-key")
    })
}

/// What is asked before.
pub fn warning(which: OwnKey) -> &'static str {
    match which {
        OwnKey::Root => {
            "The master's root key is going to be replaced by one that it signs for.\nMinions follow at once or at their next session; master_finger and join strings with the old fingerprint keep working while the chain of successors is kept (8 replacements).\n"
        }
        OwnKey::Online => {
            "The master's online keys are going to be replaced.\nMinions that have seen the new ones refuse the old ones.\n"
        }
    }
}

/// What is told afterwards; `running` when a master did it.
pub fn replaced(which: OwnKey, done: &Replaced, running: bool) -> String {
    let who = if running {
        format!("{} connected minions were told; the others follow at their next session.\n", done.told)
    } else {
        "No master runs: they count from its next start.\n".to_owned()
    };
    match which {
        OwnKey::Root => format!("Root replaced.\nbefore: {}\nnow:    {}\n{who}", done.before, done.after),
        OwnKey::Online => format!("Online keys replaced.\n{who}"),
    }
}

/// The fingerprint of the master's root, from its file.
pub fn root(pki_dir: &Path) -> Result<String, Diagnostic> {
    let path = pki_dir.join("master.pub");
    let root = PublicKey::load(&path)?.ok_or_else(|| {
        Diagnostic::user(format!("{}: the master has no keys yet", path.display()))
            .help("they are made at its first start")
    })?;
    Ok(root.fingerprint().to_string())
}

/// What a new minion needs of this master, known by the fingerprint of its root.
pub fn join(args: &OwnArgs, config: &Config, root: &str, token: Option<String>) -> Result<Join, Diagnostic> {
    let finger = root.parse().map_err(|_| Diagnostic::user(format!("'{root}' is no fingerprint")))?;
    let host = match &args.master_address {
        Some(host) => host.clone(),
        None if config.interface.is_unspecified() => rustix::system::uname().nodename().to_string_lossy().into_owned(),
        None => config.interface.to_string(),
    };
    let (ret_port, publish_port) = (config.ret_port, config.publish_port);
    let join = Join { host, ret_port, publish_port, finger, token };
    // What cannot be read back is not printed.
    join.to_string().parse().map_err(|_| {
        Diagnostic::user(format!("'{}' is no address", join.host)).help("--master-address HOST says another one")
    })
}

/// Refuses an address that no join string can carry, before a token is made for it.
pub fn check_address(args: &OwnArgs, config: &Config) -> Result<(), Diagnostic> {
    let any_root = "00".repeat(32);
    join(args, config, &any_root, None).map(drop)
}

/// Makes a pair of keys; says where.
pub fn generate(name: &str, directory: &Path) -> Result<String, Diagnostic> {
    let name: MinionId = name.parse().map_err(|error| {
        Diagnostic::user(format!("'{name}' can't name a key: {error}")).help("usually it is the id of the minion")
    })?;
    let key = SigningKey::create(directory, name.as_str())?;
    let path = directory.join(name.as_str());
    Ok(format!(
        "Keys generated: {path}.pem (secret: minion.pem on the minion), {path}.pub (minions/{name} on the master)\nfingerprint: {}\n",
        key.fingerprint(),
        path = path.display(),
    ))
}
