//! `--measure`: true minimal sets by brute force, kept in `truth.toml`. It knows nothing of traces.

use std::sync::Mutex;

use caps::CapSet;

use crate::Result;
use crate::arguments::SetWord;
use crate::program::Program;
use crate::rootfs::Rootfs;
use crate::sandbox::{FileSystem, Sandbox, grantable};
use crate::search::{self, Found};
use crate::truth::{Failed, Measured, Truth, describe};

const METHOD: &str = "all but one, for each; QuickXplain over the rest; hitting sets for the others; \
                      failures twice; every removal checked again";

/// Measures every program on every file system, so many at a time.
pub fn run(root: &Rootfs, programs: &[&Program], places: &[FileSystem], jobs: usize) -> Result {
    let writing = Mutex::new(());
    each(root, programs, places, jobs, |sandbox, program| {
        let start = std::time::Instant::now();
        let place = sandbox.place();
        let found = measure(sandbox, program)?;
        if !program.is_unchanged()? {
            return Err("its scripts were changed while it was measured".to_owned());
        }
        let sets: Vec<String> = found.minimal.iter().map(ToString::to_string).collect();
        println!(
            "{:<14} {place:<9} {:>3} runs, {:>4.0} s  {}",
            program.name,
            found.runs,
            start.elapsed().as_secs_f32(),
            sets.join(" | "),
        );
        let measured = measured(program, &found)?;
        for flaky in &measured.flaky {
            println!("{:<14} {place:<9} FLAKY: {flaky}", program.name);
        }
        let _writing = writing.lock();
        let mut truth = Truth::read(&program.folder)?;
        truth.set(place, measured);
        truth.write(&program.folder)
    })
}

/// Does `job` for every program on every file system, as [`in_parallel`] does it.
///
/// # Errors
/// All that failed, a line each.
pub fn each(
    root: &Rootfs,
    programs: &[&Program],
    places: &[FileSystem],
    jobs: usize,
    job: impl Fn(&mut Sandbox, &Program) -> Result + Sync,
) -> Result {
    let work: Vec<(&Program, FileSystem)> =
        places.iter().flat_map(|place| programs.iter().map(|p| (*p, *place))).collect();
    let outcomes = in_parallel(root, &work, jobs, job)?;
    let failed: Vec<String> = work
        .iter()
        .zip(&outcomes)
        .filter_map(|((program, place), outcome)| {
            outcome.as_ref().err().map(|why| format!("{} on {place}: {why}", program.name))
        })
        .collect();
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

/// `--try`: one run, shown.
pub fn once(root: &Rootfs, programs: &[&Program], places: &[FileSystem], set: SetWord) -> Result {
    let all = grantable()?;
    let set = match set {
        SetWord::AllBut(less) => all - less,
        SetWord::Only(set) => set,
    };
    for place in places {
        let mut sandbox = Sandbox::new(root, *place, 0)?;
        for program in programs {
            let start = std::time::Instant::now();
            let outcome = sandbox.run(program, set)?;
            println!(
                "{:<14} {place:<9} {} in {} ms ({} with the sandbox)  {}",
                program.name,
                if outcome.passed { "works" } else { "FAILS" },
                outcome.milliseconds,
                start.elapsed().as_millis(),
                outcome.why()
            );
        }
        sandbox.verify()?;
    }
    Ok(())
}

fn measure(sandbox: &mut Sandbox, program: &Program) -> Result<Found> {
    search::all_minimal(grantable()?, |set| {
        let outcome = sandbox.run(program, set)?;
        Ok((!outcome.passed).then(|| outcome.why()))
    })
}

fn measured(program: &Program, found: &Found) -> Result<Measured> {
    let all = grantable()?;
    Ok(Measured {
        minimal: found.minimal.clone(),
        method: METHOD.to_owned(),
        date: today(),
        kernel: kernel(),
        not_granted: CapSet::up_to(sys::credentials::last_capability()) - all,
        runs: found.runs,
        scripts: program.scripts.clone(),
        flaky: found
            .flaky
            .iter()
            .map(|(set, passed, failed)| {
                format!("{}: passed {passed}, failed {failed}", describe(*set, all))
            })
            .collect(),
        denials: None,
        failed: found
            .failed
            .iter()
            .map(|(set, why)| Failed { set: describe(*set, all), why: why.clone() })
            .collect(),
    })
}

/// The kernel's version, without what a vendor calls his build.
pub fn kernel() -> String {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    release.split('-').next().unwrap_or_default().to_owned()
}

/// Does `job` for each program on its file system, in a sandbox that nobody else uses meanwhile. A
/// plain tree is compared with what it was at the end.
pub fn in_parallel<T: Send>(
    root: &Rootfs,
    work: &[(&Program, FileSystem)],
    jobs: usize,
    job: impl Fn(&mut Sandbox, &Program) -> Result<T> + Sync,
) -> Result<Vec<Result<T>>> {
    let next = Mutex::new(0);
    let done: Mutex<Vec<(usize, Result<T>)>> = Mutex::new(Vec::new());
    let worker = |number: usize| -> Result {
        let mut sandboxes: Vec<Sandbox> = Vec::new();
        loop {
            let index = {
                let mut next = next.lock().map_err(|_| "a worker failed")?;
                *next += 1;
                *next - 1
            };
            let Some((program, place)) = work.get(index) else { break };
            if !sandboxes.iter().any(|s| s.place() == *place) {
                sandboxes.push(Sandbox::new(root, *place, number)?);
            }
            let Some(sandbox) = sandboxes.iter_mut().find(|s| s.place() == *place) else { break };
            let outcome = job(sandbox, program);
            if let Err(why) = &outcome {
                eprintln!("{} on {place}: {why}", program.name);
            }
            done.lock().map_err(|_| "a worker failed")?.push((index, outcome));
        }
        sandboxes.iter().try_for_each(Sandbox::verify)
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.min(work.len()))
            .map(|n| {
                let worker = &worker;
                scope.spawn(move || worker(n))
            })
            .collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|_| Err("a worker failed".to_owned()))
        })
    })?;
    let mut done = done.into_inner().map_err(|_| "a worker failed")?;
    done.sort_by_key(|(index, _)| *index);
    Ok(done.into_iter().map(|(_, outcome)| outcome).collect())
}

/// The date, UTC.
pub fn today() -> String {
    jiff::Timestamp::now().to_string().chars().take("2026-11-24".len()).collect()
}
