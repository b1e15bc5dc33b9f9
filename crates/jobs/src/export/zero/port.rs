//! Another port: the words that name it, and what of the container's description has to follow.

use manifest::{Container, ProbeAction};
use record::zero::Change;

use super::{Form, ZeroPlace};
use crate::export::comments::{comment, quoted, scalar};

/// Of a container, behind `indent` blanks.
pub(super) fn fields(place: &ZeroPlace, change: &Change, indent: usize) -> String {
    let Change::Port { from, to, command, args, env } = change else { return String::new() };
    let blank = |depth: usize| " ".repeat(indent + 2 * depth);
    let mut text =
        comment(indent, &format!("the Service has to send to port {to} now (targetPort)"));
    for (key, words) in [("command", command), ("args", args)] {
        if !words.is_empty() {
            text += &format!("{}{key}: {}\n", blank(0), flow(words));
        }
    }
    if !env.is_empty() {
        text += &format!("{}env:\n", blank(0));
    }
    for (name, value) in env {
        let (name, value) = (scalar(name), quoted(value, '"'));
        text += &format!("{0}- name: {name}\n{1}value: {value}\n", blank(0), blank(1));
    }
    let Some(own) = &place.own else { return text };
    text += &ports(own, (*from, *to), indent, matches!(place.form, Form::Patch { .. }));
    for probe in &own.probes {
        let (action, port) = match &probe.action {
            ProbeAction::HttpGet { port, .. } => ("httpGet", port),
            ProbeAction::TcpSocket { port, .. } => ("tcpSocket", port),
            _ => continue,
        };
        if port == from {
            let key = probe.kind.key();
            text +=
                &format!("{0}{key}:\n{1}{action}:\n{2}port: {to}\n", blank(0), blank(1), blank(2));
        }
    }
    text
}

/// `ports`, which are merged by their numbers: the old one has to go.
fn ports(own: &Container, (from, to): (u16, u16), indent: usize, merged: bool) -> String {
    let blank = " ".repeat(indent);
    let mut text = String::new();
    for port in own.ports.iter().filter(|port| port.container_port.value == i64::from(from)) {
        let protocol = scalar(&port.protocol);
        if merged {
            text += &format!(
                "{blank}- containerPort: {from}\n{blank}  protocol: {protocol}\n{blank}  $patch: delete\n"
            );
        }
        text += &format!("{blank}- containerPort: {to}\n{blank}  protocol: {protocol}\n");
        if let Some(name) = &port.name {
            text += &format!("{blank}  name: {}\n", scalar(name));
        }
    }
    if text.is_empty() { text } else { format!("{blank}ports:\n{text}") }
}

/// Of a service of Compose.
pub(super) fn service(change: &Change) -> String {
    let Change::Port { to, command, args, env, .. } = change else { return String::new() };
    let mut text = comment(4, &format!("what is published has to go to port {to} now (ports)"));
    for (key, words) in [("entrypoint", command), ("command", args)] {
        if !words.is_empty() {
            text += &format!("    {key}: {}\n", flow(words));
        }
    }
    if !env.is_empty() {
        text += "    environment:\n";
    }
    for (name, value) in env {
        text += &format!("      {}: {}\n", scalar(name), quoted(value, '"'));
    }
    text
}

fn flow(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word, '"')).collect();
    format!("[{}]", words.join(", "))
}
