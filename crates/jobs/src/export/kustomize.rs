//! A kustomize component: one `kustomization.yaml` with a patch for each container.
//!
//! A patch that finds no object is an error of `kustomize build`; an object that has no container of that
//! name would be given one, without an image, which the API server refuses. Components exist since
//! kustomize 3.7 (kubectl 1.21).

use std::collections::BTreeMap;

use record::profile::Profile;
use runtime::Engine;

use super::comments::{comment, comments};
use super::k8s::{Place, Spot};
use super::{Error, Exported, effect, head, items};

pub(super) fn export(profiles: &[Profile], place: &Place) -> Result<Exported, Error> {
    match profiles {
        [] => return Err(Error::NoProfile),
        // One place is no place for several.
        [_, _, ..] if *place != Place::default() => {
            return Err(Error::OnePlace { count: profiles.len() });
        }
        _ => {}
    }
    let mut text = comment(0, "Name this folder under `components:` of a kustomization.");
    text += "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches:\n";
    let mut remarks = Vec::new();
    let mut seen = BTreeMap::new();
    for profile in profiles {
        let spot = Spot::of(profile, place)?;
        let workload = format!("{}/{}", spot.kind, spot.name);
        let name = profile.metadata.name.as_str();
        let place = (workload.clone(), spot.namespace.clone(), spot.container.clone());
        if let Some(one) = seen.insert(place, name) {
            let (one, other) = (str::to_owned(one), name.to_owned());
            return Err(Error::SameContainer { one, other, container: spot.container, workload });
        }
        text += &comments(2, &head(profile));
        text += "  - patch: |-\n";
        text += &spot.patch(6, &items(profile));
        for remark in effect::of(profile, Engine::Containerd, None).into_iter().chain(spot.remark())
        {
            if !remarks.contains(&remark) {
                remarks.push(remark);
            }
        }
    }
    Ok(Exported { text, remarks })
}
