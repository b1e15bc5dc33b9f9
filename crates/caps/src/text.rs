//! libcap's text form of three sets, cap_from_text(3) and cap_to_text(3): `cap_net_raw=ep`.

use std::fmt;
use std::str::FromStr;

use crate::{CapSet, Capability, FileCaps, FileCapsVersion};

/// The three sets libcap's text form holds; printing gives that form, as getcap(8) and
/// getpcaps(8) do.
///
/// `all` and a clause without names mean every capability with a name, 0 to 40. (libcap means all
/// it has bits for; a kernel ignores those it does not know.)
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct LibcapText {
    /// The flag `p`.
    pub permitted: CapSet,
    /// The flag `e`.
    pub effective: CapSet,
    /// The flag `i`.
    pub inheritable: CapSet,
}

/// Text that libcap would answer with `EINVAL`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not libcap text at character {at} of {text:?}: {why}")]
pub struct ParseLibcapTextError {
    /// What was given.
    pub text: String,
    /// Where it goes wrong, counted from 1.
    pub at: usize,
    /// What was expected there.
    pub why: String,
}

/// Sets that no file can have: the effective bit of a file is one bit for all
/// (setcap(8) refuses the same).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a file's effective set is either empty or all that is permitted or inheritable; {0} differs"
)]
pub struct NotFileCapsError(
    /// What is in one and not in the other.
    pub CapSet,
);

const EFFECTIVE: u8 = 1;
const PERMITTED: u8 = 2;
const INHERITABLE: u8 = 4;

/// The letters of a combination, in libcap's order.
fn letters(flags: u8) -> String {
    [(EFFECTIVE, 'e'), (INHERITABLE, 'i'), (PERMITTED, 'p')]
        .into_iter()
        .filter_map(|(flag, letter)| (flags & flag != 0).then_some(letter))
        .collect()
}

impl LibcapText {
    /// One flag's set.
    fn set_mut(&mut self, flag: u8) -> &mut CapSet {
        match flag {
            EFFECTIVE => &mut self.effective,
            PERMITTED => &mut self.permitted,
            _ => &mut self.inheritable,
        }
    }

    /// The combination one capability has.
    fn flags_of(&self, capability: Capability) -> u8 {
        [(EFFECTIVE, self.effective), (PERMITTED, self.permitted), (INHERITABLE, self.inheritable)]
            .into_iter()
            .filter(|(_, set)| set.contains(capability))
            .fold(0, |flags, (flag, _)| flags | flag)
    }

    fn apply(&mut self, names: CapSet, operator: u8, flags: u8) {
        for flag in [EFFECTIVE, PERMITTED, INHERITABLE] {
            let set = self.set_mut(flag);
            match (operator, flags & flag != 0) {
                (b'-', true) => *set = *set - names,
                (_, true) => *set = *set | names,
                (_, false) => {}
            }
        }
    }

    /// As the capabilities of a file, version 2.
    ///
    /// # Errors
    /// If effective is neither empty nor all of permitted and inheritable.
    pub fn to_file_caps(self) -> Result<FileCaps, NotFileCapsError> {
        let all = self.permitted | self.inheritable;
        if !self.effective.is_empty() && self.effective != all {
            return Err(NotFileCapsError((self.effective - all) | (all - self.effective)));
        }
        Ok(FileCaps {
            permitted: self.permitted,
            inheritable: self.inheritable,
            effective: !self.effective.is_empty(),
            version: FileCapsVersion::V2,
        })
    }
}

impl From<FileCaps> for LibcapText {
    fn from(caps: FileCaps) -> Self {
        let effective =
            if caps.effective { caps.permitted | caps.inheritable } else { CapSet::EMPTY };
        Self { permitted: caps.permitted, effective, inheritable: caps.inheritable }
    }
}

/// Reads what cap_from_text(3) reads: clauses separated by spaces, each a list of names (or
/// `all`, or nothing before `=`) and operators `=`, `+`, `-` with flags out of `e`, `i`, `p`.
impl FromStr for LibcapText {
    type Err = ParseLibcapTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut sets = Self::default();
        let mut reader = Reader { text, at: 0 };
        loop {
            reader.skip_space();
            let Some(first) = reader.peek() else { return Ok(sets) };
            let names = match first {
                b'=' => None,
                b'+' | b'-' => return Err(reader.error("`+` and `-` need names before them")),
                _ => Some(reader.names()?),
            };
            reader.clause(names, &mut sets)?;
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Whether a clause ends here; isspace(3) counts the vertical tab in.
    fn at_end(&self) -> bool {
        self.peek().is_none_or(|byte| byte.is_ascii_whitespace() || byte == 0x0b)
    }

    fn skip_space(&mut self) {
        while self.peek().is_some() && self.at_end() {
            self.at += 1;
        }
    }

    fn error(&self, why: impl Into<String>) -> ParseLibcapTextError {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        ParseLibcapTextError {
            text: self.text.to_owned(),
            at: before.chars().count() + 1,
            why: why.into(),
        }
    }

    fn names(&mut self) -> Result<CapSet, ParseLibcapTextError> {
        let mut names = CapSet::EMPTY;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            let word = &rest[..end.unwrap_or(rest.len())];
            names = names | self.name(word)?;
            self.at += word.len();
            if self.peek() != Some(b',') {
                return Ok(names);
            }
            self.at += 1;
        }
    }

    fn name(&self, word: &str) -> Result<CapSet, ParseLibcapTextError> {
        if word.eq_ignore_ascii_case("all") {
            return Ok(CapSet::all_known());
        }
        // strtoul(3) with base 0: `0x10` and `020` are 16.
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            let lower = word.to_ascii_lowercase();
            let number = match (lower.strip_prefix("0x"), lower.strip_prefix('0')) {
                (Some(digits), _) => u8::from_str_radix(digits, 16),
                (None, Some(digits)) if !digits.is_empty() => u8::from_str_radix(digits, 8),
                _ => lower.parse(),
            };
            return number
                .ok()
                .and_then(Capability::from_number)
                .map(CapSet::from)
                .ok_or_else(|| self.error(format!("{word:?} is no number from 0 to 63")));
        }
        // Here, unlike everywhere else, the prefix is part of the name.
        if !word.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("cap_")) {
            let meant = word.parse::<Capability>().ok().and_then(Capability::name);
            let meant = meant.map(|name| format!(", write `cap_{}`", name.to_ascii_lowercase()));
            return Err(self.error(format!(
                "expected a name such as `cap_net_raw`, `all` or `=`{}",
                meant.unwrap_or_default()
            )));
        }
        match word[4..].parse::<Capability>() {
            Ok(capability) if word[4..].starts_with(|c: char| c.is_ascii_alphabetic()) => {
                Ok(capability.into())
            }
            Ok(_) => Err(self.error(format!("unknown capability {word:?}"))),
            Err(error) => Err(self.error(error.to_string())),
        }
    }

    /// The operators and flags after the names. Only a listed clause may go on after `=`.
    fn clause(
        &mut self,
        names: Option<CapSet>,
        sets: &mut LibcapText,
    ) -> Result<(), ParseLibcapTextError> {
        let listed = names.unwrap_or(CapSet::all_known());
        let mut first = true;
        while first || !self.at_end() {
            let operator = match self.peek() {
                Some(b'=') if first => b'=',
                Some(operator @ (b'+' | b'-')) if names.is_some() => operator,
                Some(b'+' | b'-') => {
                    return Err(self.error("`+` and `-` need names before them"));
                }
                _ if first => return Err(self.error("expected `=`, `+` or `-`")),
                _ => return Err(self.error("expected a flag out of `e`, `i`, `p`")),
            };
            self.at += 1;
            let mut flags = 0;
            while let Some(flag) = self.flag() {
                flags |= flag;
            }
            if operator == b'=' {
                sets.apply(listed, b'-', EFFECTIVE | PERMITTED | INHERITABLE);
            } else if flags == 0 {
                return Err(self.error("expected a flag out of `e`, `i`, `p`"));
            }
            sets.apply(listed, operator, flags);
            first = false;
        }
        Ok(())
    }

    fn flag(&mut self) -> Option<u8> {
        let flag = match self.peek()? {
            b'e' => EFFECTIVE,
            b'p' => PERMITTED,
            b'i' => INHERITABLE,
            _ => return None,
        };
        self.at += 1;
        Some(flag)
    }
}

/// As cap_to_text(3): the most common combination first, then what differs from it.
impl fmt::Display for LibcapText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut groups = [CapSet::EMPTY; 8];
        for capability in Capability::known() {
            groups[usize::from(self.flags_of(capability))].insert(capability);
        }
        // The least flags win a tie.
        let common =
            (0..8).rev().max_by_key(|&flags| groups[usize::from(flags)].len()).unwrap_or(0);
        let mut clauses = Vec::new();
        if common != 0 {
            clauses.push(format!("={}", letters(common)));
        }
        for flags in (0..8_u8).rev().filter(|&flags| flags != common) {
            let group = groups[usize::from(flags)];
            if group.is_empty() {
                continue;
            }
            let (gained, lost) = (letters(flags & !common), letters(common & !flags));
            clauses.push(match (common, gained.as_str(), lost.as_str()) {
                (0, gained, _) => format!("{}={gained}", names(group)),
                (_, gained, "") => format!("{}+{gained}", names(group)),
                (_, "", lost) => format!("{}-{lost}", names(group)),
                (_, gained, lost) => format!("{}+{gained}-{lost}", names(group)),
            });
        }
        // `=` says nothing of capabilities without a name: they are always listed in full.
        let unnamed = (self.permitted | self.effective | self.inheritable) - CapSet::all_known();
        for capability in unnamed {
            clauses.push(format!("{capability}={}", letters(self.flags_of(capability))));
        }
        if clauses.is_empty() {
            return f.pad("=");
        }
        f.pad(&clauses.join(" "))
    }
}

fn names(set: CapSet) -> String {
    let names: Vec<String> =
        set.iter().map(|c| format!("cap_{}", c.to_string().to_ascii_lowercase())).collect();
    names.join(",")
}
