//! The expressions. Only what every API server since 1.30 has: the standard macros, `dyn`, and of the
//! strings library `upperAscii`, `replace` and `join` (apiserver pkg/cel/environment/base.go). Lists are of
//! one type each, because `HomogeneousAggregateLiterals` is on. What may be missing is asked for with `has`.
//!
//! `dyn` keeps the API server from checking the fields of one kind against the types of another, which
//! would end in warnings in the policy's status.

use std::collections::BTreeMap;

use caps::CapSet;

use super::super::comments::quoted;

/// `spec.variables`.
pub(super) fn variables(allowed: CapSet, by_image: &BTreeMap<String, CapSet>) -> String {
    let mut text = String::from("  variables:\n");
    let mut variable = |name: &str, about: &str, expression: &str| {
        text += &format!("    # {about}\n    - name: {name}\n      expression: >-\n");
        text.extend(expression.lines().map(|line| format!("        {}\n", line.trim_start())));
    };
    variable("allowed", "What any container may add.", &list(allowed));
    if !by_image.is_empty() {
        let rows: Vec<String> = by_image
            .iter()
            .map(|(image, set)| format!("{}: {}", quoted(image, '\''), list(*set)))
            .collect();
        let map = format!("{{\n{}\n}}", rows.join(",\n"));
        variable("images", "What containers of these images may add.", &map);
    }
    variable("pod", "The pod, or the pod that it makes.", &pod("object"));
    variable(
        "oldPod",
        "The same before an update.",
        &format!("request.operation == 'UPDATE' ? (\n{}\n) : null", pod("oldObject")),
    );
    variable(
        "before",
        "What an update leaves as it is passes: who scales down need not mend.",
        &format!("variables.oldPod == null ? [] : (\n{}\n)", containers("variables.oldPod")),
    );
    variable(
        "judged",
        "Windows has no capabilities.",
        &format!(
            "has(variables.pod.os) && variables.pod.os.name == 'windows' ? [] : (\n{}\n)\
             .filter(c, !(c in variables.before))",
            containers("variables.pod")
        ),
    );
    variable(
        "keeping",
        "Containers that do not drop ALL.",
        "variables.judged.filter(c, !(\n\
         has(c.securityContext) && has(c.securityContext.capabilities)\n\
         && has(c.securityContext.capabilities.drop)\n\
         && c.securityContext.capabilities.drop.exists(d,\n\
         d.upperAscii() == 'ALL')))",
    );
    variable(
        "privileged",
        "Containers for which neither list counts.",
        "variables.judged.filter(c, has(c.securityContext)\n\
         && has(c.securityContext.privileged) && c.securityContext.privileged)",
    );
    variable(
        "adding",
        "Containers that add what is not allowed.",
        &format!(
            "variables.judged.filter(c,\n\
             has(c.securityContext) && has(c.securityContext.capabilities)\n\
             && has(c.securityContext.capabilities.add)\n\
             && c.securityContext.capabilities.add.exists(w, {}))",
            refused(!by_image.is_empty())
        ),
    );
    text
}

/// `spec.validations`.
pub(super) fn validations(by_image: bool) -> String {
    let mut text = String::from("  validations:\n");
    let mut validation = |variable: &str, message: &str, expression: &str| {
        text += &format!("    - expression: variables.{variable}.size() == 0\n");
        text += &format!("      message: {message}\n      messageExpression: >-\n");
        text.extend(expression.lines().map(|line| format!("        {}\n", line.trim_start())));
        text += "      reason: Forbidden\n";
    };
    validation(
        "keeping",
        "every container must drop ALL",
        "'must drop ALL: '\n\
         + variables.keeping.map(c, c.name).join(', ')\n\
         + ' (securityContext.capabilities.drop: [ALL])'",
    );
    validation(
        "privileged",
        "no container may be privileged",
        "'must not be privileged: '\n\
         + variables.privileged.map(c, c.name).join(', ')",
    );
    validation(
        "adding",
        "a container adds capabilities that are not allowed",
        &format!(
            "'must not add: ' + variables.adding.map(c, c.name + ' adds '\n\
             + c.securityContext.capabilities.add.filter(w, {})\n.join(' ')).join(', ')",
            refused(by_image)
        ),
    );
    text
}

/// The pod spec of what the request is about.
fn pod(object: &str) -> String {
    format!(
        "{object}.kind == 'Pod' ? dyn({object}).spec :\n\
         {object}.kind == 'CronJob'\n? dyn({object}).spec.jobTemplate.spec.template.spec :\n\
         dyn({object}).spec.template.spec"
    )
}

/// All containers of a pod.
fn containers(pod: &str) -> String {
    format!(
        "{pod}.containers\n\
         + (has({pod}.initContainers)\n? {pod}.initContainers : [])\n\
         + (has({pod}.ephemeralContainers)\n? {pod}.ephemeralContainers : [])"
    )
}

/// Whether the word `w` of container `c` is not allowed: `net_raw` and `CAP_NET_RAW` are NET_RAW, and so is
/// `CAP_CAP_NET_RAW` to youki. A word that names nothing is not allowed either; one that is nothing but for
/// a `CAP_` in its midst may pass, and is still nothing to every runtime.
fn refused(by_image: bool) -> String {
    let allowed = if by_image {
        "\n(has(c.image) && c.image in variables.images\n\
         ? variables.images[c.image] : variables.allowed)"
    } else {
        " variables.allowed"
    };
    format!("!(\nw.upperAscii().replace('CAP_', '') in{allowed})")
}

fn list(set: CapSet) -> String {
    let names: Vec<String> = set.iter().map(|capability| format!("'{capability}'")).collect();
    let mut text = String::from("[");
    for (index, name) in names.iter().enumerate() {
        let end = if index + 1 == names.len() { "" } else { "," };
        text += &if index > 0 && index % 3 == 0 { "\n".to_owned() } else { String::new() };
        text += &if index % 3 == 0 { format!("{name}{end}") } else { format!(" {name}{end}") };
    }
    text + "]"
}
