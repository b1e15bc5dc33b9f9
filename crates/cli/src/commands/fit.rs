//! `dropcap fit`.

mod image;

use std::io::Write;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Duration;

use fit::test::{Command, Test, Tests};
use fit::{Event, Rigour};

use crate::failure::Failure;
use crate::ui::Ui;

/// Find the least that a container needs, and prove it.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    container: image::ContainerArgs,
    /// A command that tells that it works
    #[arg(long, value_name = "CMD")]
    test: Vec<String>,
    /// The container ends by itself, with status 0
    #[arg(long)]
    until_exit: bool,
    /// Repeat every failure
    #[arg(long)]
    prove: bool,
    /// The command
    #[arg(last = true, value_name = "CMD")]
    command: Vec<String>,
}

/// Runs it.
pub fn run(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    let limit = Duration::from_secs(20);
    let each: Vec<Test> =
        args.test.iter().map(|text| Test::Command(Command::new(text.clone()))).collect();
    let tests = (!each.is_empty() || args.until_exit).then(|| Tests {
        each,
        until_exit: args.until_exit,
        timeout: limit,
    });
    let rigour = if args.prove { Rigour::Proven } else { Rigour::Explained };
    let ask = image::Ask { tests, limit, rigour, alternatives: false };
    let watch = |event: Event<'_>| {
        if let Event::Ended(trial) = event {
            ui.note(&format!(
                "{} {:?} {} ms {:?}",
                trial.purpose,
                trial.set.to_string(),
                trial.took_ms,
                trial.outcome
            ));
        }
        ControlFlow::Continue(())
    };
    let fitted = args.container.fit(&args.command, ask, ui, watch)?;
    writeln!(
        ui.out(),
        "start {} first {:?} {:?}",
        fitted.plan.start,
        fitted.first.outcome,
        fitted.first.took
    )?;
    if let Some(observed) = &fitted.first.observed {
        super::trace::report::print(observed, ui)?;
    }
    if let Some(answer) = &fitted.answer {
        writeln!(
            ui.out(),
            "{:?} {} {:?} safer {:?}",
            answer.proof,
            answer.set,
            answer.required,
            answer.safer.as_ref().map(|s| (s.set.to_string(), s.shown))
        )?;
    }
    Ok(ExitCode::SUCCESS)
}
