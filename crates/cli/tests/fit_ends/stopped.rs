//! A search that somebody ends, at any point from its start to its end.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use testkit::Census;

use crate::{ENGINE, in_a_line, said};

/// How long a search may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(300);

/// When a signal is sent: once so many runs have been told, and so long after that. How far a search is
/// says its own progress, whatever else the machine does.
#[derive(Debug, Clone, Copy)]
struct Point {
    runs: usize,
    later: Duration,
}

/// How many runs have been told.
fn told(stderr: &[u8]) -> usize {
    String::from_utf8_lossy(stderr).lines().filter(|line| line.starts_with("run ")).count()
}

/// Sends a signal at a point; what came of it.
fn ended(census: &mut Census, words: &[&str], signal: &str, at: Point) -> Output {
    let mut fit = census.dropcap(words);
    let (begun, printed) = (Instant::now(), census.path("err"));
    let (mut reached, mut sent) = (None, false);
    census.run_until(&mut fit, |child| {
        if reached.is_none() && told(&std::fs::read(&printed).unwrap_or_default()) >= at.runs {
            reached = Some(Instant::now());
        }
        if !sent && reached.is_some_and(|since| since.elapsed() >= at.later) {
            sent = true;
            let _ = Command::new("kill").args([signal, &child.id().to_string()]).status();
        }
        assert!(begun.elapsed() < PATIENCE, "{words:?} goes on");
    })
}

/// Ends it at so many points of its runs.
fn at_points(census: &mut Census, words: &[&str], points: u32) {
    let before = census.counts();
    let begun = Instant::now();
    let never = Point { runs: usize::MAX, later: Duration::ZERO };
    let whole = ended(census, words, "-0", never);
    let runs = told(&whole.stderr);
    let mut later = begun.elapsed() / (2 * points);
    assert_eq!(whole.status.code(), Some(0), "{}", said(&whole));
    assert!(runs > 1, "{}", said(&whole));
    census.is_as(&before, "a whole search");
    let (mut point, mut stopped, mut late) = (0, Vec::new(), 0);
    while point < points {
        let signal = ["-INT", "-TERM"][usize::from(point % 2 == 0)];
        let at = Point { runs: runs * point as usize / points as usize, later };
        let output = ended(census, words, signal, at);
        let text = in_a_line(&said(&output));
        let what = format!("{words:?} {signal} at {at:?}: {:?} {text}", output.status);
        match output.status.code() {
            // Nothing was made before signals are held back.
            None => assert!(at.runs == 0 && text.is_empty(), "{what}"),
            Some(1) => {
                assert!(text.contains("stopped"), "{what}");
                stopped.push(point);
            }
            // It had come to its end before, and is asked again, sooner.
            Some(0) => {
                assert!(text.contains("proven"), "{what}");
                (later, late) = (later / 2, late + 1);
                assert!(late <= 2 * points, "{what}: too late again");
                continue;
            }
            other => panic!("{other:?} {what}"),
        }
        census.is_as(&before, &what);
        point += 1;
    }
    // Once a run has been told, signals are held back.
    let any = |point: &u32| runs * *point as usize / points as usize > 0;
    let must: Vec<u32> = (0..points).filter(any).collect();
    assert!(must.iter().all(|point| stopped.contains(point)), "{words:?}: {stopped:?} of {points}");
}

/// What a search of CHOWN does on the way: it starts something that shields itself.
const SCRIPT: &str = "trap '' TERM INT; setsid sleep 600 > /dev/null 2>&1 & sleep 0.05; chown 33";

#[test]
fn a_command_is_ended_at_any_point_and_leaves_nothing() {
    testkit::needs!(root, bpf, program("kill"), program("setsid"));
    let mut census = Census::new();
    let file = census.path("work/file");
    std::fs::write(&file, "").unwrap();
    let (here, inside) =
        (format!("{SCRIPT} {}", file.display()), format!("{SCRIPT} /etc/hostname"));
    let back = format!("chown 0 {}", file.display());
    // Here what shields itself is waited for five seconds: it does not.
    let here = here.replace("TERM ", "");
    let command = ["--", "/bin/sh", "-c"];
    // Named, so that what it leaves in the background is no matter.
    let test = ["--until-exit", "--test", "true"];
    let words =
        [&["fit", "--setup", back.as_str()][..], &test, &command, &[here.as_str()]].concat();
    at_points(&mut census, &words, testkit::points(testkit::rounds(3, 10)));
    let words = [&["fit", "--sandbox"][..], &test, &command, &[inside.as_str()]].concat();
    at_points(&mut census, &words, testkit::points(testkit::rounds(3, 10)));
}

#[test]
fn a_sandbox_is_gone_with_dropcap_at_any_point() {
    testkit::needs!(root, program("kill"), program("setsid"));
    let mut census = Census::new();
    let before = census.counts();
    let script = format!("{SCRIPT} /etc/hostname");
    let words = ["fit", "--sandbox", "--no-trace", "--", "/bin/sh", "-c", &script];
    let points: Vec<u64> = testkit::sample(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).copied().collect();
    for point in &points {
        // The first while it is made, the others in or between runs.
        let (runs, later) = ((point / 2) as usize, Duration::from_millis(20 + 60 * (point % 2)));
        let mut output = ended(&mut census, &words, "-KILL", Point { runs, later });
        // On a busy machine it may have come to its end before, and is asked again.
        for _ in 0..20 {
            if output.status.code() != Some(0) {
                break;
            }
            output = ended(&mut census, &words, "-KILL", Point { runs, later });
        }
        assert_eq!(output.status.code(), None, "{}", said(&output));
        census.is_as(&before, "killed");
    }
    assert!(census.seen() * 2 >= points.len(), "{}", census.seen());
}

#[test]
fn a_container_is_ended_at_any_point_and_leaves_nothing() {
    testkit::needs!(root, podman, bpf, program("kill"), time);
    let mut census = Census::with_podman();
    let words = ["fit", "--engine-args", ENGINE, "--image", testkit::image(), "--until-exit"];
    let words = [&words[..], &["--", "sh", "-c", "sleep 600 & chown 33 /tmp"]].concat();
    at_points(&mut census, &words, testkit::points(3));
}

/// What a killed one leaves is running on; the next one removes it before it does anything else, even if
/// it has nothing to do then.
#[test]
fn what_a_killed_one_leaves_the_next_removes() {
    testkit::needs!(root, podman, bpf, program("kill"));
    let mut census = Census::with_podman();
    let before = census.counts();
    // In the place of its shell: what a shell has started goes on when dropcap is killed.
    let test = "exec sleep 600";
    let words = ["fit", "--engine-args", ENGINE, "--image", testkit::image(), "--test", test];
    let words = [&words[..], &["--", "sh", "-c", "trap '' TERM; sleep 600 & sleep 600"]].concat();
    let mut removed = 0;
    for _ in 0..testkit::points(testkit::rounds(1, 2)) {
        // As soon as the program runs.
        let mut fit = census.dropcap(&words);
        let (begun, mut sent) = (Instant::now(), false);
        let killed = census.run_while(&mut fit, |census, child| {
            if !sent && census.runs("sleep 600") {
                sent = true;
                let _ = Command::new("kill").args(["-KILL", &child.id().to_string()]).status();
            }
            assert!(begun.elapsed() < PATIENCE, "no container comes");
        });
        assert_eq!(killed.status.code(), None, "{}", said(&killed));
        let mut next = census.dropcap(&["fit", "--image", "localhost/dropcap-test/none:1"]);
        let output = census.run(&mut next);
        let text = said(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("nothing is pulled here"), "{text}");
        removed += text.matches("which a dropcap that was killed had left").count();
        census.is_as(&before, "killed");
    }
    assert!(removed > 0);
}
