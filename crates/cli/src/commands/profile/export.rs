//! `dropcap profile export`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use caps::{CapSet, Capability};
use clap::builder::PossibleValue;
use jobs::export::{Action, Error, Form, Options, Place, Policy, export};
use jobs::patch::Incomplete;
use record::profile::Profile;

use crate::failure::Failure;
use crate::ui::Ui;

/// Arguments of `dropcap profile export`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dropcap profile export --to k8s web.yaml
  dropcap profile export --to kustomize web.yaml api.yaml -o caps/
  docker run $(dropcap profile export -q --to docker web.yaml) nginx
  dropcap profile export --to systemd --user www-data web.yaml
  dropcap profile export --to vap *.yaml --allow NET_BIND_SERVICE | kubectl apply -f -

docs/export.md has each form, and what reads it.")]
pub(super) struct Args {
    /// Profiles in YAML or JSON; `-` is standard input. kustomize and vap take several
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The form
    #[arg(long, value_name = "FORM", value_enum)]
    to: To,
    /// Write it here, whole or not at all, instead of printing it; kustomize's may be a folder
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Take a profile that does not say everything as it is
    #[arg(long)]
    incomplete: bool,

    /// k8s, kustomize: the workload, as KIND/NAME
    #[arg(long, value_name = "WORKLOAD", help_heading = "Where it goes")]
    workload: Option<String>,
    /// k8s, kustomize: the container
    #[arg(short, long, value_name = "NAME", help_heading = "Where it goes")]
    container: Option<String>,
    /// k8s, kustomize: it is an init container
    #[arg(long, help_heading = "Where it goes")]
    init_container: bool,
    /// k8s, kustomize: the workload's namespace; vap: a namespace it is for (repeatable; without it all
    /// but kube-system)
    #[arg(short, long, value_name = "NAME", help_heading = "Where it goes")]
    namespace: Vec<String>,
    /// compose: the service (if not given: the profile's container, else its name)
    #[arg(long, value_name = "NAME", help_heading = "Where it goes")]
    service: Option<String>,

    /// docker, podman, systemd: run as this user (and group)
    #[arg(long, value_name = "USER[:GROUP]", value_parser = user, help_heading = "How it runs")]
    user: Option<String>,
    /// systemd: raise ambient capabilities, for a unit with a User= of its own
    #[arg(long, help_heading = "How it runs")]
    ambient: bool,
    /// docker, podman, systemd: no_new_privs as well; set-uid programs then stay who they are
    #[arg(long, help_heading = "How it runs")]
    no_new_privileges: bool,

    /// vap: any container may add this, besides what profiles say (repeatable; `none` for nothing)
    #[arg(long, value_name = "CAP", value_parser = allowed, help_heading = "Admission policy")]
    allow: Vec<CapSet>,
    /// vap: what happens to who does not pass (repeatable; if not given: Warn and Audit)
    #[arg(
        long,
        value_name = "ACTION",
        value_enum,
        ignore_case = true,
        help_heading = "Admission policy"
    )]
    action: Vec<Does>,
    /// vap: each profile counts for containers of its image only
    #[arg(long, help_heading = "Admission policy")]
    by_image: bool,
    /// vap: the name of policy and binding (if not given: dropcap)
    #[arg(long, value_name = "NAME", help_heading = "Admission policy")]
    name: Option<String>,
}

/// A [`Form`] on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct To(Form);

impl clap::ValueEnum for To {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [To; Form::ALL.len()] = {
            let mut all = [To(Form::K8s); Form::ALL.len()];
            let mut at = 0;
            while at < all.len() {
                all[at] = To(Form::ALL[at]);
                at += 1;
            }
            all
        };
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.word()))
    }
}

/// An [`Action`] on the command line.
#[derive(Debug, Clone, Copy)]
struct Does(Action);

impl clap::ValueEnum for Does {
    fn value_variants<'a>() -> &'a [Self] {
        &[Does(Action::Deny), Does(Action::Warn), Does(Action::Audit)]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.word()))
    }
}

/// `--allow`.
fn allowed(text: &str) -> Result<CapSet, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(CapSet::EMPTY);
    }
    text.parse::<Capability>().map(CapSet::from).map_err(|error| error.to_string())
}

/// A user, or a user and a group, each a number or a name as systemd and engines take them (systemd
/// `src/basic/user-util.c` `valid_user_group_name`).
fn user(text: &str) -> Result<String, String> {
    let is_name = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
    };
    let words: Vec<&str> = text.split(':').collect();
    if words.len() <= 2 && words.iter().all(|word| is_name(word)) {
        return Ok(text.to_owned());
    }
    Err("expected a user, or USER:GROUP, each a name or a number".to_owned())
}

pub(super) fn run(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    let To(form) = args.to;
    fits(args, form)?;
    let profiles = super::read_all(&args.files)?;
    let exported = export(form, &profiles, &options(args)).map_err(explain)?;
    match &args.output {
        Some(path) => {
            let file = if form == Form::Kustomize && path.is_dir() {
                &path.join("kustomization.yaml")
            } else {
                path
            };
            manifest::write_whole(file, &exported.text).map_err(Failure::from)?;
            ui.note(&format!("wrote {}{}", file.display(), written(&profiles)));
        }
        None => {
            let mut out = ui.out();
            out.write_all(exported.text.as_bytes())?;
            out.flush()?;
        }
    }
    for profile in profiles.iter().filter(|profile| !profile.status.complete) {
        let why = profile.status.incomplete.join("; ");
        ui.warning(&format!("the profile {} is incomplete: {why}", profile.metadata.name));
    }
    for remark in &exported.remarks {
        if remark.is_warning() {
            ui.warning(&remark.to_string());
        } else {
            ui.note(&remark.to_string());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// An option that the form has no place for is a mistake, not a wish to ignore.
fn fits(args: &Args, form: Form) -> Result<(), Failure> {
    use Form::{Compose, Docker, K8s, Kustomize, Podman, Systemd, Vap};
    let table: [(bool, &str, &[Form]); 12] = [
        (args.workload.is_some(), "--workload", &[K8s, Kustomize]),
        (args.container.is_some(), "--container", &[K8s, Kustomize]),
        (args.init_container, "--init-container", &[K8s, Kustomize]),
        (!args.namespace.is_empty(), "--namespace", &[K8s, Kustomize, Vap]),
        (args.service.is_some(), "--service", &[Compose]),
        (args.user.is_some(), "--user", &[Docker, Podman, Systemd]),
        (args.ambient, "--ambient", &[Systemd]),
        (args.no_new_privileges, "--no-new-privileges", &[Docker, Podman, Systemd]),
        (!args.allow.is_empty(), "--allow", &[Vap]),
        (!args.action.is_empty(), "--action", &[Vap]),
        (args.by_image, "--by-image", &[Vap]),
        (args.name.is_some(), "--name", &[Vap]),
    ];
    for (given, option, forms) in table {
        if given && !forms.contains(&form) {
            let words: Vec<&str> = forms.iter().map(|form| form.word()).collect();
            let place = words.join(", ");
            return Err(Failure::new(format!("{option} is for {place}, not for {}", form.word())));
        }
    }
    if args.namespace.len() > 1 && form != Vap {
        return Err(Failure::new(format!("{} takes one --namespace", form.word())));
    }
    Ok(())
}

fn options(args: &Args) -> Options {
    let all = |sets: &[CapSet]| sets.iter().copied().reduce(|all, set| all | set);
    Options {
        incomplete: if args.incomplete { Incomplete::Accept } else { Incomplete::Refuse },
        place: Place {
            workload: args.workload.clone(),
            namespace: args.namespace.first().cloned(),
            container: args.container.clone(),
            init: args.init_container,
        },
        service: args.service.clone(),
        user: args.user.clone(),
        ambient: args.ambient,
        no_new_privs: args.no_new_privileges,
        policy: Policy {
            name: args.name.clone(),
            allow: all(&args.allow),
            actions: args.action.iter().map(|does| does.0).collect(),
            by_image: args.by_image,
            namespaces: args.namespace.clone(),
        },
    }
}

fn explain(error: Error) -> Failure {
    let help = match &error {
        Error::Incomplete { .. } => {
            "trace it from its start, or take it as it is with --incomplete"
        }
        Error::Nameless { .. } => {
            "a newer dropcap may know it; no system reads a number in its place"
        }
        Error::NoProfile => "`dropcap trace -o FILE -- COMMAND` writes a profile",
        Error::Several { .. } => "`dropcap profile merge` makes one of several runs",
        Error::OnePlace { .. } => "each profile says where it goes, or is exported by itself",
        Error::NoContainer { .. } => "name it: -c CONTAINER",
        Error::NoWorkload { .. } => "name it: --workload Deployment/web",
        Error::Kind { .. } => "--to k8s prints the securityContext alone",
        Error::SameContainer { .. } => "merge them: `dropcap profile merge`",
        Error::NoImage { .. } => "leave out --by-image to allow any container what it needs",
        Error::NothingAllowed => {
            "name profiles, or what any container may add with --allow; nothing: --allow none"
        }
        Error::Workload { .. } | Error::PolicyName { .. } | Error::Actions(_) => {
            return Failure::new(error);
        }
    };
    Failure::new(error).help(help)
}

/// What went into the file, as far as a line can say it.
fn written(profiles: &[Profile]) -> String {
    match profiles {
        [] => String::new(),
        [one] if one.add() == CapSet::EMPTY => ": drop ALL, add nothing".to_owned(),
        [one] => format!(": drop ALL, add {}", one.add()),
        several => format!(": {} profiles", several.len()),
    }
}
