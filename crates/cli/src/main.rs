//! The `dropcap` command: parse, call a job, render. One file a command, in `commands/`.

mod commands;
mod config;
mod failure;
mod images;
mod kubectl;
mod manifests;
mod meant;
#[cfg(target_os = "linux")]
mod outputs;
mod profiles;
mod ui;
mod waivers;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use ui::Ui;

/// musl's own gives memory back at once, with a system call each time. A child that was forked must not allocate
/// before it executes (the lock may be another thread's): those of `sys` do not.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// Find out which Linux capabilities a container really needs, prove it, write the
/// least-privilege securityContext, and keep it that way.
#[derive(Debug, Parser)]
#[command(name = "dropcap", version, max_term_width = 100, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    ui: ui::UiArgs,
    #[command(subcommand)]
    command: Command,
}

/// One variant a command; those that need a Linux kernel exist only there.
#[derive(Debug, Subcommand)]
enum Command {
    /// Print what a capability allows, how dangerous it is, who has it by default, how to live without it
    #[command(alias = "describe")]
    Explain(commands::explain::Args),
    /// Print the capability sets every container of a manifest really gets, with the reason for each member
    Show(commands::show::Args),
    /// Report what is wrong with the capabilities of a manifest's containers
    Check(commands::check::Args),
    /// Write the edits that `check` proposes: the safe ones, or with --unsafe-fixes all
    Fix(commands::fix::Args),
    /// Write, list and verify waivers: who may keep a capability, why, until when, approved by whom
    Waiver(commands::waiver::Args),
    /// Write down what the images of manifests say of their user and their files
    Images(commands::images::Args),
    /// Show, merge, compare and export profiles
    Profile(commands::profile::Args),
    /// Watch a program or a container and say which capabilities it uses, and for what
    Trace(commands::trace::Args),
    /// Say which missing capability made a program fail, who took it away, and the least that mends it
    #[cfg(target_os = "linux")]
    Why(commands::why::Args),
    /// Run a program again and again with less, until nothing more can be left out: the proven minimum
    #[cfg(target_os = "linux")]
    Fit(Box<commands::fit::Args>),
    /// Run a command with exactly the capability sets asked for
    #[cfg(target_os = "linux")]
    Run(commands::run::Args),
    /// List who holds which capabilities now: containers first
    #[cfg(target_os = "linux")]
    Ps(commands::ps::Args),
    /// Say what this machine can do, what is missing, and how to get it
    #[cfg(target_os = "linux")]
    Doctor(commands::doctor::Args),
    /// Do the whole job once, on a service and a manifest built into this program
    #[cfg(target_os = "linux")]
    Demo(commands::demo::Args),
    /// Print what a shell needs to complete this command line
    Completions(commands::completions::Args),
    /// Print or write the manual pages
    Man(commands::man::Args),
    /// The service of the demo
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    DemoService(commands::demo_parts::ServiceArgs),
    /// The probe of the demo
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    DemoProbe(commands::demo_parts::ProbeArgs),
}

fn main() -> ExitCode {
    // Before anything else: a `fit` that is stopped says so, whenever that is.
    #[cfg(target_os = "linux")]
    let _held = commands::fit::held();
    let line = kubectl::command_line(Cli::command());
    let cli = line.try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match cli {
        Ok(cli) => cli,
        Err(error) => return usage(error),
    };
    let ui = Ui::new(&cli.ui);
    let result = match &cli.command {
        Command::Explain(args) => commands::explain::run(args, &ui),
        Command::Show(args) => commands::show::run(args, &ui),
        Command::Check(args) => commands::check::run(args, &ui),
        Command::Fix(args) => commands::fix::run(args, &ui),
        Command::Waiver(args) => commands::waiver::run(args, &ui),
        Command::Images(args) => commands::images::run(args, &ui),
        Command::Profile(args) => commands::profile::run(args, &ui),
        Command::Trace(args) => commands::trace::run(args, &ui),
        #[cfg(target_os = "linux")]
        Command::Why(args) => commands::why::run(args, &ui),
        #[cfg(target_os = "linux")]
        Command::Fit(args) => commands::fit::run(args, &ui),
        #[cfg(target_os = "linux")]
        Command::Run(args) => commands::run::run(args, &ui),
        #[cfg(target_os = "linux")]
        Command::Ps(args) => commands::ps::run(args, &ui),
        #[cfg(target_os = "linux")]
        Command::Doctor(args) => commands::doctor::run(args, &ui),
        #[cfg(target_os = "linux")]
        Command::Demo(args) => commands::demo::run(args, &ui),
        Command::Completions(args) => {
            commands::completions::run(args, &kubectl::command_line(Cli::command()), &ui)
        }
        Command::Man(args) => commands::man::run(args, kubectl::command_line(Cli::command()), &ui),
        #[cfg(target_os = "linux")]
        Command::DemoService(args) => commands::demo_parts::serve(args, &ui),
        #[cfg(target_os = "linux")]
        Command::DemoProbe(args) => commands::demo_parts::probe(args, &ui),
    };
    match result {
        Ok(code) => code,
        Err(failure) => failure.report(&ui),
    }
}

/// Help and version, or a command line that cannot be read: clap's own words. For `run` the exit code is that
/// of `docker run`, so that it is never taken for the command's own.
fn usage(mut error: clap::Error) -> ExitCode {
    meant::add(&mut error);
    let _ = error.print();
    #[cfg(target_os = "linux")]
    if error.use_stderr()
        && std::env::args().skip(1).find(|a| !a.starts_with('-')).is_some_and(|a| a == "run")
    {
        return ExitCode::from(commands::run::CANNOT);
    }
    ExitCode::from(if error.use_stderr() { failure::ERROR } else { 0 })
}
