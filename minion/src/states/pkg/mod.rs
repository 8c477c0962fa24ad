//! `pkg.*`: packages that are there, up to date, held, or gone.

mod held;
mod installed;
mod latest;
mod removed;
mod shared;
mod uptodate;

use super::{PlannedState, StateFunction, StateModule};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "pkg",
    doc: "Packages that are there, up to date, held, or gone.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "installed",
            doc: "Packages that are installed, in the versions asked for.\n\nThe package indexes are fetched once a run, and \
                  only when something is to be installed.",
            example: "web: {pkg.installed: [{pkgs: [nginx, {curl: '>=7.0'}]}]}",
            args: installed::Installed::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(installed::Installed::bind(f, a)?))),
        },
        StateFunction {
            name: "latest",
            doc: "Packages that are installed in the newest version there is.",
            example: "nginx: {pkg.latest: [{refresh: true}]}",
            args: latest::Latest::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(latest::Latest::bind(f, a)?))),
        },
        StateFunction {
            name: "removed",
            doc: "Packages that are not installed; their configuration stays.",
            example: "nginx: {pkg.removed: []}",
            args: removed::Removing::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(removed::Removed(removed::Removing::bind(f, a)?)))),
        },
        StateFunction {
            name: "purged",
            doc: "Packages of which nothing is there, configuration included.",
            example: "nginx: {pkg.purged: []}",
            args: removed::Removing::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(removed::Purged(removed::Removing::bind(f, a)?)))),
        },
        StateFunction {
            name: "uptodate",
            doc: "All packages, or those named, are up to date.",
            example: "system: {pkg.uptodate: [{refresh: true}]}",
            args: uptodate::Uptodate::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(uptodate::Uptodate::bind(f, a)?))),
        },
        StateFunction {
            name: "held",
            doc: "Packages that stay at the version they have.",
            example: "nginx: {pkg.held: []}",
            args: held::Holding::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(held::Held(held::Holding::bind(f, a)?)))),
        },
        StateFunction {
            name: "unheld",
            doc: "Packages that may change again.",
            example: "nginx: {pkg.unheld: [{pkgs: [nginx]}]}",
            args: held::Holding::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(held::Unheld(held::Holding::bind(f, a)?)))),
        },
    ],
};
