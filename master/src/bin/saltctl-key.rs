//! `keyctl` under a name that does not collide with the keyutils package.

fn main() -> std::process::ExitCode {
    fleet_common::secret::close_memory();
    fleet_master::cli::keyctl::main(std::env::args_os()).into()
}
