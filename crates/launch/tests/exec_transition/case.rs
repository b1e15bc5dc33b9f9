//! One case: a random process executes a random file.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;

use caps::{
    CapSet, CapState, Capability, ExecFile, FileCaps, FileCapsVersion, Ids, Kernel, Process,
    Securebits, SetIdRule, exec_on,
};
use dropcap_launch::{LaunchError, Spec, Unexecutable, output};

use crate::places::Places;
use crate::probe;
use crate::random::Random;

pub const USERS: [u32; 3] = [0, 1000, 1001];
pub const GROUPS: [u32; 4] = [0, 1000, 2000, 3000];

/// A file of a case; with `content` a script, else the probe.
#[derive(Debug, Clone)]
pub struct File {
    pub path: PathBuf,
    content: Option<String>,
    pub uid: u32,
    pub gid: u32,
    pub mode: u32,
    pub caps: Option<FileCaps>,
    nosuid: bool,
    /// Whether it is as it is already, and must not be touched.
    fixed: bool,
}

impl File {
    /// With random owner, mode and capabilities, the latter most often within reach of `bounding`.
    pub fn random(random: &mut Random, bounding: CapSet, path: PathBuf, nosuid: bool) -> Self {
        let mut mode = if random.percent(75) { 0o755 } else { 0o745 };
        mode |= if random.percent(40) { 0o4000 } else { 0 };
        mode |= if random.percent(40) { 0o2000 } else { 0 };
        let version = match random.below(10) {
            0..5 => None,
            5..8 => Some(FileCapsVersion::V2),
            8 => Some(FileCapsVersion::V3 { rootid: 0 }),
            _ => Some(FileCapsVersion::V3 { rootid: 1000 }),
        };
        let caps = version.map(|version| {
            let within = match random.below(10) {
                0 => CapSet::from_bits(u64::MAX),
                1..4 => CapSet::all_known(),
                _ => bounding,
            };
            let permitted = random.subset(within);
            let inheritable = random.subset(CapSet::from_bits(u64::MAX));
            FileCaps { permitted, inheritable, effective: random.percent(60), version }
        });
        let (uid, gid) = (random.one(&USERS), random.one(&GROUPS));
        Self { path, content: None, uid, gid, mode, caps, nosuid, fixed: false }
    }

    /// Makes it so. A change of owner clears set-id bits and capabilities, so it comes first.
    fn make(&self) {
        if self.fixed {
            return;
        }
        if let Some(content) = &self.content {
            fs::write(&self.path, content).expect("the script is written");
        }
        chown(&self.path, Some(self.uid), Some(self.gid)).expect("chown");
        fs::set_permissions(&self.path, fs::Permissions::from_mode(self.mode)).expect("chmod");
        match &self.caps {
            Some(caps) => {
                let value = caps.encode().expect("versions 2 and 3 hold all");
                sys::xattr::set_file_capabilities(&self.path, &value).expect("setxattr");
                let read = sys::xattr::file_capabilities(&self.path).expect("getxattr");
                let read = FileCaps::decode(&read.expect("it is set")).expect("what was written");
                // Version 3 for the initial namespace's root is given back as version 2.
                assert_eq!((read.permitted, read.rootid()), (caps.permitted, caps.rootid()));
            }
            None => sys::xattr::remove_file_capabilities(&self.path).expect("removexattr"),
        }
    }

    /// Whether the process may execute it, `generic_permission` in `fs/namei.c`.
    fn may_be_executed_by(&self, process: &Process) -> bool {
        let class = if process.uid.filesystem == self.uid {
            self.mode >> 6
        } else if process.gid.filesystem == self.gid || process.groups.contains(&self.gid) {
            self.mode >> 3
        } else {
            self.mode
        };
        class & 1 == 1 || process.caps.effective.contains(Capability::DAC_OVERRIDE)
    }
}

/// What comes of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// EACCES.
    Denied,
    /// EPERM.
    NotPermitted,
    /// It was executed, by what is now this.
    Executed(Box<Process>),
    /// Anything else; never expected.
    Failed(String),
}

#[derive(Debug)]
pub struct Case {
    process: Process,
    /// The file that is executed first; if it is a script, then its interpreter, and so on.
    files: Vec<File>,
}

impl Case {
    pub fn random(random: &mut Random, places: &Places, own: CapSet) -> Self {
        let process = random_process(random, own);
        let bounding = process.caps.bounding;
        let place = |random: &mut Random, name: &str| {
            let nosuid = random.percent(20);
            let place = if nosuid { &places.nosuid } else { &places.plain };
            File::random(random, bounding, place.join(name), nosuid)
        };
        let mut files = vec![if random.percent(10) {
            let index = random.below(places.version_1.len() as u64) as usize;
            File { fixed: true, ..places.version_1[index].clone() }
        } else {
            place(random, "probe")
        }];
        let scripts = if random.percent(25) { 1 + random.below(2) } else { 0 };
        for script in 0..scripts {
            let interpreter = files.first().expect("the probe").path.display().to_string();
            let mut file = place(random, &format!("script{script}"));
            file.content = Some(format!("#!{interpreter} {}\n", probe::FLAG));
            files.insert(0, file);
        }
        Self { process, files }
    }

    /// What `caps::exec` says.
    pub fn expected(&self, kernel: Kernel) -> Outcome {
        if !self.files.iter().all(|file| file.may_be_executed_by(&self.process)) {
            return Outcome::Denied;
        }
        let mut chain: Option<ExecFile> = None;
        for file in self.files.iter().rev() {
            let interpreter = chain.take().map(Box::new);
            chain = Some(ExecFile {
                uid: file.uid,
                gid: file.gid,
                mode: file.mode,
                nosuid: file.nosuid,
                unmapped: false,
                caps: file.caps,
                interpreter,
            });
        }
        match exec_on(kernel, &self.process, &chain.expect("a file")) {
            Ok(process) => Outcome::Executed(Box::new(process)),
            Err(_) => Outcome::NotPermitted,
        }
    }

    /// What the kernel does.
    pub fn run(&self) -> Outcome {
        self.files.iter().for_each(File::make);
        let process = &self.process;
        let first = self.files.first().expect("a file");
        let mut spec = Spec::new(&first.path, process.caps).args([probe::FLAG]);
        spec.uid = Some(process.uid);
        spec.gid = Some(process.gid);
        spec.groups = Some(process.groups.clone());
        spec.securebits = Some(process.securebits);
        spec.no_new_privs = process.no_new_privs;
        match output(spec, None) {
            Ok(output) if output.exit.success() => {
                let text = String::from_utf8(output.stdout).expect("text");
                Outcome::Executed(Box::new(probe::parse(&text)))
            }
            Ok(output) => Outcome::Failed(format!("{output:?}")),
            Err(LaunchError::NotExecutable { reason: Unexecutable::Denied { .. }, .. }) => {
                Outcome::Denied
            }
            Err(LaunchError::NotExecutable { reason, .. }) => match reason {
                Unexecutable::FileCapabilities { .. } => Outcome::NotPermitted,
                // getxattr(2) does not give version 1 out, so launch cannot know the reason.
                Unexecutable::Other(error)
                    if error.raw_os_error() == Some(1)
                        && self.files.last().is_some_and(|file| file.fixed) =>
                {
                    Outcome::NotPermitted
                }
                reason => Outcome::Failed(reason.to_string()),
            },
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    /// What this case has of [`TRAITS`].
    pub fn traits(&self, expected: &Outcome) -> Vec<&'static str> {
        let Process { uid, gid, caps, securebits, no_new_privs, .. } = &self.process;
        let (last, first) = (self.files.last().expect("a file"), self.files.first());
        let version = last.caps.map(|caps| caps.version);
        let mut found = Vec::new();
        let mut note = |holds: bool, name: &'static str| {
            if holds {
                found.push(name);
            }
        };
        note(uid.real != uid.effective, "real and effective uid apart");
        note(gid.real != gid.effective, "real and effective gid apart");
        note(uid.effective == 0, "effective uid 0");
        note(*no_new_privs, "no_new_privs");
        note(*securebits != Securebits::NONE, "securebits");
        note(
            securebits.locks().bits() & securebits.bits() != 0 || securebits.bits() & 0xaaa != 0,
            "securebits with a lock",
        );
        note(securebits.contains(Securebits::NOROOT), "noroot");
        note(securebits.contains(Securebits::KEEP_CAPS), "keep caps");
        note(!caps.ambient.is_empty(), "ambient before");
        note(self.files.len() > 1, "script");
        note(self.files.len() > 2, "script of a script");
        note(
            self.files.len() > 1 && first.is_some_and(|f| f.caps.is_some()),
            "script with capabilities",
        );
        note(last.nosuid, "nosuid");
        note(last.nosuid && last.caps.is_some(), "nosuid with capabilities");
        note(last.mode & 0o4000 != 0, "set-uid");
        note(last.mode & 0o2010 == 0o2010, "set-gid");
        note(last.mode & 0o2010 == 0o2000, "set-gid without group execute");
        note(version == Some(FileCapsVersion::V1), "capabilities v1");
        note(version == Some(FileCapsVersion::V2), "capabilities v2");
        note(version == Some(FileCapsVersion::V3 { rootid: 0 }), "capabilities v3 of root");
        note(
            version == Some(FileCapsVersion::V3 { rootid: 1000 }),
            "capabilities v3 of another namespace",
        );
        match expected {
            Outcome::Denied => note(true, "-> EACCES"),
            Outcome::NotPermitted => note(true, "-> EPERM"),
            Outcome::Executed(after) => {
                note(true, "-> executed");
                note(after.uid.effective != uid.effective, "-> effective uid changed");
                note(after.gid.effective != gid.effective, "-> effective gid changed");
                note(!after.caps.ambient.is_empty(), "-> ambient kept");
                note(!caps.ambient.is_empty() && after.caps.ambient.is_empty(), "-> ambient lost");
                note(!after.caps.permitted.is_subset(caps.permitted), "-> permitted gained");
                note(
                    after.caps.effective != after.caps.permitted
                        && after.caps.effective != CapSet::EMPTY,
                    "-> effective between none and permitted",
                );
            }
            Outcome::Failed(_) => {}
        }
        found
    }
}

/// What a whole run must have had, each at least once.
pub const TRAITS: [&str; 30] = [
    "real and effective uid apart",
    "real and effective gid apart",
    "effective uid 0",
    "no_new_privs",
    "securebits",
    "securebits with a lock",
    "noroot",
    "keep caps",
    "ambient before",
    "script",
    "script of a script",
    "script with capabilities",
    "nosuid",
    "nosuid with capabilities",
    "set-uid",
    "set-gid",
    "set-gid without group execute",
    "capabilities v1",
    "capabilities v2",
    "capabilities v3 of root",
    "capabilities v3 of another namespace",
    "-> EACCES",
    "-> EPERM",
    "-> executed",
    "-> effective uid changed",
    "-> effective gid changed",
    "-> ambient kept",
    "-> ambient lost",
    "-> permitted gained",
    "-> effective between none and permitted",
];

/// Any state that the kernel lets a process of this machine be in.
fn random_process(random: &mut Random, own: CapSet) -> Process {
    let ids = |random: &mut Random, of: &[u32]| {
        let [real, effective, saved] = [(); 3].map(|()| random.one(of));
        if random.percent(50) { Ids::all(real) } else { Ids::new(real, effective, saved) }
    };
    let permitted = random.subset(own);
    let inheritable = random.subset(own);
    let caps = CapState {
        bounding: random.subset(own),
        permitted,
        effective: random.subset(permitted),
        inheritable,
        ambient: random.subset(permitted & inheritable),
    };
    Process {
        uid: ids(random, &USERS),
        gid: ids(random, &GROUPS),
        groups: GROUPS.into_iter().filter(|_| random.percent(25)).collect(),
        caps,
        securebits: match random.below(4) {
            0 | 1 => Securebits::NONE,
            2 => random.one(&[
                Securebits::NOROOT,
                Securebits::NO_SETUID_FIXUP,
                Securebits::KEEP_CAPS,
                Securebits::NO_CAP_AMBIENT_RAISE,
            ]),
            _ => Securebits::from_bits(random.bits() as u32 & securebits_of_this_kernel()),
        },
        no_new_privs: random.percent(25),
        ..Process::default()
    }
}

/// `SECURE_ALL_BITS | SECURE_ALL_LOCKS`: four flags, and two more since Linux 6.14.
fn securebits_of_this_kernel() -> u32 {
    if version() >= (6, 14) { 0xfff } else { 0xff }
}

pub fn this_kernel() -> Kernel {
    let set_id = if version() >= (6, 17) { SetIdRule::Changes } else { SetIdRule::DiffersFromReal };
    Kernel { last_capability: sys::credentials::last_capability(), set_id }
}

fn version() -> (u32, u32) {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("a kernel");
    let mut numbers = release.split(['.', '-']).map(|n| n.trim().parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
