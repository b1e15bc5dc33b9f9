//! Every place that is told is one of the file that is there when the run is over.

use super::{fs, said};
use testkit::folder::Folder;

/// The lists of the second are the third's, too; the first gets lines above both.
const POD: &str = "\
apiVersion: v1
kind: Pod
metadata: { name: p }
spec:
  containers:
    - name: first
      image: a
    - name: second
      image: b
      securityContext: &s
        capabilities:
          drop: [NET_RAW]
    - name: third
      image: c
      securityContext: *s
";

fn profile(image: &str) -> String {
    format!(
        "apiVersion: dropcap.dev/v1\nkind: CapabilityProfile\nmetadata: {{ name: {image} }}\nspec:\n  target: {{ \
         image: {image} }}\n  capabilities: {{ needed: [CHOWN] }}\n"
    )
}

/// What stands at each place that is told, up to the end of its word.
fn told(said: &str, now: &str) -> Vec<String> {
    let lines: Vec<&str> = now.lines().collect();
    let at = |place: &str| {
        let mut numbers = place.split(':').map_while(|part| {
            let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<usize>().ok()
        });
        let (line, column) = (numbers.next().expect("a line"), numbers.next().expect("a column"));
        let rest = lines[line - 1].get(column - 1..).expect("a column of it");
        rest.split_whitespace().next().expect("something is there").to_owned()
    };
    said.split("web.yaml:").skip(1).map(at).collect()
}

#[test]
fn a_refusal_names_places_of_the_file_that_is_there() {
    let (a, b) = (profile("a"), profile("b"));
    let files = [("a.profile.yaml", &*a), ("b.profile.yaml", &*b), ("web.yaml", POD)];
    let words =
        ["fix", "--incomplete", "--profile", "a.profile.yaml", "--profile", "b.profile.yaml"];
    for (more, written) in [(&["--check"][..], false), (&["--diff"], false), (&[], true)] {
        let folder = Folder::new(&files);
        let output = folder.run(&[&words, &["web.yaml"][..], more].concat());
        let now = fs::read_to_string(folder.path().join("web.yaml")).expect("it is there");
        assert_eq!(now != POD, written);
        // That a line is broken somewhere says nothing.
        let said = said(&output).split_whitespace().collect::<Vec<_>>().join(" ");
        let first = "first";
        // Fixed; then why each of the others is not, and who reads its list.
        let expected = [first, "second", "drop:", "third", "third", "drop:", "second"];
        assert_eq!(told(&said, &now), expected, "{said}");
    }
}
