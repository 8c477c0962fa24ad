//! `state.*`: compiling and applying state trees.

mod apply;
mod direct;
mod disable;
mod request;
mod run_args;
mod session;
mod show;

use fleet_common::call::Function;

use crate::cx::Module;

/// The module.
pub const MODULE: Module = Module {
    name: "state",
    doc: "State trees: apply them, show what they come to.",
    functions: &[
        Function::changes(
            "apply",
            "Applies SLS files, or without any the highstate.\n\nWith test=True it says what would change and changes nothing.",
            "state.apply web,db test=True",
            apply::Apply::ROWS,
            apply::apply,
        ),
        Function::changes(
            "test",
            "Says what SLS files, or without any the highstate, would change: `state.apply` with test=True.",
            "state.test web",
            apply::Apply::ROWS,
            apply::test,
        ),
        Function::changes("sls", "Applies SLS files.", "state.sls web test=True", apply::Sls::ROWS, apply::sls),
        Function::changes(
            "highstate",
            "Applies what the top file gives this minion.",
            "state.highstate test=True",
            apply::Highstate::ROWS,
            apply::highstate,
        ),
        Function::changes(
            "sls_id",
            "Applies one ID of SLS files and what it requires.",
            "state.sls_id nginx web",
            apply::SlsId::ROWS,
            apply::sls_id,
        ),
        Function::changes(
            "single",
            "Runs one state function.",
            "state.single file.managed name=/tmp/x contents=hello",
            direct::Single::ROWS,
            direct::single,
        ),
        Function::changes(
            "low",
            "Runs one chunk given as data.",
            "state.low '{state: test, fun: nop, name: x}'",
            direct::Data::ROWS,
            direct::low,
        ),
        Function::changes(
            "high",
            "Compiles and runs high data.",
            "state.high '{x: {test: [nop]}}'",
            direct::Data::ROWS,
            direct::high,
        ),
        Function::changes(
            "template",
            "Renders and applies an SLS file of this machine.",
            "state.template /root/x.sls",
            direct::Template::ROWS,
            direct::template,
        ),
        Function::changes(
            "template_str",
            "Renders and applies the text of an SLS file.",
            "state.template_str 'x: {test.nop: []}'",
            direct::Template::ROWS,
            direct::template_str,
        ),
        Function::changes(
            "disable",
            "Refuses to run SLS files, or the highstate, until they are enabled.",
            "state.disable web",
            disable::States::ROWS,
            disable::disable,
        ),
        Function::changes(
            "enable",
            "Lets SLS files, or the highstate, run again.",
            "state.enable web",
            disable::States::ROWS,
            disable::enable,
        ),
        Function::reads(
            "list_disabled",
            "The SLS files that are refused.",
            "state.list_disabled",
            disable::Nothing::ROWS,
            disable::list_disabled,
        )
        .quick(),
        Function::changes(
            "request",
            "Says what SLS files, or the highstate, would change, and keeps the call for `state.run_request`.",
            "state.request web",
            request::Request::ROWS,
            request::request,
        ),
        Function::reads(
            "check_request",
            "The runs that were asked for: what was asked, and what it would change.",
            "state.check_request",
            request::Wanted::ROWS,
            request::check,
        ),
        Function::changes(
            "clear_request",
            "Forgets what was asked for.",
            "state.clear_request",
            request::Wanted::ROWS,
            request::clear,
        ),
        Function::changes(
            "run_request",
            "Runs what was asked for, and forgets it.",
            "state.run_request",
            request::Run::ROWS,
            request::run,
        ),
        Function::reads(
            "running",
            "The state runs that hold this minion now, worded as a refusal words them.",
            "state.running",
            show::Running::ROWS,
            show::running,
        )
        .quick(),
        Function::reads(
            "show_top",
            "SLS files per environment of this minion.",
            "state.show_top",
            show::Compile::ROWS,
            show::show_top,
        ),
        Function::reads(
            "show_highstate",
            "The high data of the top file.",
            "state.show_highstate",
            show::Compile::ROWS,
            show::show_highstate,
        ),
        Function::reads(
            "show_lowstate",
            "The chunks of the top file in run order.",
            "state.show_lowstate",
            show::Compile::ROWS,
            show::show_lowstate,
        ),
        Function::reads(
            "show_states",
            "The SLS files that the top file leads to, each once.",
            "state.show_states",
            show::States::ROWS,
            show::show_states,
        ),
        Function::reads(
            "show_state_usage",
            "Which SLS files of each environment the highstate uses.",
            "state.show_state_usage",
            show::Compile::ROWS,
            show::show_state_usage,
        ),
        Function::reads(
            "show_sls",
            "The high data of SLS files.",
            "state.show_sls web",
            show::Mods::ROWS,
            show::show_sls,
        ),
        Function::reads(
            "show_low_sls",
            "The chunks of SLS files, without extensions and requisites from elsewhere.",
            "state.show_low_sls web",
            show::Mods::ROWS,
            show::show_low_sls,
        ),
        Function::reads(
            "sls_exists",
            "True if SLS files are there.",
            "state.sls_exists web",
            show::Mods::ROWS,
            show::sls_exists,
        ),
        Function::reads(
            "id_exists",
            "True if IDs are declared by SLS files.",
            "state.id_exists nginx web",
            show::Ids::ROWS,
            show::id_exists,
        ),
    ],
};
