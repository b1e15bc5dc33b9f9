//! Words beside which a comment says why they stay.

use check::learnt::Accepted;
use check::{Consent, Finding};
use dropcap_jobs::by_profile::{self, write};

use super::{checker, nobody, pod, web};

#[test]
fn a_comment_beside_a_word_keeps_that_word_alone() {
    let one = checker(&[web()], Accepted::default());
    let list = |words: &[&str]| {
        let lines = words.iter().map(|word| format!("            - {word}\n"));
        format!(
            "\n        runAsUser: 0\n        capabilities:\n          drop: [ALL]\n          add:\n{}",
            lines.collect::<String>()
        )
    };
    let ping = "NET_RAW # dropcap: ignore[over-granted] ping";
    let big = "DAC_OVERRIDE # dropcap: ignore[over-granted] why not";
    let wake = "WAKE_ALARM # dropcap: ignore[over-granted] at night";
    for (words, open, left) in [
        (vec![ping, "SETUID", "SYS_TIME"], vec!["SYS_TIME"], vec![ping, "SETUID"]),
        (vec!["SYS_TIME", ping, "SETUID", wake], vec!["SYS_TIME"], vec![ping, "SETUID", wake]),
        // That takes a waiver.
        (vec!["SETUID", ping, big], vec!["DAC_OVERRIDE"], vec!["SETUID", ping]),
        (vec![ping, "SETUID", wake], vec![], vec![ping, "SETUID", wake]),
    ] {
        let manifest = pod(&list(&words));
        let found = one.check(&manifest).findings;
        let found = found.iter().filter(|finding| finding.rule.id == "over-granted");
        let (left_open, ignored): (Vec<_>, Vec<_>) =
            found.partition(|finding| finding.standing.is_open());
        let names = |all: &[&Finding]| -> Vec<String> {
            all.iter().map(|finding| finding.capabilities.to_string()).collect()
        };
        assert_eq!(names(&left_open), open, "{words:?}");
        let kept = left.iter().filter_map(|word| word.split_once(" #"));
        assert_eq!(names(&ignored), kept.map(|(word, _)| word).collect::<Vec<_>>(), "{words:?}");
        let (written, _) = write(&one, &manifest, by_profile::Options::default(), &nobody);
        assert_eq!(written.source.text(), pod(&list(&left)).source.text());
        let repaired = one.repair(&manifest, Consent::Unsafe);
        assert_eq!(repaired.source.text(), written.source.text());
        let announced = one.announce(&manifest, &one.check(&manifest), &nobody);
        assert_eq!(announced.by_profile.len(), open.len(), "{words:?}: {announced:?}");
    }
}
