//! A profile written into a manifest: one container gets drop ALL and what the profile needs.

use std::path::Path;

use check::learnt::{Objection, other_user};
use check::{PatchError, PatchOptions, Patched, set_capabilities};
use jiff::Timestamp;
use manifest::{ContainerId, Manifest};
use record::profile::Profile;

use crate::learnt::{as_root, learnt, needs};

/// Why a profile could not be written into a manifest.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing was watched, or not all of it: nothing seen is not nothing needed.
    #[error("the profile {name} is incomplete: {why}")]
    Incomplete {
        /// The profile.
        name: String,
        /// Why.
        why: String,
    },
    /// The manifest could not be read.
    #[error(transparent)]
    Read(#[from] manifest::ReadError),
    /// The manifest holds a document that cannot be read.
    #[error("{at}: {problem}")]
    Problem {
        /// File, line and column.
        at: String,
        /// What is wrong.
        problem: manifest::ProblemKind,
    },
    /// No container to write to.
    #[error("{file}: has no container{}; {there}", named(.wanted.as_deref()))]
    NoContainer {
        /// The manifest.
        file: String,
        /// The name asked for.
        wanted: Option<String>,
        /// What there is.
        there: String,
    },
    /// Several, and none was named.
    #[error("{file}: has several containers{}: {there}", named(.wanted.as_deref()))]
    Several {
        /// The manifest.
        file: String,
        /// The name asked for.
        wanted: Option<String>,
        /// Which.
        there: String,
    },
    /// What was watched is not this container.
    #[error("{at}: container {container}: {objection}")]
    OfAnother {
        /// File, line and column of the container.
        at: String,
        /// Its name.
        container: String,
        /// What speaks against it.
        objection: Objection,
    },
    /// The set cannot be written there.
    #[error("{at}: container {container}: {error}")]
    Patch {
        /// File, line and column of the container.
        at: String,
        /// Its name.
        container: String,
        /// Why not.
        error: Box<PatchError>,
    },
    /// The file could not be written; it is as it was.
    #[error(transparent)]
    Write(#[from] manifest::WriteError),
}

fn named(name: Option<&str>) -> String {
    name.map(|name| format!(" {name}")).unwrap_or_default()
}

/// What is done with a profile that does not say everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Incomplete {
    /// It is refused.
    #[default]
    Refuse,
    /// A person takes it as it is.
    Accept,
}

/// Writes `profile` into the container of this name in the file; without a name, into the only
/// one there is. The file is written whole or not at all, and not touched if nothing changes.
///
/// # Errors
/// [`Error`]; the file is then as it was.
pub fn patch_file(
    file: &Path,
    container: Option<&str>,
    profile: &Profile,
    incomplete: Incomplete,
    options: &PatchOptions,
) -> Result<Patched, Error> {
    let manifest = manifest::read(file)?;
    let patched = patch(&manifest, container, profile, incomplete, options)?;
    if let Some(path) = patched.source.path() {
        manifest::replace_whole(path, manifest.source.text(), patched.source.text())?;
    }
    Ok(patched)
}

/// The same in memory.
///
/// # Errors
/// [`Error`].
pub fn patch(
    manifest: &Manifest,
    container: Option<&str>,
    profile: &Profile,
    incomplete: Incomplete,
    options: &PatchOptions,
) -> Result<Patched, Error> {
    if !profile.status.complete && incomplete == Incomplete::Refuse {
        let why = profile.status.incomplete.join("; ");
        let name = profile.metadata.name.clone();
        return Err(Error::Incomplete { name, why });
    }
    let id = self::container(manifest, container)?;
    let workload = &manifest.workloads[id.workload];
    let found = &workload.pod.containers[id.container];
    let at = || manifest.source.locate(found.name_span);
    let context = options.options.context(&workload.pod, found);
    let watched = learnt(manifest.source.name(), profile, Timestamp::now());
    // A search made its containers from this one, and runs them as its user.
    let objection =
        other_user(&watched, found, &context).filter(|_| profile.status.searches.is_empty());
    if let Some(objection) = objection {
        return Err(Error::OfAnother { at: at(), container: found.name.clone(), objection });
    }
    let options = &PatchOptions { as_root: options.as_root || as_root(profile), ..options.clone() };
    set_capabilities(manifest, id, &needs(profile), options).map_err(|error| Error::Patch {
        at: at(),
        container: found.name.clone(),
        error: Box::new(error),
    })
}

/// The container of this name, or the only one, of a manifest that may be written.
///
/// # Errors
/// [`Error::Problem`], [`Error::NoContainer`], [`Error::Several`].
pub fn container(manifest: &Manifest, name: Option<&str>) -> Result<ContainerId, Error> {
    if let Some(problem) = manifest.errors().next() {
        let at = manifest.source.locate(problem.span);
        return Err(Error::Problem { at, problem: problem.kind.clone() });
    }
    find(manifest, name)
}

/// The container of this name, or the only one.
///
/// # Errors
/// [`Error::NoContainer`], [`Error::Several`].
pub(crate) fn find(manifest: &Manifest, wanted: Option<&str>) -> Result<ContainerId, Error> {
    let all: Vec<(ContainerId, &str, String)> = manifest
        .workloads
        .iter()
        .enumerate()
        .flat_map(|(workload, object)| {
            object.pod.containers.iter().enumerate().map(move |(container, found)| {
                let place = format!("{}/{}/{}", object.kind, object.name, found.name);
                (ContainerId { workload, container }, found.name.as_str(), place)
            })
        })
        .collect();
    let file = manifest.source.name().to_owned();
    let names = |some: &[&(ContainerId, &str, String)]| {
        some.iter().map(|(_, _, place)| place.as_str()).collect::<Vec<_>>().join(", ")
    };
    // `WORKLOAD/CONTAINER` where several have it.
    let is_meant = |(_, name, place): &&(ContainerId, &str, String)| {
        wanted.is_none_or(|wanted| {
            wanted == *name || (wanted.contains('/') && place.ends_with(&format!("/{wanted}")))
        })
    };
    let fitting: Vec<_> = all.iter().filter(is_meant).collect();
    let wanted = wanted.map(str::to_owned);
    match fitting.as_slice() {
        [(id, ..)] => Ok(*id),
        [] => {
            let there = match names(&all.iter().collect::<Vec<_>>()) {
                none if none.is_empty() => "it has none at all".to_owned(),
                there => format!("it has {there}"),
            };
            Err(Error::NoContainer { file, wanted, there })
        }
        several => Err(Error::Several { file, wanted, there: names(several) }),
    }
}
