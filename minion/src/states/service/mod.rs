//! `service.*`: services that run or not, that start with the system or not, that nothing can start.

mod dead;
mod enabled;
mod masked;
mod running;
mod shared;

use super::{PlannedState, StateFunction, StateModule};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "service",
    doc: "Services that run or not, start with the system or not, or are masked.",
    reacts: true,
    functions: &[
        StateFunction {
            name: "running",
            doc: "A service that runs.\n\nWhen something it watches changed it is restarted, or reloaded with `reload`. A \
                  service that does not stay up fails the state, with the last lines of its log.",
            example: "nginx: {service.running: [{enable: true}, {reload: true}]}",
            args: running::Running::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(running::Running::bind(f, a)?))),
        },
        StateFunction {
            name: "dead",
            doc: "A service that does not run.",
            example: "nginx: {service.dead: [{enable: false}]}",
            args: dead::Dead::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(dead::Dead::bind(f, a)?))),
        },
        StateFunction {
            name: "enabled",
            doc: "A service that starts with the system; whether it runs now stays as it is.",
            example: "nginx: {service.enabled: []}",
            args: enabled::Name::ROWS,
            make: |f, a| {
                let name = enabled::Name::bind(f, a)?.name;
                Ok(Box::new(PlannedState(enabled::Enabled { name, enable: true })))
            },
        },
        StateFunction {
            name: "disabled",
            doc: "A service that does not start with the system; whether it runs now stays as it is.",
            example: "nginx: {service.disabled: []}",
            args: enabled::Name::ROWS,
            make: |f, a| {
                let name = enabled::Name::bind(f, a)?.name;
                Ok(Box::new(PlannedState(enabled::Enabled { name, enable: false })))
            },
        },
        StateFunction {
            name: "masked",
            doc: "A service that nothing can start.",
            example: "nginx: {service.masked: []}",
            args: masked::Masking::ROWS,
            make: |f, a| {
                let args = masked::Masking::bind(f, a)?;
                Ok(Box::new(PlannedState(masked::Masked { args, mask: true })))
            },
        },
        StateFunction {
            name: "unmasked",
            doc: "A service that can be started.",
            example: "nginx: {service.unmasked: []}",
            args: masked::Masking::ROWS,
            make: |f, a| {
                let args = masked::Masking::bind(f, a)?;
                Ok(Box::new(PlannedState(masked::Masked { args, mask: false })))
            },
        },
    ],
};
