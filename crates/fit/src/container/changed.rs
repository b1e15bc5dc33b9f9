//! Containers that are started with changes: what an engine's `create` makes of them.

use std::sync::Arc;

use caps::CapSet;
use launch::engine::{EmptyFolder, Recipe, Volume};

use super::{ContainerError, Containers};
use crate::trial::{Ran, Runner};
use crate::zero::{Change, Trials, renamed};

/// The recipe with changes. They come last, and win.
#[must_use]
pub fn changed(recipe: &Recipe, changes: &[Change]) -> Recipe {
    let mut recipe = recipe.clone();
    for change in changes {
        match change {
            Change::EmptyDir { path, fs_group } => recipe.empty.push(empty_dir(path, *fs_group)),
            Change::FsGroup { group } => {
                for folder in &mut recipe.empty {
                    folder.group = Some(*group);
                }
            }
            Change::Port { from, to, command, args, .. } => {
                recipe = started(recipe, (*from, *to), command, args);
            }
            Change::User { .. } | Change::Sysctl { .. } => {}
        }
    }
    recipe.options.extend(options(changes));
    recipe
}

fn empty_dir(path: &str, group: Option<u32>) -> EmptyFolder {
    EmptyFolder { path: path.to_owned(), group, volume: Volume::EmptyDir }
}

/// The recipe with another port in its words, or in those of its image, which `command` and `args` are then.
fn started(mut recipe: Recipe, port: (u16, u16), command: &[String], args: &[String]) -> Recipe {
    let new = |word: &String| renamed(word, port.0, port.1).unwrap_or_else(|| word.clone());
    let own = recipe.options.iter().any(|word| word.starts_with("--entrypoint"));
    if own || !recipe.command.is_empty() && command.is_empty() {
        let mut is_entrypoint = false;
        for word in &mut recipe.options {
            if is_entrypoint || word.starts_with("--entrypoint=") {
                *word = new(word);
            }
            is_entrypoint = word == "--entrypoint";
        }
        recipe.command = recipe.command.iter().map(new).collect();
        return recipe;
    }
    if let Some((first, rest)) = command.split_first() {
        recipe.options.push(format!("--entrypoint={first}"));
        recipe.command = rest.iter().chain(args).cloned().collect();
    } else if !args.is_empty() {
        recipe.command = args.to_vec();
    }
    recipe
}

/// Options of the engine's `create` for changes, but for those that mount something.
fn options(changes: &[Change]) -> Vec<String> {
    let mut options = Vec::new();
    let mut groups = Vec::new();
    for change in changes {
        match change {
            Change::User { user, group } => {
                let group = group.map(|group| format!(":{group}")).unwrap_or_default();
                options.push(format!("--user={user}{group}"));
            }
            Change::Sysctl { name, value } => options.push(format!("--sysctl={name}={value}")),
            Change::Port { env, .. } => {
                options.extend(env.iter().map(|(name, value)| format!("--env={name}={value}")));
            }
            // Every container of a pod is in its fsGroup.
            Change::EmptyDir { fs_group, .. } => groups.extend(*fs_group),
            Change::FsGroup { group } => groups.push(*group),
        }
    }
    groups.sort_unstable();
    groups.dedup();
    options.extend(groups.iter().map(|group| format!("--group-add={group}")));
    options
}

/// All options of the engine for changes and a set, as a person would write them.
#[must_use]
pub fn flags(recipe: &Recipe, changes: &[Change], set: CapSet) -> Vec<String> {
    let mounts = changes.iter().filter_map(|change| match change {
        Change::EmptyDir { path, fs_group } => {
            Some(empty_dir(path, *fs_group).options(recipe.engine).join("="))
        }
        _ => None,
    });
    let add = set.iter().map(|capability| format!("--cap-add={capability}"));
    let drop = std::iter::once("--cap-drop=ALL".to_owned());
    drop.chain(add).chain(options(changes)).chain(mounts).collect()
}

impl Trials for Containers {
    type Error = ContainerError;

    fn run(&mut self, changes: &[Change], set: CapSet) -> Result<Ran, ContainerError> {
        self.load()?;
        if let Some(tracer) = &mut self.tracer {
            // What fails for another reason than a capability counts, too: a folder, a missing file.
            tracer.again(observe::failing())?;
        }
        let recipe = changed(&self.recipe, changes);
        let mut probe = Arc::clone(&self.probe);
        for change in changes {
            if let Change::Port { from, to, .. } = change {
                probe = Arc::new(probe.moved(*from, *to));
            }
        }
        let own = std::mem::replace(&mut self.recipe, recipe);
        let own_probe = std::mem::replace(&mut self.probe, probe);
        let ran = Runner::run(self, set, true);
        (self.recipe, self.probe) = (own, own_probe);
        ran
    }
}

#[cfg(test)]
mod tests {
    use launch::engine::{Engine, Holding};

    use super::*;

    fn recipe() -> Recipe {
        Recipe {
            engine: Engine::Podman,
            image: "web".to_owned(),
            options: vec!["--user=0".to_owned()],
            empty: Vec::new(),
            command: Vec::new(),
            holding: Holding::AsTheEngine,
        }
    }

    #[test]
    fn another_port_is_written_where_it_was_said() {
        let list = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let port = |command: &str, args: &str| Change::Port {
            from: 80,
            to: 8080,
            command: list(command),
            args: list(args),
            env: [("PORT".to_owned(), "8080".to_owned())].into(),
        };
        let started = |options: &str, own: &str, change: Change| {
            let recipe = Recipe { options: list(options), command: list(own), ..recipe() };
            let recipe = changed(&recipe, &[change]);
            (recipe.options.join(" "), recipe.command.join(" "))
        };
        let both = |options: &str, command: &str| (options.to_owned(), command.to_owned());
        // What the image says is said here; what is said here is said anew.
        assert_eq!(started("", "", port("", "-p 8080")), both("--env=PORT=8080", "-p 8080"));
        let anew = both("--entrypoint=httpd --env=PORT=8080", "-p 8080 -f");
        assert_eq!(started("", "", port("httpd -p 8080", "-f")), anew);
        assert_eq!(started("", "-p 80 -f", port("", "-p 8080 -f")).1, "-p 8080 -f");
        let own = both("--entrypoint sh --env=PORT=8080", "-c 8080");
        assert_eq!(started("--entrypoint sh", "-c 80", port("sh -c 8080", "")), own);
    }

    #[test]
    fn changes_come_behind_what_there_is() {
        let changes = [
            Change::User { user: 33, group: Some(34) },
            Change::EmptyDir { path: "/run".to_owned(), fs_group: Some(34) },
            Change::EmptyDir { path: "/var/cache".to_owned(), fs_group: Some(34) },
            Change::Sysctl {
                name: "net.ipv4.ping_group_range".to_owned(),
                value: "0 1".to_owned(),
            },
        ];
        let start = recipe();
        let recipe = changed(&start, &changes);
        let options = [
            "--user=0",
            "--user=33:34",
            "--sysctl=net.ipv4.ping_group_range=0 1",
            "--group-add=34",
        ];
        assert_eq!(recipe.options, options);
        let paths: Vec<&str> = recipe.empty.iter().map(|folder| folder.path.as_str()).collect();
        assert_eq!(paths, ["/run", "/var/cache"]);
        assert_eq!(changed(&start, &[]), start);
        let claim = EmptyFolder { volume: Volume::Claim, ..empty_dir("/data", None) };
        let with_claim = Recipe { empty: vec![claim.clone()], ..start.clone() };
        let grouped = changed(&with_claim, &[Change::FsGroup { group: 33 }]);
        assert_eq!(grouped.empty, [EmptyFolder { group: Some(33), ..claim }]);
        assert_eq!(grouped.options, ["--user=0", "--group-add=33"]);
        let flags = flags(&recipe, &changes[..2], CapSet::EMPTY);
        let tmpfs = "--tmpfs=/run:rw,exec,mode=0777,notmpcopyup";
        assert_eq!(flags, ["--cap-drop=ALL", "--user=33:34", "--group-add=34", tmpfs]);
    }
}
