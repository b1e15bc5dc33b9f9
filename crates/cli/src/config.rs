//! `dropcap.toml`: how a repository wants to be checked. The command line wins over it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use check::waiver::{Policy, find_upwards};
use manifest::{Loaded, Source, Span};
use serde::Deserialize;
use toml::Spanned;

use crate::failure::Failure;

/// What the file is called.
const FILE_NAME: &str = "dropcap.toml";

/// Where the configuration comes from.
#[derive(Debug, clap::Args)]
pub struct ConfigArgs {
    /// Read this configuration, and look for no dropcap.toml above the paths (docs/waivers.md)
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Read no configuration: one in a pull request can loosen what is checked
    #[arg(long, conflicts_with = "config")]
    no_config: bool,
}

/// A configuration that was read, or none.
#[derive(Debug, Default)]
pub struct Config {
    source: Option<Source>,
    written: Written,
}

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    runtime: Option<Spanned<String>>,
    fail_on: Option<Spanned<String>>,
    select: Option<Spanned<Vec<String>>>,
    /// Rule by rule with the reason.
    #[serde(default)]
    ignore: BTreeMap<String, Spanned<String>>,
    pod_security: Option<Spanned<String>>,
    #[serde(default)]
    kinds: Vec<String>,
    #[serde(default)]
    exclude: Vec<Spanned<String>>,
    baseline: Option<String>,
    #[serde(default)]
    profiles: Vec<String>,
    profile_days: Option<Spanned<i64>>,
    #[serde(default)]
    waivers: WrittenWaivers,
}

/// `[waivers]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct WrittenWaivers {
    file: Option<String>,
    approvers: Option<usize>,
    approvers_dangerous: Option<Spanned<usize>>,
    signatures: Option<bool>,
    allowed_signers: Option<String>,
    expiring_days: Option<i64>,
}

impl ConfigArgs {
    /// The configuration for these paths.
    ///
    /// # Errors
    /// One that cannot be read or has a key that there is not; paths below different ones.
    pub fn read(&self, paths: &[PathBuf]) -> Result<Config, Failure> {
        if self.no_config {
            return Ok(Config::default());
        }
        if let Some(path) = &self.config {
            return Config::parse(path);
        }
        let mut found: Vec<(&Path, Option<PathBuf>)> = Vec::new();
        for path in paths {
            found.push((path, find_upwards(&folder_of(path), FILE_NAME)));
        }
        let real = |path: &Option<PathBuf>| path.as_ref().and_then(|path| path.canonicalize().ok());
        let Some((first, config)) = found.first() else { return Ok(Config::default()) };
        if let Some((path, other)) = found.iter().find(|(_, other)| real(other) != real(config)) {
            let say = |config: &Option<PathBuf>| match config {
                Some(path) => path.display().to_string(),
                None => "none".to_owned(),
            };
            return Err(Failure::new(format_args!(
                "the paths are under different configurations: {} has {}, {} has {}",
                first.display(),
                say(config),
                path.display(),
                say(other)
            ))
            .help("check them one by one, or say which with --config FILE or --no-config"));
        }
        config.as_ref().map_or_else(|| Ok(Config::default()), |path| Config::parse(path))
    }
}

/// The folder that a path from the command line is, or is in; standard input is of the working one.
pub fn folder_of(path: &Path) -> PathBuf {
    if path != Path::new("-") && path.is_dir() {
        return path.to_owned();
    }
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

impl Config {
    fn parse(path: &Path) -> Result<Self, Failure> {
        let source = Source::read(path).map_err(Failure::new)?;
        let written = toml::from_str(source.text()).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let place = source.locate(Span { start: at, end: at });
            let message = error.message().replace('\n', ", ");
            let failure = Failure::new(format_args!("{place}: {message}"));
            match suggestion(&message) {
                Some(key) => failure.help(format_args!("did you mean `{key}`?")),
                None => failure,
            }
        })?;
        let config = Self { source: Some(source), written };
        for (rule, reason) in &config.written.ignore {
            if reason.get_ref().trim().is_empty() {
                let why = format!("`{rule}` is ignored without a reason; expected why");
                return Err(config.wrong(reason, why));
            }
        }
        if let Some(least) = &config.written.waivers.approvers_dangerous
            && *least.get_ref() == 0
        {
            return Err(config.wrong(least, "expected one approver at least"));
        }
        if let Some(days) = &config.written.profile_days
            && *days.get_ref() < 1
        {
            return Err(config.wrong(days, "expected one day at least"));
        }
        Ok(config)
    }

    /// Its name, if there is one.
    pub fn name(&self) -> Option<&str> {
        self.source.as_ref().map(Source::name)
    }

    /// A path that it names, from its own folder on.
    fn path(&self, name: &str) -> PathBuf {
        let file = self.source.as_ref().and_then(|source| source.path());
        match file.and_then(Path::parent) {
            Some(folder) if folder != Path::new("") => folder.join(name),
            _ => PathBuf::from(name),
        }
    }

    fn wrong<T>(&self, value: &Spanned<T>, why: impl std::fmt::Display) -> Failure {
        let span = Span { start: value.span().start, end: value.span().end };
        let place = self.source.as_ref().map(|source| source.locate(span)).unwrap_or_default();
        Failure::new(format_args!("{place}: {why}"))
    }

    /// A value in the words of the command line.
    fn value<T: std::str::FromStr>(
        &self,
        written: Option<&Spanned<String>>,
    ) -> Result<Option<T>, Failure>
    where
        T::Err: std::fmt::Display,
    {
        let parse = |text: &Spanned<String>| {
            text.get_ref().parse().map_err(|error| self.wrong(text, error))
        };
        written.map(parse).transpose()
    }

    /// `runtime`.
    pub fn runtime(&self) -> Result<Option<runtime::Runtime>, Failure> {
        self.value(self.written.runtime.as_ref())
    }

    /// `pod-security`.
    pub fn pod_security(&self) -> Result<Option<resolve::Policy>, Failure> {
        self.value(self.written.pod_security.as_ref())
    }

    /// `fail-on`.
    pub fn fail_on<T: clap::ValueEnum>(&self) -> Result<Option<T>, Failure> {
        let Some(text) = &self.written.fail_on else { return Ok(None) };
        T::from_str(text.get_ref(), false)
            .map(Some)
            .map_err(|_| self.wrong(text, "expected error, warning, note or never"))
    }

    /// `select`.
    pub fn select(&self) -> &[String] {
        self.written.select.as_ref().map(|list| list.get_ref().as_slice()).unwrap_or_default()
    }

    /// The rules of `[ignore]`.
    pub fn ignored(&self) -> Vec<String> {
        self.written.ignore.keys().cloned().collect()
    }

    /// `kinds`.
    pub fn kinds(&self) -> Vec<PathBuf> {
        self.written.kinds.iter().map(|name| self.path(name)).collect()
    }

    /// `baseline`.
    pub fn baseline(&self) -> Option<PathBuf> {
        self.written.baseline.as_ref().map(|name| self.path(name))
    }

    /// `profiles`.
    pub fn profiles(&self) -> Vec<PathBuf> {
        self.written.profiles.iter().map(|name| self.path(name)).collect()
    }

    /// `profile-days`.
    pub fn profile_days(&self) -> Option<i64> {
        self.written.profile_days.as_ref().map(|days| *days.get_ref())
    }

    /// `waivers.file`.
    pub fn waivers(&self) -> Option<PathBuf> {
        self.written.waivers.file.as_ref().map(|name| self.path(name))
    }

    /// What `[waivers]` demands.
    pub fn policy(&self) -> Policy {
        let written = &self.written.waivers;
        let default = Policy::default();
        Policy {
            approvers_dangerous: written
                .approvers_dangerous
                .as_ref()
                .map_or(default.approvers_dangerous, |number| *number.get_ref()),
            approvers: written.approvers.unwrap_or(default.approvers),
            signatures: written.signatures.unwrap_or(default.signatures),
            allowed_signers: written.allowed_signers.as_ref().map(|name| self.path(name)),
            expiring_days: written.expiring_days.unwrap_or(default.expiring_days),
        }
    }

    /// Takes away what `exclude` names, in the words of gitignore(5), from the configuration's folder
    /// on. Returns how many files.
    pub fn exclude(&self, loaded: &mut Loaded) -> Result<usize, Failure> {
        if self.written.exclude.is_empty() {
            return Ok(0);
        }
        let root = self.path(".");
        let real = root.canonicalize().unwrap_or(root);
        let mut builder = ignore::gitignore::GitignoreBuilder::new(&real);
        for glob in &self.written.exclude {
            builder.add_line(None, glob.get_ref()).map_err(|error| self.wrong(glob, error))?;
        }
        let globs = builder.build().map_err(Failure::new)?;
        let is_out = |path: &Path| {
            let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
            path.starts_with(&real) && globs.matched_path_or_any_parents(&path, false).is_ignore()
        };
        let before = loaded.manifests.len() + loaded.failed.len();
        loaded.manifests.retain(|manifest| !manifest.source.path().is_some_and(is_out));
        loaded.failed.retain(|error| !is_out(Path::new(error.name())));
        Ok(before - loaded.manifests.len() - loaded.failed.len())
    }
}

/// Of the names that a parser says it expected, the one that is most like what it found.
fn suggestion(message: &str) -> Option<&str> {
    let mut names = message.split('`').skip(1).step_by(2);
    let found = names.next().filter(|_| message.starts_with("unknown field"))?;
    let (like, name) = names
        .map(|name| (strsim::damerau_levenshtein(found, name), name))
        .min_by_key(|(distance, _)| *distance)?;
    (like <= 3 && like < found.len()).then_some(name)
}
