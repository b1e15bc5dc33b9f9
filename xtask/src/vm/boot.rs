//! Boots the guests, two at a time, and brings together what those of a kernel reported.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use super::initramfs::Initramfs;
use super::packages::Kernel;
use super::plan::{KernelPlan, Plan};
use super::report::Report;
use super::shares::Share;
use super::{Arguments, guest, modules};
use crate::Result;
use crate::process::run as call;

/// How many guests run at once: each takes one CPU (`guest.rs` says why not two).
const GUESTS: usize = 2;

/// What each guest reported, by its kernel.
pub type Results<'a> = Vec<(&'a KernelPlan, Result<Report>)>;

/// Boots them, so many at a time, and returns what they reported in their order.
pub fn all<'a>(
    plan: &Plan,
    shares: &[Share<'a>],
    arguments: &Arguments,
    system: &Initramfs,
    place: &Path,
) -> Results<'a> {
    let mut order: Vec<_> = shares.iter().enumerate().collect();
    order.sort_by_key(|(_, share)| std::cmp::Reverse(share.runs()));
    let waiting = Mutex::new(order.into_iter());
    let ended = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..GUESTS.min(shares.len()) {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().map_or(None, |mut waiting| waiting.next());
                    let Some((at, share)) = next else { break };
                    let report = boot(plan, share, arguments, system.clone(), place);
                    if let Ok(mut ended) = ended.lock() {
                        ended.push((at, share.kernel, report));
                    }
                }
            });
        }
    });
    let mut ended = ended.into_inner().unwrap_or_default();
    ended.sort_by_key(|(at, ..)| *at);
    ended.into_iter().map(|(_, kernel, report)| (kernel, report)).collect()
}

/// A kernel, and one report of all its guests, or what went wrong in them.
type OfKernel<'a> = (&'a KernelPlan, std::result::Result<Report, Vec<String>>);

/// One report for each kernel. The guests of a kernel stand side by side.
pub fn by_kernel(results: Results) -> Vec<OfKernel> {
    let mut kernels: Vec<OfKernel> = Vec::new();
    for (kernel, report) in results {
        match kernels.last_mut().filter(|(last, _)| last.series == kernel.series) {
            None => kernels.push((kernel, report.map_err(|error| vec![error]))),
            Some((_, all)) => match (all.as_mut(), report) {
                (Ok(all), Ok(report)) => all.join(report),
                (Err(errors), Err(error)) => errors.push(error),
                (Ok(_), Err(error)) => *all = Err(vec![error]),
                (Err(_), Ok(_)) => {}
            },
        }
    }
    kernels
}

/// A guest that is ready to boot.
struct Guest<'a> {
    kernel: &'a Kernel,
    /// A folder of its own.
    folder: PathBuf,
}

impl<'a> Guest<'a> {
    /// Writes its file system: what all guests have, the kernel's modules, and `/etc/vm.conf` (`init.sh`).
    fn new(
        plan: &Plan,
        (of_plan, kernel): (&KernelPlan, &'a Kernel),
        folder: PathBuf,
        mut system: Initramfs,
        conf: &str,
    ) -> Result<Self> {
        if !kernel.release.starts_with(&of_plan.series) {
            let (series, suite) = (&of_plan.series, &of_plan.suite);
            return Err(format!(
                "{suite} has {} now, not {series}: correct vm.toml",
                kernel.release
            ));
        }
        let modules = modules::closure(&kernel.modules, &plan.guest.modules)?;
        for (at, (name, module)) in modules.iter().enumerate() {
            system.file(&format!("/modules/{at:02}-{name}.ko"), 0o644, module);
        }
        let [_, report, recordings] = kernel.architecture.ports;
        let ports = format!("report_port=/dev/{report}\nrecordings_port=/dev/{recordings}");
        let conf = format!("kernel='{}'\n{ports}\n{conf}", of_plan.series);
        system.file("/etc/vm.conf", 0o644, conf.as_bytes());
        fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let initramfs = folder.join("initramfs");
        fs::write(&initramfs, system.finish())
            .map_err(|e| format!("{}: {e}", initramfs.display()))?;
        Ok(Self { kernel, folder })
    }

    fn recordings(&self) -> PathBuf {
        self.folder.join("recordings.tar.gz")
    }

    fn boot(&self, watch: impl FnMut(&str)) -> Result<Report> {
        let [initramfs, console] = ["initramfs", "console"].map(|name| self.folder.join(name));
        guest::boot(self.kernel, &initramfs, &console, &self.recordings(), watch)
    }
}

/// Runs a command in the shell of a guest of the newest of these kernels, and fails if it does.
///
/// # Errors
/// If the guest does not come to its end, or the command fails.
pub fn command(
    plan: &Plan,
    command: &str,
    kernels: &[(&KernelPlan, Kernel)],
    mut system: Initramfs,
    place: &Path,
) -> Result {
    let (of_plan, kernel) = kernels.last().ok_or("no kernel to boot")?;
    system.file("/etc/command", 0o644, format!("{command}\n").as_bytes());
    let folder = place.join(&of_plan.suite).join("command");
    let guest = Guest::new(plan, (of_plan, kernel), folder, system, "threads=1\n")?;
    let report = guest.boot(guest::shown())?;
    let status = report.runs.first().and_then(|run| run.status);
    if status == Some(0) { Ok(()) } else { Err(format!("the command ended with {status:?}")) }
}

fn boot(
    plan: &Plan,
    share: &Share,
    arguments: &Arguments,
    system: Initramfs,
    place: &Path,
) -> Result<Report> {
    let kernel = share.kernel;
    // Where its test is run.
    let locked = plan.locked().filter(|(test, _)| share.once.contains(test));
    let lockdown = if locked.is_some() { kernel.lockdown.join(" ") } else { String::new() };
    let (locked, secrets) = locked.unwrap_or_default();
    let recorded = arguments.recordings.is_some();
    let yes = |yes: bool| if yes { "yes" } else { "no" };
    let conf = format!(
        "tests='{}'\nonce='{}'\nbackends='{}'\nlockdown='{lockdown}'\nlocked='{locked}'\n\
         secrets='{secrets}'\nfilter='{}'\nthreads=1\nrecordings={}\ngroundtruth={}\n",
        share.tests.join(" "),
        share.once.join(" "),
        share.backends.join(" "),
        arguments.choice.filter.as_deref().unwrap_or_default(),
        yes(recorded),
        yes(recorded && share.first),
    );
    let name = format!("{} {}", kernel.series, share.name());
    let folder = place.join(&kernel.suite).join(share.name());
    let guest = Guest::new(plan, (kernel, share.files), folder, system, &conf)?;
    let report = guest.boot(guest::progress(&name, &guest.folder.join("report"))?);
    let report = report.map_err(|error| format!("{name}: {error}"))?;
    if let Some(place) = &arguments.recordings {
        let place = place.join(&kernel.suite).join(share.name());
        fs::create_dir_all(&place).map_err(|e| format!("{}: {e}", place.display()))?;
        call(Command::new("tar").arg("-xzf").arg(guest.recordings()).arg("-C").arg(&place))?;
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::super::architecture::X86_64;
    use super::*;

    #[test]
    fn what_a_kernel_s_guests_say_is_one_report() {
        let plan = Plan::read(&X86_64).unwrap();
        let [old, new] = [&plan.kernels[0], &plan.kernels[1]];
        let report = |text: &str| {
            let mut report = Report::default();
            text.lines().for_each(|line| report.line(line));
            Ok(report)
        };
        let of = |kernel, backend: &str| {
            report(&format!("kernel {kernel}\nbackend {backend} works\nrun traps {backend}\ndone"))
        };
        let mut all = by_kernel(vec![
            (old, of("5.10", "fexit")),
            (old, of("5.10", "fexit")),
            (new, of("6.1", "fexit")),
            (new, Err("a".to_owned())),
            (new, of("6.1", "fexit")),
            (new, Err("b".to_owned())),
        ]);
        let (kernel, errors) = all.pop().unwrap();
        assert_eq!(
            (&kernel.series, errors.unwrap_err()),
            (&new.series, vec!["a".into(), "b".into()])
        );
        let (kernel, joined) = all.pop().unwrap();
        let joined = joined.unwrap();
        assert_eq!((&kernel.series, joined.runs.len(), all.len()), (&old.series, 2, 0));
        assert_eq!((joined.working(), joined.stray.len()), (vec!["fexit"], 0));
        // Guests that differ.
        let all = by_kernel(vec![(old, of("5.10", "fexit")), (old, of("5.11", "kprobe"))]);
        assert_eq!(all[0].1.as_ref().unwrap().stray.len(), 2);
    }
}
