//! `git.*`: repositories and their configuration.

mod cloned;
mod config;
mod detached;
mod latest;
mod place;
mod present;

use super::{PlannedState, StateFunction, StateModule};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "git",
    doc: "Repositories and their configuration.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "latest",
            doc: "A repository cloned and brought to what the remote has of a revision.",
            example: "https://example.org/app.git: {git.latest: [{target: /srv/app}, {rev: main}, {branch: main}]}",
            args: latest::Latest::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(latest::Latest::bind(f, a)?))),
        },
        StateFunction {
            name: "cloned",
            doc: "A repository cloned once, with a branch checked out; what it has is not updated.",
            example: "https://example.org/app.git: {git.cloned: [{target: /srv/app}]}",
            args: cloned::Cloned::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(cloned::Cloned::bind(f, a)?))),
        },
        StateFunction {
            name: "detached",
            doc: "A repository cloned, with one commit checked out and no branch.",
            example: "https://example.org/app.git: {git.detached: [{target: /srv/app}, {rev: v1.0}]}",
            args: detached::Detached::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(detached::Detached::bind(f, a)?))),
        },
        StateFunction {
            name: "present",
            doc: "A repository, made empty if there is none.",
            example: "/srv/app.git: {git.present: []}",
            args: present::Present::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(present::Present::bind(f, a)?))),
        },
        StateFunction {
            name: "config_set",
            doc: "A key of a repository's or a user's configuration, with this value or these.",
            example: "user.email: {git.config_set: [{value: me@example.org}, {repo: /srv/app}]}",
            args: config::Set::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(config::Set::bind(f, a)?))),
        },
        StateFunction {
            name: "config_unset",
            doc: "Keys that are not set in a repository's or a user's configuration.",
            example: "'user[.].*': {git.config_unset: [{repo: /srv/app}]}",
            args: config::Unset::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(config::Unset::bind(f, a)?))),
        },
    ],
};
