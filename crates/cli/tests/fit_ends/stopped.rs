//! A search that somebody ends, at any point from its start to its end.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use testkit::Census;

use crate::{ENGINE, in_a_line, said};

/// Sends a signal when so much of the time has passed; what came of it.
fn ended(census: &mut Census, words: &[&str], signal: &str, after: Duration) -> Output {
    let mut fit = census.dropcap(words);
    let begun = Instant::now();
    let mut sent = false;
    census.run_until(&mut fit, |child| {
        if !sent && begun.elapsed() >= after {
            sent = true;
            let _ = Command::new("kill").args([signal, &child.id().to_string()]).status();
        }
        assert!(begun.elapsed() < after + Duration::from_secs(60), "{words:?} goes on");
    })
}

/// Ends it at so many points of the time that it takes.
fn at_points(census: &mut Census, words: &[&str], points: u32) {
    let before = census.counts();
    let begun = Instant::now();
    let whole = ended(census, words, "-0", Duration::from_secs(60));
    let mut time = begun.elapsed();
    assert_eq!(whole.status.code(), Some(0), "{}", said(&whole));
    census.is_as(&before, "a whole search");
    let (mut point, mut stopped, mut late) = (0, 0, 0);
    while point < points {
        let signal = ["-INT", "-TERM"][usize::from(point % 2 == 0)];
        let after = time.mul_f64((f64::from(point) + 0.5) / f64::from(points));
        let begun = Instant::now();
        let output = ended(census, words, signal, after);
        let text = in_a_line(&said(&output));
        let what = format!("{words:?} {signal} after {after:?}: {:?} {text}", output.status);
        match output.status.code() {
            // Nothing was made before signals are held back.
            None => assert!(!text.contains("run 1") && text.is_empty(), "{what}"),
            Some(1) => {
                assert!(text.contains("stopped"), "{what}");
                stopped += 1;
            }
            // It had come to its end before: it takes less time than it did, and is asked again.
            Some(0) => {
                assert!(text.contains("proven"), "{what}");
                (time, late) = (begun.elapsed().min(after), late + 1);
                assert!(late <= points, "{what}: too late again");
                continue;
            }
            other => panic!("{other:?} {what}"),
        }
        census.is_as(&before, &what);
        point += 1;
    }
    assert!(stopped * 2 >= points, "{words:?}: only {stopped} of {points} were stopped");
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
    let words = [&["fit", "--setup", back.as_str()][..], &command, &[here.as_str()]].concat();
    at_points(&mut census, &words, testkit::points(testkit::rounds(4, 10)));
    let words = [&["fit", "--sandbox"][..], &command, &[inside.as_str()]].concat();
    at_points(&mut census, &words, testkit::points(testkit::rounds(4, 10)));
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
        let output = ended(&mut census, &words, "-KILL", Duration::from_millis(20 + 60 * point));
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
    for _ in 0..testkit::points(2) {
        // As soon as there is a container of the first run.
        let begun = Instant::now();
        let mut fit = census.dropcap(&words);
        let made = census.path("graph/overlay-containers");
        let killed = census.run_until(&mut fit, |child| {
            let entries = std::fs::read_dir(&made).into_iter().flatten().flatten();
            let is_one = entries.filter(|entry| entry.file_name().len() == 64).count() > 0;
            if is_one && begun.elapsed() > Duration::from_secs(2) {
                let _ = Command::new("kill").args(["-KILL", &child.id().to_string()]).status();
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "no container comes");
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
