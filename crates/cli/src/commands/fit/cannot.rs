//! Why a container could not be fitted, with what to do about it.

use std::fmt::Display;
use std::io::ErrorKind;

use check::PatchError;
use fit::container::ContainerError;
use jobs::fit_container::Error;
use jobs::patch;
use jobs::run_container::PlanError;
use launch::engine::{Engine, EngineError};

use super::engine_says;
use crate::commands::trace;
use crate::failure::Failure;

pub(super) fn cannot_plan(error: Error) -> Failure {
    let failure = Failure::new(&error);
    match &error {
        Error::NoImage { engine, image } => failure.help(format_args!("{engine} pull {image}")),
        Error::Image(image::EngineError::Program { engine, source })
            if source.kind() == ErrorKind::NotFound =>
        {
            without(*engine, &error)
        }
        Error::Plan(PlanError::Ambiguous { .. }) => failure.help("name one: -c WORKLOAD/CONTAINER"),
        _ => failure,
    }
}

pub(super) fn cannot_patch(error: patch::Error) -> Failure {
    let error = match error {
        patch::Error::Write(error) => return error.into(),
        error => error,
    };
    let failure = Failure::new(&error);
    match &error {
        patch::Error::Patch { error, .. } if matches!(**error, PatchError::Widens { .. }) => {
            failure.help("if the program is to have that, say so: --allow-widen")
        }
        patch::Error::Several { .. } => failure.help("name one: -c WORKLOAD/CONTAINER"),
        _ => failure,
    }
}

pub(super) fn cannot_run(error: ContainerError) -> Failure {
    match error {
        ContainerError::Trace(error) => trace::cannot_trace(error),
        ContainerError::Engine(error) => cannot_ask(error),
        ContainerError::Full { .. } => Failure::new(error)
            .help("make room there; a run that finds none says nothing of its set"),
        error => Failure::new(error),
    }
}

pub(super) fn cannot_ask(error: EngineError) -> Failure {
    let help = match &error {
        EngineError::Program { engine, source } if source.kind() == ErrorKind::NotFound => {
            return without(*engine, &error);
        }
        EngineError::NotExecutable { missing: true, .. } => {
            "is the program in the image? Name the whole path after `--`; an image without a shell \
             cannot run `sh -c`"
        }
        EngineError::LetGo { .. } => "see that the engine works, and run it again",
        EngineError::Said { engine, what, said } => match engine_says::help(*engine, what, said) {
            Some(help) => help,
            None => return Failure::new(error),
        },
        _ => return Failure::new(error),
    };
    Failure::new(&error).help(help)
}

/// The engine is not installed.
fn without(engine: Engine, error: &dyn Display) -> Failure {
    let (engine, other) = match engine {
        Engine::Podman => ("podman", "docker"),
        Engine::Docker => ("docker", "podman"),
    };
    Failure::new(error)
        .help(format_args!("install {engine}, or take the other engine: --engine {other}"))
}
