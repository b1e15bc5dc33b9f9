//! What tells that a container works: the tests that are named, what is executed in it whatever is named,
//! or what its manifest or its image says.

use std::time::Duration;

use fit::container::Probe;
use fit::test::Tests;

use super::{Plan, Remark};

/// What a person has named.
#[derive(Debug, Clone)]
pub struct Named {
    /// The tests that are named; with none of them only how long it is watched afterwards counts.
    pub tests: Tests,
    /// Whether probes that are executed in the container are run beside tests that are named.
    pub probes: bool,
    /// How long one without any test is watched.
    pub watched: Duration,
}

/// What each run is asked.
#[derive(Debug, Clone)]
pub struct Tested {
    /// What tells.
    pub probe: Probe,
    /// In words; `None` if nothing tells that it works.
    pub words: Option<String>,
    /// What is not run.
    pub remarks: Vec<Remark>,
}

/// What each run of a container is asked.
#[must_use]
pub fn tested(plan: &Plan, by: &Named) -> Tested {
    let tests = &by.tests;
    let named = tests.until_exit || !tests.each.is_empty();
    let mut remarks = Vec::new();
    // In the order in which they are done, each with its words.
    let mut all: Vec<(Probe, String)> = Vec::new();
    if let Some(hook) = &plan.hook {
        all.push((hook.clone(), format!("{hook} (postStart)")));
    }
    match (named, &plan.test) {
        (false, None) => {
            let runs = Probe::Runs(by.watched);
            let hook = all.pop().map(|(hook, _)| hook);
            let probe = hook.map_or(runs.clone(), |hook| Probe::All(vec![hook, runs]));
            return Tested { probe, words: None, remarks };
        }
        (false, Some((probe, from))) => all.push((probe.clone(), format!("{probe} ({from})"))),
        (true, _) => {
            let alone = Tests { settle: Duration::ZERO, ..tests.clone() };
            all.push((Probe::Tests(tests.clone()), alone.to_string()));
        }
    }
    if let (true, Some((probe, from))) = (named, &plan.executed) {
        // Whoever runs the container executes them, and calls it ill if they fail.
        let why_not = match (by.probes, tests.until_exit) {
            (false, _) => Some("asked for"),
            (_, true) => Some("the container is to end"),
            (true, false) => None,
        };
        match why_not {
            None => all.push((probe.clone(), format!("{probe} ({from})"))),
            Some(why) => remarks.push(Remark::Warning(format!(
                "the {from} is not run ({why}): what it needs is not in the answer ({probe})"
            ))),
        }
    }
    let mut words: Vec<String> = all.iter().map(|(_, words)| words.clone()).collect();
    if !tests.until_exit && !tests.settle.is_zero() {
        words.push(format!("then watched for {} s", tests.settle.as_secs_f64()));
    }
    let mut probes: Vec<Probe> = all.into_iter().map(|(probe, _)| probe).collect();
    let probe = match (probes.len(), probes.pop()) {
        (1, Some(only)) => only,
        (_, last) => Probe::All(probes.into_iter().chain(last).collect()),
    };
    Tested { probe, words: Some(words.join("; ")), remarks }
}

#[cfg(test)]
mod tests {
    use caps::CapSet;
    use fit::test::{Command, Test};
    use image::Engine;
    use launch::engine::{Holding, Recipe};

    use super::super::Said;
    use super::*;

    fn exec(word: &str) -> Probe {
        Probe::Exec { command: vec![word.to_owned()], limit: Duration::from_secs(1) }
    }

    fn plan(test: Option<Probe>, executed: Option<Probe>, hook: Option<Probe>) -> Plan {
        let from = |probe: Probe| (probe, "livenessProbe of container web".to_owned());
        Plan {
            recipe: Recipe {
                engine: Engine::Podman,
                image: "web".to_owned(),
                options: Vec::new(),
                command: Vec::new(),
                holding: Holding::AsTheEngine,
            },
            title: "web".to_owned(),
            start: CapSet::EMPTY,
            root: true,
            test: test.map(from),
            executed: executed.map(from),
            said: Said::default(),
            hook,
            keeps: false,
            remarks: Vec::new(),
        }
    }

    fn asked(plan: &Plan, each: &[&str], until_exit: bool, probes: bool) -> (String, usize) {
        let each = each.iter().map(|text| Test::Command(Command::new(*text))).collect();
        let settle = Duration::from_secs(2);
        let tests = Tests { each, until_exit, timeout: Duration::from_secs(9), settle };
        let tested = tested(plan, &Named { tests, probes, watched: Duration::from_secs(5) });
        (tested.words.unwrap_or_else(|| tested.probe.to_string()), tested.remarks.len())
    }

    #[test]
    fn what_is_executed_whatever_the_test_is_counts_beside_it() {
        let hook = Probe::Hook { command: vec!["warm".to_owned()], limit: Duration::from_secs(1) };
        let whole = plan(Some(exec("ready")), Some(exec("alive")), Some(hook));
        let alive = "alive, in the container (livenessProbe of container web)";
        let start = "warm, once at the start (postStart)";
        assert_eq!(
            asked(&whole, &["curl"], false, true),
            (format!("{start}; curl; {alive}; then watched for 2 s"), 0)
        );
        assert_eq!(
            asked(&whole, &["curl"], false, false),
            (format!("{start}; curl; then watched for 2 s"), 1)
        );
        assert_eq!(asked(&whole, &[], true, true), (format!("{start}; ends with status 0"), 1));
        let ready = "ready, in the container (livenessProbe of container web)";
        assert_eq!(
            asked(&whole, &[], false, true),
            (format!("{start}; {ready}; then watched for 2 s"), 0)
        );
    }

    #[test]
    fn without_a_test_it_is_only_watched() {
        let (words, remarks) = asked(&plan(None, None, None), &[], false, true);
        assert_eq!((words.as_str(), remarks), ("none, it ran for 5 s", 0));
        let hook = Probe::Hook { command: vec!["a".to_owned()], limit: Duration::from_secs(1) };
        let (words, _) = asked(&plan(None, None, Some(hook)), &[], false, true);
        assert_eq!(words, "a, once at the start; none, it ran for 5 s");
    }
}
