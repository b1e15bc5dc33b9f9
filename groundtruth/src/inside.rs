//! The side that runs inside the namespaces: process 1, which reaps, and the driver, which makes the
//! root, starts the program with exactly its set, tests it and reports.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::BufRead;
use std::path::Path;
use std::process::{Child as Process, Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::sleep;
use std::time::{Duration, Instant};

use caps::{CapSet, CapState};
use launch::{Child, Exit, Spec};
use rustix::process::{Resource, Rlimit};

use crate::Result;
use crate::order::{DRIVER, ENDED, INIT, Order, Outcome};
use crate::rootfs::{HOST, PATH};

mod mounts;

/// How often a service is tested until the test passes.
const AGAIN: Duration = Duration::from_millis(50);
/// How often something is looked at that ends by itself.
const TICK: Duration = Duration::from_millis(2);
/// How long a test may take.
const TEST: Duration = Duration::from_secs(10);
/// How long a traced service has to end.
const GRACE: Duration = Duration::from_secs(5);

/// Does what belongs to `place`; `None` if it is none of this side.
pub fn enter(place: &str, order: &str) -> Option<ExitCode> {
    let done = match place {
        INIT => init(order),
        DRIVER => drive(order),
        _ => return None,
    };
    Some(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    })
}

/// Process 1: starts the driver, reaps whatever loses its parent, and ends with the driver, upon
/// which the kernel ends all the others.
fn init(order: &str) -> Result {
    // No terminal: what asks for a password must not find one.
    let _ = rustix::process::setsid();
    let exe = std::env::current_exe().map_err(|e| format!("own path: {e}"))?;
    let driver = Command::new(exe)
        .args([DRIVER, order])
        .spawn()
        .map_err(|e| format!("cannot start the driver: {e}"))?;
    loop {
        match rustix::process::wait(rustix::process::WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get() as u32 == driver.id() => {
                return match status.exit_status() {
                    Some(0) => Ok(()),
                    _ => Err("the driver failed".to_owned()),
                };
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(format!("wait: {e}")),
        }
    }
}

fn drive(order: &str) -> Result {
    let order: Order = serde_json::from_str(order).map_err(|e| format!("order: {e}"))?;
    sys::isolate::own_network().map_err(|e| e.to_string())?;
    rustix::system::sethostname(HOST.as_bytes()).map_err(|e| format!("host name: {e}"))?;
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    limits()?;
    mounts::make(&order)?;
    set_up()?;
    run(&order)
}

/// Lines from outside. Whoever started this is gone when its end of the pipe is: then nothing is to
/// be left, and the kernel sees to that when this process ends.
fn listen() -> Receiver<String> {
    let (said, heard) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(std::io::Result::ok) {
            let _ = said.send(line);
        }
        std::process::exit(1);
    });
    heard
}

/// As an engine starts containers, whatever the limits and the priority of who calls this.
fn limits() -> Result {
    rustix::process::setpriority_process(None, 0).map_err(|e| format!("setpriority: {e}"))?;
    let files = rustix::process::getrlimit(Resource::Nofile);
    let maximum = Some(files.maximum.map_or(4096, |most| most.min(4096)));
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: Some(1024), maximum })
        .map_err(|e| format!("setrlimit: {e}"))
}

fn set_up() -> Result {
    if !Path::new("/groundtruth/setup").is_file() {
        return Ok(());
    }
    let out = create("/groundtruth/setup.out")?;
    let again = out.try_clone().map_err(|e| format!("setup.out: {e}"))?;
    let status = shell("/groundtruth/setup", &Order::default_environment())
        .stdout(out)
        .stderr(again)
        .status()
        .map_err(|e| format!("setup: {e}"))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("setup failed ({status}): {}", last_lines("/groundtruth/setup.out")))
}

fn run(order: &Order) -> Result {
    let heard = listen();
    let set = order.set;
    let state = CapState {
        bounding: set,
        permitted: set,
        effective: set,
        inheritable: CapSet::EMPTY,
        ambient: CapSet::EMPTY,
    };
    let out = create("/groundtruth/out")?;
    // What reopens /dev/stderr, as services do that log there, finds what a pipe would be: open.
    let _ = rustix::fs::fchmod(&out, rustix::fs::Mode::from_raw_mode(0o666));
    let again = out.try_clone().map_err(|e| format!("out: {e}"))?;
    let environment = order.environment();
    let mut spec = Spec::new("/bin/sh", state).args(["/groundtruth/run"]).user(0, 0, vec![0]);
    spec.env = Some(environment.iter().map(|(n, v)| (n.into(), v.into())).collect());
    spec.working_directory = Some("/".into());
    spec.stdin = launch::Stdio::Null;
    spec.stdout = launch::Stdio::File(out);
    spec.stderr = launch::Stdio::File(again);
    let held = launch::spawn_held(spec).map_err(|e| format!("cannot start the program: {e}"))?;
    if order.traced {
        println!("held {}", held.pid());
        heard.recv().map_err(|e| format!("nobody is there to trace it: {e}"))?;
    }
    let start = Instant::now();
    let mut child = held.release().map_err(|e| format!("cannot execute /bin/sh: {e}"))?;
    let deadline = start + Duration::from_secs(u64::from(order.seconds));
    let (ended, tested) = if order.service {
        test_service(&mut child, deadline, &environment)?
    } else {
        test_command(&mut child, deadline, &environment)?
    };
    let milliseconds = start.elapsed().as_millis() as u64;
    let passed = tested.is_some_and(|status| status.success());
    let end = match ended {
        Some(Exit::Code(0)) if !order.service => String::new(),
        Some(exit) => format!("ended with {exit}"),
        None if order.service => String::new(),
        None => "took too long".to_owned(),
    };
    let outcome = Outcome {
        passed,
        end,
        said: last_lines("/groundtruth/out"),
        test: last_lines("/groundtruth/test.out"),
        milliseconds,
    };
    let text = serde_json::to_string(&outcome).map_err(|e| format!("report: {e}"))?;
    println!("{text}");
    if order.traced {
        heard.recv().map_err(|e| format!("nobody is there to end it: {e}"))?;
        if ended.is_none() {
            let _ = child.signal(order.signal);
            let _ = child.wait_for(GRACE);
        }
        println!("{ENDED}");
    }
    Ok(())
}

type Tested = (Option<Exit>, Option<ExitStatus>);

/// Tests it again and again until the test passes, the time is up or the program has ended.
fn test_service(
    child: &mut Child,
    deadline: Instant,
    environment: &[(OsString, OsString)],
) -> Result<Tested> {
    loop {
        let started = Instant::now();
        let (ended, status) = test(environment, None, Some((child, deadline)))?;
        if ended.is_some() || status.is_some_and(|s| s.success()) || Instant::now() >= deadline {
            return Ok((ended, status));
        }
        sleep(AGAIN.saturating_sub(started.elapsed()));
    }
}

/// Waits for the end, and tests once.
fn test_command(
    child: &mut Child,
    deadline: Instant,
    environment: &[(OsString, OsString)],
) -> Result<Tested> {
    let left = deadline.saturating_duration_since(Instant::now());
    let ended = child.wait_for(left).map_err(|e| e.to_string())?;
    let Some(exit) = ended else { return Ok((None, None)) };
    Ok((ended, test(environment, Some(exit), None)?.1))
}

/// One test, with all privileges. If the service has ended while it was tested, its end is told
/// too, and the test is not waited for longer than it takes anyway.
fn test(
    environment: &[(OsString, OsString)],
    status: Option<Exit>,
    mut service: Option<(&mut Child, Instant)>,
) -> Result<Tested> {
    let out = create("/groundtruth/test.out")?;
    let again = out.try_clone().map_err(|e| format!("test.out: {e}"))?;
    let mut command = shell("/groundtruth/test", environment);
    if let Some(exit) = status {
        command.env("STATUS", exit.status().to_string());
    }
    let mut test = command.stdout(out).stderr(again).spawn().map_err(|e| format!("test: {e}"))?;
    let start = Instant::now();
    let mut pause = Duration::from_micros(200);
    loop {
        if let Some(status) = test.try_wait().map_err(|e| format!("test: {e}"))? {
            let ended = match &mut service {
                Some((child, _)) => child.try_wait().map_err(|e| e.to_string())?,
                None => None,
            };
            // A service that ended while it was tested does not serve.
            let works = !(ended.is_some() && status.success());
            return Ok((ended, works.then_some(status)));
        }
        let late = match &service {
            Some((_, deadline)) => Instant::now() >= *deadline + Duration::from_secs(1),
            None => start.elapsed() >= TEST,
        };
        if late {
            end(&mut test);
            return Ok((None, None));
        }
        sleep(pause);
        pause = (pause * 2).min(TICK);
    }
}

fn end(process: &mut Process) {
    let _ = process.kill();
    let _ = process.wait();
}

fn shell(script: &str, environment: &[(OsString, OsString)]) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .arg(script)
        .env_clear()
        .envs(environment.iter().map(|(n, v)| (n, v)))
        .current_dir("/")
        .stdin(Stdio::null());
    command
}

impl Order {
    fn default_environment() -> Vec<(OsString, OsString)> {
        vec![("PATH".into(), PATH.into()), ("HOME".into(), "/root".into())]
    }

    fn environment(&self) -> Vec<(OsString, OsString)> {
        let own = self.environment.iter().map(|(n, v)| (n.into(), v.into()));
        Self::default_environment().into_iter().chain(own).collect()
    }
}

fn create(path: &str) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .open(path)
        .and_then(|_| OpenOptions::new().append(true).open(path))
        .map_err(|e| format!("{path}: {e}"))
}

/// The last three lines that say something, as one.
fn last_lines(path: &str) -> String {
    let text = fs::read(path).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(3)..];
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    last.join(" / ").chars().map(shown).take(300).collect()
}
