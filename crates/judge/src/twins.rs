//! Alternatives: which other capability would have answered the same question.

use std::collections::HashMap;

use caps::Capability;
use record::observation::{NamespaceRelation, Observation, Recording};

use crate::site::Site;
use crate::table::{Row, SiteTable};

/// What two checks made for one question share.
type Place<'r> = (u32, Option<(u32, bool)>, bool, NamespaceRelation, &'r [String]);

/// The checks of a recording, to be found from the one that came before or after them.
pub(crate) struct Twins<'r, 't> {
    table: &'t SiteTable,
    refused: HashMap<(Place<'r>, Capability), u64>,
    asked: HashMap<(Place<'r>, Capability), u64>,
}

fn place(observation: &Observation) -> Place<'_> {
    (
        observation.process,
        observation.syscall.as_ref().map(|s| (s.number, s.compat)),
        observation.own_credentials,
        observation.namespace,
        &observation.stack,
    )
}

impl<'r, 't> Twins<'r, 't> {
    pub(crate) fn of(recording: &'r Recording, table: &'t SiteTable) -> Self {
        let mut refused = HashMap::new();
        let mut asked = HashMap::new();
        for observation in &recording.observations {
            let question = (place(observation), observation.capability);
            if !observation.granted {
                *refused.entry(question).or_default() += observation.count;
            }
            *asked.entry(question).or_default() += observation.count;
        }
        Self { table, refused, asked }
    }

    /// Any one of these serves what was asked for here; the one to prefer first.
    ///
    /// The row of the table has the first word. Then: where the second question of a pair was
    /// asked as often as the first was refused, each time was such a pair. Where it was asked
    /// more often, some of it was asked alone (a write, where only reads ask the first), and the
    /// second has no alternative. The first has one where, each time it was refused, the second was
    /// asked: older kernels do and newer ones do not (`check_syslog_permissions`).
    pub(crate) fn any_of(
        &self,
        observation: &'r Observation,
        site: &Site,
        row: Option<&Row>,
    ) -> Vec<Capability> {
        let asked = observation.capability;
        if let Some(row) = row
            && row.any_of.contains(&asked)
        {
            return row.any_of.clone();
        }
        for pair in self.table.pairs.iter().filter(|p| p.is_at(site)) {
            if pair.first == asked && pair.always {
                return pair.any_of.clone();
            }
            if pair.first == asked && !observation.granted {
                let after = (place(observation), pair.second);
                if self.asked.get(&after).copied().unwrap_or_default() >= observation.count {
                    return pair.any_of.clone();
                }
            }
            if pair.second == asked {
                let before = (place(observation), pair.first);
                let refused_before = self.refused.get(&before).copied().unwrap_or_default();
                if refused_before >= observation.count {
                    return pair.any_of.clone();
                }
            }
        }
        vec![asked]
    }
}
