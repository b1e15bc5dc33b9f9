//! `--jobs`: several runs of a search at a time.

use std::ops::ControlFlow;

use caps::CapSet;
use fit::{Answer, Event, Hand, Hands, Options, SideBySide};
use jobs::fit_container;
use trace::TraceError;

use super::Args;
use crate::failure::Failure;
use crate::ui::Ui;

/// Whether runs on this machine may go side by side.
pub(super) fn may(args: &Args) -> Result<(), Failure> {
    if args.jobs == 1 || args.sandbox {
        return Ok(());
    }
    Err(Failure::new(
        "--jobs: runs on this machine as it is share its files, ports and processes, and would \
         disturb each other",
    )
    .help("give each its own: --sandbox"))
}

/// Options of an engine's `create` by which containers share something of this machine.
const SHARED: &[&str] =
    &["--network", "--net", "--publish", "-p", "--ip", "--ip6", "--mac-address"];
/// Networks that are this machine's or another container's.
const OF_OTHERS: &[&str] = &["host", "container", "ns"];

/// Whether containers with these options may go side by side. Asked before the engine is: with the first
/// container that it makes it makes the volumes, too.
pub(super) fn may_of(jobs: u8, options: &fit_container::Options) -> Result<(), Failure> {
    if jobs == 1 {
        return Ok(());
    }
    if fit_container::keeps(options) {
        return Err(Failure::new(
            "--jobs: a volume keeps what a container writes, and those beside it find it",
        )
        .help("write `:O` (podman) or `:ro` behind the volume"));
    }
    match shared(&options.arguments) {
        None => Ok(()),
        Some(option) => Err(Failure::new(format_args!(
            "--jobs: containers with {option} would take each other's address or ports"
        ))
        .help("tests are asked in the container's own network: leave it out")),
    }
}

/// The first option by which containers share an address.
fn shared(options: &[String]) -> Option<String> {
    let mut words = options.iter();
    while let Some(word) = words.next() {
        let (option, value) = match word.split_once('=') {
            Some((option, value)) => (option, Some(value)),
            None => (word.as_str(), None),
        };
        if !SHARED.contains(&option) {
            continue;
        }
        let value = value.or_else(|| words.next().map(String::as_str)).unwrap_or_default();
        let network = option.starts_with("--net");
        let kind = value.split(':').next().unwrap_or_default();
        if !network || OF_OTHERS.contains(&kind) {
            return Some(format!("{option} {value}"));
        }
    }
    None
}

/// Searches with several runs at a time, and says what was begun for nothing.
pub(super) fn fit<H>(
    hands: Vec<H>,
    start: CapSet,
    options: Options,
    watch: impl FnMut(Event<'_>) -> ControlFlow<()>,
    ui: &Ui,
) -> Result<Answer, H::Error>
where
    H: Hand + Send,
    H::Error: Send,
{
    let (answer, thrown) = std::thread::scope(|scope| {
        let mut runs = SideBySide::new(Hands::new(scope, hands));
        let answer = fit::fit(&mut runs, start, options, watch);
        (answer, runs.thrown())
    });
    if thrown > 0 {
        ui.note(&format!(
            "{} beside these for nothing, and not counted",
            match thrown {
                1 => "1 run was begun".to_owned(),
                _ => format!("{thrown} runs were begun"),
            }
        ));
    }
    answer
}

/// Another tracer could not be used beside the first.
pub(super) fn no_room(error: &TraceError) -> Failure {
    Failure::new(error).help("take fewer --jobs, or --no-trace")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_that_share_an_address_are_told() {
        let shared = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            shared(&words).unwrap_or_default()
        };
        assert_eq!(shared("--network none --read-only -v /a:/b:ro"), "");
        assert_eq!(shared("--network=bridge:mtu=1400 --net web"), "");
        assert_eq!(shared("--network host"), "--network host");
        assert_eq!(shared("--read-only --net=container:web"), "--net container:web");
        assert_eq!(shared("-p 8080:80"), "-p 8080:80");
        assert_eq!(shared("--publish=80"), "--publish 80");
    }
}
