//! A kernel's modules, in the order in which they can be loaded.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

/// The modules of these names and what they depend on, each after its own dependencies, unpacked; what
/// the kernel has built in is left out.
///
/// # Errors
/// If a name is neither a module of the kernel nor built in.
pub fn closure(folder: &Path, names: &[String]) -> Result<Vec<(String, Vec<u8>)>> {
    let files = files(&folder.join("kernel"))?;
    let list = folder.join("modules.builtin");
    let built_in = fs::read_to_string(&list).map_err(|e| format!("{}: {e}", list.display()))?;
    let built_in: Vec<String> = built_in.lines().map(|path| stem(Path::new(path))).collect();
    let mut loaded = Vec::new();
    for name in names {
        add(name, &files, &built_in, &mut loaded)?;
    }
    Ok(loaded)
}

fn add(
    name: &str,
    files: &[PathBuf],
    built_in: &[String],
    loaded: &mut Vec<(String, Vec<u8>)>,
) -> Result {
    let name = name.replace('-', "_");
    if built_in.contains(&name) || loaded.iter().any(|(other, _)| *other == name) {
        return Ok(());
    }
    let file = files.iter().find(|file| stem(file) == name);
    let file = file.ok_or_else(|| format!("the kernel has no module {name}"))?;
    let module = read(file)?;
    for dependency in depends(&module) {
        add(&dependency, files, built_in, loaded)?;
    }
    loaded.push((name, module));
    Ok(())
}

/// All files below a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

/// `overlay` for `kernel/fs/overlayfs/overlay.ko.xz`, spelt as `lsmod` does.
fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().replace('-', "_")
}

fn read(file: &Path) -> Result<Vec<u8>> {
    let program = match file.extension().and_then(|e| e.to_str()) {
        Some("xz") => "xz",
        Some("zst") => "zstd",
        _ => return fs::read(file).map_err(|e| format!("{}: {e}", file.display())),
    };
    let output = Command::new(program).args(["-d", "-c"]).arg(file).output();
    let output = output.map_err(|e| format!("{program}: {e}"))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("{program} {}: {}", file.display(), output.status))
    }
}

/// What the section `.modinfo` names as `depends=a,b`: strings, each ended by a zero byte.
fn depends(module: &[u8]) -> Vec<String> {
    let mut strings = module.split(|byte| *byte == 0);
    let list = strings.find_map(|text| text.strip_prefix(b"depends="));
    let list = String::from_utf8_lossy(list.unwrap_or_default()).into_owned();
    list.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_comes_after_what_it_depends_on() {
        let place = tempfile::tempdir().unwrap();
        let kernel = place.path().join("kernel/fs");
        fs::create_dir_all(&kernel).unwrap();
        fs::write(place.path().join("modules.builtin"), "kernel/fs/built-in.ko\n").unwrap();
        for (name, info) in [
            ("top.ko", "ELF\0license=GPL\0depends=low-er,built_in\0"),
            ("low_er.ko", "\0depends=\0"),
            ("other.ko", "\0depends=top\0"),
        ] {
            fs::write(kernel.join(name), info).unwrap();
        }
        let names = |wanted: &[&str]| {
            let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
            let modules = closure(place.path(), &wanted)?;
            Ok::<_, String>(modules.into_iter().map(|(name, _)| name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["top", "low_er", "built-in"]), Ok(vec!["low_er".into(), "top".into()]));
        assert_eq!(names(&["absent"]), Err("the kernel has no module absent".to_owned()));
    }
}
