//! Words that text and JSON share.

use image::Program;
use manifest::ContainerList;
use resolve::{Context, Resolved};
use runtime::{Became, OddWord, Resolution, Runtime, User};

use super::subject::Subject;

/// So many files of an image are named.
const MAX_FILES: usize = 4;

/// `containerd 2.0`.
pub fn runtime(runtime: &Runtime) -> String {
    let mut name = runtime.engine.title().to_owned();
    if let Some(version) = runtime.version {
        name.push_str(&format!(" {version}"));
    }
    if runtime.oci != Runtime::new(runtime.engine).oci {
        name.push_str(&format!(" with {}", runtime.oci));
    }
    name
}

/// `Pod nginx-pod, container nginx-container (nginx)`.
pub fn subject(subject: &Subject) -> String {
    let Subject { workload, container, .. } = subject;
    let list = match container.list {
        ContainerList::InitContainers => "init container",
        ContainerList::Containers => "container",
        ContainerList::EphemeralContainers => "ephemeral container",
    };
    let name = |name: &str| if name.is_empty() { "without a name".to_owned() } else { clean(name) };
    let mut words = format!(
        "{} {}, {list} {}",
        clean(&workload.kind),
        name(&workload.name),
        name(&container.name)
    );
    if let Some(image) = &container.image {
        words.push_str(&format!(" ({})", clean(&image.value)));
    }
    words
}

/// As whom it is started, and as whom not, where the image's user decides that.
pub fn as_whom(resolution: &Resolution) -> (&'static str, &'static str) {
    match resolution.most().root {
        true => ("if root", "if not root"),
        false => ("if not root", "if root"),
    }
}

/// As whom it starts: `1000 (line 12), no_new_privs (line 13)`.
pub fn user(subject: &Subject, context: &Context) -> String {
    let line = |span| format!("line {}", subject.position(span).line);
    let image = context.image.as_ref().filter(|_| context.run_as_user.is_none());
    let mut words = match (context.user(), context.run_as_user, context.run_as_non_root) {
        (user, None, _) if image.is_some_and(|image| image.user.uid.is_some()) => {
            let uid = context.uid().unwrap_or_default();
            let root = if user == User::Root { ", root" } else { "" };
            let source = image.map(|image| clean(&image.to_string())).unwrap_or_default();
            format!("{uid}{root} ({source})")
        }
        (User::Root, Some(uid), _) => format!("0, root ({})", line(uid.span)),
        (_, Some(uid), _) => format!("{} ({})", uid.value, line(uid.span)),
        (User::NonRoot, None, Some(non_root)) => format!("not root ({})", line(non_root.span)),
        _ if image.is_some() => {
            let source = image.map(|image| clean(&image.to_string())).unwrap_or_default();
            format!("root or not ({source})")
        }
        _ => "root or not, as the image's USER says".to_owned(),
    };
    if let Some(escalation) = context.allow_privilege_escalation.filter(|allow| !allow.value) {
        words.push_str(&format!(", no_new_privs ({})", line(escalation.span)));
    }
    if let Some(span) = context.user_namespace {
        words.push_str(&format!(", in a user namespace of the pod ({})", line(span)));
    }
    words
}

/// What is known of the file that is executed first, and of the others that give something; `None`
/// if nobody looked.
pub fn files(context: &Context) -> Option<String> {
    let image = context.image.as_ref()?;
    let privileged = image.privileged.as_ref()?;
    let entrypoint = match &image.program {
        Program::Unknown => "its first program is not known".to_owned(),
        Program::Plain => "its first program gives nothing".to_owned(),
        Program::Privileged { path, privilege } => {
            let carries = privilege.capabilities.map(|file| {
                let all = (file.permitted | file.inheritable).to_string();
                format!("carries {all}")
            });
            let set_uid = privilege.set_uid.map(|uid| format!("is set-uid {uid}"));
            let what: Vec<String> = carries.into_iter().chain(set_uid).collect();
            format!("{} {}", clean(path), what.join(" and "))
        }
    };
    let others = match privileged.as_slice() {
        [] => "no set-uid program and no file with capabilities in it".to_owned(),
        files => clean(&check::words::some(files, MAX_FILES)),
    };
    Some(format!("image {}: {entrypoint}; {others}", clean(&image.name)))
}

/// What became of a word that is not written as it should be.
pub fn odd(odd: &OddWord, answer: &Resolved) -> String {
    let (list, word) = (odd.word.list, clean(&odd.word.text));
    let engine = answer.runtime.engine;
    match (&odd.became, odd.meant) {
        (Became::Ignored { becomes }, meant) => {
            let name = match (meant, odd.suggestion) {
                (Some(meant), _) => format!("; the name is {meant}"),
                (None, Some(near)) => format!("; did you mean {near}?"),
                (None, None) => String::new(),
            };
            format!("{list} `{word}` has no effect: {engine} makes it {}{name}", clean(becomes))
        }
        (Became::Read, Some(meant)) => format!("{list} `{word}` is read as {meant}"),
        (Became::Read, None) => format!("{list} `{word}` is read"),
        (Became::ReadAs { capability }, _) => {
            format!("{list} `{word}` is read as {capability} by {}", answer.runtime.oci)
        }
        (Became::NotLookedAt, _) => format!("{list} `{word}` is not looked at: privileged"),
    }
}

/// Text of a manifest, which is nobody's friend, without control characters.
pub fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            clean.extend(c.escape_unicode());
        } else {
            clean.push(c);
        }
    }
    clean
}
