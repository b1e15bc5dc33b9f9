//! The service inside this program: what a typical container image does at start, in small.
//!
//! As root it makes its cache folder and gives it away, binds a low port, then steps down to an
//! ordinary user and serves. On the way it asks for things it can do without, as real programs do.

use std::convert::Infallible;
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, ipproto, sockopt};
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

/// What the service is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The port, below 1024 to be of interest.
    pub port: u16,
    /// The user and group it steps down to.
    pub user: u32,
}

/// What it answers with first, once it serves as it should.
pub const GREETING: &str = "served by user ";

impl Service {
    /// Starts and serves until it is killed.
    ///
    /// # Errors
    /// The step that failed, with the path or port and what the kernel said.
    pub fn serve(&self) -> Result<Infallible, String> {
        self.ask_for_more_than_it_needs();
        // In its working directory, as an image's WORKDIR has it.
        let cache = Path::new("cache");
        fs::create_dir_all(cache).map_err(|e| format!("mkdir {}: {e}", cache.display()))?;
        // Who cleans up after it may have no DAC_OVERRIDE.
        fs::set_permissions(cache, Permissions::from_mode(0o777))
            .map_err(|e| format!("chmod {}: {e}", cache.display()))?;
        chown(cache, Some(self.user), Some(self.user))
            .map_err(|e| format!("chown {} to {}: {e}", cache.display(), self.user))?;
        let listener = TcpListener::bind(("0.0.0.0", self.port))
            .map_err(|e| format!("bind 0.0.0.0:{}: {e}", self.port))?;
        // A larger buffer than the limit, if it may; the usual one is fine.
        let _ = sockopt::set_socket_recv_buffer_size_force(&listener, 8 << 20);
        self.step_down()?;
        let file = cache.join("started");
        fs::write(&file, "").map_err(|e| format!("write {}: {e}", file.display()))?;
        loop {
            let (stream, _) = listener.accept().map_err(|e| format!("accept: {e}"))?;
            // A client that goes away early is its own business.
            let _ = self.answer(stream);
        }
    }

    /// What programs try and shrug off: a raw socket to measure latency, a better oom score.
    fn ask_for_more_than_it_needs(&self) {
        let _ = rustix::net::socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::ICMP));
        let _ = fs::write("/proc/self/oom_score_adj", "-500");
    }

    /// To an ordinary user for good: groups first, while there is still the right to.
    fn step_down(&self) -> Result<(), String> {
        let (uid, gid) = (Uid::from_raw(self.user), Gid::from_raw(self.user));
        if self.user == 0 {
            return Ok(()); // nobody to step down to: a user namespace that maps root alone
        }
        set_thread_groups(&[]).map_err(|e| format!("setgroups: {e}"))?;
        set_thread_res_gid(gid, gid, gid).map_err(|e| format!("setgid {}: {e}", self.user))?;
        set_thread_res_uid(uid, uid, uid).map_err(|e| format!("setuid {}: {e}", self.user))
    }

    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        writeln!(stream, "{GREETING}{}", rustix::process::geteuid().as_raw())
    }

    /// The functional test: asks the service once.
    ///
    /// # Errors
    /// What is wrong with the answer, or that there is none yet.
    pub fn test(&self) -> Result<(), String> {
        let said = self.ask().map_err(|e| format!("no answer on port {}: {e}", self.port))?;
        let expected = format!("{GREETING}{}\n", self.user);
        if said == expected {
            Ok(())
        } else {
            Err(format!("answered {said:?}, expected {expected:?}"))
        }
    }

    fn ask(&self) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        Ok(said)
    }
}
