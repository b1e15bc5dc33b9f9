//! A kernel image as a distribution ships it, unpacked.

use std::fs;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};

use object::{Object, ObjectSection, SectionFlags, SectionKind};

use crate::Result;

/// The kernel's own ELF file, as it was linked: no relocation is due, addresses are those of a kernel
/// that was started with `nokaslr`.
pub struct Image {
    data: Vec<u8>,
    sections: Vec<Section>,
}

struct Section {
    address: u64,
    file: Range<usize>,
    is_code: bool,
}

impl Image {
    /// Unpacks a bzImage, `Documentation/arch/x86/boot.rst`.
    ///
    /// # Errors
    /// When it is none, or the program that unpacks its payload is missing.
    pub fn read(file: &Path) -> Result<Self> {
        let packed = fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
        let no = |what: &str| format!("{}: {what}", file.display());
        let word = |at: usize| {
            let bytes = packed.get(at..at + 4)?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
        };
        if packed.get(0x202..0x206) != Some(b"HdrS") {
            return Err(no("not a bzImage of an x86 kernel"));
        }
        // setup_sects, payload_offset, payload_length of the setup header.
        let (Some(offset), Some(length)) = (word(0x248), word(0x24c)) else {
            return Err(no("the setup header ends early"));
        };
        let start = (usize::from(packed[0x1f1]) + 1) * 512 + offset;
        let payload =
            packed.get(start..start + length).ok_or_else(|| no("the payload ends early"))?;
        Self::of(unpack(payload)?).map_err(|why| no(&why))
    }

    fn of(data: Vec<u8>) -> Result<Self> {
        let elf = object::File::parse(&*data).map_err(|e| format!("no ELF file within: {e}"))?;
        let sections = elf
            .sections()
            .filter_map(|section| {
                let (start, length) = section.file_range()?;
                let start = usize::try_from(start).ok()?;
                let file = start..start + usize::try_from(length).ok()?;
                let is_code = matches!(section.flags(), SectionFlags::Elf { sh_flags }
                    if sh_flags & u64::from(object::elf::SHF_EXECINSTR) != 0)
                    && section.kind() == SectionKind::Text;
                (section.address() != 0 && file.end <= data.len()).then(|| Section {
                    address: section.address(),
                    file,
                    is_code,
                })
            })
            .collect();
        Ok(Self { data, sections })
    }

    /// Made up: code of this length, beside a file that is read-only data as a whole.
    #[cfg(test)]
    pub fn of_sections(data: Vec<u8>, code: u64, length: u64, rodata: u64) -> Self {
        let whole = 0..data.len();
        let sections = vec![
            Section { address: code, file: 0..length as usize, is_code: true },
            Section { address: rodata, file: whole, is_code: false },
        ];
        Self { data, sections }
    }

    /// The whole file.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The stretches of code: address and bytes.
    pub fn code(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.sections.iter().filter(|s| s.is_code).map(|s| (s.address, &self.data[s.file.clone()]))
    }

    /// Whether code is there.
    pub fn is_code(&self, address: u64) -> bool {
        self.code().any(|(start, bytes)| (start..start + bytes.len() as u64).contains(&address))
    }

    /// The address of a place in the file.
    pub fn address(&self, at: usize) -> Option<u64> {
        let section = self.sections.iter().rfind(|s| s.file.contains(&at))?;
        Some(section.address + (at - section.file.start) as u64)
    }
}

/// By its first bytes, with the program that packed it.
pub fn unpack(packed: &[u8]) -> Result<Vec<u8>> {
    let (program, arguments): (&str, &[&str]) = match packed {
        [0x1f, 0x8b, ..] => ("gzip", &["-dc"]),
        // Behind it the kernel's build puts the length of what was packed.
        [0xfd, b'7', b'z', b'X', b'Z', ..] => ("xz", &["-dc", "--single-stream"]),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => ("zstd", &["-dcq"]),
        [0x02, 0x21, 0x4c, 0x18, ..] => ("lz4", &["-dc"]),
        [0x04, 0x22, 0x4d, 0x18, ..] => ("lz4", &["-dc"]),
        [0x7f, b'E', b'L', b'F', ..] => return Ok(packed.to_vec()),
        _ => return Err(format!("packed in an unknown way: {:02x?}", packed.get(..6))),
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("cannot start {program}: {e}"))?;
    let mut input = child.stdin.take().ok_or("no pipe to the unpacking program")?;
    let output = std::thread::scope(|scope| {
        // A program that has enough closes the pipe, which is no error.
        scope.spawn(move || input.write_all(packed));
        child.wait_with_output().map_err(|e| format!("{program}: {e}"))
    })?;
    // The status is no judge: what follows the packed data is an error to some.
    if output.stdout.is_empty() {
        return Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(output.stdout)
}
