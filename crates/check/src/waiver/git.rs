//! The history of a waiver file, read by `git`.
//!
//! Only git's plumbing is called, on objects: no command here looks at the working tree, runs a
//! hook, a pager, a filter or a `textconv`, and what the repository's own configuration could have
//! run is overridden. Grafts and replaced objects, which rewrite history for one clone, are not
//! looked at, and nothing is fetched.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;

use manifest::Source;

use crate::waiver::approval::{Commit, History};
use crate::waiver::file::{Waiver, WaiverFile};

/// Why the history of a waiver file cannot be had. No waiver in it is approved then.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no such program.
    #[error("`git` is not installed, and only it can tell who approved a waiver")]
    Missing,
    /// The file is in no repository.
    #[error("{} is in no git repository, whose history would tell who approved a waiver", file.display())]
    NoRepository {
        /// The file.
        file: PathBuf,
    },
    /// The repository has no commit with the file.
    #[error("{} is not committed", file.display())]
    NotCommitted {
        /// The file.
        file: PathBuf,
    },
    /// The file itself cannot be found.
    #[error("{}: {error}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// Git failed.
    #[error("git {what} failed: {said}")]
    Failed {
        /// What it was asked.
        what: &'static str,
        /// What it said.
        said: String,
    },
}

/// Settings of a repository by which git would run another program, or say something else.
const SETTINGS: [&str; 12] = [
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.attributesFile=/dev/null",
    "diff.external=",
    "gpg.program=gpg",
    "gpg.openpgp.program=gpg",
    "gpg.ssh.program=ssh-keygen",
    "gpg.x509.program=gpgsm",
    "log.showSignature=false",
    "log.mailmap=false",
    "protocol.allow=never",
];

/// The message lines by which somebody other than the author approves.
const TRAILERS: [&str; 4] = ["signed-off-by", "reviewed-by", "acked-by", "approved-by"];

/// The history of the file at `path`. Signatures are verified only if `signatures` asks for them, by
/// the user's keys or the SSH keys of `allowed_signers`.
///
/// # Errors
/// [`GitError`]
pub fn history(
    path: &Path,
    signatures: bool,
    allowed_signers: Option<&Path>,
) -> Result<History, GitError> {
    let real =
        path.canonicalize().map_err(|error| GitError::Io { file: path.to_owned(), error })?;
    let (Some(folder), Some(name)) = (real.parent(), real.file_name().and_then(|n| n.to_str()))
    else {
        return Err(GitError::NoRepository { file: path.to_owned() });
    };
    let git = Git { folder: folder.to_owned() };
    let prefix = git.ask("rev-parse", &["--show-prefix"]).map_err(|error| match error {
        GitError::Failed { said, .. } if said.contains("not a git repository") => {
            GitError::NoRepository { file: path.to_owned() }
        }
        other => other,
    })?;
    let in_repository = format!("{}{name}", prefix.trim_end_matches('\n'));
    let not_committed = || GitError::NotCommitted { file: path.to_owned() };
    // Without any commit there is no HEAD.
    git.ask("rev-parse", &["--verify", "--quiet", "HEAD"]).map_err(|_| not_committed())?;
    let listed = git.ask(
        "rev-list",
        &["--full-history", "--simplify-merges", "--parents", "HEAD", "--", name],
    )?;
    let lines: Vec<Vec<&str>> =
        listed.lines().map(|line| line.split(' ').collect::<Vec<_>>()).collect();
    if lines.is_empty() {
        return Err(not_committed());
    }
    let places: HashMap<&str, usize> =
        lines.iter().enumerate().filter_map(|(at, line)| Some((*line.first()?, at))).collect();
    let cut = git.boundary()?;
    let mut history = History::default();
    let objects = git.objects(lines.iter().filter_map(|line| line.first()), &in_repository)?;
    let mut known: HashMap<String, Option<Rc<Vec<Waiver>>>> = HashMap::new();
    for (line, (commit, blob)) in lines.iter().zip(objects) {
        let [id, parents @ ..] = line.as_slice() else { continue };
        let waivers = blob.and_then(|(object, text)| {
            let read = || {
                let text = String::from_utf8(text).ok()?;
                let file = WaiverFile::parse(Source::new(in_repository.as_str(), text)).ok()?;
                Some(Rc::new(file.waivers))
            };
            known.entry(object).or_insert_with(read).clone()
        });
        let (author, signed_off) = people(&commit);
        history.commits.push(Commit {
            id: (*id).to_owned(),
            parents: parents.iter().filter_map(|parent| places.get(parent).copied()).collect(),
            cut: cut.iter().any(|end| end == id),
            author,
            signed_off,
            signer: None,
            renamed_from: None,
            waivers,
        });
    }
    if history.commits.first().is_none_or(|head| head.waivers.is_none()) {
        // Removed again, or no waiver file as it is committed: nothing in it is approved.
        return Ok(history);
    }
    for commit in &mut history.commits {
        if commit.parents.is_empty() && !commit.cut {
            commit.renamed_from = git.renamed_from(&commit.id, &in_repository)?;
        }
        if signatures {
            commit.signer = git.signer(&commit.id, allowed_signers)?;
        }
    }
    Ok(history)
}

struct Git {
    folder: PathBuf,
}

/// A commit's text, and the name and bytes of the file in it.
type Objects = (Vec<u8>, Option<(String, Vec<u8>)>);

impl Git {
    fn command(&self, what: &str) -> Command {
        let mut git = Command::new("git");
        // A hook's or a caller's idea of which repository is meant is not ours; where the user's
        // configuration is stays.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("GIT_") && !text.starts_with("GIT_CONFIG_") {
                git.env_remove(&name);
            }
        }
        for name in ["GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS"] {
            git.env_remove(name);
        }
        git.env("LC_ALL", "C")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_GRAFT_FILE", "/dev/null")
            .env("GIT_LITERAL_PATHSPECS", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_PAGER", "cat")
            .arg("-C")
            .arg(&self.folder)
            .arg("--no-pager");
        for setting in SETTINGS {
            git.args(["-c", setting]);
        }
        git.arg(what).stdin(Stdio::null());
        git
    }

    fn ask(&self, what: &'static str, words: &[&str]) -> Result<String, GitError> {
        let mut command = self.command(what);
        command.args(words);
        finish(what, command.output()).map(|out| String::from_utf8_lossy(&out).into_owned())
    }

    /// The commits whose parents a shallow clone lacks.
    fn boundary(&self) -> Result<Vec<String>, GitError> {
        let path = self.ask("rev-parse", &["--git-path", "shallow"])?;
        let path = self.folder.join(path.trim_end_matches('\n'));
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(GitError::Io { file: path, error }),
        }
    }

    /// The commits, and the file in each, in one go.
    fn objects<'c>(
        &self,
        commits: impl Iterator<Item = &'c &'c str>,
        path: &str,
    ) -> Result<Vec<Objects>, GitError> {
        const WHAT: &str = "cat-file";
        let asked: String = commits.map(|id| format!("{id}\n{id}:{path}\n")).collect();
        let mut command = self.command(WHAT);
        command.arg("--batch").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(missing)?;
        let stdin = child.stdin.take();
        let writer = std::thread::spawn(move || {
            // If git goes away early, its status says so.
            stdin.map(|mut stdin| stdin.write_all(asked.as_bytes()))
        });
        let out = finish(WHAT, child.wait_with_output())?;
        let _ = writer.join();
        let odd = || GitError::Failed { what: WHAT, said: "its answer cannot be read".to_owned() };
        let mut rest = out.as_slice();
        let mut objects = Vec::new();
        while !rest.is_empty() {
            let (_, commit) = object(&mut rest).ok_or_else(odd)?.ok_or_else(odd)?;
            objects.push((commit, object(&mut rest).ok_or_else(odd)?));
        }
        Ok(objects)
    }

    /// What the file was called before this commit, if it came by that name in it.
    fn renamed_from(&self, id: &str, path: &str) -> Result<Option<String>, GitError> {
        let words = [
            "--no-commit-id",
            "--name-status",
            "--diff-filter=R",
            "--no-ext-diff",
            "--no-textconv",
            "-r",
            "-M",
            "-z",
            id,
        ];
        let listed = self.ask("diff-tree", &words)?;
        let mut parts = listed.split('\0');
        while let (Some(_), Some(old), Some(new)) = (parts.next(), parts.next(), parts.next()) {
            if new == path {
                return Ok(Some(old.to_owned()));
            }
        }
        Ok(None)
    }

    /// The address of the good signature of a commit, if it has one.
    fn signer(&self, id: &str, allowed: Option<&Path>) -> Result<Option<String>, GitError> {
        const WHAT: &str = "show";
        let mut command = self.command(WHAT);
        if let Some(allowed) = allowed {
            let path = allowed.canonicalize().unwrap_or_else(|_| allowed.to_owned());
            let setting = format!("gpg.ssh.allowedSignersFile={}", path.display());
            // Before the subcommand there is no room any more; by the environment it is the same.
            command
                .env("GIT_CONFIG_COUNT", "1")
                .env("GIT_CONFIG_KEY_0", "gpg.ssh.allowedSignersFile")
                .env("GIT_CONFIG_VALUE_0", setting.split_once('=').unwrap_or_default().1);
        }
        command.args(["--no-patch", "--no-ext-diff", "--no-textconv", "--format=%G?%n%GS", id]);
        let out = finish(WHAT, command.output())?;
        let text = String::from_utf8_lossy(&out);
        let mut lines = text.lines();
        // G: good, by a key that is trusted.
        if lines.next() != Some("G") {
            return Ok(None);
        }
        Ok(lines.next().map(address))
    }
}

fn missing(error: io::Error) -> GitError {
    match error.kind() {
        io::ErrorKind::NotFound => GitError::Missing,
        _ => GitError::Failed { what: "itself", said: error.to_string() },
    }
}

fn finish(
    what: &'static str,
    output: io::Result<std::process::Output>,
) -> Result<Vec<u8>, GitError> {
    let output = output.map_err(missing)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    Err(GitError::Failed { what, said })
}

/// One answer of `cat-file --batch`: `None` if it is none, `Some(None)` if there is no such object.
fn object(rest: &mut &[u8]) -> Option<Option<(String, Vec<u8>)>> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let head = std::str::from_utf8(&rest[..end]).ok()?;
    if head.ends_with(" missing") {
        *rest = &rest[end + 1..];
        return Some(None);
    }
    let mut words = head.split(' ');
    let (id, _, size) = (words.next()?, words.next()?, words.next()?.parse::<usize>().ok()?);
    let body = rest.get(end + 1..end + 1 + size)?.to_vec();
    *rest = rest.get(end + 1 + size + 1..)?;
    Some(Some((id.to_owned(), body)))
}

/// The address between `<` and `>`, else all of it, in small letters.
fn address(person: &str) -> String {
    let inner = person.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or(person, |(address, _)| address).trim().to_ascii_lowercase()
}

/// The author of a commit and who signed it off, from the commit's text (gitformat-commit: headers,
/// an empty line, the message).
fn people(commit: &[u8]) -> (String, Vec<String>) {
    let text = String::from_utf8_lossy(commit);
    let (head, message) = text.split_once("\n\n").unwrap_or((&text, ""));
    let author = head.lines().find_map(|line| line.strip_prefix("author "));
    (author.map(address).unwrap_or_default(), trailers(message))
}

/// Those of [`TRAILERS`] in the last paragraph of a message; the first is its subject.
fn trailers(message: &str) -> Vec<String> {
    let Some((_, last)) = message.trim_end().rsplit_once("\n\n") else { return Vec::new() };
    let people = last.lines().filter_map(|line| {
        let (key, person) = line.split_once(':')?;
        let known = TRAILERS.iter().any(|trailer| key.trim().eq_ignore_ascii_case(trailer));
        known.then(|| address(person))
    });
    people.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sign_offs_stand_in_the_last_paragraph() {
        let message = "subject\n\nReviewed-by: No <no@example.com>\n\ntext\nSigned-off-by: A B \
                       <a@Example.com>\nreviewed-by: b@example.com\nCo-authored-by: C <c@x.y>\n";
        assert_eq!(trailers(message), ["a@example.com", "b@example.com"]);
        assert_eq!(trailers("Signed-off-by: A <a@example.com>\n"), Vec::<String>::new());
    }
}
