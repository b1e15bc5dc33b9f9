//! `kubectl dropcap`: the same commands when the program is called `kubectl-dropcap`, with objects of
//! the cluster beside files, asked for by the user's own kubectl (Kubernetes "Extend kubectl with
//! plugins": kubectl executes `kubectl-NAME` from `PATH`).

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::Failure;

/// What the program is called as a plug-in; a link of this name is all it takes.
const PLUGIN: &str = "kubectl-dropcap";

/// Which cluster; passed on to kubectl.
#[derive(Debug, clap::Args)]
pub struct ClusterArgs {
    /// Of objects in the cluster: their namespace
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Of objects in the cluster: those of every namespace
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,
    /// Of objects in the cluster: the label query that picks them
    #[arg(short = 'l', long, value_name = "QUERY")]
    selector: Option<String>,
    /// The kubeconfig's context
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// The kubeconfig
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
}

/// The names of the options of [`ClusterArgs`].
const OPTIONS: [&str; 5] = ["namespace", "all_namespaces", "selector", "context", "kubeconfig"];

/// Whether this program was called as a plug-in of kubectl.
pub fn is_plugin() -> bool {
    let called = std::env::args_os().next().unwrap_or_default();
    Path::new(&called).file_stem().is_some_and(|name| name == PLUGIN)
}

/// The command line as it is called: as a plug-in `kubectl dropcap`, else without the options that
/// only a plug-in has.
pub fn command_line(command: clap::Command) -> clap::Command {
    if is_plugin() {
        return command.bin_name("kubectl dropcap");
    }
    without_options(command)
}

/// The command and all below it, without the options that only a plug-in has.
fn without_options(mut command: clap::Command) -> clap::Command {
    for option in OPTIONS {
        if command.get_arguments().any(|argument| argument.get_id() == option) {
            command = command.mut_arg(option, |argument| argument.hide(true));
        }
    }
    let names: Vec<String> = command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
    names.iter().fold(command, |command, name| command.mut_subcommand(name, without_options))
}

/// What the cluster answered.
pub struct Answer {
    /// What was asked, for messages: `kubectl get deploy/web`.
    pub name: String,
    /// YAML.
    pub text: String,
}

impl ClusterArgs {
    /// Takes what is no file and no folder out of `paths` and asks kubectl for it, all at once: so
    /// `deploy/web`, `deploy web` and `pods` mean what they mean to `kubectl get`. A file of that name wins.
    pub fn ask(&self, paths: &mut Vec<PathBuf>) -> Result<Option<Answer>, Failure> {
        let options = self.options();
        if !is_plugin() {
            return match options.first() {
                Some(option) => Err(Failure::new(format_args!(
                    "{} is about a cluster, which only `kubectl dropcap` looks at",
                    option.display()
                ))
                .help("link this program as kubectl-dropcap into a folder of PATH (docs/integrations.md)")),
                None => Ok(None),
            };
        }
        let is_file =
            |path: &PathBuf| path == Path::new("-") || path.exists() || is_file_name(path);
        let (files, objects): (Vec<_>, Vec<_>) = paths.drain(..).partition(is_file);
        *paths = files;
        if objects.is_empty() {
            return Ok(None);
        }
        let words: Vec<String> = objects.iter().map(|word| word.display().to_string()).collect();
        let name = format!("kubectl get {}", words.join(" "));
        let output = Command::new("kubectl")
            .arg("get")
            .args(&options)
            .args(["--output", "yaml", "--"])
            .args(&objects)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| Failure::new(format_args!("{name}: cannot run kubectl: {error}")))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(Failure::new(format_args!("{name}: {}: {}", output.status, said.trim()))
                .help("expected files, folders, or what `kubectl get` takes: deploy/web, pods"));
        }
        let text = String::from_utf8(output.stdout)
            .map_err(|error| Failure::new(format_args!("{name}: {error}")))?;
        Ok(Some(Answer { name, text }))
    }

    /// As kubectl takes them.
    fn options(&self) -> Vec<OsString> {
        let mut options = Vec::new();
        let mut option = |name: &str, value: &str| options.push(format!("--{name}={value}").into());
        if let Some(namespace) = &self.namespace {
            option("namespace", namespace);
        }
        if self.all_namespaces {
            option("all-namespaces", "true");
        }
        if let Some(selector) = &self.selector {
            option("selector", selector);
        }
        if let Some(context) = &self.context {
            option("context", context);
        }
        if let Some(file) = &self.kubeconfig {
            let mut option = OsString::from("--kubeconfig=");
            option.push(file);
            options.push(option);
        }
        options
    }
}

/// Whether this can only be meant as a file, there or not: `./web`, `web.yaml`.
fn is_file_name(path: &Path) -> bool {
    let starts = |what: &str| path.as_os_str().to_string_lossy().starts_with(what);
    let known =
        path.extension().is_some_and(|end| ["yaml", "yml", "json"].iter().any(|e| end == *e));
    known || starts("./") || starts("../") || starts("/") || starts("~")
}
