//! The command line: what can be asked for, and how the program ends. Each command is a file of its own;
//! what a command does with the proxy is the proxy's.

mod check;
mod compat;
mod dialects;
mod exit;
mod frames;
mod input;
mod jq_worker;
mod lint;
mod operators;
mod out;
mod replay;
mod report;
mod serve;
mod settings;
mod token;
mod translate;
mod who;

pub use exit::{Exit, Failure};
pub use settings::Sources;

use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

/// Lets V2 and V3 WebSocket clients talk through one hub, and shows when V2 can be switched off
#[derive(Debug, Parser)]
#[command(
    name = "aether-proxy",
    version,
    max_term_width = 110,
    after_help = "EXAMPLES:
  Serve clients on 127.0.0.1:8080 and operators on 127.0.0.1:9090:
    aether-proxy
  The same with Redis as the hub:
    aether-proxy --set hub.url=redis://127.0.0.1:6379
  Is the settings file right, and what is in effect?
    aether-proxy --config proxy.toml check
  What becomes of a V2 frame?
    echo '{\"msg\":\"hi\"}' | aether-proxy translate --from v2 --to v3
  What will V2 clients trip over when they move?
    aether-proxy lint capture.ndjson
  Does another server do what the guides promise?
    aether-proxy compat --target ws://127.0.0.1:8000
  How far is the migration, and who is left?
    aether-proxy report
    aether-proxy who --tenant acme

SETTINGS, the stronger below:
  defaults
  the file of --config or AETHER_CONFIG
  the environment, such as AETHER_LIMITS__MESSAGE=64KiB
  flags, such as --set limits.message=64KiB

EXIT CODES:
   0  ok
   1  failure; of lint, replay and compat: something was found
  64  usage
  65  bad input data
  69  unavailable, such as an address that is in use
  77  no permission: a running proxy wants another token
  78  configuration"
)]
struct Args {
    #[command(flatten)]
    sources: Sources,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Check(check::Check),
    Dialects(dialects::Dialects),
    Translate(translate::Translate),
    Lint(lint::Lint),
    Replay(replay::Replay),
    Compat(Box<compat::Compat>),
    Token(token::Token),
    Report(report::Report),
    Who(who::Who),
    #[command(hide = true)]
    JqWorker(jq_worker::JqWorker),
}

/// Runs the command these arguments ask for; the first is the program's own name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(asked) => {
            // `--help` and `--version` come this way too. A reader that has gone is no failure.
            let _ = asked.print();
            return if asked.use_stderr() { Exit::Usage.into() } else { Exit::Ok.into() };
        }
    };
    let ended = match args.command {
        None => serve::Serve::default().run(&args.sources),
        Some(Command::Serve(serve)) => serve.run(&args.sources),
        Some(Command::Check(check)) => check.run(&args.sources),
        Some(Command::Dialects(dialects)) => dialects.run(),
        Some(Command::Translate(translate)) => translate.run(&args.sources),
        Some(Command::Lint(lint)) => lint.run(&args.sources),
        Some(Command::Replay(replay)) => replay.run(&args.sources),
        Some(Command::Compat(compat)) => compat.run(),
        Some(Command::Token(token)) => token.run(&args.sources),
        Some(Command::Report(report)) => report.run(&args.sources),
        Some(Command::Who(who)) => who.run(&args.sources),
        Some(Command::JqWorker(worker)) => worker.run(),
    };
    ended.unwrap_or_else(Failure::report).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_do_not_contradict_themselves() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_proxy_finds_its_worker_and_nobody_else_is_told_of_it() {
        let worker = Args::command().find_subcommand(crate::jq::WORKER).cloned();
        assert!(worker.is_some_and(|worker| worker.is_hide_set()));
    }
}
