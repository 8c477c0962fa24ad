//! `network.*`: links, routes and settings of the network as Debian's `ifup` keeps them.

mod differences;
mod managed;
mod routes;
mod system;

use self::managed::Managed;
use self::routes::Routes;
use self::system::System;
use super::{PlannedState, StateFunction, StateModule};

/// The module's table.
pub const STATE: StateModule = StateModule {
    name: "network",
    doc: "Links, routes and settings of the network as Debian's `ifup` keeps them.",
    reacts: false,
    functions: &[
        StateFunction {
            name: "managed",
            doc: "A link that is configured like this.",
            example: "eth0: {network.managed: [{type: eth}, {proto: static}, {ipaddr: 10.1.0.7}, {netmask: 255.255.255.0}]}",
            args: Managed::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Managed::bind(f, a)?))),
        },
        StateFunction {
            name: "routes",
            doc: "A link that has these routes when it is up.",
            example: "eth0: {network.routes: [{routes: [{ipaddr: 10.2.0.0, netmask: 255.255.255.0, gateway: 10.1.0.3}]}]}",
            args: Routes::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(Routes::bind(f, a)?))),
        },
        StateFunction {
            name: "system",
            doc: "Settings of the whole network: the machine's name, and whether links are configured at the start.",
            example: "system: {network.system: [{enabled: true}, {hostname: web1.example.com}, {apply_hostname: true}]}",
            args: System::ROWS,
            make: |f, a| Ok(Box::new(PlannedState(System::bind(f, a)?))),
        },
    ],
};
