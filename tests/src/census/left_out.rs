//! What a comparison with the census leaves out, and why.

/// Modules by the start of their name, and the reason they do not count.
const MODULES: &[(&str, &[&str])] = &[
    ("orchestration: runs on the master", &["salt."]),
    ("services of one cloud", &["boto"]),
    ("Windows", &["chocolatey.", "win_"]),
    ("BSD", &["sysrc."]),
    (
        "the tree's own module",
        &[
            "roles.",
            "master.minion",
            "caasp_",
            "deepsea.",
            "keyring.",
            "pnda.",
            "rgw.",
            "mds.",
            "osd.",
            "meta.",
            "cephprocesses.",
            "test.provider",
            "(computed)",
        ],
    ),
];

/// Why uses of this function are not counted, or `None` if they are.
pub fn why_left_out(function: &str) -> Option<&'static str> {
    MODULES.iter().find(|(_, starts)| starts.iter().any(|start| function.starts_with(start))).map(|(why, _)| *why)
}
