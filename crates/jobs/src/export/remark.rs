//! What a person should know of an exported profile, and the form itself cannot say.

use std::fmt;

use caps::CapSet;
use runtime::Engine;

/// Said on standard error beside the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remark {
    /// The user is not root and will hold none of it.
    NoEffect {
        /// What is added in vain.
        set: CapSet,
        /// The user.
        user: String,
        /// Whose rule it is.
        engine: Engine,
    },
    /// Who the user is, is not known, and decides.
    UserDecides {
        /// What is held by root only.
        set: CapSet,
        /// Whose rule it is.
        engine: Engine,
    },
    /// It was learnt as another user than it goes out for.
    OtherUser {
        /// The profile.
        name: String,
        /// Whom it was learnt as, in words.
        learnt: String,
        /// The user that was named; `None` if the form leaves that open.
        here: Option<String>,
    },
    /// systemd: a service with `User=` holds nothing without ambient capabilities.
    UserOfUnit,
    /// The form has no comments to mark them in.
    Doubtful {
        /// Which.
        set: CapSet,
    },
    /// The profile is of a pod, not of what makes it.
    OfPod {
        /// The pod.
        workload: String,
    },
    /// The workload's kind is not one that kubectl merges: it is the bare `securityContext`.
    ByHand {
        /// The workload.
        workload: String,
        /// The container.
        container: String,
    },
    /// Trials have shown changes of how it is started with which it needs less.
    Less {
        /// The profile.
        name: String,
        /// What is needed with them.
        needs: CapSet,
        /// Each in words.
        changes: Vec<String>,
        /// Whether its test alone passes so, and it does otherwise than before.
        alone: bool,
    },
    /// The policy refuses nothing yet.
    NotEnforced,
    /// The policy refuses what the cluster's own programs need.
    Everywhere {
        /// The namespace that is left out.
        but: &'static str,
    },
}

impl Remark {
    /// Whether it tells of something that will not work.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        matches!(self, Remark::NoEffect { .. } | Remark::OtherUser { here: Some(_), .. })
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remark::NoEffect { set, user, engine } => write!(
                f,
                "user {user} is not root and will hold none of {set}: {engine} raises no ambient \
                 capabilities, so what is added stays in the bounding set"
            ),
            Remark::UserDecides { set, engine } => write!(
                f,
                "if the container does not run as root it holds none of {set}: {engine} raises no \
                 ambient capabilities"
            ),
            Remark::OtherUser { name, learnt, here: Some(here) } => {
                write!(f, "{name} was learnt as {learnt}: what it needs as {here} nobody has seen")
            }
            Remark::OtherUser { name, learnt, here: None } => {
                write!(f, "{name} was learnt as {learnt}: it holds where it runs as that one")
            }
            Remark::UserOfUnit => f.write_str(
                "a service with a User= of its own holds none of it without ambient capabilities: \
                 name the user with --user, or ask for them with --ambient",
            ),
            Remark::Doubtful { set } => {
                write!(f, "doubtful, which only a trial can tell: {set}")
            }
            Remark::OfPod { workload } => write!(
                f,
                "the profile is of {workload}; what makes the pod is named with --workload: \
                 Deployment/web"
            ),
            Remark::ByHand { workload, container } => write!(
                f,
                "kubectl does not merge the lists of {workload}, which is no kind of Kubernetes \
                 itself: this goes into container {container}"
            ),
            Remark::Less { name, needs, changes, alone } => {
                let needs = if needs.is_empty() { "none".to_owned() } else { needs.to_string() };
                let alone = if *alone { " (for its test alone)" } else { "" };
                let changes = changes.join("; ");
                write!(
                    f,
                    "this is what {name} needs as it is started now; runs have shown that it needs {needs}\
                     {alone} with these changes: {changes}"
                )
            }
            Remark::NotEnforced => {
                f.write_str("the policy refuses nothing yet, it warns: --action Deny enforces it")
            }
            Remark::Everywhere { but } => write!(
                f,
                "it binds every namespace but {but}; name those that it is for with --namespace"
            ),
        }
    }
}
