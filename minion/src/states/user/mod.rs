//! `user.*`: accounts that are there as declared, or not there.

mod absent;
mod difference;
mod present;

use super::{PlannedState, StateFunction, StateModule};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "user",
    doc: "Accounts that are there as declared, or not there.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "present",
            doc: "An account that is there, with everything that is given.\n\nA password is given as its hash; `hash_password` \
                  takes the password itself.",
            example: "web: {user.present: [{uid: 900}, {home: /srv/web}, {shell: /bin/sh}, {groups: [adm]}]}",
            args: present::Present::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(present::Present::bind(f, a)?))),
        },
        StateFunction {
            name: "absent",
            doc: "An account that is not there.",
            example: "web: {user.absent: [{purge: true}]}",
            args: absent::Absent::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(absent::Absent::bind(f, a)?))),
        },
    ],
};
