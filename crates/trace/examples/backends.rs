//! Says of each backend whether it works on this kernel: `NAME works`, or `NAME: why not`.
#![expect(clippy::print_stdout, reason = "that is what it is for")]

fn main() -> Result<(), dropcap_trace::TraceError> {
    for attempt in dropcap_trace::probe()? {
        match attempt.outcome {
            Ok(()) => println!("{} works", attempt.backend),
            // The verifier's whole log can follow.
            Err(why) => {
                let why = why.to_string();
                println!("{}: {}", attempt.backend, why.lines().next().unwrap_or_default());
            }
        }
    }
    Ok(())
}
