//! Says of each backend whether it works on this kernel: `NAME works`, or `NAME: why not`.
#![expect(clippy::print_stdout, reason = "that is what it is for")]

use dropcap_trace::Backend;

fn main() {
    let attempts = match dropcap_trace::probe() {
        Ok(attempts) => attempts,
        Err(why) => return Backend::ALL.iter().for_each(|backend| println!("{backend}: {why}")),
    };
    for attempt in attempts {
        match attempt.outcome {
            Ok(()) => println!("{} works", attempt.backend),
            // The verifier's whole log can follow.
            Err(why) => {
                let why = why.to_string();
                println!("{}: {}", attempt.backend, why.lines().next().unwrap_or_default());
            }
        }
    }
}
