//! Who approved a waiver, as the history of its file shows.
//!
//! A commit approves a waiver if it brought the waiver into its present form: the waiver is there
//! after it, and was not there, word for word, in any commit before it. Who approves by it is its
//! author, and whoever its message says signed it off (`Signed-off-by`, `Reviewed-by`, `Acked-by`,
//! `Approved-by`); where signatures are demanded, whoever signed it and nobody else. An approval is
//! of the scope, the capabilities, the reason and the day; another approver in the list takes none
//! away, any other change all. It counts as long as the waiver has been there ever since.

use std::rc::Rc;

use crate::waiver::Policy;
use crate::waiver::file::Waiver;

/// The commits that a waiver file's present state came from.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The newest first, as git orders them; the first has the file as it is committed.
    pub commits: Vec<Commit>,
}

/// One commit, as far as it matters.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// Its name.
    pub id: String,
    /// Those before it that changed the file, by their places in [`History::commits`].
    pub parents: Vec<usize>,
    /// Whether commits before it are missing here: a shallow clone.
    pub cut: bool,
    /// The address of who wrote it.
    pub author: String,
    /// The addresses of those who signed it off, by its message.
    pub signed_off: Vec<String>,
    /// The address of the signature that git verified; read only where signatures are demanded.
    pub signer: Option<String>,
    /// What the file was called before, if this commit renamed it.
    pub renamed_from: Option<String>,
    /// The waivers in it; `None` if it was not there or could not be read.
    pub waivers: Option<Rc<Vec<Waiver>>>,
}

/// What the history says of a waiver.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Approvals {
    /// Approvers of its list that the history shows.
    pub confirmed: Vec<String>,
    /// Approvers of its list that it does not show.
    pub missing: Vec<String>,
    /// What keeps the history from showing more, a sentence each.
    pub remarks: Vec<String>,
}

impl History {
    /// Who approved `waiver`.
    #[must_use]
    pub fn approvals(&self, waiver: &Waiver, policy: &Policy) -> Approvals {
        let mut approvals = Approvals::default();
        let has = |commit: &Commit| {
            commit.waivers.iter().flat_map(|all| all.iter()).any(|w| w.is_the_same_as(waiver))
        };
        // Word for word: with the same list of approvers.
        let is_in = |commit: &Commit, one: &Waiver| {
            let mut all = commit.waivers.iter().flat_map(|all| all.iter());
            all.any(|other| other.is_the_same_as(one) && other.approvers == one.approvers)
        };
        let mut shown: Vec<&str> = Vec::new();
        let mut seen = vec![false; self.commits.len()];
        let mut next: Vec<usize> = Vec::new();
        match self.commits.first() {
            Some(head) if is_in(head, waiver) => next.push(0),
            _ => approvals.remarks.push("it is not committed as it stands".to_owned()),
        }
        while let Some(at) = next.pop() {
            let Some(commit) = self.commits.get(at).filter(|_| !seen[at]) else { continue };
            seen[at] = true;
            let parents: Vec<&Commit> =
                commit.parents.iter().filter_map(|at| self.commits.get(*at)).collect();
            next.extend(commit.parents.iter().filter(|at| self.commits.get(**at).is_some_and(has)));
            if commit.cut {
                approvals.remarks.push(format!(
                    "the clone is shallow and ends at {}, which tells nothing of it \
                     (git fetch --unshallow; fetch-depth: 0 in actions/checkout)",
                    short(&commit.id)
                ));
                continue;
            }
            let here = commit.waivers.iter().flat_map(|all| all.iter());
            let mut here = here.filter(|one| one.is_the_same_as(waiver));
            // Present in a form that no commit before it has.
            if !here.any(|one| parents.iter().all(|parent| !is_in(parent, one))) {
                continue;
            }
            if let Some(old) = &commit.renamed_from {
                approvals.remarks.push(format!(
                    "the file was called {old} before {}; what was approved there does not count",
                    short(&commit.id)
                ));
            }
            if policy.signatures {
                shown.extend(commit.signer.as_deref());
            } else {
                shown.push(&commit.author);
                shown.extend(commit.signed_off.iter().map(String::as_str));
            }
        }
        approvals.remarks.sort();
        approvals.remarks.dedup();
        let is_shown = |address: &String| shown.iter().any(|one| one.eq_ignore_ascii_case(address));
        (approvals.confirmed, approvals.missing) =
            waiver.approvers.iter().cloned().partition(is_shown);
        approvals
    }
}

/// As git shortens it.
fn short(id: &str) -> &str {
    id.get(..10).unwrap_or(id)
}
