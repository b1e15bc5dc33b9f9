//! Runs by who is not root: in a user namespace of their own, and what they leave open there.

use std::io::{self, Write};

use caps::{Asks, CapSet, Numbers, asks};
use check::words;
use fit::Answer;
use launch::{Survey, Within};
use runtime::Runtime;
use sys::user_namespace::{self, EnterError};

use super::{Args, hints};
use crate::failure::Failure;
use crate::ui::{DIM, Ui, YELLOW};

/// The columns before what is said of a word, and in all.
const INDENT: usize = 21;
const WIDTH: usize = 80;
/// So many names are told in any case.
const FEW: usize = 5;
/// What decides the rest.
const AS_ROOT: &str = "sudo dropcap fit … decides them";

/// Moves this process into a user namespace, if it is not root and is to make sandboxes: what they are
/// made of there.
pub(super) fn enter(args: &Args, ui: &Ui) -> Result<Option<Within>, Failure> {
    let (uid, _) = sys::credentials::own_user();
    if !args.sandbox || uid == 0 {
        return Ok(None);
    }
    // In the namespace nobody can tell any more whose a file is.
    let survey = Survey::take().map_err(|error| super::cannot_run(args, error.into()))?;
    let numbers = user_namespace::enter().map_err(|error| cannot_enter(&error))?;
    if let Some(why) = &numbers.alone {
        ui.warning(&format!(
            "runs are made in a user namespace with one user and one group: to become another user, or \
             to give a file away, fails in all of them ({why})"
        ));
        if args.user.is_some() {
            return Err(Failure::new("--user: there is no other user in this user namespace")
                .help(format_args!("{why}; or as root: sudo dropcap fit …")));
        }
    } else {
        ui.note(&format!(
            "runs are made in a user namespace with {} users and groups",
            numbers.count()
        ));
    }
    Ok(Some(Within { numbers, survey }))
}

fn cannot_enter(error: &EnterError) -> Failure {
    let help = match user_namespace::forbidden() {
        Some(sysctl) => format!("{sysctl}: change that, or run it as root: sudo dropcap fit …"),
        None => "run it as root: sudo dropcap fit …".to_owned(),
    };
    Failure::new(format_args!("a sandbox takes root, or a user namespace: {error}")).help(help)
}

/// Who has a number in the user namespace that runs are made in; `None` if that is the initial one,
/// where capabilities mean what they say. `entered` is whether that one was entered for the runs.
pub(super) fn numbers(entered: bool, ui: &Ui) -> Result<Option<Numbers>, Failure> {
    let numbers = user_namespace::current().map_err(|error| {
        Failure::new(format_args!("cannot tell which user namespace this is: {error}"))
    })?;
    if numbers.is_some() && !entered {
        ui.note("this is a user namespace: nothing is traced in it, and it decides a part only");
    }
    let rank = |numbers: user_namespace::Numbers| match numbers.are_whole() {
        true => Numbers::Many,
        false => Numbers::One,
    };
    Ok(numbers.map(rank))
}

/// Says that nothing passed, and what that leaves open.
pub(super) fn tell_of_none(
    out: &mut impl Write,
    undecided: CapSet,
    answer: &Answer,
) -> io::Result<()> {
    if undecided.is_empty() {
        return Ok(());
    }
    let text = match hints::misses_tmp(answer) {
        // Root finds no more there.
        true => "what it needs: it looks for something in /tmp, which is empty in every sandbox, root's \
                 as well"
            .to_owned(),
        false => format!(
            "what it needs a user namespace does not tell: the machine's root may do more than that of \
             a namespace; {AS_ROOT}"
        ),
    };
    line(out, "undecided", &text)
}

/// Says what is undecided, and why; `without` is what it did without.
pub(super) fn tell(
    out: &mut impl Write,
    undecided: CapSet,
    without: CapSet,
    ui: &Ui,
) -> io::Result<()> {
    if undecided.is_empty() {
        return Ok(());
    }
    let decided = without - undecided;
    if !decided.is_empty() {
        line(out, "passes without", &decided.to_string())?;
    }
    let of = |wanted: Asks| -> CapSet {
        undecided.iter().filter(|capability| asks(*capability) == wanted).collect()
    };
    for (asks, why) in [
        (Asks::Ids, "there is no other user and group here"),
        (Asks::Files, "for files of who is nobody here, it does nothing"),
        (Asks::Both, "for some of what it allows, the machine's own user namespace is asked"),
        (Asks::Initial, "the machine's own user namespace is asked: it does nothing here"),
    ] {
        if !of(asks).is_empty() {
            line(out, "undecided", &format!("{}: {why}", names(of(asks), ui.verbosity() > 0)))?;
        }
    }
    line(out, "", &format!("whether it needs them with the rights of real root is open; {AS_ROOT}"))
}

/// Of many those that containers have by default: programs seldom ask for the others.
fn names(set: CapSet, all: bool) -> String {
    if all || set.len() <= FEW {
        return set.to_string();
    }
    let usual = set & Runtime::assumed_for_kubernetes().default_set();
    let others = set.len() - usual.len();
    match (usual.is_empty(), others) {
        (true, _) => format!("{} (-v names them)", words::capabilities(set.len())),
        (false, 0) => usual.to_string(),
        (false, _) => format!("{usual} and {others} more (-v)"),
    }
}

/// Says something of a word, below what is said of capabilities.
pub(super) fn line(out: &mut impl Write, word: &str, text: &str) -> io::Result<()> {
    let indent = " ".repeat(INDENT);
    let options = textwrap::Options::new(WIDTH).initial_indent(&indent).subsequent_indent(&indent);
    let text = textwrap::fill(text, options);
    writeln!(out, "  {YELLOW}{word:<18}{YELLOW:#} {DIM}{}{DIM:#}", text.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_names_those_are_told_that_a_reader_may_meet() {
        let all = CapSet::all_known();
        let usual = Runtime::assumed_for_kubernetes().default_set();
        let more = all.len() - usual.len();
        assert_eq!(names(all, false), format!("{usual} and {more} more (-v)"));
        assert_eq!(names(all - usual, false), format!("{more} capabilities (-v names them)"));
        assert_eq!(names(all, true), all.to_string());
        let few: CapSet = (all - usual).iter().take(FEW).collect();
        assert_eq!((names(few, false), names(usual, false)), (few.to_string(), usual.to_string()));
    }
}
