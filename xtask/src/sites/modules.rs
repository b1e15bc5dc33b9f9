//! The code of a kernel module, an ELF file that is not linked yet.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionKind, SymbolKind};

use super::callers::Text;
use super::image;
use crate::Result;

/// Every module below a folder, in order.
///
/// # Errors
/// When a folder cannot be read.
pub fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        for entry in entries {
            let path = entry.map_err(|e| format!("{}: {e}", folder.display()))?.path();
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else if name.is_some_and(|n| n.ends_with(".ko") || n.contains(".ko.")) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The sections of code of a module.
///
/// # Errors
/// When it cannot be unpacked or is no ELF file.
pub fn read(file: &Path) -> Result<Vec<Text>> {
    let failed = |e: &dyn std::fmt::Display| format!("{}: {e}", file.display());
    let data = fs::read(file).map_err(|e| failed(&e))?;
    let data = image::unpack(&data).map_err(|e| failed(&e))?;
    let elf = object::File::parse(&*data).map_err(|e| failed(&e))?;
    let mut texts = Vec::new();
    for section in elf.sections().filter(|s| s.kind() == SectionKind::Text) {
        let functions: BTreeMap<u64, String> = elf
            .symbols()
            .filter(|s| s.section_index() == Some(section.index()) && s.kind() == SymbolKind::Text)
            .filter_map(|s| Some((s.address(), s.name().ok()?.to_owned())))
            .collect();
        let mut references = HashMap::new();
        for (at, relocation) in section.relocations() {
            let RelocationTarget::Symbol(index) = relocation.target() else { continue };
            let symbol = elf.symbol_by_index(index).map_err(|e| failed(&e))?;
            let name = match (symbol.kind(), symbol.name()) {
                // Relative to a section: the offset counts from the end of the four bytes.
                (SymbolKind::Section, _) if symbol.section_index() == Some(section.index()) => {
                    let address = symbol.address().wrapping_add_signed(relocation.addend() + 4);
                    functions.get(&address).cloned()
                }
                (_, Ok(name)) => Some(name.to_owned()),
                _ => None,
            };
            if let Some(name) = name {
                references.insert(at, name);
            }
        }
        let bytes = section.data().map_err(|e| failed(&e))?.to_vec();
        texts.push(Text { address: section.address(), bytes, functions, references });
    }
    Ok(texts)
}
