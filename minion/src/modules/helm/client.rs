//! The program itself: what it is, its help, its plugins.

use fleet_common::call::Function;

use super::line::{asked, done, told};
use crate::cx::Module;

/// The program.
pub const MODULE: Module = Module {
    name: "helm",
    doc: "Charts of Kubernetes, through Helm.",
    functions: &[
        Function::reads(
            "completion",
            "What a shell reads to complete Helm's command lines.",
            "helm.completion bash",
            Completion::ROWS,
            |_, arguments| told(&["completion"], &Completion::bind("helm.completion", arguments)?),
        ),
        Function::reads("env", "Where Helm keeps what.", "helm.env", Plain::ROWS, |_, arguments| {
            told(&["env"], &Plain::bind("helm.env", arguments)?)
        }),
        Function::reads("help", "Helm's help on a command.", "helm.help install", Help::ROWS, |_, arguments| {
            told(&["help"], &Help::bind("helm.help", arguments)?)
        }),
        Function::reads("version", "Which Helm this is.", "helm.version", Plain::ROWS, |_, arguments| {
            told(&["version"], &Plain::bind("helm.version", arguments)?)
        }),
        Function::reads("plugin_list", "Helm's plugins.", "helm.plugin_list", Plain::ROWS, |_, arguments| {
            told(&["plugin", "list"], &Plain::bind("helm.plugin_list", arguments)?)
        }),
        Function::changes(
            "plugin_install",
            "Installs a plugin; true if Helm did.",
            "helm.plugin_install /srv/helm-diff",
            Source::ROWS,
            |act, arguments| done(act, &["plugin", "install"], &Source::bind("helm.plugin_install", arguments)?),
        ),
        Function::changes(
            "plugin_uninstall",
            "Removes a plugin; true if Helm did.",
            "helm.plugin_uninstall diff",
            Plugin::ROWS,
            |act, arguments| done(act, &["plugin", "uninstall"], &Plugin::bind("helm.plugin_uninstall", arguments)?),
        ),
        Function::changes(
            "plugin_update",
            "Brings a plugin up to date; true if Helm did.",
            "helm.plugin_update diff",
            Plugin::ROWS,
            |act, arguments| done(act, &["plugin", "update"], &Plugin::bind("helm.plugin_update", arguments)?),
        ),
    ],
};

asked! {
    /// Arguments of functions that are about nothing in particular.
    struct Plain [] [] {}
}

asked! {
    /// Arguments of `helm.completion`.
    struct Completion [shell] [] {
        /// The shell: `bash`, `fish`, `powershell` or `zsh`.
        shell: String,
    }
}

asked! {
    /// Arguments of `helm.help`.
    struct Help [command] [] {
        /// The command.
        command: String,
    }
}

asked! {
    /// Arguments of `helm.plugin_install`.
    struct Source [path] [] {
        /// Where it is: a directory, or the address of a repository of git.
        path: String,
    }
}

asked! {
    /// Arguments of functions that are about a plugin.
    struct Plugin [plugin] [] {
        /// Its name.
        plugin: String,
    }
}
