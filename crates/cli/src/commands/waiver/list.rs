//! `dropcap waiver list` and `verify`: what each waiver is worth.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use check::waiver::file::Waiver;
use check::waiver::judge::{Judged, State};
use check::{Options, Report, words};
use jiff::civil::Date;
use serde::Serialize;

use crate::config::ConfigArgs;
use crate::failure::{ERROR, FOUND, Failure};
use crate::manifests::{self, KindArgs};
use crate::ui::{BOLD, DIM, GREEN, RED, Ui, YELLOW};
use crate::waivers::{Waivers, today};

/// Arguments of `dropcap waiver list`.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    args: Args,
    /// Print one JSON document instead of text (docs/schema/waiver-list-v1.json)
    #[arg(long)]
    json: bool,
}

/// What `list` and `verify` have in common.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Manifests, or folders of them, whose waivers are meant
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<PathBuf>,
    /// The waiver file, whatever stands beside the manifests
    #[arg(long, value_name = "FILE")]
    waivers: Option<PathBuf>,
    /// As it will be on this day
    #[arg(long, value_name = "DATE")]
    on: Option<Date>,
    #[command(flatten)]
    kinds: KindArgs,
    #[command(flatten)]
    config: ConfigArgs,
}

/// The version of the JSON form: `docs/schema/waiver-list-v1.json`.
const JSON_VERSION: u32 = 1;

/// The JSON form.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    version: u32,
    on: String,
    waivers: Vec<Row>,
}

/// One waiver in it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    file: String,
    line: usize,
    kind: String,
    namespace: Option<String>,
    name: String,
    container: String,
    capabilities: Vec<String>,
    reason: String,
    expires: String,
    days_left: i64,
    in_order: bool,
    states: Vec<&'static str>,
    required: usize,
    approved: Vec<String>,
    missing: Vec<String>,
    remarks: Vec<String>,
    too_wide: Option<String>,
    /// Nothing if it was not looked at.
    used: Option<Vec<String>>,
}

/// What a waiver is worth, in words; more than one if it is not in order in more than one way.
fn states(state: &State, looked: bool) -> Vec<&'static str> {
    let mut all = Vec::new();
    if state.is_expired() {
        all.push("expired");
    }
    if !state.is_approved() {
        all.push("unapproved");
    }
    if state.too_wide.is_some() {
        all.push("too wide");
    }
    if state.expiring {
        all.push("expiring");
    }
    if looked && state.is_in_order() && state.used.is_empty() {
        all.push("unused");
    }
    if all.is_empty() {
        all.push("active");
    }
    all
}

/// The waivers, judged, and whether everything could be read.
fn judged(args: &Args, ui: &Ui) -> Result<(Vec<Judged>, Date, bool), Failure> {
    let config = args.config.read(&args.paths)?;
    let mut loaded = manifests::load_with(&args.paths, &args.kinds, &config.kinds())?;
    config.exclude(&mut loaded)?;
    let whole = manifests::report(&loaded, ui);
    let mut options = Options::default();
    if let Some(runtime) = config.runtime()? {
        (options.compose_runtime, options.runtime) = (runtime.clone(), runtime);
    }
    let on = args.on.unwrap_or_else(today);
    let named = args.waivers.clone().or_else(|| config.waivers());
    // Where there is nothing to look at, nothing is unused.
    let looked = whole && loaded.counts().containers > 0;
    let mut waivers =
        Waivers::of(&loaded, &args.paths, named.as_deref(), &config.policy(), (on, looked))?;
    let mut report = Report::new(&loaded, &options, true);
    report.waive(&mut waivers.judged, &waivers.files);
    Ok((waivers.judged, on, whole))
}

/// Runs `list`.
pub fn run(args: &ListArgs, ui: &Ui) -> Result<ExitCode, Failure> {
    let (judged, on, whole) = judged(&args.args, ui)?;
    let mut out = ui.out();
    if args.json {
        let all = judged.iter().flat_map(|judged| judged.each().map(move |one| row(judged, one)));
        let document =
            Document { version: JSON_VERSION, on: on.to_string(), waivers: all.collect() };
        serde_json::to_writer_pretty(&mut out, &document).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        for judged in &judged {
            for (waiver, state) in judged.each() {
                print(judged, waiver, state, ui)?;
            }
        }
        if judged.iter().all(|judged| judged.file.waivers.is_empty()) {
            ui.note("no waivers: `dropcap waiver new` writes one");
        }
    }
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::from(ERROR) })
}

/// Runs `verify`.
pub fn verify(args: &Args, ui: &Ui) -> Result<ExitCode, Failure> {
    let (judged, _, whole) = judged(args, ui)?;
    let (mut all, mut wrong) = (0, 0);
    for judged in &judged {
        for (waiver, state) in judged.each() {
            all += 1;
            if !state.is_in_order() {
                wrong += 1;
                print(judged, waiver, state, ui)?;
            }
        }
    }
    let waivers = words::count(all, "waiver");
    if all == 0 {
        ui.note("no waivers found");
    } else if wrong == 0 {
        ui.note(&format!("{waivers}, all in order"));
    } else {
        writeln!(ui.out(), "{BOLD}{wrong} of {waivers} not in order{BOLD:#}")?;
    }
    Ok(match (whole, wrong) {
        (false, _) => ExitCode::from(ERROR),
        (true, 0) => ExitCode::SUCCESS,
        (true, _) => ExitCode::from(FOUND),
    })
}

fn print(judged: &Judged, waiver: &Waiver, state: &State, ui: &Ui) -> Result<(), Failure> {
    let clean = check::render::text::clean;
    let mut out = ui.out();
    let all = states(state, judged.whole);
    let style = match state {
        state if !state.is_in_order() => RED,
        state if state.expiring || all.contains(&"unused") => YELLOW,
        _ => GREEN,
    };
    let (held, scope) = (waiver.held(), clean(&waiver.scope()));
    writeln!(out, "{style}{}{style:#}  {BOLD}{held}{BOLD:#} of {scope}", all.join(", "))?;
    let place = format!("{}:{}", judged.file.source.name(), judged.file.line(waiver));
    let days = match state.days_left {
        0 => "today is its last day".to_owned(),
        1.. => {
            format!("{} left", words::count(usize::try_from(state.days_left).unwrap_or(0), "day"))
        }
        _ => "over".to_owned(),
    };
    writeln!(
        out,
        "  {DIM}{}; until {} ({days}); {place}{DIM:#}",
        clean(&waiver.reason),
        waiver.expires
    )?;
    let confirmed = &state.approvals.confirmed;
    let approved = if confirmed.is_empty() { "nobody".to_owned() } else { words::list(confirmed) };
    let mut line = format!("approved by {}, {} needed", clean(&approved), state.required);
    if !state.is_approved() && !state.approvals.missing.is_empty() {
        line.push_str(&format!("; missing: {}", clean(&words::list(&state.approvals.missing))));
    }
    writeln!(out, "  {line}")?;
    if !state.is_approved() {
        for remark in &state.approvals.remarks {
            writeln!(out, "  {}", clean(remark))?;
        }
    }
    if let Some(why) = &state.too_wide {
        writeln!(out, "  {}", clean(why))?;
    }
    let unused = waiver.capabilities - state.used;
    if judged.whole
        && state.is_in_order()
        && !state.used.is_empty()
        && !waiver.all
        && !unused.is_empty()
    {
        writeln!(out, "  not needed for {unused}")?;
    }
    Ok(())
}

fn row(judged: &Judged, (waiver, state): (&Waiver, &State)) -> Row {
    let names = |set: caps::CapSet| set.iter().map(|one| one.to_string()).collect::<Vec<_>>();
    Row {
        file: judged.file.source.name().to_owned(),
        line: judged.file.line(waiver),
        kind: waiver.kind.clone(),
        namespace: waiver.namespace.clone(),
        name: waiver.name.clone(),
        container: waiver.container.clone(),
        capabilities: if waiver.all { vec!["ALL".to_owned()] } else { names(waiver.capabilities) },
        reason: waiver.reason.clone(),
        expires: waiver.expires.to_string(),
        days_left: state.days_left,
        in_order: state.is_in_order(),
        states: states(state, judged.whole),
        required: state.required,
        approved: state.approvals.confirmed.clone(),
        missing: state.approvals.missing.clone(),
        remarks: state.approvals.remarks.clone(),
        too_wide: state.too_wide.clone(),
        used: judged.whole.then(|| names(state.used)),
    }
}
