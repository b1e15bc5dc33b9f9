//! One trace of each program, read by each method, and how far off each is.

use std::fs;
use std::path::Path;

use caps::CapSet;

use crate::Result;
use crate::measure::in_parallel;
use crate::methods::Method;
use crate::program::{Group, Program};
use crate::rootfs::Rootfs;
use crate::sandbox::FileSystem;
use crate::truth::Measured;

/// A program on a file system: what is true, and what each method read from one trace.
#[derive(Debug, Clone)]
pub struct Line {
    /// The program's name.
    pub name: String,
    /// Which table it belongs to.
    pub group: Group,
    /// The file system.
    pub place: FileSystem,
    /// What is true; only what was measured with the scripts as they are.
    pub truth: std::result::Result<Measured, String>,
    /// What each of [`Method::ALL`] read.
    pub read: Vec<CapSet>,
    /// What the judge called doubtful.
    pub doubtful: CapSet,
    /// What the judge was told nothing about, or what was lost.
    pub remarks: Vec<String>,
}

/// How far a set is from the nearest true one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// The nearest.
    pub nearest: CapSet,
    /// Of it and not listed.
    pub missed: CapSet,
    /// Listed and not of it.
    pub too_many: CapSet,
}

impl Difference {
    /// Of the minimal set with the fewest differences.
    pub fn of(listed: CapSet, minimal: &[CapSet]) -> Self {
        let differences = minimal.iter().map(|set| Self {
            nearest: *set,
            missed: *set - listed,
            too_many: listed - *set,
        });
        let nearest =
            differences.min_by_key(|d| (d.missed.len() + d.too_many.len(), d.missed.len()));
        nearest.unwrap_or(Self { nearest: CapSet::EMPTY, missed: CapSet::EMPTY, too_many: listed })
    }
}

/// Sums over programs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Score {
    /// Listed and true.
    pub right: usize,
    /// Listed.
    pub listed: usize,
    /// True.
    pub wanted: usize,
    /// Programs whose set was exactly a true one.
    pub exact: usize,
    /// Programs.
    pub programs: usize,
}

impl Score {
    /// Of one method over these lines; lines without a truth do not count.
    pub fn of<'l>(method: Method, lines: impl IntoIterator<Item = &'l Line>) -> Self {
        let mut score = Self::default();
        for line in lines {
            let (Ok(truth), Some(listed)) = (&line.truth, line.read(method)) else { continue };
            let difference = Difference::of(listed, &truth.minimal);
            score.right += (listed & difference.nearest).len();
            score.listed += listed.len();
            score.wanted += difference.nearest.len();
            score.exact += usize::from(listed == difference.nearest);
            score.programs += 1;
        }
        score
    }

    /// How much of what is listed is true.
    pub fn precision(&self) -> f64 {
        ratio(self.right, self.listed)
    }

    /// How much of what is true is listed.
    pub fn recall(&self) -> f64 {
        ratio(self.right, self.wanted)
    }
}

/// Of nothing, everything was right.
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

impl Line {
    /// What a method read.
    pub fn read(&self, method: Method) -> Option<CapSet> {
        Method::ALL.iter().position(|m| *m == method).and_then(|at| self.read.get(at)).copied()
    }
}

/// Traces each program once on each file system. A program that does not pass its own test with
/// everything granted, not even at a second try, is an error: it would tell nothing.
pub fn run(
    root: &Rootfs,
    programs: &[&Program],
    places: &[FileSystem],
    jobs: usize,
    keep: Option<&Path>,
) -> Result<Vec<Line>> {
    let work: Vec<(&Program, FileSystem)> =
        places.iter().flat_map(|place| programs.iter().map(|p| (*p, *place))).collect();
    if let Some(folder) = keep {
        fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let lines = in_parallel(root, &work, jobs, |sandbox, program| {
        let mut traced = sandbox.trace(program)?;
        let mut again = None;
        if !traced.outcome.passed {
            // A busy machine may have been too slow once; what fails twice is broken.
            again = Some(format!("traced a second time: {}", traced.outcome.why()));
            traced = sandbox.trace(program)?;
        }
        if !traced.outcome.passed {
            return Err(format!("fails with everything granted: {}", traced.outcome.why()));
        }
        let observed = &traced.tested;
        let place = sandbox.place();
        if let Some(folder) = keep {
            let file = folder.join(format!("{}-{place}.json", program.name));
            let text = serde_json::to_string(&observed.recording)
                .map_err(|e| format!("recording: {e}"))?;
            fs::write(&file, text).map_err(|e| format!("{}: {e}", file.display()))?;
        }
        let lost = observed.recording.lost;
        let lost = (!lost.is_complete()).then(|| format!("lost: {lost:?}"));
        let unknown = observed.judgement.unknown_sites.iter();
        Ok(Line {
            name: program.name.clone(),
            group: program.description.group,
            place,
            truth: Measured::of(program, place),
            read: Method::ALL.iter().map(|method| method.read(&traced)).collect(),
            doubtful: observed.judgement.solution().doubtful,
            remarks: lost
                .into_iter()
                .chain(again)
                .chain(unknown.map(|site| format!("unknown site: {}", site.line())))
                .collect(),
        })
    })?;
    let failed: Vec<String> = work
        .iter()
        .zip(&lines)
        .filter_map(|((p, place), line)| {
            line.as_ref().err().map(|why| format!("{} on {place}: {why}", p.name))
        })
        .collect();
    if failed.is_empty() { lines.into_iter().collect() } else { Err(failed.join("\n")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(bits: u64) -> CapSet {
        CapSet::from_bits(bits)
    }

    #[test]
    fn the_nearest_alternative_counts() {
        let difference = Difference::of(bits(0b0111), &[bits(0b1001), bits(0b0110)]);
        assert_eq!(
            difference,
            Difference { nearest: bits(0b0110), missed: CapSet::EMPTY, too_many: bits(0b1) }
        );
        // As near, but nothing missed.
        let difference = Difference::of(bits(0b11), &[bits(0b111), bits(0b1)]);
        assert_eq!(difference.nearest, bits(0b1));
    }

    #[test]
    fn scores_are_summed_before_they_are_divided() {
        let score = Score { right: 3, listed: 4, wanted: 3, exact: 1, programs: 2 };
        assert_eq!((score.precision(), score.recall()), (0.75, 1.0));
        assert_eq!(Score::default().precision(), 1.0);
    }
}
