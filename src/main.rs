//! The program: arguments in, exit code out. See README.md.

use std::process::ExitCode;

fn main() -> ExitCode {
    aether_proxy::cli::run(std::env::args_os())
}
