//! Options of `docker run` and `podman run`, which agree in these.

use record::profile::Profile;

use super::Options;

/// On one line, quoted for a POSIX shell.
pub(super) fn line(profile: &Profile, options: &Options) -> String {
    let mut words = vec!["--cap-drop=ALL".to_owned()];
    words.extend(profile.add().iter().map(|capability| format!("--cap-add={capability}")));
    if options.no_new_privs {
        words.push("--security-opt=no-new-privileges".to_owned());
    }
    words.extend(options.user.iter().map(|user| quoted(&format!("--user={user}"))));
    words.join(" ") + "\n"
}

/// In single quotes unless every character stands for itself.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=:./@,+".contains(c);
    if word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_word_that_was_meant() {
        for word in ["--user=1000:1000", "--user=a b", "--user=$(id)", "--user='; rm -rf /'"] {
            let said = std::process::Command::new("sh")
                .arg("-c")
                .arg(format!("printf %s {}", quoted(word)))
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(said.stdout).unwrap(), word);
        }
        assert_eq!(quoted("--user=1000:1000"), "--user=1000:1000");
    }
}
