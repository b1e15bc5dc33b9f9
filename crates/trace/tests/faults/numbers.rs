//! Process IDs come round: a stranger that gets the number of one of the target's is not the target's.

use std::process::Command;

use dropcap_trace::{Scope, TraceError};
use record::observation::Exit;
use testkit::needs;

use crate::guard::guarded;
use crate::support::{Asks, counts, options, program, setpcap, tracer, until};

/// A program with the speech of `asks` that runs under this number, once it is free.
fn under(number: u32) -> Asks {
    let mut command = Command::new(program("number"));
    Asks::from(command.arg(number.to_string()).arg(program("asks")))
}

fn is_gone(number: u32) -> bool {
    !std::path::Path::new("/proc").join(number.to_string()).exists()
}

#[test]
fn a_stranger_with_the_number_of_one_that_ended_is_not_the_targets() {
    guarded(|| {
        needs!(root, bpf, test_programs);
        let Some(mut tracer) = tracer(options()) else { return };
        let mut target = Asks::start();
        tracer.watch(Scope::process(target.pid())).unwrap();
        let number = target.ask_number('k');
        let mut stranger = under(number);
        stranger.ask('p');
        stranger.ask_number('k');
        // It goes on as another program.
        stranger.tell('x');
        assert_eq!(stranger.next_line(), "r");
        stranger.ask('c');
        assert_eq!(stranger.end(), Some(3));
        target.ask('p');
        let first = target.pid();
        assert_eq!(target.end(), Some(3));
        // And one with the number of the target itself.
        let mut stranger = under(first);
        stranger.ask('p');
        assert_eq!(tracer.living().unwrap(), Vec::<u32>::new());
        assert_eq!(stranger.end(), Some(3));
        let recording = tracer.finish().unwrap();
        assert_eq!(counts(&recording), setpcap(2));
        assert_eq!(recording.exit, Some(Exit::Code(3)));
        assert!(recording.lost.is_complete());
    });
}

/// Its end is never seen: it was over before the tracer looked, and is a zombie now.
#[test]
fn a_stranger_with_a_number_whose_end_was_missed_is_not_the_targets() {
    guarded(|| {
        needs!(root, bpf, test_programs);
        let Some(mut tracer) = tracer(options()) else { return };
        let mut target = Asks::start();
        let number = target.ask_number('z');
        until("it is a zombie", || {
            std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap().contains(") Z ")
        });
        tracer.watch(Scope::process(target.pid())).unwrap();
        assert_eq!(tracer.living().unwrap(), [target.pid()]);
        target.ask('w');
        assert!(is_gone(number));
        let mut stranger = under(number);
        stranger.ask('p');
        stranger.ask_number('k');
        assert_eq!(tracer.living().unwrap(), [target.pid()]);
        assert_eq!(stranger.end(), Some(3));
        target.ask('p');
        assert_eq!(target.end(), Some(3));
        let recording = tracer.finish().unwrap();
        assert_eq!((counts(&recording), recording.still_running), (setpcap(1), 0));
    });
}

#[test]
fn a_process_that_is_over_cannot_be_watched() {
    guarded(|| {
        needs!(root, bpf, test_programs);
        let Some(mut tracer) = tracer(options()) else { return };
        let mut target = Asks::start();
        let zombie = target.ask_number('z');
        until("it is a zombie", || {
            std::fs::read_to_string(format!("/proc/{zombie}/stat")).unwrap().contains(") Z ")
        });
        for number in [zombie, target.ask_number('k')] {
            let error = tracer.watch(Scope::process(number)).unwrap_err();
            assert!(matches!(error, TraceError::NoProcess { pid } if pid == number), "{error}");
        }
        // It can still watch another one.
        tracer.watch(Scope::process(target.pid())).unwrap();
        target.ask('p');
        assert_eq!(target.end(), Some(3));
        assert_eq!(counts(&tracer.finish().unwrap()), setpcap(1));
    });
}
