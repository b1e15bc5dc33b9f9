//! Users and groups by name, as `docker run --user` reads them from `/etc/passwd` and `/etc/group`:
//! here those of this machine, because no image is consulted.

use std::fs;
use std::path::Path;
use std::str::FromStr;

/// Who a command runs as, all of it decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// User ID.
    pub uid: u32,
    /// Primary group ID.
    pub gid: u32,
    /// Supplementary groups, the primary one among them, as every runtime does since
    /// CVE-2022-36109 and CVE-2023-25173; sorted.
    pub groups: Vec<u32>,
    /// Whether `/etc/passwd` decided about the groups; `false` if the user has no entry there.
    pub known: bool,
}

/// What `--user` takes: `USER`, `USER:GROUP`, each a name or a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserArgument {
    user: String,
    group: Option<String>,
}

/// Why there is no such user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// Nothing before the colon, or nothing at all.
    #[error("{0:?} names no user; expected USER or USER:GROUP, each a name or a number")]
    Empty(String),
    /// A name that is in no line of the file.
    #[error("no {what} {name:?} in {file}; give a number instead")]
    Unknown {
        /// `user` or `group`.
        what: &'static str,
        /// The name.
        name: String,
        /// The file it was looked for in.
        file: &'static str,
    },
}

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

impl FromStr for UserArgument {
    type Err = AccountError;

    fn from_str(input: &str) -> Result<Self, Self::Err> {
        let (user, group) = match input.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (input, None),
        };
        if user.is_empty() || group == Some("") {
            return Err(AccountError::Empty(input.to_owned()));
        }
        Ok(Self { user: user.to_owned(), group: group.map(str::to_owned) })
    }
}

impl UserArgument {
    /// A user by number, with the groups that this machine's files say.
    #[must_use]
    pub fn number(uid: u32) -> Self {
        Self { user: uid.to_string(), group: None }
    }

    /// Looks it up on this machine. A user without an entry is in group 0, as on every runtime
    /// (moby `user.GetExecUser`); a group that is named replaces all others, likewise.
    ///
    /// # Errors
    /// [`AccountError::Unknown`] for a name that is not there.
    pub fn resolve(&self) -> Result<Account, AccountError> {
        // A file that cannot be read knows nobody.
        let read = |path: &str| fs::read_to_string(Path::new(path)).unwrap_or_default();
        self.resolve_in(&read(PASSWD), &read(GROUP))
    }

    fn resolve_in(&self, passwd: &str, group: &str) -> Result<Account, AccountError> {
        let number = self.user.parse::<u32>().ok();
        // A name that is all digits is a name first, as in moby.
        let entry = lines(passwd).find(|fields| fields.first() == Some(&self.user.as_str()));
        let entry = entry.or_else(|| {
            lines(passwd).find(|fields| number.is_some() && field(fields, 2) == number)
        });
        let uid = entry.as_deref().and_then(|fields| field(fields, 2)).or(number);
        let uid = uid.ok_or_else(|| unknown("user", &self.user, PASSWD))?;
        if let Some(name) = &self.group {
            let found = lines(group).find(|fields| fields.first() == Some(&name.as_str()));
            let gid = found.and_then(|fields| field(&fields, 2)).or_else(|| name.parse().ok());
            let gid = gid.ok_or_else(|| unknown("group", name, GROUP))?;
            return Ok(Account { uid, gid, groups: vec![gid], known: entry.is_some() });
        }
        let gid = entry.as_deref().and_then(|fields| field(fields, 3)).unwrap_or(0);
        let mut groups = vec![gid];
        if let Some(name) = entry.as_deref().and_then(|fields| fields.first()) {
            let member = |fields: &Vec<&str>| {
                fields.get(3).is_some_and(|members| members.split(',').any(|m| m == *name))
            };
            groups.extend(lines(group).filter(member).filter_map(|fields| field(&fields, 2)));
        }
        groups.sort_unstable();
        groups.dedup();
        Ok(Account { uid, gid, groups, known: entry.is_some() })
    }
}

fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| line.split(':').map(str::trim).collect())
}

fn field(fields: &[&str], index: usize) -> Option<u32> {
    fields.get(index)?.parse().ok()
}

fn unknown(what: &'static str, name: &str, file: &'static str) -> AccountError {
    AccountError::Unknown { what, name: name.to_owned(), file }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/:/bin/false\n7:x:700:701::/:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nadm:x:4:web,other\nweb:x:34:\nlogs:x:5:other,web\n";

    fn account(word: &str) -> Result<Account, AccountError> {
        word.parse::<UserArgument>()?.resolve_in(PASSWD, GROUP)
    }

    fn is(uid: u32, gid: u32, groups: &[u32], known: bool) -> Result<Account, AccountError> {
        Ok(Account { uid, gid, groups: groups.to_vec(), known })
    }

    #[test]
    fn names_and_numbers_are_read_as_docker_reads_them() {
        assert_eq!(account("web"), is(33, 34, &[4, 5, 34], true));
        assert_eq!(account("33"), is(33, 34, &[4, 5, 34], true));
        assert_eq!(account("web:adm"), is(33, 4, &[4], true));
        assert_eq!(account("33:99"), is(33, 99, &[99], true));
        assert_eq!(account("1000"), is(1000, 0, &[0], false));
        assert_eq!(account("1000:1001"), is(1000, 1001, &[1001], false));
        assert_eq!(account("0"), is(0, 0, &[0], true));
        assert_eq!(account("7"), is(700, 701, &[701], true));
    }

    #[test]
    fn who_is_not_there_is_named() {
        assert_eq!(
            account("nobody-here").map_err(|e| e.to_string()),
            Err("no user \"nobody-here\" in /etc/passwd; give a number instead".to_owned())
        );
        assert_eq!(
            account("web:none").map_err(|e| e.to_string()),
            Err("no group \"none\" in /etc/group; give a number instead".to_owned())
        );
        for word in ["", ":", ":5", "web:"] {
            assert_eq!(account(word), Err(AccountError::Empty(word.to_owned())));
        }
        assert!(account("-1").is_err());
        assert!(account("4294967296").is_err());
    }
}
