//! One question to the kernel's type information (BTF, Documentation/bpf/btf.rst) that the loader
//! does not answer: what a function calls its parameters.

use std::fs;

use crate::backend::BTF;

/// Kinds of types (`include/uapi/linux/btf.h`).
const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;

/// Whether the fourth parameter of `cap_capable` is its options. It was `int audit` before 5.1, and
/// distributions take newer code over into older kernels: so the kernel is asked, not its version.
pub(crate) fn cap_capable_has_opts() -> bool {
    let names = fs::read(BTF).ok().and_then(|btf| parameters(&btf, "cap_capable"));
    names.is_some_and(|names| names.get(3).is_some_and(|name| name == "opts"))
}

/// The names of a function's parameters; `None` if it is not there, or this is no BTF.
fn parameters(btf: &[u8], function: &str) -> Option<Vec<String>> {
    // struct btf_header: magic, version, flags, hdr_len, type_off, type_len, str_off, str_len
    if btf.get(..2)? != 0xeb9f_u16.to_ne_bytes() {
        return None;
    }
    let field = |at: usize| number(btf, at).map(|value| value as usize);
    let header = field(4)?;
    let (types, types_size) = (header + field(8)?, field(12)?);
    let (strings, strings_size) = (header + field(16)?, field(20)?);
    let types = btf.get(types..types.checked_add(types_size)?)?;
    let strings = btf.get(strings..strings.checked_add(strings_size)?)?;
    let mut starts = Vec::new();
    let mut prototype = None;
    let mut at = 0;
    while at < types.len() {
        starts.push(at);
        let (name, info) = (number(types, at)?, number(types, at + 4)?);
        let kind = info >> 24 & 0x1f;
        if kind == FUNC && string(strings, name)? == function.as_bytes() {
            prototype = Some(number(types, at + 8)? as usize);
        }
        at += 12 + size_behind(kind, (info & 0xffff) as usize)?;
    }
    // Types are numbered from 1; 0 is void.
    let at = *starts.get(prototype?.checked_sub(1)?)?;
    let info = number(types, at + 4)?;
    if info >> 24 & 0x1f != FUNC_PROTO {
        return None;
    }
    (0..(info & 0xffff) as usize)
        .map(|index| {
            let name = string(strings, number(types, at + 12 + 8 * index)?)?;
            Some(String::from_utf8_lossy(name).into_owned())
        })
        .collect()
}

/// Bytes behind a type's twelve, by its kind and the number of its members.
fn size_behind(kind: u32, members: usize) -> Option<usize> {
    Some(match kind {
        // pointer, forward, typedef, volatile, const, restrict, function, float, type tag
        2 | 7..=12 | 16 | 18 => 0,
        // integer, variable, declaration tag
        1 | 14 | 17 => 4,
        // array
        3 => 12,
        // structure, union, data section, 64-bit enumeration
        4 | 5 | 15 | 19 => 12 * members,
        // enumeration, prototype
        6 | FUNC_PROTO => 8 * members,
        _ => return None,
    })
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn string(strings: &[u8], at: u32) -> Option<&[u8]> {
    strings.get(at as usize..)?.split(|byte| *byte == 0).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BTF with one integer and `int cap_capable(int cred, int ns, int cap, int FOURTH)`.
    fn btf(fourth: &str) -> Vec<u8> {
        let mut strings = vec![0];
        let mut name = |text: &str| {
            let at = strings.len() as u32;
            strings.extend_from_slice(text.as_bytes());
            strings.push(0);
            at
        };
        let parameters = ["cred", "ns", "cap", fourth].map(&mut name);
        let (int, function) = (name("int"), name("cap_capable"));
        let mut types = vec![int, 1 << 24, 4, 32, 0, FUNC_PROTO << 24 | 4, 1];
        types.extend(parameters.iter().flat_map(|name| [*name, 1]));
        types.extend([function, FUNC << 24, 2]);
        let mut bytes = Vec::from(0xeb9f_u16.to_ne_bytes());
        bytes.extend([1, 0]);
        let size = types.len() as u32 * 4;
        for value in [24, 0, size, size, strings.len() as u32].into_iter().chain(types) {
            bytes.extend(value.to_ne_bytes());
        }
        bytes.extend(strings);
        bytes
    }

    #[test]
    fn the_fourth_parameter_is_told_by_its_name() {
        for fourth in ["opts", "audit"] {
            let names = ["cred", "ns", "cap", fourth].map(str::to_owned).to_vec();
            assert_eq!(parameters(&btf(fourth), "cap_capable"), Some(names));
        }
        assert_eq!(parameters(&btf("opts"), "capable"), None);
    }

    #[test]
    fn what_is_no_btf_is_no_answer() {
        let whole = btf("opts");
        for size in 0..whole.len() - 13 {
            assert_eq!(parameters(&whole[..size], "cap_capable"), None, "{size} bytes");
        }
        assert_eq!(parameters(b"no such thing, but long enough", "cap_capable"), None);
    }

    #[test]
    fn this_kernel_calls_it_opts() {
        if std::path::Path::new(BTF).exists() {
            assert!(cap_capable_has_opts());
        }
    }
}
