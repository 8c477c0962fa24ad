//! Settings that execution modules read for themselves.

/// Settings that execution modules read, by what their names begin with.
const MODULES: &[(&str, &[&str])] = &[(
    "mysql.",
    &[
        "charset",
        "conv",
        "db",
        "default_file",
        "default_group",
        "host",
        "pass",
        "port",
        "unix_socket",
        "use_unicode",
        "user",
    ],
)];

/// True for a setting of an execution module.
pub fn is_of_a_module(key: &str) -> bool {
    MODULES.iter().any(|(prefix, names)| key.strip_prefix(prefix).is_some_and(|name| names.contains(&name)))
}
