//! The program `saltcall`.

use fleet_minion::cli::saltcall::{self, Streams};

fn main() -> std::process::ExitCode {
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr());
    saltcall::main(std::env::args_os(), &mut Streams { out: &mut out, err: &mut err }).into()
}
