//! The symbols that a kernel image carries for itself, `kernel/kallsyms.c`: written by
//! `scripts/kallsyms.c`, read here from the image, since a distribution's System.map is empty.
//!
//! The tables have no header. What is found first is the table of tokens, in which each digit stands
//! for itself and which the index behind it confirms; the others stand around it, and `#` is aligned to
//! eight bytes, from 7.0 to four:
//!
//! * to 6.3: # offsets # relative base # number # names # markers (# sequence) # tokens # index
//! * from 6.4: # number # names # markers # tokens # index # offsets # relative base
//! * from 7.0: the same without a base; an offset counts from its own place

use super::image::Image;
use crate::Result;

/// A symbol of the kernel: its address, the letter that nm(1) gives its kind, its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Symbol {
    /// Where it is, as linked.
    pub address: u64,
    /// `t` and `T` for code.
    pub kind: char,
    /// As the compiler named it.
    pub name: String,
}

/// What the tables may be aligned to: `output_label` of `scripts/kallsyms.c`.
const ALIGNMENTS: [usize; 2] = [8, 4];
/// No kernel has fewer names, or more.
const COUNTS: std::ops::Range<usize> = 10_000..4_000_000;
/// The names lie no further before the tokens.
const REACH: usize = 32 << 20;
/// So many names stand between two markers.
const STRIDE: usize = 256;

/// All symbols, by address.
///
/// # Errors
/// When the tables are not there, or not in a form that is known.
pub fn read(image: &Image) -> Result<Vec<Symbol>> {
    let data = image.data();
    let tokens = Tokens::find(data).ok_or("no table of kallsyms tokens in the kernel image")?;
    let names = Names::find(data, &tokens).ok_or("no table of kallsyms names before the tokens")?;
    let addresses = addresses(image, &tokens, &names)
        .ok_or("no table of kallsyms addresses that fits the kernel's code")?;
    let mut symbols: Vec<Symbol> = names
        .decoded
        .iter()
        .zip(addresses)
        .filter_map(|(name, address)| {
            let kind = name.chars().next()?;
            Some(Symbol { address, kind, name: name[kind.len_utf8()..].to_owned() })
        })
        .collect();
    symbols.sort();
    Ok(symbols)
}

/// `kallsyms_token_table` and `kallsyms_token_index`.
struct Tokens {
    start: usize,
    end: usize,
    words: Vec<String>,
}

impl Tokens {
    fn find(data: &[u8]) -> Option<Self> {
        const DIGITS: &[u8] = b"0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00";
        let places = data.windows(DIGITS.len()).enumerate();
        places.filter(|(_, w)| *w == DIGITS).find_map(|(at, _)| Self::around(data, at))
    }

    /// With the word for `0` at this place.
    fn around(data: &[u8], zero: usize) -> Option<Self> {
        let mut start = zero;
        for _ in 0..usize::from(b'0') {
            let ends = start.checked_sub(1)?;
            start = data[..ends].iter().rposition(|b| *b == 0)? + 1;
        }
        let mut words = Vec::new();
        let mut offsets = Vec::new();
        let mut at = start;
        for _ in 0..STRIDE {
            let length = data.get(at..)?.iter().position(|b| *b == 0)?;
            offsets.push(u16::try_from(at - start).ok()?);
            words.push(String::from_utf8_lossy(&data[at..at + length]).into_owned());
            at += length + 1;
        }
        let index = ALIGNMENTS
            .into_iter()
            .map(|align| at.next_multiple_of(align))
            .find(|index| (0..STRIDE).all(|i| u16_at(data, index + 2 * i) == Some(offsets[i])))?;
        Some(Self { start, end: index + 2 * STRIDE, words })
    }
}

/// `kallsyms_num_syms` and `kallsyms_names`.
struct Names {
    align: usize,
    /// Where the number of names is.
    number: usize,
    decoded: Vec<String>,
}

impl Names {
    fn find(data: &[u8], tokens: &Tokens) -> Option<Self> {
        let lowest = tokens.start.saturating_sub(REACH);
        (lowest / 4..tokens.start / 4).rev().map(|word| word * 4).find_map(|number| {
            let count = u32_at(data, number)? as usize;
            if !COUNTS.contains(&count) {
                return None;
            }
            ALIGNMENTS.into_iter().find_map(|align| Self::at(data, tokens, (number, count), align))
        })
    }

    /// The names behind this number, if the markers behind them agree.
    fn at(data: &[u8], tokens: &Tokens, found: (usize, usize), align: usize) -> Option<Self> {
        let (number, count) = found;
        let start = number + align;
        let mut decoded = Vec::new();
        let mut markers = Vec::new();
        let mut at = start;
        for index in 0..count {
            if index % STRIDE == 0 {
                markers.push(at - start);
            }
            let mut length = usize::from(*data.get(at)?);
            at += 1;
            // Since 6.1 a longer name's length takes two bytes, seven bits in the first.
            if length & 0x80 != 0 {
                length = (length & 0x7f) | usize::from(*data.get(at)?) << 7;
                at += 1;
            }
            let coded = data.get(at..at + length)?;
            let name: String =
                coded.iter().map(|b| tokens.words[usize::from(*b)].as_str()).collect();
            let is_kind = |c: char| c.is_ascii_alphabetic() || c == '?';
            if !name.starts_with(is_kind) || !name.bytes().all(|b| b.is_ascii_graphic()) {
                return None;
            }
            decoded.push(name);
            at += length;
        }
        let table = at.next_multiple_of(align);
        let agree = |(i, marker): (usize, &usize)| {
            u32_at(data, table + 4 * i).is_some_and(|told| told as usize == *marker)
        };
        markers.iter().enumerate().all(agree).then_some(Self { align, number, decoded })
    }
}

/// The address of each name: the form of the table that puts the kernel's first function where code is.
fn addresses(image: &Image, tokens: &Tokens, names: &Names) -> Option<Vec<u64>> {
    let data = image.data();
    let count = names.decoded.len();
    let align = names.align;
    let length = (4 * count).next_multiple_of(align);
    let before = names.number.checked_sub(align + length);
    let tables = [
        // Behind the tokens, with the base behind; before the number, with the base between.
        Some((tokens.end, tokens.end + length)),
        before.map(|at| (at, at + length)),
    ];
    let known: Vec<usize> = ["Tcap_capable", "tcap_capable", "Tcapable", "T_stext"]
        .iter()
        .filter_map(|known| names.decoded.iter().position(|name| name == known))
        .collect();
    for (table, base) in tables.into_iter().flatten() {
        let offsets: Option<Vec<i32>> =
            (0..count).map(|i| u32_at(data, table + 4 * i).map(u32::cast_signed)).collect();
        let Some(offsets) = offsets else { continue };
        let base = u64_at(data, base).unwrap_or(0);
        let own = image.address(table).unwrap_or(0);
        let forms: [&dyn Fn(usize) -> u64; 3] = [
            // KALLSYMS_ABSOLUTE_PERCPU, to 6.14: what is negative is relative to the base.
            &|i| match offsets[i] {
                offset if offset < 0 => {
                    base.wrapping_sub(1).wrapping_add_signed(-i64::from(offset))
                }
                offset => u64::from(offset.unsigned_abs()),
            },
            &|i| base.wrapping_add(u64::from(offsets[i].cast_unsigned())),
            // Relative to the entry itself.
            &|i| own.wrapping_add(4 * i as u64).wrapping_add_signed(i64::from(offsets[i])),
        ];
        for form in forms {
            if known.len() >= 2 && known.iter().all(|i| image.is_code(form(*i))) {
                return Some((0..count).map(form).collect());
            }
        }
    }
    None
}

fn u16_at(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(data.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(data.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(data: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(data.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: u64 = 0xffff_ffff_8100_0000;

    /// Which tables stand where.
    #[derive(Clone, Copy, Debug)]
    enum Form {
        To63,
        From64,
        From70,
    }

    /// An image with these many functions of sixteen bytes, and the tables of this form.
    fn image(form: Form, count: usize) -> Image {
        let align = if matches!(form, Form::From70) { 4 } else { 8 };
        let mut data = vec![0x11; 16 * count];
        let pad = |data: &mut Vec<u8>| data.resize(data.len().next_multiple_of(align), 0);
        let offsets = |data: &mut Vec<u8>| {
            pad(data);
            for i in 0..count {
                let address = BASE + 16 * i as u64;
                let offset = match form {
                    Form::To63 => -1 - (address - BASE) as i32,
                    Form::From64 => (address - BASE) as i32,
                    Form::From70 => (address as i64 - (RODATA + data.len() as u64) as i64) as i32,
                };
                data.extend(offset.to_le_bytes());
            }
            pad(data);
            if !matches!(form, Form::From70) {
                data.extend(BASE.to_le_bytes());
            }
        };
        if matches!(form, Form::To63) {
            offsets(&mut data);
        }
        pad(&mut data);
        data.extend((count as u32).to_le_bytes());
        pad(&mut data);
        let (start, mut markers) = (data.len(), Vec::new());
        for i in 0..count {
            if i % STRIDE == 0 {
                markers.push((data.len() - start) as u32);
            }
            let name = name(i);
            // Byte 1 stands for "cap_capable".
            let coded = name.replace("cap_capable", "\u{1}").into_bytes();
            if coded.len() > 0x7f {
                data.extend([(coded.len() & 0x7f) as u8 | 0x80, (coded.len() >> 7) as u8]);
            } else {
                data.push(coded.len() as u8);
            }
            data.extend(coded);
        }
        pad(&mut data);
        markers.iter().for_each(|marker| data.extend(marker.to_le_bytes()));
        pad(&mut data);
        let (start, mut index) = (data.len(), Vec::new());
        for token in 0..=255_u8 {
            index.push((data.len() - start) as u16);
            match token {
                1 => data.extend(b"cap_capable"),
                b' '..=b'~' => data.push(token),
                _ => {}
            }
            data.push(0);
        }
        pad(&mut data);
        index.iter().for_each(|offset| data.extend(offset.to_le_bytes()));
        if !matches!(form, Form::To63) {
            offsets(&mut data);
        }
        data.extend([0x11; 64]);
        Image::of_sections(data, BASE, 16 * count as u64, RODATA)
    }

    const RODATA: u64 = BASE + 0x100_0000;

    fn name(i: usize) -> String {
        match i {
            0 => "T_stext".to_owned(),
            7 => "Tcap_capable".to_owned(),
            8 => format!("t{}", "long_".repeat(40)),
            _ => format!("tf{i}"),
        }
    }

    #[test]
    fn every_form_of_the_tables_is_read() {
        for form in [Form::To63, Form::From64, Form::From70] {
            let symbols = read(&image(form, 20_001)).unwrap();
            let expected: Vec<Symbol> = (0..20_001)
                .map(|i| Symbol {
                    address: BASE + 16 * i as u64,
                    kind: name(i).chars().next().unwrap(),
                    name: name(i)[1..].to_owned(),
                })
                .collect();
            assert!(symbols == expected, "{form:?}: {:?}", &symbols[..9]);
        }
    }

    #[test]
    fn no_tables_is_an_error() {
        let image = Image::of_sections(vec![0x11; 100_000], BASE, 4096, RODATA);
        assert_eq!(read(&image).unwrap_err(), "no table of kallsyms tokens in the kernel image");
    }
}
