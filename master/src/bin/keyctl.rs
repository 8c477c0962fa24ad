//! Manages the keys of minions.

fn main() -> std::process::ExitCode {
    fleet_master::cli::keyctl::main(std::env::args_os()).into()
}
