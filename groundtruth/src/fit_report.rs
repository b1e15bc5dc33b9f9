//! What `--fit` found: on the terminal, and as `docs/fit-groundtruth.md`.

use std::fmt::Write;
use std::fs;
use std::time::Duration;

use caps::CapSet;
use fit::Proof;

use crate::Result;
use crate::fitted::{Fitted, word};
use crate::measure::{kernel, today};
use crate::report::markdown;

/// What the quick programs showed beside: by trials alone, and with a test that fails by a counter.
#[derive(Debug, Default)]
pub struct Beside {
    /// By trials alone.
    pub untraced: Vec<Fitted>,
    /// With a test that fails each so many runs, at every phase of that.
    pub lied_to: Vec<Fitted>,
}

/// How long it took, and how busy the machine was.
#[derive(Debug, Clone, Copy)]
pub struct Spent {
    /// From the first run to the last, without what is measured beside.
    pub took: Duration,
    /// How many programs at a time.
    pub jobs: usize,
    /// The load average of the last minute before the first run, proc_loadavg(5); NaN if it cannot be told.
    pub before: f64,
    /// The same after the last.
    pub after: f64,
}

/// The load average of the last minute; NaN if it cannot be told.
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(f64::NAN)
}

/// Prints the sums; checks the figures if asked to.
pub fn publish(all: &[Fitted], spent: Spent, check: bool) -> Result {
    println!("\n{}", sums(all, spent));
    if check { verify(all) } else { Ok(()) }
}

/// Writes the page.
pub fn write(all: &[Fitted], spent: Spent, beside: &Beside) -> Result {
    let file = crate::folder().join("../docs/fit-groundtruth.md");
    let page = page(all, &sums(all, spent), beside);
    fs::write(&file, page).map_err(|e| format!("{}: {e}", file.display()))
}

/// What does not hold, if anything.
fn verify(all: &[Fitted]) -> Result {
    if all.is_empty() {
        return Err("no program was fitted".to_owned());
    }
    let mut wrong = Vec::new();
    for one in all {
        let mut say = |what: String| wrong.push(format!("{} on {}: {what}", one.name, one.place));
        if let Err(why) = &one.truth {
            say(why.clone());
            continue;
        }
        // A flaky test is told, and its answer is not called proven: that is no wrong answer.
        let flaky = is_flaky(one);
        if !one.is_exact() && !flaky {
            say(format!("{} is no true minimal set", one.answer.set));
        }
        if let (Some(safer), Some(false), false) = (&one.answer.safer, one.is_safer_exact(), flaky)
        {
            let truth = one.true_safer().map_or("not measured".to_owned(), |set| set.to_string());
            say(format!(
                "without new denials {}, shown: {}; true: {truth}",
                safer.set, safer.shown
            ));
        }
    }
    // What they cost is said of traced programs with an honest test.
    let usual = all.iter().all(|one| one.lies.is_none() && one.answer.safer.is_some());
    let (once, with) = if usual { beyond(all) } else { (0, 0) };
    for (what, is, most) in [("|M|, without repeats,", once, 2), ("2|M|, with repeats,", with, 3)] {
        if is > most {
            wrong.push(format!(
                "the median of runs beyond {what} is {is}, at most {most} is wanted"
            ));
        }
    }
    if wrong.is_empty() {
        println!("the figures hold");
        return Ok(());
    }
    Err(format!("the figures do not hold:\n  {}", wrong.join("\n  ")))
}

fn is_flaky(one: &Fitted) -> bool {
    matches!(one.answer.proof, Proof::Flaky { .. })
}

/// The other true minimal sets; those of them that were named; what was named and is not true.
fn others(one: &Fitted) -> (usize, usize, usize) {
    let Ok(truth) = &one.truth else { return (0, 0, 0) };
    let true_ones: Vec<_> = truth.minimal.iter().filter(|set| **set != one.answer.set).collect();
    let named = |set: &&&CapSet| one.answer.alternatives.iter().any(|other| other.set == ***set);
    let right = true_ones.iter().filter(named).count();
    (true_ones.len(), right, one.answer.alternatives.len() - right)
}

/// Medians over the programs: runs beyond |M| without repeats, and beyond 2|M| with.
fn beyond(all: &[Fitted]) -> (usize, usize) {
    let of = |number: &dyn Fn(&Fitted) -> usize| median(all.iter().map(number).collect());
    let members = |one: &Fitted| one.answer.set.len();
    (
        of(&|one| one.runs().0.saturating_sub(members(one))),
        of(&|one| one.runs().1.saturating_sub(2 * members(one))),
    )
}

fn median(mut numbers: Vec<usize>) -> usize {
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}

fn sums(all: &[Fitted], spent: Spent) -> String {
    let count = |holds: &dyn Fn(&Fitted) -> bool| all.iter().filter(|one| holds(one)).count();
    let of = |number: &dyn Fn(&Fitted) -> usize| median(all.iter().map(number).collect());
    let sum = |number: &dyn Fn(&Fitted) -> usize| all.iter().map(number).sum::<usize>().to_string();
    let truth = |one: &Fitted| one.truth.as_ref().map_or(0, |t| t.runs as usize);
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let rows = [
        ["", ""].map(str::to_owned),
        ["programs".to_owned(), all.len().to_string()],
        ["functional minimum exact".to_owned(), count(&Fitted::is_exact).to_string()],
        [
            "without new denials exact".to_owned(),
            count(&|one| one.is_safer_exact() == Some(true)).to_string(),
        ],
        ["proven".to_owned(), count(&|one| one.answer.proof == Proof::Proven).to_string()],
        ["flaky, not called proven".to_owned(), count(&is_flaky).to_string()],
        ["other minimal sets, true".to_owned(), sum(&|one| others(one).0)],
        ["of those, named".to_owned(), sum(&|one| others(one).1)],
        ["other sets named that are not true".to_owned(), sum(&|one| others(one).2)],
        ["members, median".to_owned(), of(&|one| one.answer.set.len()).to_string()],
        [
            "runs beyond the first, median, without repeats".to_owned(),
            of(&|one| one.runs().0).to_string(),
        ],
        ["the same with repeats".to_owned(), of(&|one| one.runs().1).to_string()],
        ["runs beyond |M|, median, without repeats".to_owned(), beyond(all).0.to_string()],
        ["runs beyond 2|M|, median, with repeats".to_owned(), beyond(all).1.to_string()],
        [
            "QuickXplain without a trace, each failure once, median".to_owned(),
            of(&|one| one.untraced_runs.unwrap_or_default() as usize).to_string(),
        ],
        ["brute force, median".to_owned(), of(&truth).to_string()],
        [
            format!("seconds in all, {} at a time", spent.jobs),
            format!("{:.0}", spent.took.as_secs_f32()),
        ],
        ["processors".to_owned(), processors.to_string()],
        ["load average before".to_owned(), format!("{:.1}", spent.before)],
        [
            "load average at the end, these programs included".to_owned(),
            format!("{:.1}", spent.after),
        ],
    ];
    markdown(&rows)
}

fn programs(all: &[Fitted]) -> String {
    let titles = [
        "program",
        "functional minimum",
        "and without new denials",
        "exact",
        "proof",
        "runs",
        "with repeats",
        "QuickXplain",
        "brute force",
        "seconds",
    ];
    let mut rows = vec![titles.map(str::to_owned)];
    let mut sorted: Vec<&Fitted> = all.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    for one in sorted {
        let (once, with) = one.runs();
        let others: Vec<String> = one
            .answer
            .alternatives
            .iter()
            .map(|other| format!(" (or {} for {})", other.with, other.instead_of))
            .collect();
        let more = one.answer.safer.as_ref().map(|safer| safer.set - one.answer.set);
        let exact = match (one.is_exact(), one.is_safer_exact()) {
            (true, Some(true)) => "both",
            (true, _) => "the first",
            (false, Some(true)) => "the second",
            (false, _) => "neither",
        };
        let number = |n: Option<u32>| n.map_or("?".to_owned(), |n| n.to_string());
        rows.push([
            one.name.clone(),
            format!("{}{}", one.answer.set, others.concat()),
            more.filter(|more| !more.is_empty()).map_or(String::new(), |more| more.to_string()),
            exact.to_owned(),
            word(one).to_owned(),
            once.to_string(),
            with.to_string(),
            number(one.untraced_runs),
            number(one.truth.as_ref().ok().map(|truth| truth.runs)),
            format!("{:.1}", one.took.as_secs_f32()),
        ]);
    }
    markdown(&rows)
}

/// What was refused and does not count, over all programs, by the true measure.
fn exempt(all: &[Fitted]) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for one in all {
        let denials = one.truth.as_ref().ok().and_then(|truth| truth.denials.as_ref());
        lines.extend(denials.iter().flat_map(|d| &d.exempt).map(String::as_str));
    }
    lines.sort_unstable();
    lines.dedup();
    lines.iter().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "- {line}");
        text
    })
}

fn by_trials_alone(all: &[Fitted]) -> String {
    let titles = ["program", "functional minimum", "exact", "proof", "runs", "with repeats"];
    let mut rows = vec![titles.map(str::to_owned)];
    for one in all {
        let (once, with) = one.runs();
        rows.push([
            one.name.clone(),
            one.answer.set.to_string(),
            if one.is_exact() { "yes" } else { "no" }.to_owned(),
            word(one).to_owned(),
            once.to_string(),
            with.to_string(),
        ]);
    }
    markdown(&rows)
}

fn lied_to(all: &[Fitted]) -> String {
    let count = |holds: &dyn Fn(&Fitted) -> bool| all.iter().filter(|one| holds(one)).count();
    let is_proven = |one: &Fitted| one.answer.proof == Proof::Proven;
    format!(
        "{} searches: {} proven and right, {} proven and wrong, {} called flaky (of these {} with the \
         right set).\n",
        all.len(),
        count(&|one| is_proven(one) && one.is_exact()),
        count(&|one| is_proven(one) && !one.is_exact()),
        count(&is_flaky),
        count(&|one| is_flaky(one) && one.is_exact()),
    )
}

fn page(all: &[Fitted], sums: &str, beside: &Beside) -> String {
    format!(
        "# What `dropcap fit` finds, held against the truth\n\n\
         <!-- Written by `cargo xtask groundtruth --fit`; do not edit. -->\n\n\
         Measured on {date}, Linux {kernel}, on overlayfs, with the programs and the sandbox of \
         [groundtruth.md](groundtruth.md). The search is the product's own (`crates/fit`), with every \
         failure repeated, as `--prove` does; runs are those beyond the first trace, for both answers \
         together.\n\n\
         The truth of the first answer is that of groundtruth.md. That of the second is a measure of \
         its own (`cargo xtask groundtruth --measure-denials`, `groundtruth/src/denials.rs`), which \
         shares no code with the search: a traced run without each capability that is not in every \
         minimal set, and what was refused in it of what was granted before; then from each minimal set up to \
         a set under which nothing of the kind is refused, and down again as far as it goes. Brute \
         force's runs are for the first answer alone, all its alternatives included. QuickXplain \
         without a trace is counted over the truth: one minimal set, each failure once.\n\n\
         {sums}\n{programs}\n\
         ## By trials alone\n\n\
         Ten programs without a tracer (`--fit --quick --untraced`); runs are all, the first \
         included.\n\n\
         {untraced}\n\
         ## With a test that fails each fifth run\n\n\
         The same ten, traced, with a counter that fails each fifth run whatever the program did, once \
         for each phase of it (`--fit --quick --fail-every 5`): {lied_to}\n\
         ## What was refused and does not count\n\n\
         By the true measure, in all these runs: the place, and why.\n\n\
         {exempt}",
        date = today(),
        kernel = kernel(),
        sums = sums.trim_end().to_owned() + "\n",
        programs = programs(all).trim_end().to_owned() + "\n",
        untraced = by_trials_alone(&beside.untraced).trim_end().to_owned() + "\n",
        lied_to = lied_to(&beside.lied_to),
        exempt = exempt(all),
    )
}
