//! Which of an engine's own arguments a person may add, and which contradict what is done here.

/// An argument that is not passed on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option} cannot be passed on: {why}")]
pub struct ArgumentError {
    /// The option.
    pub option: String,
    /// Why not.
    pub why: &'static str,
}

const CAPABILITIES: &str = "which capabilities the container holds is what is tried here";
const NAME: &str = "the container's name says whose it is, so that none is left behind";
const END: &str = "the container is removed after each run, and must not come back meanwhile";
const TERMINAL: &str = "nobody is there to type; what it prints is read all the same";
const COMMAND: &str = "give the image with --image, and the container's command after --";

/// Options of `podman create` and `docker create` that contradict, and why.
const REFUSED: &[(&str, &str)] = &[
    ("--privileged", "it gives every capability and takes every protection; use --grant all"),
    ("--cap-add", CAPABILITIES),
    ("--cap-drop", CAPABILITIES),
    ("--name", NAME),
    ("--replace", NAME),
    ("--cidfile", NAME),
    ("--rm", END),
    ("--restart", END),
    ("--detach", "the container is watched from its start to its end"),
    ("-d", "the container is watched from its start to its end"),
    ("--interactive", TERMINAL),
    ("-i", TERMINAL),
    ("--tty", TERMINAL),
    ("-t", TERMINAL),
    ("-it", TERMINAL),
    ("-ti", TERMINAL),
    ("--attach", TERMINAL),
    ("-a", TERMINAL),
    ("--pull", "nothing is pulled: every run is of the same image"),
    ("--cgroups", "the container is told by its cgroup"),
    ("--pod", "what the pod's other containers do would be theirs and this one's"),
    ("--health-cmd", "name a test instead: --test"),
    ("--", COMMAND),
];

/// Looks through a person's arguments for the engine.
///
/// # Errors
/// [`ArgumentError`] for the first that contradicts.
pub fn check_arguments(arguments: &[String]) -> Result<(), ArgumentError> {
    for argument in arguments {
        let option = argument.split('=').next().unwrap_or_default();
        let refused = |why| Err(ArgumentError { option: option.to_owned(), why });
        if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == option) {
            return refused(why);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_contradicts_is_refused_and_the_rest_is_not() {
        let check = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            check_arguments(&words).map_err(|error| error.option)
        };
        let kept = ["--network", "none", "-v", "/srv:/srv:ro", "--ulimit=nofile=1:1", "--user=1"];
        assert_eq!(check(&kept), Ok(()));
        for (option, _) in REFUSED {
            assert_eq!(check(&["--network=none", option]), Err((*option).to_owned()));
            assert_eq!(check(&[&format!("{option}=x")]), Err((*option).to_owned()));
        }
    }
}
