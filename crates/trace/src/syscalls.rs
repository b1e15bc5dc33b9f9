//! System calls: their names by number, and which of their arguments matter. The tables are `data/`.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::abi::{SHAPE_ASKS, SHAPE_LIMITED, SYSCALLS, Shape};

#[cfg(target_arch = "aarch64")]
const NATIVE: &str = include_str!("../data/syscalls/aarch64.txt");
#[cfg(not(target_arch = "aarch64"))]
const NATIVE: &str = include_str!("../data/syscalls/x86_64.txt");
#[cfg(target_arch = "aarch64")]
const COMPAT: &str = include_str!("../data/syscalls/arm.txt");
#[cfg(not(target_arch = "aarch64"))]
const COMPAT: &str = include_str!("../data/syscalls/i386.txt");
const ARGUMENTS: &str = include_str!("../data/arguments.txt");

type Names = HashMap<u32, &'static str>;

static TABLES: LazyLock<[Names; 2]> = LazyLock::new(|| [names(NATIVE), names(COMPAT)]);

/// The name of a system call of this architecture, or of its 32-bit entry.
#[must_use]
pub fn name(number: u32, compat: bool) -> Option<&'static str> {
    TABLES[usize::from(compat)].get(&number).copied()
}

/// Which argument of a system call keeps checks apart, from 0, and which of its bits; `None` if
/// none does.
#[must_use]
pub fn deciding_argument(name: &str) -> Option<(usize, u32)> {
    let shape = shape(name)?;
    Some((usize::from(shape.decides.checked_sub(1)?), shape.mask))
}

fn shape(name: &str) -> Option<&'static Shape> {
    static SHAPES: LazyLock<HashMap<&'static str, Shape>> =
        LazyLock::new(|| parse_arguments(ARGUMENTS));
    SHAPES.get(name)
}

/// The argument that decides, as the kernel side tells checks apart; 0 where none does.
pub(crate) fn deciding(number: u32, compat: bool, arguments: &[u64; 6]) -> u64 {
    name(number, compat)
        .and_then(deciding_argument)
        .map_or(0, |(index, mask)| arguments[index] & u64::from(mask))
}

/// What the programs are told about each number; the 32-bit table at [`SYSCALLS`] and above.
pub(crate) fn shapes() -> Vec<(u32, Shape)> {
    let mut told = Vec::new();
    for (table, names) in (0u32..).zip(TABLES.iter()) {
        for (&number, name) in names {
            if let Some(shape) = shape(name).filter(|_| number < SYSCALLS as u32) {
                told.push((table * SYSCALLS as u32 + number, *shape));
            }
        }
    }
    told
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn names(table: &'static str) -> Names {
    lines(table)
        .filter_map(|line| {
            let (number, name) = line.split_once(' ')?;
            Some((number.parse().ok()?, name))
        })
        .collect()
}

fn parse_arguments(text: &'static str) -> HashMap<&'static str, Shape> {
    lines(text)
        .filter_map(|line| {
            let mut words = line.split(' ');
            let name = words.next()?;
            let mut shape = Shape {
                path: 0,
                address: 0,
                address_size: 0,
                decides: 0,
                mask: u32::MAX,
                flags: 0,
            };
            for word in words {
                let flag = match word {
                    "asks" => SHAPE_ASKS,
                    "limited" => SHAPE_LIMITED,
                    _ => 0,
                };
                if flag != 0 {
                    shape.flags |= flag;
                    continue;
                }
                match word.split_once('=')? {
                    ("path", at) => shape.path = at.parse().ok()?,
                    ("decides", at) => shape.decides = at.parse().ok()?,
                    ("address", both) => {
                        let (at, size) = both.split_once(',')?;
                        shape.address = at.parse().ok()?;
                        shape.address_size = size.parse().ok()?;
                    }
                    ("mask", mask) => shape.mask = parse_mask(mask)?,
                    _ => return None,
                }
            }
            Some((name, shape))
        })
        .collect()
}

fn parse_mask(word: &str) -> Option<u32> {
    match word.strip_prefix("0x") {
        Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok(),
        None => u32::from_str_radix(word, 8).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_tables_is_understood() {
        for table in [
            include_str!("../data/syscalls/x86_64.txt"),
            include_str!("../data/syscalls/aarch64.txt"),
            include_str!("../data/syscalls/i386.txt"),
            include_str!("../data/syscalls/arm.txt"),
        ] {
            assert!(lines(table).count() > 300);
            assert_eq!(names(table).len(), lines(table).count());
        }
        assert_eq!(parse_arguments(ARGUMENTS).len(), lines(ARGUMENTS).count());
    }

    #[test]
    fn every_call_with_arguments_exists_somewhere() {
        let tables = [
            names(include_str!("../data/syscalls/x86_64.txt")),
            names(include_str!("../data/syscalls/i386.txt")),
        ];
        let strangers: Vec<_> = parse_arguments(ARGUMENTS)
            .into_keys()
            .filter(|name| !tables.iter().any(|t| t.values().any(|known| known == name)))
            .collect();
        assert_eq!(strangers, Vec::<&str>::new());
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn numbers_have_the_names_of_their_table() {
        assert_eq!(name(92, false), Some("chown"));
        assert_eq!(name(182, true), Some("chown"));
        assert_eq!(name(212, true), Some("chown32"));
        assert_eq!(name(452, false), Some("fchmodat2"));
        assert_eq!(name(400, false), None);
        let told: HashMap<u32, Shape> = shapes().into_iter().collect();
        let chmod = told[&90];
        assert_eq!((chmod.path, chmod.decides, chmod.mask), (1, 2, 0o7777));
        let compat_chmod = told[&(512 + 15)];
        assert_eq!((compat_chmod.path, compat_chmod.decides), (1, 2));
        assert_eq!((told[&49].address, told[&49].address_size), (2, 3));
    }

    #[test]
    fn the_tables_of_arm64_have_its_numbers() {
        let native = names(include_str!("../data/syscalls/aarch64.txt"));
        let compat = names(include_str!("../data/syscalls/arm.txt"));
        for (table, number, name) in [
            (&native, 54, "fchownat"),
            (&native, 51, "chroot"),
            (&native, 200, "bind"),
            (&native, 452, "fchmodat2"),
            (&compat, 61, "chroot"),
            (&compat, 182, "chown"),
            (&compat, 212, "chown32"),
            (&compat, 282, "bind"),
            (&compat, 452, "fchmodat2"),
        ] {
            assert_eq!(table.get(&number), Some(&name), "{number}");
        }
    }
}
