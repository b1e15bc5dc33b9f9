//! Debian's kernels: found in the archive's index, downloaded, verified, unpacked, kept under `target/vm`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use super::architecture::Architecture;
use crate::Result;
use crate::process::{output, run};

/// Where Debian is if this machine's own sources do not say.
const ARCHIVE: &str = "http://deb.debian.org/debian";
/// Where suites go that are no longer supported.
const OLD_ARCHIVE: &str = "http://archive.debian.org/debian";
/// What a kernel is split into: one package, or (since 7.x) four.
const PARTS: &[&str] = &["linux-image-", "linux-binary-", "linux-modules-", "linux-base-"];
/// An index that is older is asked for again.
const FRESH: Duration = Duration::from_hours(24);

/// A kernel that was unpacked.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// What it runs on.
    pub architecture: &'static Architecture,
    /// As `uname -r` says it.
    pub release: String,
    /// The image to boot.
    pub image: PathBuf,
    /// The folder of its modules.
    pub modules: PathBuf,
}

/// The newest cloud kernel of a suite, unpacked; kept in `place`.
///
/// # Errors
/// If the archive cannot be reached and nothing is kept, or a checksum is wrong.
pub fn kernel(architecture: &'static Architecture, suite: &str, place: &Path) -> Result<Kernel> {
    fs::create_dir_all(place).map_err(|e| format!("{}: {e}", place.display()))?;
    let debian = architecture.debian;
    let packages = parse(&index(debian, suite, place)?);
    let parts = newest(debian, &packages).map_err(|e| format!("{suite}: {e}"))?;
    let release = parts[0].name.trim_start_matches("linux-image-").to_owned();
    let root = place.join(&release);
    let complete = root.join("unpacked");
    if !complete.exists() {
        for part in &parts {
            unpack(part, &root)?;
        }
        fs::write(&complete, "").map_err(|e| format!("{}: {e}", complete.display()))?;
    }
    let modules = ["usr/lib/modules", "lib/modules"].map(|folder| root.join(folder).join(&release));
    let modules = modules.into_iter().find(|folder| folder.join("kernel").is_dir());
    let modules = modules.ok_or_else(|| format!("{}: no modules", root.display()))?;
    let image = [root.join("boot").join(format!("vmlinuz-{release}")), modules.join("vmlinuz")];
    let image = image.into_iter().find(|file| file.is_file());
    let image = image.ok_or_else(|| format!("{}: no vmlinuz", root.display()))?;
    Ok(Kernel { architecture, release, image, modules })
}

/// Packages of these names and of a suite, unpacked into one folder; kept in `place`.
///
/// # Errors
/// If the archive cannot be reached and they are not kept, or it lacks one, or a checksum is wrong.
pub fn userland(
    architecture: &Architecture,
    suite: &str,
    names: &[String],
    place: &Path,
) -> Result<PathBuf> {
    let root = place.join("userland");
    let complete = place.join("userland-unpacked");
    let wanted = names.join("\n");
    if fs::read_to_string(&complete).is_ok_and(|there| there == wanted) {
        return Ok(root);
    }
    let packages = parse(&fetch_index(architecture.debian, suite, place, |name| {
        names.iter().any(|wanted| wanted == name)
    })?);
    for name in names {
        let package = packages.iter().rfind(|package| package.name == *name);
        unpack(package.ok_or_else(|| format!("{suite} has no package {name}"))?, &root)?;
    }
    fs::write(&complete, wanted).map_err(|e| format!("{}: {e}", complete.display()))?;
    Ok(root)
}

/// Downloads, verifies and unpacks a package.
fn unpack(package: &Package, root: &Path) -> Result {
    let Package { filename, sha256, .. } = package;
    fs::create_dir_all(root).map_err(|e| format!("{}: {e}", root.display()))?;
    let file = root.with_extension("deb");
    download(filename, &file)?;
    let found = output(Command::new("sha256sum").arg(&file))?;
    let found = found.split_whitespace().next().unwrap_or_default();
    if found != sha256 {
        return Err(format!("{filename}: SHA-256 {found}, expected {sha256}"));
    }
    run(Command::new("dpkg-deb").arg("-x").arg(&file).arg(root))?;
    let _ = fs::remove_file(&file);
    Ok(())
}

/// The kernel packages of the suite's index. One of a day's age serves, and any if there is no other.
fn index(debian: &str, suite: &str, place: &Path) -> Result<String> {
    let kept = place.join("Packages");
    let age = fs::metadata(&kept).and_then(|about| about.modified()).ok();
    let age = age.and_then(|modified| SystemTime::now().duration_since(modified).ok());
    if age.is_none_or(|age| age > FRESH) {
        let cloud = format!("-cloud-{debian}");
        let is_kernel = |name: &str| name.starts_with("linux-") && name.ends_with(&cloud);
        match fetch_index(debian, suite, place, is_kernel) {
            Ok(ours) => {
                fs::write(&kept, ours).map_err(|e| format!("{}: {e}", kept.display()))?;
            }
            Err(error) if age.is_some() => println!("{suite}: the index kept is used: {error}"),
            Err(error) => return Err(error),
        }
    }
    fs::read_to_string(&kept).map_err(|e| format!("{}: {e}", kept.display()))
}

/// The stanzas of the suite's index whose packages' names are wanted.
fn fetch_index(
    debian: &str,
    suite: &str,
    place: &Path,
    wanted: impl Fn(&str) -> bool,
) -> Result<String> {
    let packed = place.join("Packages.xz");
    download(&format!("dists/{suite}/main/binary-{debian}/Packages.xz"), &packed)?;
    let all = output(Command::new("xz").args(["--decompress", "--stdout"]).arg(&packed))?;
    let _ = fs::remove_file(&packed);
    let name = |stanza: &str| Some(stanza.strip_prefix("Package: ")?.lines().next()?.to_owned());
    let ours = all.split("\n\n").filter(|stanza| name(stanza).is_some_and(|name| wanted(&name)));
    Ok(ours.collect::<Vec<_>>().join("\n\n"))
}

/// Fetches a file of the archive.
fn download(path: &str, to: &Path) -> Result {
    let unfinished = to.with_extension("part");
    let mut said = Vec::new();
    for archive in archives() {
        let mut curl = Command::new("curl");
        curl.args(["-fsSL", "--retry", "3", "--connect-timeout", "20", "--output"]);
        curl.arg(&unfinished).arg(format!("{archive}/{path}"));
        if let Some(proxy) = proxy() {
            curl.args(["--proxy", &proxy]);
        }
        match output(&mut curl) {
            Ok(_) => {
                return fs::rename(&unfinished, to).map_err(|e| format!("{}: {e}", to.display()));
            }
            Err(error) => said.push(error),
        }
    }
    Err(format!("cannot download {path}: {}", said.join("; ")))
}

/// Where apt finds Debian on this machine, and where it is otherwise.
fn archives() -> Vec<String> {
    let mut apt = Command::new("apt-get");
    apt.args(["indextargets", "--format", "$(REPO_URI)", "Identifier: Packages"]);
    let own = output(&mut apt).unwrap_or_default();
    let own = own.lines().map(|uri| uri.trim_end_matches('/')).find(|uri| is_debian(uri));
    vec![own.unwrap_or(ARCHIVE).to_owned(), OLD_ARCHIVE.to_owned()]
}

fn is_debian(uri: &str) -> bool {
    uri.starts_with("http") && uri.ends_with("/debian")
}

/// The proxy that apt is told to use.
fn proxy() -> Option<String> {
    let said = output(Command::new("apt-config").args(["dump", "Acquire::http::Proxy"])).ok()?;
    let proxy = said.split('"').nth(1)?;
    (!proxy.is_empty() && proxy != "DIRECT").then(|| proxy.to_owned())
}

/// A package, as an index has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Package {
    name: String,
    depends: Vec<String>,
    filename: String,
    sha256: String,
}

/// The stanzas of an index (deb-control(5)) that are whole.
fn parse(index: &str) -> Vec<Package> {
    index.split("\n\n").filter_map(parse_stanza).collect()
}

fn parse_stanza(stanza: &str) -> Option<Package> {
    let field = |name: &str| {
        stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::trim))
    };
    // The first alternative's name stands for a dependency.
    let depends = field("Depends").unwrap_or_default().split(',');
    let depends = depends.filter_map(|one| Some(one.split_whitespace().next()?.to_owned()));
    Some(Package {
        name: field("Package")?.to_owned(),
        depends: depends.collect(),
        filename: field("Filename")?.to_owned(),
        sha256: field("SHA256")?.to_owned(),
    })
}

/// The packages of the newest kernel, the one named after its release first.
fn newest<'a>(debian: &str, packages: &'a [Package]) -> Result<Vec<&'a Package>> {
    let find = |name: &str| packages.iter().rfind(|package| package.name == name);
    let follow = |package: &Package| -> Vec<&'a Package> {
        let parts = package.depends.iter().filter(|name| {
            let rest = PARTS.iter().find_map(|part| name.strip_prefix(part));
            rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
        });
        parts.filter_map(|name| find(name)).collect()
    };
    let newest = format!("linux-image-cloud-{debian}");
    let meta = find(&newest).ok_or_else(|| format!("the index has no {newest}"))?;
    let images = follow(meta);
    let image = images.iter().find(|package| package.name.starts_with("linux-image-"));
    let image = *image.ok_or_else(|| format!("{newest} depends on no kernel of the index"))?;
    let mut parts = vec![image];
    parts.extend(follow(image));
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "Package: linux-image-6.1.0-1-cloud-amd64
Version: 6.1.1-1
Filename: pool/old.deb
SHA256: aa

Package: linux-image-6.1.0-2-cloud-amd64
Depends: kmod, linux-base (>= 4.3~), initramfs-tools (>= 0.120) | linux-initramfs-tool
Filename: pool/image.deb
SHA256: bb
Description: a kernel
 Package: none

Package: linux-image-cloud-amd64
Depends: linux-image-6.1.0-2-cloud-amd64 (= 6.1.2-1)
Filename: pool/meta.deb
SHA256: cc
";

    const SPLIT: &str = "Package: linux-base-7.2-cloud-amd64
Filename: base
SHA256: 1

Package: linux-binary-7.2-cloud-amd64
Depends: linux-base-7.2-cloud-amd64 (= 7.2-1)
Filename: binary
SHA256: 2

Package: linux-image-7.2-cloud-amd64
Depends: dracut | initramfs-tools, linux-base-7.2-cloud-amd64 (= 7.2-1), linux-binary-7.2-cloud-amd64, linux-modules-7.2-cloud-amd64
Filename: image
SHA256: 3

Package: linux-image-cloud-amd64
Depends: linux-base-cloud-amd64 (= 7.2-1), linux-image-7.2-cloud-amd64 (= 7.2-1)
Filename: meta
SHA256: 4

Package: linux-modules-7.2-cloud-amd64
Filename: modules
SHA256: 5
";

    fn files(index: &str) -> Vec<String> {
        let packages = parse(index);
        newest("amd64", &packages).unwrap().iter().map(|package| package.filename.clone()).collect()
    }

    #[test]
    fn the_newest_kernel_is_what_the_metapackage_depends_on() {
        assert_eq!(files(ONE), ["pool/image.deb"]);
        assert_eq!(files(SPLIT), ["image", "base", "binary", "modules"]);
    }

    #[test]
    fn a_stanza_is_read_by_its_fields() {
        assert_eq!(
            parse(ONE)[1],
            Package {
                name: "linux-image-6.1.0-2-cloud-amd64".to_owned(),
                depends: ["kmod", "linux-base", "initramfs-tools"].map(str::to_owned).to_vec(),
                filename: "pool/image.deb".to_owned(),
                sha256: "bb".to_owned(),
            }
        );
    }

    #[test]
    fn an_index_without_a_kernel_is_an_error() {
        assert_eq!(
            newest("amd64", &parse("")),
            Err("the index has no linux-image-cloud-amd64".to_owned())
        );
        let meta = "Package: linux-image-cloud-amd64\nFilename: f\nSHA256: s\n";
        assert_eq!(
            newest("amd64", &parse(meta)),
            Err("linux-image-cloud-amd64 depends on no kernel of the index".to_owned())
        );
    }

    #[test]
    fn debian_s_archive_is_told_from_others() {
        for (uri, debian) in [
            ("http://deb.debian.org/debian", true),
            ("https://mirror.example/ftp/debian", true),
            ("http://deb.debian.org/debian-security", false),
            ("http://archive.ubuntu.com/ubuntu", false),
            ("file:/srv/debian", false),
        ] {
            assert_eq!(is_debian(uri), debian, "{uri}");
        }
    }
}
