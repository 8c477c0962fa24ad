//! The program `saltcall`.

use std::io::IsTerminal;

use fleet_minion::cli::saltcall::{self, Streams};

fn main() -> std::process::ExitCode {
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr());
    let terminal = out.is_terminal();
    saltcall::main(std::env::args_os(), &mut Streams { out: &mut out, err: &mut err, terminal }).into()
}
