//! `/proc/PID/status`, proc_pid_status(5): identity, IDs and the five capability sets.

use std::str::FromStr;

use caps::{CapSet, CapState, Ids};

/// `Seccomp` and `Seccomp_filters`, seccomp(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Seccomp {
    /// Every system call reaches the kernel.
    #[default]
    Disabled,
    /// Only read, write, exit and sigreturn do.
    Strict,
    /// BPF filters decide: how many, 0 if the kernel (before 5.9) does not say.
    Filter(u32),
}

/// What is used of `/proc/PID/status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// `Name`: at most 15 bytes (kernel threads may have more), as the kernel escapes it.
    pub name: String,
    /// `Pid`: the thread's number if the file is that of a thread.
    pub pid: u32,
    /// `PPid`, 0 if the parent is outside the PID namespace of this procfs.
    pub parent: u32,
    /// `NSpid`: the process ID in each PID namespace, from that of this procfs inwards. At least one.
    pub ns_pids: Vec<u32>,
    /// `Uid`: numbers of the reader's user namespace, 65534 for one that is not mapped there.
    pub uids: Ids,
    /// `Gid`, likewise.
    pub gids: Ids,
    /// `Groups`.
    pub groups: Vec<u32>,
    /// `Threads`.
    pub threads: u32,
    /// `CapBnd`, `CapPrm`, `CapEff`, `CapInh`, `CapAmb`; all bits are kept.
    pub caps: CapState,
    /// `NoNewPrivs`.
    pub no_new_privs: bool,
    /// `Seccomp`, `Seccomp_filters`.
    pub seccomp: Seccomp,
}

/// What is wrong with a `status`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseStatusError {
    /// A field that every supported kernel (4.3 or newer) writes.
    #[error("no {0} in it")]
    Missing(&'static str),
    /// A field whose value is not what proc_pid_status(5) says.
    #[error("{field} is {value:?}, expected {expected}")]
    Malformed {
        /// The field's name.
        field: &'static str,
        /// What it holds.
        value: String,
        /// What it should.
        expected: &'static str,
    },
}

impl FromStr for Status {
    type Err = ParseStatusError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fields = Fields(text);
        let pid = fields.number("Pid")?;
        Ok(Self {
            name: fields.get("Name")?.to_owned(),
            pid,
            parent: fields.number("PPid")?,
            ns_pids: match fields.find("NSpid") {
                Some(_) => fields.numbers("NSpid")?,
                None => vec![pid],
            },
            uids: fields.ids("Uid")?,
            gids: fields.ids("Gid")?,
            groups: fields.numbers("Groups")?,
            threads: fields.number("Threads")?,
            caps: CapState {
                bounding: fields.mask("CapBnd")?,
                permitted: fields.mask("CapPrm")?,
                effective: fields.mask("CapEff")?,
                inheritable: fields.mask("CapInh")?,
                ambient: fields.mask("CapAmb")?,
            },
            // Before 4.10 not shown; seccomp likewise where the kernel was built without it.
            no_new_privs: match fields.find("NoNewPrivs") {
                Some(_) => fields.number("NoNewPrivs")? != 0,
                None => false,
            },
            seccomp: match fields.find("Seccomp") {
                None | Some("0") => Seccomp::Disabled,
                Some("1") => Seccomp::Strict,
                Some("2") => Seccomp::Filter(match fields.find("Seccomp_filters") {
                    Some(_) => fields.number("Seccomp_filters")?,
                    None => 0,
                }),
                Some(value) => {
                    return Err(malformed("Seccomp", value, "0, 1 or 2"));
                }
            },
        })
    }
}

/// The lines of the file.
struct Fields<'a>(&'a str);

impl<'a> Fields<'a> {
    /// The first line decides: `Name` comes first, and the kernel escapes a newline in it.
    fn find(&self, field: &str) -> Option<&'a str> {
        let value = self.0.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
        Some(value.strip_prefix('\t').unwrap_or(value).trim_end())
    }

    fn get(&self, field: &'static str) -> Result<&'a str, ParseStatusError> {
        self.find(field).ok_or(ParseStatusError::Missing(field))
    }

    fn number(&self, field: &'static str) -> Result<u32, ParseStatusError> {
        let value = self.get(field)?;
        value.parse().map_err(|_| malformed(field, value, "a number"))
    }

    fn numbers(&self, field: &'static str) -> Result<Vec<u32>, ParseStatusError> {
        let value = self.get(field)?;
        value
            .split_ascii_whitespace()
            .map(|word| word.parse().map_err(|_| malformed(field, value, "numbers")))
            .collect()
    }

    fn ids(&self, field: &'static str) -> Result<Ids, ParseStatusError> {
        match self.numbers(field)?[..] {
            [real, effective, saved, filesystem] => Ok(Ids { real, effective, saved, filesystem }),
            _ => Err(malformed(field, self.get(field)?, "four numbers")),
        }
    }

    fn mask(&self, field: &'static str) -> Result<CapSet, ParseStatusError> {
        let value = self.get(field)?;
        u64::from_str_radix(value, 16)
            .map(CapSet::from_bits)
            .map_err(|_| malformed(field, value, "sixteen hexadecimal digits"))
    }
}

fn malformed(field: &'static str, value: &str, expected: &'static str) -> ParseStatusError {
    ParseStatusError::Malformed { field, value: value.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IN_CONTAINER: &str = "\
Name:\tnginx
Umask:\t0022
State:\tS (sleeping)
Tgid:\t21340
Ngid:\t0
Pid:\t21340
PPid:\t21333
TracerPid:\t0
Uid:\t101\t101\t0\t101
Gid:\t101\t101\t101\t101
FDSize:\t64
Groups:\t101 2000 
NStgid:\t21340\t7
NSpid:\t21340\t7
Threads:\t3
CapInh:\t0000000000000000
CapPrm:\t0000000000000400
CapEff:\t0000000000000000
CapBnd:\t00000000a80425fb
CapAmb:\t0000000000000000
NoNewPrivs:\t1
Seccomp:\t2
Seccomp_filters:\t1
";

    #[test]
    fn every_field_is_read() {
        let status: Status = IN_CONTAINER.parse().expect("a status as the kernel writes it");
        assert_eq!(
            status,
            Status {
                name: "nginx".to_owned(),
                pid: 21340,
                parent: 21333,
                ns_pids: vec![21340, 7],
                uids: Ids { real: 101, effective: 101, saved: 0, filesystem: 101 },
                gids: Ids { real: 101, effective: 101, saved: 101, filesystem: 101 },
                groups: vec![101, 2000],
                threads: 3,
                caps: CapState {
                    bounding: CapSet::from_bits(0xa804_25fb),
                    permitted: CapSet::from_bits(0x400),
                    ..CapState::default()
                },
                no_new_privs: true,
                seccomp: Seccomp::Filter(1),
            }
        );
    }

    #[test]
    fn bits_of_a_newer_kernel_are_kept() {
        let newer = IN_CONTAINER.replace("CapBnd:\t0000", "CapBnd:\t8001");
        let status: Status = newer.parse().expect("a status");
        assert_eq!(status.caps.bounding.bits(), 0x8001_0000_a804_25fb);
    }

    #[test]
    fn an_older_kernel_says_less() {
        let older: String = IN_CONTAINER
            .lines()
            .filter(|l| !["NSpid", "NoNewPrivs", "Seccomp"].iter().any(|f| l.starts_with(f)))
            .map(|l| format!("{l}\n"))
            .collect();
        let status: Status = older.parse().expect("a status");
        assert_eq!(status.ns_pids, [21340]);
        assert!(!status.no_new_privs);
        assert_eq!(status.seccomp, Seccomp::Disabled);
    }

    #[test]
    fn a_name_cannot_pass_for_a_field() {
        // The kernel writes a newline in a name as backslash n.
        let odd = IN_CONTAINER.replace("Name:\tnginx", "Name:\tx\\nCapEff:\t0");
        let status: Status = odd.parse().expect("a status");
        assert_eq!(status.name, "x\\nCapEff:\t0");
        assert_eq!(status.caps.effective, CapSet::EMPTY);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let error = "Name:\tx\n".parse::<Status>().unwrap_err();
        assert_eq!(error, ParseStatusError::Missing("Pid"));
        let error = IN_CONTAINER.replace("a80425fb", "a80425fg").parse::<Status>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "CapBnd is \"00000000a80425fg\", expected sixteen hexadecimal digits"
        );
        assert!(IN_CONTAINER.replace("\t0\t101\n", "\n").parse::<Status>().is_err());
    }
}
