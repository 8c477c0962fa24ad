//! `cp.*`: files of the tree brought to this machine.

mod fetch;
mod list;

use fleet_common::call::Function;

use crate::cx::Module;

/// The functions that need this machine; those on texts are in `fleet_common::functions`.
pub const MODULE: Module = Module {
    name: "cp",
    doc: "Files of the tree as text.",
    functions: &[
        Function::changes(
            "get_file",
            "Copies a file of the tree; the path, an empty text when there is none, or False when it has no place.",
            "cp.get_file salt://my/file /tmp/file makedirs=True",
            fetch::GetFile::ROWS,
            fetch::get_file,
        ),
        Function::changes(
            "get_template",
            "Renders a file of the tree with Jinja into a file that only its owner reads.",
            "cp.get_template salt://my/template /tmp/file",
            fetch::GetTemplate::ROWS,
            fetch::get_template,
        ),
        Function::changes(
            "get_dir",
            "Copies a directory of the tree into a directory; the files it wrote.",
            "cp.get_dir salt://my/dir /tmp",
            fetch::GetDir::ROWS,
            fetch::get_dir,
        ),
        Function::changes(
            "get_url",
            "Copies a file given by salt:// or file:// or by its path.",
            "cp.get_url salt://my/file /tmp/file",
            fetch::GetUrl::ROWS,
            fetch::get_url,
        ),
        Function::changes(
            "cache_file",
            "Brings a file of the tree into the cache; its path there, or an empty text.",
            "cp.cache_file salt://my/file",
            fetch::One::ROWS,
            fetch::cache_file,
        ),
        Function::changes(
            "cache_files",
            "Brings several files of the tree into the cache; their paths there.",
            "cp.cache_files salt://my/file,salt://other/file",
            fetch::Several::ROWS,
            fetch::cache_files,
        ),
        Function::changes(
            "cache_dir",
            "Brings a directory of the tree into the cache; the paths of its files there.",
            "cp.cache_dir salt://my/dir",
            fetch::One::ROWS,
            fetch::cache_dir,
        ),
        Function::changes(
            "cache_master",
            "Brings all files of an environment into the cache; their paths there.",
            "cp.cache_master",
            list::Environment::ROWS,
            fetch::cache_master,
        ),
        Function::changes(
            "cache_local_file",
            "Copies a file of this machine into the cache; its path there.",
            "cp.cache_local_file /etc/hosts",
            fetch::Local::ROWS,
            fetch::cache_local_file,
        ),
        Function::changes(
            "push",
            "Not supported: a minion sends no files to the master.",
            "cp.push /etc/fstab",
            fetch::Local::ROWS,
            fetch::push,
        ),
        Function::reads(
            "hash_file",
            "Kind and checksum of a file of the tree or of this machine; an empty text when there is none.",
            "cp.hash_file salt://my/file",
            fetch::One::ROWS,
            fetch::hash_file,
        ),
        Function::reads(
            "stat_file",
            "The permissions of a file of the tree or of this machine; None when there is none.",
            "cp.stat_file salt://my/file",
            fetch::StatFile::ROWS,
            fetch::stat_file,
        ),
        Function::reads(
            "is_cached",
            "The path of a file of the tree in the cache; an empty text when it is not there.",
            "cp.is_cached salt://my/file",
            fetch::One::ROWS,
            fetch::is_cached,
        ),
        Function::reads("envs", "The environments.", "cp.envs", list::Nothing::ROWS, list::envs),
        Function::reads(
            "list_master",
            "All files of an environment.",
            "cp.list_master",
            list::Environment::ROWS,
            list::list_master,
        ),
        Function::reads(
            "list_master_dirs",
            "All directories of an environment.",
            "cp.list_master_dirs",
            list::Environment::ROWS,
            list::list_master_dirs,
        ),
        Function::reads(
            "list_states",
            "The names of all SLS files of an environment.",
            "cp.list_states",
            list::States::ROWS,
            list::list_states,
        ),
        Function::reads(
            "list_minion",
            "All files of an environment in the cache.",
            "cp.list_minion",
            list::States::ROWS,
            list::list_minion,
        ),
    ],
};
