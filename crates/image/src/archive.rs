//! What `podman save` and `docker save` write: a tar archive of layers, each a tar archive, and
//! `manifest.json`, which says their order (moby `image/tarexport`; OCI layers may be compressed).

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Cursor, Read};

use caps::FileCaps;
use flate2::bufread::MultiGzDecoder;
use serde::Deserialize;
use tar::{Archive, EntryType};

use crate::tree::{Node, Tree};

/// No `manifest.json` is longer, and no `/etc/passwd` that matters.
const MAX_TEXT: u64 = 4 << 20;
/// So much of a script does the kernel read, `BINPRM_BUF_SIZE`.
const FIRST_LINE: usize = 256;
/// How PAX archives name the attribute, star(1).
const XATTR: &str = "SCHILY.xattr.security.capability";

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// It breaks off, or is no archive.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// `manifest.json` is not there or not as expected.
    #[error("its manifest.json is not that of one image: {0}")]
    Manifest(String),
    /// A layer in a form that is not read.
    #[error("its layer {0} is in a form that is not read (tar and gzip are)")]
    Layer(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    layers: Vec<String>,
}

/// What a layer does to what is below it, in its order.
enum Step {
    Put(String, Node),
    Link(String, String),
    Remove(String),
    Empty(String),
    Passwd(String),
}

enum Member {
    Layer(Vec<Step>),
    /// The same as another one.
    Same(String),
    Unread,
    Text(String),
}

/// The files of the one image in the archive.
pub(crate) fn read(archive: impl Read) -> Result<Tree, ArchiveError> {
    let mut members = BTreeMap::new();
    let mut archive = Archive::new(archive);
    for entry in archive.entries()? {
        let entry = entry?;
        let name = clean(&String::from_utf8_lossy(&entry.path_bytes()));
        let member = match entry.header().entry_type() {
            EntryType::Symlink | EntryType::Link => {
                let target = entry.link_name_bytes().unwrap_or_default();
                let target = String::from_utf8_lossy(&target).into_owned();
                let is_hard = entry.header().entry_type() == EntryType::Link;
                let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
                Member::Same(if is_hard { clean(&target) } else { join(folder, &target) })
            }
            EntryType::Directory => continue,
            _ => member(&name, entry)?,
        };
        members.insert(name, member);
    }
    // What stands behind the end of the archive, too: who writes it is not to find the pipe closed.
    io::copy(&mut archive.into_inner(), &mut io::sink())?;
    let text = match members.get("manifest.json") {
        Some(Member::Text(text)) => text.as_str(),
        _ => return Err(ArchiveError::Manifest("there is none".to_owned())),
    };
    let manifest: Vec<Entry> =
        serde_json::from_str(text).map_err(|error| ArchiveError::Manifest(error.to_string()))?;
    let [image] = manifest.as_slice() else {
        return Err(ArchiveError::Manifest(format!("{} images", manifest.len())));
    };
    let mut tree = Tree::default();
    for layer in &image.layers {
        for step in steps(&members, layer)? {
            match step {
                Step::Put(path, node) => tree.put(path, node.clone()),
                Step::Link(path, target) => tree.link(path, target),
                Step::Remove(path) => tree.remove(path),
                Step::Empty(path) => tree.remove_below(path),
                Step::Passwd(text) => tree.passwd.clone_from(text),
            }
        }
    }
    Ok(tree)
}

fn steps<'a>(
    members: &'a BTreeMap<String, Member>,
    layer: &str,
) -> Result<&'a [Step], ArchiveError> {
    let mut name = clean(layer);
    for _ in 0..members.len() {
        match members.get(&name) {
            Some(Member::Same(other)) => name.clone_from(other),
            Some(Member::Layer(steps)) => return Ok(steps),
            Some(Member::Unread | Member::Text(_)) | None => break,
        }
    }
    Err(ArchiveError::Layer(layer.to_owned()))
}

/// One member of the outer archive: whether it is a layer its first bytes say.
fn member(name: &str, entry: impl Read) -> Result<Member, ArchiveError> {
    let mut entry = BufReader::with_capacity(1 << 16, entry);
    let mut first = Vec::new();
    entry.by_ref().take(512).read_to_end(&mut first)?;
    let gzip = first.starts_with(&[0x1f, 0x8b]);
    let is_tar = first.get(257..262) == Some(b"ustar")
        || (first.len() == 512 && first.iter().all(|byte| *byte == 0));
    let text = first.first().is_some_and(|byte| matches!(byte, b'{' | b'['));
    let whole = Cursor::new(first).chain(entry);
    if gzip {
        return Ok(Member::Layer(layer(MultiGzDecoder::new(BufReader::new(whole)))?));
    }
    if is_tar {
        return Ok(Member::Layer(layer(whole)?));
    }
    if !text || !name.ends_with("json") {
        return Ok(Member::Unread);
    }
    let mut bytes = Vec::new();
    whole.take(MAX_TEXT).read_to_end(&mut bytes)?;
    Ok(Member::Text(String::from_utf8_lossy(&bytes).into_owned()))
}

/// A layer.
fn layer(archive: impl Read) -> Result<Vec<Step>, ArchiveError> {
    let mut steps = Vec::new();
    let mut archive = Archive::new(archive);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = clean(&String::from_utf8_lossy(&entry.path_bytes()));
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        if name == ".wh..wh..opq" {
            steps.push(Step::Empty(folder.to_owned()));
            continue;
        }
        if let Some(gone) = name.strip_prefix(".wh.") {
            steps.push(Step::Remove(join(folder, gone)));
            continue;
        }
        let target = entry.link_name_bytes().unwrap_or_default();
        let target = String::from_utf8_lossy(&target).into_owned();
        let node = match entry.header().entry_type() {
            EntryType::Directory => Node::Folder,
            EntryType::Symlink => Node::Link(target),
            EntryType::Link => {
                steps.push(Step::Link(path, clean(&target)));
                continue;
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let mut capabilities = None;
                for extension in entry.pax_extensions()?.into_iter().flatten() {
                    let extension = extension?;
                    if extension.key_bytes() == XATTR.as_bytes() {
                        let decoded = FileCaps::decode(extension.value_bytes());
                        capabilities = Some(decoded.map_err(io::Error::other)?);
                    }
                }
                let header = entry.header();
                let (mode, uid) =
                    (header.mode()?, u32::try_from(header.uid()?).unwrap_or(u32::MAX));
                if path == "etc/passwd" {
                    let mut text = Vec::new();
                    entry.take(MAX_TEXT).read_to_end(&mut text)?;
                    steps.push(Step::Passwd(String::from_utf8_lossy(&text).into_owned()));
                    Node::File { mode, uid, capabilities, interpreter: None }
                } else {
                    let interpreter = if mode & 0o111 != 0 { interpreter(entry)? } else { None };
                    Node::File { mode, uid, capabilities, interpreter }
                }
            }
            _ => Node::Other,
        };
        steps.push(Step::Put(path, node));
    }
    Ok(steps)
}

/// The interpreter that a script's first line names, `fs/binfmt_script.c`.
fn interpreter(file: impl Read) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    BufReader::new(file.take(FIRST_LINE as u64)).read_until(b'\n', &mut line)?;
    let line = String::from_utf8_lossy(&line);
    Ok(line.strip_prefix("#!").and_then(|rest| rest.split_whitespace().next()).map(str::to_owned))
}

/// A path without `/`, `.` and `..` in front or in between.
fn clean(path: &str) -> String {
    join("", path)
}

fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use tar::{Builder, Header};

    use super::*;

    fn header(kind: EntryType, mode: u32, size: usize) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_size(size as u64);
        header
    }

    fn put(archive: &mut Builder<Vec<u8>>, path: &str, mode: u32, data: &[u8]) {
        let mut header = header(EntryType::Regular, mode, data.len());
        archive.append_data(&mut header, path, data).unwrap();
    }

    fn lower() -> Vec<u8> {
        let mut layer = Builder::new(Vec::new());
        put(&mut layer, "etc/passwd", 0o644, b"web:x:33:33::/:/\n");
        put(&mut layer, "bin/su", 0o4755, b"\x7fELF");
        put(&mut layer, "bin/mount", 0o4755, b"\x7fELF");
        put(&mut layer, "opt/tool", 0o4755, b"\x7fELF");
        let bytes = FileCaps::effective(caps::Capability::KILL.into()).encode().unwrap();
        layer.append_pax_extensions([(XATTR, &bytes[..])]).unwrap();
        put(&mut layer, "bin/web", 0o755, b"\x7fELF");
        let mut link = header(EntryType::Link, 0o755, 0);
        layer.append_link(&mut link, "bin/again", "bin/web").unwrap();
        layer.into_inner().unwrap()
    }

    fn upper() -> Vec<u8> {
        let mut layer = Builder::new(Vec::new());
        put(&mut layer, "bin/.wh.su", 0o644, b"");
        put(&mut layer, "opt/.wh..wh..opq", 0o644, b"");
        put(&mut layer, "start", 0o755, b"#! /bin/again -x\n");
        layer.into_inner().unwrap()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    }

    fn image(first: &[u8], second: &[u8]) -> Vec<u8> {
        let mut archive = Builder::new(Vec::new());
        // Podman's order: what says which layer comes first is at the end.
        put(&mut archive, "second.tar", 0o644, second);
        put(&mut archive, "first.tar", 0o644, first);
        let mut link = header(EntryType::Symlink, 0o777, 0);
        archive.append_link(&mut link, "id/layer.tar", "../first.tar").unwrap();
        let manifest = br#"[{"Config": "c.json", "Layers": ["id/layer.tar", "second.tar"]}]"#;
        put(&mut archive, "manifest.json", 0o644, manifest);
        archive.into_inner().unwrap()
    }

    #[test]
    fn layers_are_laid_one_on_the_other_whatever_their_form() {
        for bytes in [image(&lower(), &upper()), image(&gzip(&lower()), &gzip(&upper()))] {
            let files = read(&bytes[..]).unwrap().files(&["/start"], "/bin", "/");
            let paths: Vec<&str> = files.privileged.keys().map(String::as_str).collect();
            assert_eq!(paths, ["/bin/again", "/bin/mount", "/bin/web"]);
            assert_eq!(files.privileged["/bin/mount"].set_uid, Some(0));
            assert!(files.privileged["/bin/web"].capabilities.is_some());
            assert_eq!(files.programs["/start"].as_deref(), Some("/bin/again"));
            assert_eq!(files.accounts["web"], 33);
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_never_an_empty_image() {
        let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0];
        let error = |bytes: &[u8]| read(bytes).map(drop).unwrap_err().to_string();
        assert!(error(&image(&zstd, &upper())).contains("its layer id/layer.tar is in a form"));
        let whole = image(&lower(), &upper());
        assert!(!error(&whole[..whole.len() / 2]).is_empty());
        assert_eq!(error(&lower()), "its manifest.json is not that of one image: there is none");
    }
}
