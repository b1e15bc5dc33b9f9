//! `dropcap completions`: what a shell needs to complete this command line.

use std::io::Write as _;
use std::process::ExitCode;

use clap_complete::Shell;

use crate::failure::Failure;
use crate::kubectl;
use crate::ui::Ui;

/// Arguments of `dropcap completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  dropcap completions bash > /etc/bash_completion.d/dropcap
  dropcap completions zsh  > /usr/local/share/zsh/site-functions/_dropcap
  dropcap completions fish > ~/.config/fish/completions/dropcap.fish";

/// Runs it. `line` is the whole command line.
pub fn run(args: &Args, line: &clap::Command, ui: &Ui) -> Result<ExitCode, Failure> {
    if kubectl::is_plugin() {
        return Err(Failure::new("kubectl completes its plug-ins by programs of their own")
            .help("ask for it as `dropcap completions`, not as `kubectl dropcap completions`"));
    }
    // Into memory first: clap_complete panics where it cannot write.
    let mut line = told(line);
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut line, "dropcap", &mut script);
    ui.out().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// The command line without the commands that no person calls, which clap_complete would offer.
fn told(line: &clap::Command) -> clap::Command {
    let told = line.get_subcommands().filter(|command| !command.is_hide_set());
    clap::Command::new("dropcap")
        .version(env!("CARGO_PKG_VERSION"))
        .args(line.get_arguments().cloned())
        .subcommands(told.cloned())
}
