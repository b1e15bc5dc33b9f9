//! nginx under load: what a request costs its processes, traced and not, in pairs.
//!
//! The same nginx all the time, in a network of its own, its one worker alone on a CPU. Measured is the time that its
//! processes ran, user and system, over exactly so many requests on kept-alive connections, from
//! `/proc/PID/schedstat` (nanoseconds; `/proc/PID/stat` has hundredths of seconds). Traced is `dropcap trace
//! pid/MASTER`, attached seconds before, so that it has judged, and does not look at returns any more.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use record::observation::Recording;

use crate::machine::{self, Cpus};
use crate::statistics::{Interval, interval, median, median_interval};

/// Requests of one measurement, and those before it that do not count.
const REQUESTS: u32 = 30_000;
const BEFORE: u32 = 6_000;
/// At the same time, each kept alive.
const CONNECTIONS: u32 = 4;
/// How long dropcap watches before it is measured: five quiet seconds, and some.
const QUIET: Duration = Duration::from_millis(5600);
const PORT: u16 = 8080;
/// signal(7)
const INT: i32 = 2;
const QUIT: i32 = 3;

/// Measures so many pairs and prints the difference with its interval.
pub fn run(pairs: usize) -> Result<(), String> {
    for program in ["nginx", "ab"] {
        machine::need(program)?;
    }
    let dropcap = machine::dropcap(None)?;
    let folder = tempfile::tempdir().map_err(|e| format!("a temporary folder: {e}"))?;
    sys::isolate::own_network().map_err(|e| e.to_string())?;
    let cpus = Cpus::divide()?;
    let server = Server::start(folder.path(), cpus);
    let measured = server.and_then(|mut server| {
        let measured = pairs_of(&server, &dropcap, folder.path(), pairs);
        server.stop()?;
        measured
    });
    cpus.reunite();
    print(&measured?);
    Ok(())
}

/// Nanoseconds a request.
struct Pair {
    untraced: f64,
    traced: f64,
    /// Checks that dropcap saw, over all requests while it watched.
    checks: f64,
}

fn pairs_of(
    server: &Server,
    dropcap: &Path,
    folder: &Path,
    pairs: usize,
) -> Result<Vec<Pair>, String> {
    let mut order = Coin::new();
    // The first load is slower: files, sockets, pages.
    load(BEFORE)?;
    (1..=pairs)
        .map(|pair| {
            eprintln!("nginx: pair {pair} of {pairs}");
            let first = if order.heads() { Some(server.measure()?) } else { None };
            let (traced, checks) = traced(server, dropcap, folder)?;
            let untraced = first.map_or_else(|| server.measure(), Ok)?;
            Ok(Pair { untraced, traced, checks })
        })
        .collect()
}

fn traced(server: &Server, dropcap: &Path, folder: &Path) -> Result<(f64, f64), String> {
    let record = folder.join("recording.json");
    let mut tracer = Command::new(dropcap)
        .args(["trace", &format!("pid/{}", server.master.id()), "--record"])
        .arg(&record)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("{}: {e}", dropcap.display()))?;
    let measured = watching(&mut tracer).and_then(|()| {
        let since = Instant::now();
        load(BEFORE)?;
        std::thread::sleep(QUIET.saturating_sub(since.elapsed()));
        server.measure()
    });
    let _ = sys::signal::send_to(tracer.id(), INT);
    let status = tracer.wait().map_err(|e| e.to_string())?;
    let measured = measured?;
    let text = fs::read(&record).map_err(|e| format!("dropcap trace: {status}: {e}"))?;
    let recording: Recording = serde_json::from_slice(&text).map_err(|e| e.to_string())?;
    if !recording.lost.is_complete() {
        return Err(format!("the tracer lost something: {:?}", recording.lost));
    }
    let settled = recording.settled.iter().map(|s| s.count);
    let checks: u64 = recording.observations.iter().map(|o| o.count).chain(settled).sum();
    Ok((measured, checks as f64 / f64::from(REQUESTS + 2 * BEFORE)))
}

/// Waits for `watching pid/… by …`.
fn watching(tracer: &mut Child) -> Result<(), String> {
    let mut lines = BufReader::new(tracer.stderr.take().ok_or("dropcap has no standard error")?);
    let mut said = String::new();
    while !said.contains("watching") {
        if lines.read_line(&mut said).map_err(|e| e.to_string())? == 0 {
            return Err(format!("dropcap trace: {said}"));
        }
    }
    // What else it says is read to the end, so that it never waits for us.
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    Ok(())
}

fn print(pairs: &[Pair]) {
    let of = |part: fn(&Pair) -> f64| median(pairs.iter().map(part).collect());
    let percent = |ratio: f64| (ratio.exp() - 1.0) * 100.0;
    let logs: Vec<f64> = pairs.iter().map(|pair| (pair.traced / pair.untraced).ln()).collect();
    println!(
        "{} pairs of {REQUESTS} requests; {:.2} µs of CPU a request untraced, {:.2} traced (medians)",
        pairs.len(),
        of(|pair| pair.untraced) / 1e3,
        of(|pair| pair.traced) / 1e3
    );
    println!("{:.4} capability checks a request seen", of(|pair| pair.checks));
    for (name, found) in [
        ("median, 95 % interval by the binomial distribution", median_interval(&logs)),
        ("mean, 95 % interval by Student's t", interval(&logs)),
    ] {
        match found {
            Some(Interval { value, low, high }) => println!(
                "difference {:+.2} % ({:+.2} to {:+.2} %): {name}",
                percent(value),
                percent(low),
                percent(high)
            ),
            None => println!("too few pairs for the {name}"),
        }
    }
    if let Some(found) = median_interval(&logs) {
        let (low, high) = (percent(found.low), percent(found.high));
        if high < 1.0 {
            println!("the upper end of the median's interval is under 1 %");
        } else {
            let width = high - low;
            println!("under 1 % is not shown: the median's interval is {width:.2} % wide");
        }
    }
}

/// Exactly so many requests; one that fails is an error.
fn load(requests: u32) -> Result<(), String> {
    let output = Command::new("ab")
        .args(["-q", "-k", "-c", &CONNECTIONS.to_string(), "-n", &requests.to_string()])
        .arg(format!("http://127.0.0.1:{PORT}/file"))
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("ab: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let number = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.trim().parse::<u32>().ok())
    };
    let good = number("Complete requests:") == Some(requests)
        && number("Failed requests:") == Some(0)
        && !text.contains("Non-2xx");
    if good { Ok(()) } else { Err(format!("ab: {}", String::from_utf8_lossy(&output.stderr))) }
}

struct Server {
    master: Child,
    worker: u32,
}

impl Server {
    fn start(folder: &Path, cpus: Cpus) -> Result<Self, String> {
        let configuration = configure(folder, cpus).map_err(|e| format!("nginx.conf: {e}"))?;
        let mut master = Command::new("nginx")
            .arg("-p")
            .arg(folder)
            .arg("-c")
            .arg(&configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| format!("nginx: {e}"))?;
        let since = Instant::now();
        while since.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(50));
            let children = format!("/proc/{0}/task/{0}/children", master.id());
            let children = fs::read_to_string(children).unwrap_or_default();
            if let Some(worker) = children.split_whitespace().next().and_then(|w| w.parse().ok())
                && load(CONNECTIONS).is_ok()
            {
                return Ok(Self { master, worker });
            }
        }
        // Killed, it would leave its worker behind.
        let _ = sys::signal::send_to(master.id(), QUIT);
        let _ = master.wait();
        Err("nginx does not answer".to_owned())
    }

    /// Nanoseconds of CPU that a request takes of all of nginx.
    fn measure(&self) -> Result<f64, String> {
        // Caches and connections as after a while, whoever watches.
        load(BEFORE)?;
        let before = self.ran()?;
        load(REQUESTS)?;
        Ok((self.ran()? - before) / f64::from(REQUESTS))
    }

    fn ran(&self) -> Result<f64, String> {
        [self.master.id(), self.worker]
            .iter()
            .map(|pid| {
                let file = format!("/proc/{pid}/schedstat");
                let text = fs::read_to_string(&file).map_err(|e| format!("{file}: {e}"))?;
                let first =
                    text.split_whitespace().next().and_then(|word| word.parse::<f64>().ok());
                first.ok_or_else(|| format!("{file}: {text:?}"))
            })
            .sum()
    }

    fn stop(&mut self) -> Result<(), String> {
        sys::signal::send_to(self.master.id(), QUIT).map_err(|e| e.to_string())?;
        self.master.wait().map_err(|e| e.to_string())?;
        Ok(())
    }
}

/// As Debian configures it, but for one worker on one CPU and connections that are never closed.
fn configure(folder: &Path, cpus: Cpus) -> std::io::Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    fs::write(folder.join("file"), "x".repeat(1024))?;
    let cpu = format!("1{}", "0".repeat(cpus.measured));
    let file = folder.join("nginx.conf");
    let text = format!(
        "daemon off;\nuser www-data;\nworker_processes 1;\nworker_cpu_affinity {cpu};\n\
         pid nginx.pid;\nerror_log error.log;\n\
         events {{ worker_connections 768; }}\n\
         http {{\n  sendfile on;\n  tcp_nopush on;\n  access_log access.log;\n  keepalive_requests 1000000000;\n  \
         server {{ listen 127.0.0.1:{PORT}; root .; }}\n}}\n"
    );
    fs::write(&file, text)?;
    Ok(file)
}

/// Which of a pair goes first: xorshift from the clock.
struct Coin(u64);

impl Coin {
    fn new() -> Self {
        let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self(clock.map_or(1, |time| time.as_nanos() as u64) | 1)
    }

    fn heads(&mut self) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 & 1 << 32 != 0
    }
}
