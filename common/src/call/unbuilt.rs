//! Functions and states of the reference that are not built: they are refused by name, so that nobody takes them for a
//! typing error. Modules are added here when a part of them is built.

/// Functions by module.
const FUNCTIONS: &[(&str, &[&str])] = &[
    ("apache", &["server_status"]),
    ("mysql", &["free_slave"]),
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
