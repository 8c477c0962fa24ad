//! Functions and states of the reference that are not built: they are refused by name, so that nobody takes them for a
//! typing error. Modules are added here when a part of them is built.

/// Functions by module.
const FUNCTIONS: &[(&str, &[&str])] = &[
    ("apache", &["server_status"]),
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
            "update",
        ],
    ),
    ("npm", &["cache_clean", "cache_list", "cache_path", "install", "list", "uninstall"]),
    (
        "rabbitmq",
        &[
            "add_user",
            "add_vhost",
            "change_password",
            "check_password",
            "clear_password",
            "cluster_status",
            "delete_policy",
            "delete_upstream",
            "delete_user",
            "delete_vhost",
            "disable_plugin",
            "enable_plugin",
            "force_reset",
            "join_cluster",
            "list_available_plugins",
            "list_enabled_plugins",
            "list_permissions",
            "list_policies",
            "list_queues",
            "list_queues_vhost",
            "list_upstreams",
            "list_user_permissions",
            "list_users",
            "list_vhosts",
            "plugin_is_enabled",
            "policy_exists",
            "reset",
            "set_permissions",
            "set_policy",
            "set_upstream",
            "set_user_tags",
            "start_app",
            "status",
            "stop_app",
            "upstream_exists",
            "user_exists",
            "vhost_exists",
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
    ("nginx", &["configtest", "signal", "status", "version"]),
    (
        "helm",
        &[
            "completion",
            "create",
            "dependency_build",
            "dependency_list",
            "dependency_update",
            "env",
            "get_all",
            "get_hooks",
            "get_manifest",
            "get_notes",
            "get_values",
            "help",
            "history",
            "install",
            "lint",
            "list",
            "package",
            "plugin_install",
            "plugin_list",
            "plugin_uninstall",
            "plugin_update",
            "pull",
            "repo_add",
            "repo_index",
            "repo_list",
            "repo_manage",
            "repo_remove",
            "repo_update",
            "rollback",
            "search_hub",
            "search_repo",
            "show_all",
            "show_chart",
            "show_readme",
            "show_values",
            "status",
            "template",
            "test",
            "uninstall",
            "upgrade",
            "verify",
            "version",
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
    ("npm", &["bootstrap", "cache_cleaned", "installed", "removed"]),
    ("rabbitmq_user", &["absent", "present"]),
    ("rabbitmq_vhost", &["absent", "present"]),
    ("rabbitmq_policy", &["absent", "present"]),
    ("rabbitmq_plugin", &["disabled", "enabled"]),
    ("rabbitmq_upstream", &["absent", "present"]),
    ("rabbitmq_cluster", &["join", "joined"]),
    ("helm", &["release_absent", "release_present", "repo_managed", "repo_updated"]),
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
