//! What the end of a call, and of a run, says about what was asked in it.

use caps::Capability as C;
use dropcap_judge::{Dismissal, Verdict};

use crate::alone;
use crate::common::{Change, check, judged, recording};

#[test]
fn a_check_refused_is_not_yet_a_call_failed() {
    let bind = "ns_capable __inet_bind inet_bind_sk __sys_bind";
    let on = |result| alone(check(C::NET_BIND_SERVICE, "bind", bind).refused(result));
    assert_eq!(on(Some(0)), Err(Dismissal::CallSucceeded));
    assert_eq!(on(Some(-13)), Ok(Verdict::Doubtful));
    assert_eq!(on(Some(-1)), Ok(Verdict::Doubtful));
    assert_eq!(on(Some(-98)), Ok(Verdict::Doubtful));
    assert_eq!(on(None), Ok(Verdict::Doubtful));
    // A netlink request is refused in its answer, not in the call.
    let netlink = "ns_capable netlink_net_capable rtnetlink_rcv_msg netlink_rcv_skb";
    let sent = check(C::NET_ADMIN, "sendmsg", netlink).refused(Some(36));
    assert_eq!(alone(sent), Ok(Verdict::Doubtful));
}

#[test]
fn what_a_process_gave_up_itself_is_no_lack_of_the_container() {
    let mut worker = check(C::CHOWN, "chown", "ns_capable setattr_prepare").refused(Some(-1));
    worker.in_bounding = Some(true);
    assert_eq!(alone(worker), Err(Dismissal::GivenUp));
}

#[test]
fn nothing_seen_is_not_nothing_needed() {
    let judgement = judged(vec![]);
    assert!(judgement.needs.is_empty());
    assert!(!judgement.complete);
    let mut running = recording(vec![check(C::CHOWN, "chown", "setattr_prepare")]);
    assert!(dropcap_judge::judge(&running).complete);
    running.start_seen = false;
    assert_eq!(dropcap_judge::judge(&running).incomplete, [record::profile::START_NOT_SEEN]);
    for lose in [
        |l: &mut record::observation::Lost| l.checks = 1,
        |l: &mut record::observation::Lost| l.stacks = 1,
        |l: &mut record::observation::Lost| l.processes = 1,
    ] {
        let mut lossy = recording(vec![check(C::CHOWN, "chown", "setattr_prepare")]);
        lose(&mut lossy.lost);
        assert!(!dropcap_judge::judge(&lossy).complete);
    }
    let mut sampled = recording(vec![check(C::CHOWN, "chown", "setattr_prepare")]);
    sampled.lost.evidence = 9;
    assert!(dropcap_judge::judge(&sampled).complete);
}

#[test]
fn a_run_that_failed_is_incomplete() {
    use record::observation::Exit;
    let refused = check(C::CHOWN, "chown", "setattr_prepare").refused(Some(-1));
    for (exit, complete) in [
        (Some(Exit::Code(1)), false),
        (Some(Exit::Signal(11)), false),
        (Some(Exit::Signal(9)), false),
        (Some(Exit::Code(0)), true),
        (Some(Exit::Signal(15)), true),
        (None, true),
    ] {
        let mut run = recording(vec![refused.clone()]);
        run.exit = exit;
        assert_eq!(dropcap_judge::judge(&run).complete, complete, "{exit:?}");
        // Refused or not: what it would have done next is unknown.
        run.observations[0].granted = true;
        assert_eq!(dropcap_judge::judge(&run).complete, complete, "{exit:?}");
    }
}

#[test]
fn a_command_whose_processes_still_run_is_incomplete() {
    let mut run = recording(vec![check(C::CHOWN, "chown", "setattr_prepare")]);
    run.target = record::observation::Target::Command { argv: vec!["nginx".to_owned()] };
    run.still_running = 2;
    let judged = dropcap_judge::judge(&run);
    assert_eq!(
        judged.incomplete,
        ["2 of its processes still ran when the watch ended: what they do next is unknown"]
    );
}
