//! Runs functions on minions.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(fleet_master::cli::saltctl::main(std::env::args_os()))
}
