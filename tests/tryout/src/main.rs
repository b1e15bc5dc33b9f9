//! Tries the operations named on its command line, each for real, and prints a line for each:
//! `bind:80: ok`, `mount: EPERM`. For tests that want to know what a process can really do.
//!
//! ```text
//! tryout bind:80 bind:443 settime rawsocket loadmodule chown mount
//! ```
//!
//! An operation that succeeds is undone or changes nothing: the clock is set to what it shows, the
//! file that is chowned has no name. With `-k` it goes on with what it holds bound, until killed;
//! with `-e` it ends with status 1 at the first operation that fails, as a program that minds.

mod operation;

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let mut flag = |flag: &str| {
        let given = words.first().is_some_and(|word| word == flag);
        if given {
            words.remove(0);
        }
        given
    };
    let (keep, minds) = (flag("-k"), flag("-e"));
    if words.is_empty() {
        eprintln!("usage: tryout [-k] [-e] OPERATION…\noperations: {}", operation::NAMES.join(" "));
        return ExitCode::from(2);
    }
    let mut held = Vec::new();
    let mut out = std::io::stdout();
    for word in &words {
        // A thread each: what changes the thread's own credentials ends with it.
        let name = word.clone();
        let outcome = std::thread::spawn(move || operation::attempt(&name)).join();
        let answer = match outcome {
            Ok(Some(Ok(kept))) => {
                held.extend(kept);
                "ok".to_owned()
            }
            Ok(Some(Err(error))) => operation::name_of(&error),
            Ok(None) => {
                eprintln!(
                    "tryout: no operation {word:?}; there are {}",
                    operation::NAMES.join(" ")
                );
                return ExitCode::from(2);
            }
            Err(_) => "panicked".to_owned(),
        };
        if writeln!(out, "{word}: {answer}").is_err() || (minds && answer != "ok") {
            return ExitCode::FAILURE;
        }
    }
    if keep {
        loop {
            std::thread::park();
        }
    }
    ExitCode::SUCCESS
}
