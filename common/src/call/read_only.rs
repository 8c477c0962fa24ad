//! Functions without effect on a machine, for a master that has no minion's tables at hand.

/// `module.function` names without effect, sorted. The master keeps jobs of all others more durably: a name that is
/// missing here costs time, never correctness. A test compares the list with the minion's registry.
pub const READ_ONLY: &[&str] = &[
    "cmd.has_exec",
    "cmd.shells",
    "cmd.which",
    "cmd.which_bin",
    "config.get",
    "config.option",
    "config.valid_fileproto",
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
    "pillar.obfuscate",
    "pillar.raw",
    "saltutil.find_job",
    "saltutil.running",
    "state.id_exists",
    "state.running",
    "state.show_highstate",
    "state.show_low_sls",
    "state.show_lowstate",
    "state.show_sls",
    "state.show_states",
    "state.show_top",
    "state.sls_exists",
    "sys.argspec",
    "sys.doc",
    "sys.list_functions",
    "sys.list_modules",
    "test.arg",
    "test.arg_clean",
    "test.arg_type",
    "test.attr_call",
    "test.collatz",
    "test.deprecation_warning",
    "test.echo",
    "test.exception",
    "test.false",
    "test.false_",
    "test.fib",
    "test.get_opts",
    "test.kwarg",
    "test.ping",
    "test.retcode",
    "test.sleep",
    "test.true",
    "test.true_",
    "test.try",
    "test.try_",
    "test.tty",
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
