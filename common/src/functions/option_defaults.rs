//! What the reference's settings are where no configuration says anything: trees ask for them with `config.get`.

use crate::value::{Map, Value};

/// Settings that are false.
#[rustfmt::skip]
const FALSE: &[&str] = &[
    "always_verify_signature", "auth_safemode", "beacons_before_connect", "cache_jobs", "cluster_mode",
    "cython_enable", "discovery", "enable_fqdns_grains", "enable_zip_modules", "failhard", "file_recv",
    "fileserver_ignoresymlinks", "fips_mode", "git_pillar_insecure_auth", "gitfs_disable_saltenv_mapping",
    "gitfs_insecure_auth", "gpg_cache", "grains_cache", "grains_deep_merge", "local", "lock_saltenv",
    "master_failback", "master_shuffle", "master_tops_first", "mine_return_job", "minion_id_lowercase",
    "minion_id_remove_domain", "minion_sign_messages", "multifunc_ordered", "open_mode", "pillar_cache",
    "pillar_includes_override_sls", "pillar_merge_lists", "pillar_opts", "pillarenv_from_saltenv", "random_master",
    "rejected_retry", "restart_on_error", "scheduler_before_connect", "sign_pub_messages", "snapper_states",
    "state_aggregate", "state_events", "state_output_diff", "state_queue", "test", "unique_jid", "update_url",
    "use_master_when_local", "verify_master_pubkey_sign", "zmq_filtering", "zmq_monitor",
];

/// Settings that are true.
#[rustfmt::skip]
const TRUE: &[&str] = &[
    "autoload_dynamic_modules", "cache_sreqs", "clean_dynamic_modules", "cmd_safe", "enable_gpu_grains",
    "enable_legacy_startup_events", "fileserver_followsymlinks", "git_pillar_global_lock", "git_pillar_includes",
    "git_pillar_ssl_verify", "gitfs_global_lock", "gitfs_ssl_verify", "gpg_decrypt_must_succeed", "mine_enabled",
    "minion_id_caching", "multiprocessing", "pub_ret", "recon_randomize", "resolve_dns_fallback", "ssh_merge_pillar",
    "state_auto_order", "state_output_profile", "state_verbose", "tcp_keepalive", "verify_env",
];

/// Settings that are nothing.
#[rustfmt::skip]
const NOTHING: &[&str] = &[
    "global_state_conditions", "ipv6", "log_level_logfile", "password", "pillarenv", "reactor_niceness",
    "retry_dns_count", "saltenv", "ssl", "state_top_saltenv", "username",
];

/// Settings that are an empty text.
#[rustfmt::skip]
const EMPTY_TEXT: &[&str] = &[
    "backup_mode", "ext_job_cache", "git_pillar_env", "git_pillar_fallback", "git_pillar_passphrase",
    "git_pillar_password", "git_pillar_privkey", "git_pillar_pubkey", "git_pillar_root", "git_pillar_user",
    "gitfs_fallback", "gitfs_mountpoint", "gitfs_passphrase", "gitfs_password", "gitfs_privkey", "gitfs_pubkey",
    "gitfs_root", "gitfs_user", "master_finger", "proxy_host", "proxy_password", "proxy_username", "source_address",
    "source_interface_name", "startup_states", "sudo_user", "syndic_finger", "top_file",
];

/// Settings that are an empty list.
#[rustfmt::skip]
const EMPTY_LIST: &[&str] = &[
    "append_minionid_config_dirs", "decrypt_pillar", "disable_modules", "disable_returners", "disabled_requisites",
    "engines", "env_order", "file_ignore_glob", "file_ignore_regex", "gitfs_remotes", "gitfs_saltenv",
    "gitfs_saltenv_blacklist", "gitfs_saltenv_whitelist", "grains_blacklist", "grains_dirs", "minion_restart_command",
    "module_dirs", "outputter_dirs", "render_dirs", "renderer_blacklist", "renderer_whitelist", "returner_dirs",
    "sls_list", "start_event_grains", "states_dirs", "update_restart_services", "whitelist_modules",
];

/// Settings that are an empty mapping.
#[rustfmt::skip]
const EMPTY_MAP: &[&str] = &[
    "extmod_blacklist", "extmod_whitelist", "features", "id_function", "log_granular_levels", "providers",
    "publisher_acl", "publisher_acl_blacklist", "schedule",
];

/// Settings that are numbers.
#[rustfmt::skip]
const NUMBERS: &[(&str, i64)] = &[
    ("acceptance_wait_time", 10), ("acceptance_wait_time_max", 0), ("auth_timeout", 5), ("auth_tries", 7),
    ("autosign_timeout", 120), ("file_buffer_size", 262_144), ("file_recv_max_size", 100),
    ("git_pillar_update_interval", 60), ("gitfs_update_interval", 60), ("gpg_cache_ttl", 86_400),
    ("grains_cache_expiration", 300), ("grains_refresh_every", 0), ("hgfs_update_interval", 60),
    ("http_max_body", 107_374_182_400), ("ipc_write_buffer", 0), ("log_rotate_backup_count", 0),
    ("log_rotate_max_bytes", 0), ("loop_interval", 1), ("master_alive_interval", 0), ("master_failback_interval", 0),
    ("master_port", 4_506), ("master_tries", 1), ("max_event_size", 1_048_576), ("mine_interval", 60),
    ("minion_jid_queue_hwm", 100), ("minionfs_update_interval", 60), ("modules_max_memory", -1),
    ("pillar_cache_ttl", 3_600), ("ping_interval", 0), ("process_count_max", -1), ("proxy_port", 0),
    ("random_reauth_delay", 10), ("random_startup_delay", 0), ("reactor_refresh_interval", 60),
    ("reactor_worker_hwm", 10_000), ("reactor_worker_threads", 10), ("recon_default", 1_000), ("recon_max", 10_000),
    ("request_channel_timeout", 60), ("request_channel_tries", 3), ("retry_dns", 30), ("return_retry_timer", 5),
    ("return_retry_timer_max", 10), ("return_retry_tries", 3), ("roots_update_interval", 60),
    ("s3fs_update_interval", 60), ("salt_cp_chunk_size", 65_536), ("sock_pool_size", 1), ("source_publish_port", 0),
    ("source_ret_port", 0), ("svnfs_update_interval", 60), ("syndic_retries", 3), ("tcp_authentication_retries", 5),
    ("tcp_keepalive_cnt", -1), ("tcp_keepalive_idle", 300), ("tcp_keepalive_intvl", -1), ("tcp_pub_port", 4_510),
    ("tcp_pull_port", 4_511), ("tcp_reconnect_backoff", 1),
];

/// Settings that are texts.
#[rustfmt::skip]
const TEXTS: &[(&str, &str)] = &[
    ("cache", "localfs"), ("decrypt_pillar_default", "gpg"), ("decrypt_pillar_delimiter", ":"),
    ("default_top", "base"), ("encryption_algorithm", "OAEP-SHA1"), ("event_match_type", "startswith"),
    ("git_pillar_base", "master"), ("git_pillar_branch", "master"), ("gitfs_base", "master"),
    ("gpg_cache_backend", "disk"), ("hash_type", "sha256"), ("interface", "0.0.0.0"), ("ipc_mode", "ipc"),
    ("log_datefmt", "%H:%M:%S"), ("log_datefmt_logfile", "%Y-%m-%d %H:%M:%S"),
    ("log_fmt_console", "[%(levelname)-8s] %(message)s"), ("log_fmt_jid", "[JID: %(jid)s]"),
    ("log_fmt_logfile", "%(asctime)s,%(msecs)03d [%(name)-17s:%(lineno)-4d][%(levelname)-8s][%(process)d] %(message)s"),
    ("master_sign_key_name", "master_sign"), ("master_type", "str"), ("master_uri_format", "default"),
    ("pillar_cache_backend", "disk"), ("pillar_source_merging_strategy", "smart"), ("range_server", "range:80"),
    ("renderer", "jinja|yaml"), ("signing_algorithm", "PKCS1v15-SHA1"), ("snapper_states_config", "root"),
    ("state_output", "full"), ("state_top", "top.sls"), ("top_file_merging_strategy", "merge"),
    ("transport", "zeromq"),
];

/// The default of a setting, if it has one that is the same on every machine.
pub(super) fn default_of(name: &str) -> Option<Value> {
    let named = |names: &[&str]| names.contains(&name);
    if named(FALSE) || named(TRUE) {
        return Some(Value::Bool(named(TRUE)));
    }
    if named(NOTHING) {
        return Some(Value::Null);
    }
    if named(EMPTY_TEXT) {
        return Some(Value::from(""));
    }
    if named(EMPTY_LIST) {
        return Some(Value::List(Vec::new()));
    }
    if named(EMPTY_MAP) {
        return Some(Map::new().into());
    }
    let number = NUMBERS.iter().find(|(key, _)| *key == name).map(|(_, number)| Value::Int(*number));
    number.or_else(|| TEXTS.iter().find(|(key, _)| *key == name).map(|(_, text)| Value::from(*text)))
}

/// The default of a setting of an execution module, which counts only where nobody says anything.
pub(super) fn default_of_module(name: &str) -> Option<Value> {
    let text = match name {
        "hosts.file" => "/etc/hosts",
        "ca.cert_base_path" => "/etc/pki",
        "poudriere.config" => "/usr/local/etc/poudriere.conf",
        "solr.cores" => return Some(Value::List(Vec::new())),
        "solr.request_timeout" => return Some(Value::Null),
        _ => return None,
    };
    Some(text.into())
}
