//! What a run says of the edits of one manifest, with no more than it says.

use caps::{CapSet, Capability};

use crate::checked::Checked;
use crate::holding::Held;
use crate::repair::{Applied, Foreseen};

/// What is said of a manifest's edits: for each the capabilities that it is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Announced {
    /// What each container would hold after all of them, unsafe ones too; `None` on Windows.
    pub after: Vec<Option<Held>>,
    /// Those that write what was learnt.
    pub by_profile: Vec<CapSet>,
    /// Those that are made without further consent.
    pub safe: Vec<CapSet>,
    /// Those that take consent, and what they make possible.
    pub not_safe: Vec<CapSet>,
    /// Containers that the text does not allow to be edited as they should.
    pub refused: usize,
}

impl Announced {
    /// Nothing is done.
    pub(crate) fn nothing(checked: &Checked) -> Self {
        let after = checked.containers.iter().map(|container| container.held).collect();
        Self { after, ..Self::default() }
    }

    /// Without the edits that are not about this capability.
    pub(crate) fn only_about(&mut self, capability: Capability) {
        for edits in [&mut self.by_profile, &mut self.safe, &mut self.not_safe] {
            edits.retain(|about| about.contains(capability));
        }
    }
}

impl From<Foreseen> for Announced {
    fn from(foreseen: Foreseen) -> Self {
        let about =
            |edits: Vec<Applied>| edits.iter().map(|edit| edit.capabilities).collect::<Vec<_>>();
        // That a profile is named is no consent to one that saw nothing.
        let (unseen, seen) = foreseen.by_profile.into_iter().partition(|edit| edit.unseen);
        Self {
            after: foreseen.after,
            by_profile: about(seen),
            safe: about(foreseen.safe),
            not_safe: [about(foreseen.not_safe), about(unseen)].concat(),
            refused: foreseen.refused.len(),
        }
    }
}
