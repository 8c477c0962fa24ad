//! `pkg.*`: packages, through apt and dpkg or dnf and rpm.

mod change;
mod from;
mod info;
mod provider;
mod query;
mod repos;
mod selections;
mod wanted;
mod yum_repos;

pub use change::{
    Order, change, difference, framed, install, local_files, order, purged, refresh, removal_problem, upgrade,
};
pub use from::Origin;
pub(crate) use from::from_arguments;
pub use info::{file_dict, file_list};
pub use provider::{apt, dnf, is_dnf, packages};
pub use query::{Names, latest};
pub use repos::{Configured, Managed, Repository, configure, find, key, remove};
pub use selections::{Selections, held, plan_hold};
pub use wanted::{Wanted, fulfils, sources, wanted};
pub use yum_repos::{YumConfigured, yum_configure, yum_find};

use fleet_common::call::Function;

use crate::cx::Module;

/// The module.
pub const MODULE: Module = Module {
    name: "pkg",
    doc: "Packages.",
    functions: &[
        Function::changes(
            "install",
            "Installs packages; returns what changed.",
            "pkg.install nginx version='1.22*'",
            change::Install::ROWS,
            change::run_install,
        ),
        Function::changes(
            "remove",
            "Removes packages and keeps their configuration; returns what changed.",
            "pkg.remove nginx",
            change::Remove::ROWS,
            change::run_remove,
        ),
        Function::changes(
            "purge",
            "Removes packages with their configuration; returns what changed.",
            "pkg.purge nginx",
            change::Remove::ROWS,
            change::run_purge,
        ),
        Function::changes(
            "upgrade",
            "Brings all packages, or those named, up to date; returns what changed.",
            "pkg.upgrade dist_upgrade=true",
            change::Upgrade::ROWS,
            change::run_upgrade,
        ),
        Function::changes(
            "refresh_db",
            "Fetches the package indexes. By source: true for news, false for none, null for an error.",
            "pkg.refresh_db",
            change::Refresh::ROWS,
            change::run_refresh,
        ),
        Function::changes(
            "autoremove",
            "Removes packages that were installed only for others that are gone.",
            "pkg.autoremove list_only=true",
            change::Autoremove::ROWS,
            change::run_autoremove,
        ),
        Function::changes(
            "hold",
            "Holds packages at the version they have.",
            "pkg.hold nginx",
            selections::Named::ROWS,
            |act, arguments| selections::run(act, "pkg.hold", arguments, true),
        ),
        Function::changes(
            "unhold",
            "Lets held packages change again.",
            "pkg.unhold nginx",
            selections::Named::ROWS,
            |act, arguments| selections::run(act, "pkg.unhold", arguments, false),
        ),
        Function::reads(
            "list_holds",
            "The packages that are held, with the versions they are held at; with dnf only.",
            "pkg.list_holds 'nginx*' full=false",
            selections::Holds::ROWS,
            selections::list_holds,
        ),
        Function::reads(
            "verify",
            "Files that are not as their packages installed them; with dnf only.",
            "pkg.verify nginx ignore_types='[config]'",
            info::Verify::ROWS,
            info::verify,
        ),
        Function::reads(
            "get_selections",
            "What is wanted of packages: names by install, hold, deinstall, purge.",
            "pkg.get_selections 'nginx*' state=hold",
            selections::Get::ROWS,
            selections::get,
        ),
        Function::changes(
            "set_selections",
            "Sets what is wanted of packages; returns what changed.",
            "pkg.set_selections selection='{hold: [nginx]}'",
            selections::Set::ROWS,
            selections::set,
        ),
        Function::reads(
            "list_pkgs",
            "Installed packages and their versions.",
            "pkg.list_pkgs",
            query::List::ROWS,
            query::list_pkgs,
        ),
        Function::reads(
            "version",
            "The installed version of a package, or an empty text; of several a mapping.",
            "pkg.version nginx",
            query::Names::ROWS,
            query::version,
        ),
        Function::changes(
            "latest_version",
            "The version that could be installed, or an empty text when that is there; of several a mapping.",
            "pkg.latest_version nginx",
            query::Latest::ROWS,
            |act, arguments| query::latest_version(act, "pkg.latest_version", arguments),
        ),
        Function::changes(
            "available_version",
            "The same as pkg.latest_version.",
            "pkg.available_version nginx",
            query::Latest::ROWS,
            |act, arguments| query::latest_version(act, "pkg.available_version", arguments),
        ),
        Function::reads(
            "upgrade_available",
            "True if a newer version of an installed package can be installed.",
            "pkg.upgrade_available nginx",
            query::One::ROWS,
            query::upgrade_available,
        ),
        Function::changes(
            "list_upgrades",
            "Packages that can be upgraded, and to which version.",
            "pkg.list_upgrades refresh=false",
            query::Upgrades::ROWS,
            query::list_upgrades,
        ),
        Function::reads(
            "version_cmp",
            "-1, 0 or 1: how two versions stand to each other in the order of this system's packages.",
            "pkg.version_cmp 1.0-1 1.0-2",
            query::Compare::ROWS,
            query::version_cmp,
        )
        .quick(),
        Function::reads(
            "list_repo_pkgs",
            "The versions the indexes offer of packages, newest first.",
            "pkg.list_repo_pkgs nginx",
            query::Names::ROWS,
            query::list_repo_pkgs,
        ),
        Function::reads(
            "list_downloaded",
            "Package files that were fetched and kept.",
            "pkg.list_downloaded",
            query::Nothing::ROWS,
            query::list_downloaded,
        ),
        Function::reads(
            "normalize_name",
            "A name without the machine's own architecture.",
            "pkg.normalize_name nginx:amd64",
            query::One::ROWS,
            query::normalize_name,
        ),
        Function::reads(
            "parse_arch",
            "Name and architecture of a name with one.",
            "pkg.parse_arch nginx:amd64",
            query::One::ROWS,
            query::parse_arch,
        ),
        Function::reads(
            "info_installed",
            "What the packages say of themselves.",
            "pkg.info_installed nginx",
            info::Info::ROWS,
            info::info_installed,
        ),
        Function::reads("show", "What the indexes say of packages.", "pkg.show nginx", info::Show::ROWS, info::show),
        Function::reads(
            "file_list",
            "The files of packages (all packages without names).",
            "pkg.file_list nginx",
            query::Names::ROWS,
            |look, arguments| info::file_list(look, "pkg.file_list", arguments),
        ),
        Function::reads(
            "file_dict",
            "The files of packages, by package.",
            "pkg.file_dict nginx",
            query::Names::ROWS,
            |look, arguments| info::file_dict(look, "pkg.file_dict", arguments),
        ),
        Function::reads(
            "owner",
            "The package a file belongs to, or an empty text; of several files a mapping.",
            "pkg.owner /bin/sh",
            info::Paths::ROWS,
            info::owner,
        ),
        Function::reads(
            "list_repos",
            "The configured sources of packages.",
            "pkg.list_repos",
            query::Nothing::ROWS,
            repos::list_repos,
        ),
        Function::reads(
            "get_repo",
            "What is configured for a source, empty when it is not.",
            "pkg.get_repo 'deb http://deb.debian.org/debian bookworm main'",
            repos::Get::ROWS,
            repos::get_repo,
        ),
        Function::changes(
            "mod_repo",
            "Configures a source of packages.",
            "pkg.mod_repo 'deb http://deb.debian.org/debian bookworm main' refresh=false",
            repos::Managed::ROWS,
            repos::mod_repo,
        ),
        Function::changes(
            "del_repo",
            "Removes a source of packages.",
            "pkg.del_repo 'deb http://deb.debian.org/debian bookworm main'",
            repos::Get::ROWS,
            repos::del_repo,
        ),
    ],
};
