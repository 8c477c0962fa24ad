//! Functions and states of the reference that are not built: they are refused by name, so that nobody takes them for a
//! typing error. Modules are added here when a part of them is built.

/// Functions by module.
const FUNCTIONS: &[(&str, &[&str])] = &[
    ("apache", &["server_status"]),
    ("config", &["gather_bootstrap_script"]),
    ("event", &["fire", "fire_master", "send"]),
    ("cp", &["list_master_symlinks", "push_dir", "recv", "recv_chunked"]),
    ("http", &["update_ca_bundle"]),
    ("pillar", &["ext"]),
    ("archive", &["rar", "unrar"]),
    ("disk", &["hdparms", "hpa", "iostat", "smart_attributes"]),
    ("lowpkg", &["bin_pkg_info", "info", "unpurge"]),
    (
        "mount",
        &[
            "automaster",
            "filesystems",
            "rm_automaster",
            "rm_filesystems",
            "rm_vfstab",
            "set_automaster",
            "set_filesystems",
            "set_vfstab",
            "vfstab",
        ],
    ),
    ("ps", &["get_users"]),
    ("service", &["firstboot", "offline"]),
    ("state", &["clear_cache", "event", "get_pauses", "orchestrate", "pause", "pkg", "resume", "soft_kill", "top"]),
    ("status", &["custom", "master", "ping_master"]),
    ("user", &["chloginclass", "get_loginclass"]),
    (
        "saltutil",
        &[
            "clear_cache",
            "clear_job_cache",
            "cmd",
            "cmd_iter",
            "find_cached_job",
            "refresh_beacons",
            "refresh_matchers",
            "regen_keys",
            "revoke_auth",
            "update",
            "wheel",
        ],
    ),
    (
        "schedule",
        &[
            "add",
            "build_schedule_item",
            "copy",
            "delete",
            "disable",
            "disable_job",
            "enable",
            "enable_job",
            "is_enabled",
            "job_status",
            "list",
            "modify",
            "move",
            "postpone_job",
            "purge",
            "reload",
            "run_job",
            "save",
            "show_next_fire_time",
            "skip_job",
        ],
    ),
    (
        "sys",
        &[
            "list_renderers",
            "list_returner_functions",
            "list_returners",
            "list_runner_functions",
            "list_runners",
            "reload_modules",
            "renderer_doc",
            "returner_argspec",
            "returner_doc",
            "runner_argspec",
            "runner_doc",
            "state_schema",
        ],
    ),
    ("virtualenv", &["get_distribution_path", "get_resource_content", "get_resource_path", "virtualenv_ver"]),
    ("mysql", &["free_slave"]),
    (
        "pkg",
        &[
            "clean_metadata",
            "diff",
            "download",
            "get_locked_packages",
            "group_diff",
            "group_info",
            "group_install",
            "group_list",
            "groupinstall",
            "list_installed_patches",
            "list_patches",
            "list_updates",
            "modified",
            "services_need_restart",
            "add_repo_key",
            "del_repo_key",
            "get_repo_keys",
            "update",
        ],
    ),
    (
        "vault",
        &[
            "clear_cache",
            "clear_token_cache",
            "delete_secret",
            "destroy_secret",
            "get_server_config",
            "list_secrets",
            "patch_secret",
            "policies_list",
            "policy_delete",
            "policy_fetch",
            "policy_write",
            "query",
            "read_secret",
            "update_config",
            "write_raw",
            "write_secret",
        ],
    ),
    (
        "postgres",
        &[
            "cluster_create",
            "cluster_exists",
            "cluster_list",
            "cluster_remove",
            "create_extension",
            "create_metadata",
            "datadir_exists",
            "datadir_init",
            "db_alter",
            "drop_extension",
            "group_create",
            "group_update",
            "language_create",
            "language_exists",
            "language_list",
            "language_remove",
            "owner_to",
            "schema_create",
            "schema_remove",
            "tablespace_alter",
            "tablespace_create",
            "tablespace_remove",
            "user_create",
            "user_update",
        ],
    ),
];

/// States by module.
const STATES: &[(&str, &[&str])] = &[
    ("vault", &["policy_absent", "policy_present"]),
    ("schedule", &["absent", "disabled", "enabled", "present"]),
    ("postgres_cluster", &["absent", "present"]),
    ("postgres_initdb", &["present"]),
    ("postgres_language", &["absent", "present"]),
];

/// All functions, as (module, function).
pub fn functions() -> impl Iterator<Item = (&'static str, &'static str)> {
    flat(FUNCTIONS)
}

/// All states, as (module, function).
pub fn states() -> impl Iterator<Item = (&'static str, &'static str)> {
    flat(STATES)
}

/// True for `module.function` of the reference that is not built.
pub fn is_unbuilt(name: &str) -> bool {
    name.split_once('.').is_some_and(|name| functions().any(|known| known == name))
}

/// True for a state function of the reference that is not built.
pub fn is_unbuilt_state(module: &str, function: &str) -> bool {
    states().any(|known| known == (module, function))
}

fn flat(table: &'static [(&str, &[&str])]) -> impl Iterator<Item = (&'static str, &'static str)> {
    table.iter().flat_map(|(module, functions)| functions.iter().map(|function| (*module, *function)))
}
