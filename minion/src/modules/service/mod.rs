//! `service.*`: what runs, and what starts with the system; through systemd, or scripts in `/etc/init.d`.

mod change;
mod provider;
mod query;

pub use change::unmask;
pub use provider::services;
pub use query::is_running;

use fleet_common::call::Function;

use crate::cx::Module;
use crate::system::services::Order;

/// The module.
pub const MODULE: Module = Module {
    name: "service",
    doc: "Services: what runs, and what starts with the system.",
    functions: &[
        Function::reads(
            "available",
            "True if there is a service of that name.",
            "service.available nginx",
            query::Name::ROWS,
            |look, arguments| Ok(query::available(look, "service.available", arguments)?.into()),
        ),
        Function::reads(
            "missing",
            "True if there is no service of that name.",
            "service.missing nginx",
            query::Name::ROWS,
            |look, arguments| Ok((!query::available(look, "service.missing", arguments)?).into()),
        ),
        Function::reads(
            "status",
            "True if a service runs; of a pattern a mapping.",
            "service.status nginx",
            query::Status::ROWS,
            query::status,
        ),
        Function::reads(
            "enabled",
            "True if a service starts with the system.",
            "service.enabled nginx",
            query::Below::ROWS,
            |look, arguments| Ok(query::enabled(look, "service.enabled", arguments)?.into()),
        ),
        Function::reads(
            "disabled",
            "True if a service does not start with the system.",
            "service.disabled nginx",
            query::Below::ROWS,
            |look, arguments| Ok((!query::enabled(look, "service.disabled", arguments)?).into()),
        ),
        Function::reads(
            "masked",
            "True if a service is masked.",
            "service.masked nginx",
            query::Masked::ROWS,
            query::masked,
        ),
        Function::reads("get_all", "Names of all services.", "service.get_all", query::Root::ROWS, query::get_all),
        Function::reads(
            "get_enabled",
            "Names of the services that start with the system.",
            "service.get_enabled",
            query::Root::ROWS,
            |look, arguments| query::set_to(look, "service.get_enabled", arguments, "enabled"),
        ),
        Function::reads(
            "get_disabled",
            "Names of the services that do not start with the system.",
            "service.get_disabled",
            query::Root::ROWS,
            |look, arguments| query::set_to(look, "service.get_disabled", arguments, "disabled"),
        ),
        Function::reads(
            "get_static",
            "Names of the services that only others start.",
            "service.get_static",
            query::Root::ROWS,
            |look, arguments| query::set_to(look, "service.get_static", arguments, "static"),
        ),
        Function::reads(
            "get_running",
            "Names of the services that run.",
            "service.get_running",
            query::Nothing::ROWS,
            query::get_running,
        ),
        Function::reads(
            "show",
            "Everything systemd knows of a unit.",
            "service.show nginx",
            query::Below::ROWS,
            query::show,
        ),
        Function::reads("execs", "The program each service starts.", "service.execs", query::Root::ROWS, query::execs),
        Function::changes("start", "Starts a service.", "service.start nginx", change::Starting::ROWS, |act, a| {
            change::start(act, "service.start", a, Order::Start)
        }),
        Function::changes("stop", "Stops a service.", "service.stop nginx", change::Stopping::ROWS, change::stop),
        Function::changes(
            "restart",
            "Stops a service and starts it.",
            "service.restart nginx",
            change::Starting::ROWS,
            |act, a| change::start(act, "service.restart", a, Order::Restart),
        ),
        Function::changes(
            "reload",
            "Has a service read its configuration again.",
            "service.reload nginx",
            change::Starting::ROWS,
            |act, a| change::start(act, "service.reload", a, Order::Reload),
        ),
        Function::changes(
            "force_reload",
            "Has a service read its configuration again, by a restart if it cannot else.",
            "service.force_reload nginx",
            change::Starting::ROWS,
            |act, a| change::start(act, "service.force_reload", a, Order::ForceReload),
        ),
        Function::changes(
            "enable",
            "Has a service start with the system.",
            "service.enable nginx",
            change::Setting::ROWS,
            |act, a| change::set(act, "service.enable", a, Order::Enable),
        ),
        Function::changes(
            "disable",
            "Has a service not start with the system.",
            "service.disable nginx",
            change::Setting::ROWS,
            |act, a| change::set(act, "service.disable", a, Order::Disable),
        ),
        Function::changes(
            "mask",
            "Masks a service: nothing can start it.",
            "service.mask nginx",
            change::Masking::ROWS,
            |act, a| change::mask(act, "service.mask", a, true),
        ),
        Function::changes(
            "unmask",
            "Takes the mask of a service away.",
            "service.unmask nginx",
            change::Masking::ROWS,
            |act, a| change::mask(act, "service.unmask", a, false),
        ),
        Function::changes(
            "systemctl_reload",
            "Has systemd read all unit files again.",
            "service.systemctl_reload",
            query::Nothing::ROWS,
            change::reload_files,
        ),
    ],
};
