//! What the judge decides by, the tracer keeps apart.

#[test]
fn every_argument_that_decides_a_verdict_is_kept_apart() {
    let arguments = judge::deciding_arguments();
    assert!(!arguments.is_empty());
    let lumped: Vec<_> = arguments
        .iter()
        .filter(|a| {
            let kept = dropcap_trace::deciding_argument(&a.syscall);
            kept.map(|(index, _)| index) != Some(a.index)
        })
        .collect();
    assert_eq!(lumped, Vec::<&judge::DecidingArgument>::new());
}
