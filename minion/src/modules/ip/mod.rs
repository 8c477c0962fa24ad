//! `ip.*`: links, routes and settings of the network as Debian's `ifup` keeps them.

pub mod bond;
pub mod keep;
pub mod link;
mod options;
pub mod routes;
pub mod settings;
mod table;

use fleet_common::args;
use fleet_common::call::Function;
use fleet_common::value::{Map, Value};

use self::keep::{
    apply, bond_now, build_interface, debian, routes_now, routes_then, store_bond, store_routes, switched, told,
    told_or_empty,
};
use self::settings::Settings;
use crate::cx::{Look, Module};

/// The module.
pub const MODULE: Module = Module {
    name: "ip",
    doc: "Links, routes and settings of the network as Debian's `ifup` keeps them.",
    functions: &[
        Function::reads(
            "get_interface",
            "What the table of links says of one, in lines.",
            "ip.get_interface eth0",
            Link::ROWS,
            |look: &Look, arguments| {
                debian(look, "ip.get_interface")?;
                let iface = Link::bind("ip.get_interface", arguments)?.iface;
                Ok(told(link::now(&link::load()?, link::checked(&iface)?)).into())
            },
        ),
        Function::changes(
            "build_interface",
            "Says in the table of links how one is configured; the lines of it.",
            "ip.build_interface eth0 eth True proto=static ipaddr=10.1.0.7 netmask=255.255.255.0",
            Build::ROWS,
            build_interface,
        ),
        Function::reads(
            "get_bond",
            "What the kernel's module is told of a bond, in lines; an empty text for nothing.",
            "ip.get_bond bond0",
            Link::ROWS,
            |look: &Look, arguments| {
                debian(look, "ip.get_bond")?;
                Ok(told_or_empty(bond_now(&Link::bind("ip.get_bond", arguments)?.iface)?).into())
            },
        ),
        Function::changes(
            "build_bond",
            "Tells the kernel's module of a bond; the lines of it.",
            "ip.build_bond bond0 mode=balance-alb",
            Bond::ROWS,
            |act, arguments| {
                debian(act, "ip.build_bond")?;
                let Bond { iface, test, options } = Bond::bind("ip.build_bond", arguments)?;
                let lines = bond::module(link::checked(&iface)?, &options)?;
                if !test {
                    store_bond(act, &iface, &lines)?;
                }
                Ok(told(lines).into())
            },
        ),
        Function::reads(
            "get_routes",
            "The scripts of a link's routes, in lines; an empty text for none.",
            "ip.get_routes eth0",
            Link::ROWS,
            |look: &Look, arguments| {
                debian(look, "ip.get_routes")?;
                Ok(told_or_empty(routes_now(&Link::bind("ip.get_routes", arguments)?.iface)?).into())
            },
        ),
        Function::changes(
            "build_routes",
            "Writes the scripts of a link's routes; the lines of them.",
            "ip.build_routes eth0 routes='[{ipaddr: 10.2.0.0, netmask: 255.255.255.0, gateway: 10.1.0.3}]'",
            Routes::ROWS,
            |act, arguments| {
                debian(act, "ip.build_routes")?;
                let Routes { iface, routes, test } = Routes::bind("ip.build_routes", arguments)?;
                let lines = routes_then(&iface, &routes)?;
                if !test {
                    store_routes(act, &iface, &routes)?;
                }
                Ok(told(lines).into())
            },
        ),
        Function::reads(
            "get_network_settings",
            "Settings of the whole network, in lines.",
            "ip.get_network_settings",
            Nothing::ROWS,
            |look: &Look, arguments| {
                debian(look, "ip.get_network_settings")?;
                Nothing::bind("ip.get_network_settings", arguments)?;
                Ok(told(settings::now()?).into())
            },
        ),
        Function::changes(
            "build_network_settings",
            "Keeps settings of the whole network for the next start; the lines of them.",
            "ip.build_network_settings enabled=True hostname=web1.example.com",
            Whole::ROWS,
            |act, arguments| {
                debian(act, "ip.build_network_settings")?;
                let Whole { test, settings } = Whole::bind("ip.build_network_settings", arguments)?;
                let wanted = Settings::of(&settings)?;
                let lines = settings::then(&wanted)?;
                if !test {
                    settings::keep(act, &wanted)?;
                }
                Ok(told(lines).into())
            },
        ),
        Function::changes(
            "apply_network_settings",
            "Configures all links anew, unless that waits for the next start; gives the machine its name if asked to.",
            "ip.apply_network_settings apply_hostname=True hostname=web1",
            Whole::ROWS,
            |act, arguments| {
                debian(act, "ip.apply_network_settings")?;
                let wanted = Settings::of(&Whole::bind("ip.apply_network_settings", arguments)?.settings)?;
                apply(act, &wanted)?;
                Ok(true.into())
            },
        ),
        Function::changes("up", "Configures a link.", "ip.up eth0 eth", OfType::ROWS, |act, arguments| {
            debian(act, "ip.up")?;
            let OfType { iface, iface_type } = OfType::bind("ip.up", arguments)?;
            switched(act, "ifup", &iface, iface_type.as_deref())
        }),
        Function::changes("down", "Ends a link.", "ip.down eth0 eth", OfType::ROWS, |act, arguments| {
            debian(act, "ip.down")?;
            let OfType { iface, iface_type } = OfType::bind("ip.down", arguments)?;
            switched(act, "ifdown", &iface, iface_type.as_deref())
        }),
    ],
};

args! {
    /// No arguments.
    pub struct Nothing {}
}

args! {
    /// A link.
    pub struct Link {
        /// Its name.
        iface: String,
    }
}

args! {
    /// A link and its type.
    pub struct OfType {
        /// Its name.
        iface: String,
        /// Its type; a `slave` is left to its bond.
        iface_type: Option<String> = None,
    }
}

args! {
    /// Arguments of `ip.build_interface`.
    pub struct Build {
        /// The link's name.
        iface: String,
        /// Its type: `eth`, `bond`, `bridge`, `slave`, `vlan`.
        iface_type: String,
        /// Configure it at the start.
        enabled: bool,
        /// Only say what would be written.
        test: bool = false,
        /// Its options: `proto`, `ipaddr`, `netmask`, `gateway`, `dns`, `mtu`, `up_cmds`, `ports`, `slaves`, `mode`, ...;
        /// those of IPv6 with `ipv6` before their names.
        **options: Map,
    }
}

args! {
    /// Arguments of `ip.build_bond`.
    pub struct Bond {
        /// The bond's name.
        iface: String,
        /// Only say what would be written.
        test: bool = false,
        /// Its options: `mode`, `miimon`, `arp_ip_target`, `lacp_rate`, ...
        **options: Map,
    }
}

args! {
    /// Arguments of `ip.build_routes`.
    pub struct Routes {
        /// The link's name.
        iface: String,
        /// Its routes: mappings with `ipaddr`, and `name`, `netmask`, `gateway`, `metric` as needed.
        routes: Value = Value::Null,
        /// Only say what would be written.
        test: bool = false,
    }
}

args! {
    /// Settings of the whole network.
    pub struct Whole {
        /// Only say what would be kept.
        test: bool = false,
        /// The settings: `enabled`, `hostname`, `apply_hostname`, `require_reboot`.
        **settings: Map,
    }
}
