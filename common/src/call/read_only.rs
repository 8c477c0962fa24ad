//! Functions without effect on a machine, for a master that has no minion's tables at hand.

/// `module.function` names without effect, sorted. The master keeps jobs of all others more durably: a name that is
/// missing here costs time, never correctness. A test compares the list with the minion's registry.
pub const READ_ONLY: &[&str] = &[
    "config.get",
    "config.option",
    "grains.fetch",
    "grains.get",
    "grains.has_value",
    "grains.item",
    "grains.items",
    "grains.ls",
    "pillar.data",
    "pillar.fetch",
    "pillar.get",
    "pillar.item",
    "pillar.items",
    "pillar.keys",
    "pillar.ls",
    "pillar.raw",
    "saltutil.find_job",
    "saltutil.running",
    "sys.argspec",
    "sys.doc",
    "sys.list_functions",
    "sys.list_modules",
    "test.arg",
    "test.echo",
    "test.false",
    "test.ping",
    "test.sleep",
    "test.true",
    "test.version",
];

#[cfg(test)]
mod tests {
    use super::READ_ONLY;

    #[test]
    fn the_list_is_sorted() {
        assert!(READ_ONLY.is_sorted());
    }
}
