//! What programs said, and how long something took, on one line.

use std::time::Duration;

/// How much of a line is kept.
const LENGTH: usize = 300;

/// The last three lines that say something, as one.
pub(crate) fn last_lines(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let mut last: Vec<&str> =
        text.lines().rev().map(str::trim).filter(|line| !line.is_empty()).take(3).collect();
    last.reverse();
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    last.join(" / ").chars().map(shown).take(LENGTH).collect()
}

/// `0.3 s`, `10 s`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds.fract() == 0.0 { format!("{seconds:.0} s") } else { format!("{seconds:.1} s") }
}

/// What is said of a time in which nothing failed.
pub(crate) fn watched(time: Duration) -> String {
    format!("then watched for {}", duration(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_one_without_control_characters() {
        assert_eq!(last_lines(b"one\ntwo\n\n  three\x1b[0m \r\nfour\n"), "two / three [0m / four");
        assert_eq!(last_lines(b"\n \n"), "");
        assert_eq!(last_lines(&[b'x'; 400]).len(), LENGTH);
    }
}
