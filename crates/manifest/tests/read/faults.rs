//! What is wrong with a text, each thing by its own name and place.

use dropcap_manifest::{Content, parse};

use crate::{pod, problems};

#[test]
fn wrong_types_are_named_with_their_place() {
    for (container, expected) in [
        (
            "    command: sh\n",
            "7:14 spec.containers[0].command is the text \"sh\", expected a list",
        ),
        (
            "    securityContext: {runAsUser: '0'}\n",
            "7:34 spec.containers[0].securityContext.runAsUser is the text \"0\", expected a whole number",
        ),
        (
            "    securityContext: {runAsUser: 1.5}\n",
            "7:34 spec.containers[0].securityContext.runAsUser is the number 1.5, expected a whole number",
        ),
        (
            "    securityContext: {privileged: 'yes'}\n",
            "7:35 spec.containers[0].securityContext.privileged is the text \"yes\", expected true or false",
        ),
        (
            "    securityContext:\n      capabilities:\n        add: NET_RAW\n",
            "9:14 spec.containers[0].securityContext.capabilities.add is the text \"NET_RAW\", expected a list",
        ),
        (
            "    securityContext:\n      capabilities:\n        add:\n        - KILL\n        - 13\n",
            "11:11 spec.containers[0].securityContext.capabilities.add[1] is the number 13, expected text",
        ),
        (
            "    securityContext: {capabilities: {add: [{a: b}]}}\n",
            "7:44 spec.containers[0].securityContext.capabilities.add[0] is a mapping, expected text",
        ),
        (
            "    securityContext: {capabilities: {drop: [~]}}\n",
            "7:45 spec.containers[0].securityContext.capabilities.drop[0] is empty, expected text",
        ),
        (
            "    securityContext: [ALL]\n",
            "7:22 spec.containers[0].securityContext is a list, expected a mapping",
        ),
    ] {
        let text = pod(container);
        assert_eq!(problems(&text), [expected], "{container}");
        // A command of the wrong type says nothing about capabilities: the rest is still read.
        let kept = usize::from(expected.contains("command"));
        assert_eq!(parse("t", text).workloads.len(), kept, "{container}");
    }
    let text = pod("    env: [{name: A, value: true}]\n    securityContext: {privileged: true}\n");
    assert_eq!(
        problems(&text),
        ["7:28 spec.containers[0].env[0].value is the boolean true, expected text"]
    );
    let manifest = parse("t", text);
    assert_eq!(manifest.errors().count(), 1);
    let privileged = manifest.containers().next().and_then(|(_, c)| c.security.privileged);
    assert_eq!(privileged.map(|flag| flag.value), Some(true));
    assert_eq!(
        problems("apiVersion: v1\nkind: Pod\nspec: {containers: {name: c}}"),
        ["3:20 spec.containers is a mapping, expected a list"]
    );
}

#[test]
fn other_faults_are_told_apart() {
    for (text, expected) in [
        ("kind: Pod\n  spec: x\n", "2:7 not YAML: mapping values are not allowed in this context"),
        ("a: [1\nb\n", "1:4 not YAML: unclosed bracket '['"),
        (
            "kind: Pod\nkind: Service\n",
            "2:1 the key \"kind\" is here twice; which one counts differs from tool to tool, remove one",
        ),
        (
            &pod("    image: a\n    image: b\n"),
            "8:5 the key \"image\" is here twice; which one counts differs from tool to tool, remove one",
        ),
        ("a: *b\n", "1:4 not YAML: while parsing node, found unknown anchor"),
        ("a: &a [*a]\n", "1:8 the alias stands inside the value it refers to"),
        ("[a, b]: c\n", "1:1 a mapping or a list as a key, which no manifest has"),
        ("apiVersion: v1\nkind: Pod\n", "1:1 Pod without a pod spec: spec is missing"),
        ("apiVersion: v1\nkind: Pod\nspec:\n", "3:1 Pod without a pod spec: spec is empty"),
        (
            "apiVersion: apps/v1\nkind: Deployment\nspec: {template: {metadata: {}}}\n",
            "3:18 Deployment without a pod spec: spec.template.spec is missing",
        ),
        ("apiVersion: v1\nkind: Pod\nspec: {containers: []}\n", "3:8 spec has no containers"),
        (
            "kind: Pod\nspec: {containers: [{name: c}]}\n",
            "1:1 `apiVersion` is missing; for kind Pod it is v1",
        ),
        (
            "apiVersion: v1\nspec: {containers: [{name: c}]}\n",
            "1:1 `kind` is missing, so Kubernetes cannot tell what this is",
        ),
        (
            "apiVersion: apps/v1\nkind: deployment\n",
            "2:7 unknown kind \"deployment\", it is written \"Deployment\"",
        ),
    ] {
        assert_eq!(problems(text), [expected], "{text}");
    }
}

#[test]
fn a_field_hidden_behind_an_odd_line_break_is_found() {
    let other = pod("    image: i\n");
    for odd in ["\u{2028}", "\u{2029}", "\u{85}"] {
        let text = pod(&format!(
            "    image: i # a comment{odd}    securityContext: {{privileged: true}}\n"
        ));
        let text = format!("{other}---\n{text}---\n{other}");
        let [problem] = &problems(&text)[..] else { panic!("{:?}", problems(&text)) };
        assert!(problem.starts_with("15:25 U+") && problem.contains("ends a line"), "{problem}");
        let manifest = parse("t", text);
        assert_eq!(manifest.workloads.len(), 2);
        assert_eq!(manifest.documents[1].content, Content::Broken);
        // Where it changes nothing it is nobody's business.
        let text = pod("    image: i\n")
            .replace("name: p", &format!("name: p, annotations: {{a: 'b{odd}c'}}"));
        assert_eq!(problems(&text), [] as [&str; 0]);
    }
    // A lone carriage return ends a line for all of them.
    let text = pod("    image: i # a comment\r    securityContext: {privileged: true}\n");
    let manifest = parse("t", text);
    assert_eq!(manifest.problems, []);
    let privileged = manifest.workloads[0].pod.containers[0].security.privileged;
    assert_eq!(privileged.map(|flag| flag.value), Some(true));
}

/// What another document says is no part of the reason.
#[test]
fn a_broken_document_ends_at_its_end_marker() {
    let manifest = parse("t", "a: {{ x }}\n...\nb: [}\n...\nc: {{ y }}\r\n...\r\n");
    let content: Vec<_> = manifest.documents.iter().map(|document| document.content).collect();
    assert_eq!(content, [Content::Template, Content::Broken, Content::Template]);
    let spans: Vec<_> = manifest.documents.iter().map(|document| document.span.range()).collect();
    assert_eq!(spans, [0..11, 15..21, 25..37]);
}

/// Each document names the next odd line break, and those behind the last one the first.
#[test]
fn documents_moved_by_odd_line_breaks_name_one() {
    let odd = |end: &str| format!("a: b #{end}---\n---\n");
    let good = pod("    image: i\n");
    let text = format!(
        "{good}---\n{}{good}---\n{good}---\n{}{good}---\n{good}",
        odd("\u{2028}"),
        odd("\u{85}")
    );
    let found: Vec<_> = problems(&text).iter().map(|at| at[..10].to_owned()).collect();
    assert_eq!(found, ["27:7 U+008", "27:7 U+008", "27:7 U+008", "9:7 U+2028", "9:7 U+2028"]);
}

#[test]
fn a_broken_document_hides_no_other() {
    let good = pod("    image: i\n");
    let text = format!("{good}---\na: [\n---\n{good}---\n  {{{{ include \"x\" . }}}}\n---\n{good}");
    let manifest = parse("t", text);
    assert_eq!(manifest.workloads.len(), 3);
    let contents: Vec<_> = manifest.documents.iter().map(|d| d.content).collect();
    let one = Content::Workloads(1);
    assert_eq!(contents, [one, Content::Broken, one, Content::Template, one]);
}

#[test]
fn go_templates_are_no_syntax_errors() {
    for text in [
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ .Values.name }}\nspec:\n  containers: []\n",
        "{{- if .Values.on }}\nkind: Pod\n{{- end }}\n",
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n    {{- with .x }}\n    b: c\n    {{- end }}\n",
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  {{- toYaml .Values.containers | nindent 2 }}\n",
    ] {
        let manifest = parse("t", text);
        assert_eq!(manifest.documents[0].content, Content::Template, "{text}");
        assert!(manifest.problems.len() == 1 && manifest.problems[0].kind.is_template(), "{text}");
        let at = manifest.problems[0].span;
        assert_eq!(manifest.source.slice(at), "{{");
    }
    // Braces in quotes and comments are text.
    let text = "# {{ x }}\na: \"{{ $labels.pod }}\"\nb: [\n";
    assert_eq!(problems(text), ["3:4 not YAML: unclosed bracket '['"]);
    assert_eq!(problems(&pod("    image: \"{{ x }}\"\n")), [] as [&str; 0]);
}

#[test]
fn alias_bombs_are_refused_in_bounded_time_and_memory() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..30 {
        let below = level - 1;
        let row = vec![format!("*a{below}"); 10].join(", ");
        bomb += &format!("a{level}: &a{level} [{row}]\n");
    }
    assert_eq!(
        problems(&bomb),
        ["6:25 its aliases expand to more than 400000 values, as in an alias bomb"]
    );
    // The same through nested lists of objects and through merge keys.
    let lists: String = (1..30)
        .map(|n| {
            format!(
                "- &l{n} {{kind: List, items: [{0}, {0}, {0}, {0}]}}\n",
                format_args!("*l{}", n - 1)
            )
        })
        .collect();
    let text = format!("kind: List\nitems:\n- &l0 {{kind: Pod}}\n{lists}");
    assert_eq!(problems(&text).len(), 1);
}

#[test]
fn what_is_nested_too_deeply_or_has_too_many_values_is_refused_as_soon() {
    for deep in ["[", "{a: ", "- ", "? ", "a: {b: ["] {
        let kinds: Vec<_> = parse("t", deep.repeat(100_000)).problems.into_iter().collect();
        assert_eq!(kinds.len(), 1, "{deep}");
    }
    assert_eq!(problems(&"[".repeat(100_000)), ["1:256 nested too deeply (more than 255 levels)"]);
    assert_eq!(
        problems(&"-\n".repeat(2_100_000)),
        ["2000000:2 too many values (more than 2000000); split the document"]
    );
}
