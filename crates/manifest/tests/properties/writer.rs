//! A pod's file as a layout has it.

use std::fmt::Write;

use crate::layout::{Quote, Security, Shape, Style, Words};

/// Writes a pod; lines with `keep` are none of an edit's business.
struct Writer {
    out: String,
    kept: usize,
}

impl Writer {
    fn line(&mut self, indent: usize, text: &str) {
        let _ = writeln!(self.out, "{}{text}", " ".repeat(indent));
    }

    fn keep(&mut self, indent: usize, text: &str) {
        self.kept += 1;
        let text = format!("{text}  # keep {}", self.kept);
        self.line(indent, &text);
    }

    fn words(&mut self, indent: usize, style: &Style, key: &str, words: &Words) {
        match words {
            Words::Missing => {}
            Words::Null(null) => self.line(indent, format!("{key}: {null}").trim_end()),
            Words::Flow(..) => {
                let line = format!("{key}: {}", flow(words));
                self.line(indent, &line);
            }
            Words::Tall(items) => {
                let items: Vec<_> = items.iter().map(quoted).collect();
                let inner = " ".repeat(indent + style.step);
                let items = items.join(&format!(",\n{inner}"));
                self.line(indent, &format!("{key}: [\n{inner}{items}\n{}]", " ".repeat(indent)));
            }
            Words::Block(items) => {
                self.line(indent, &format!("{key}:"));
                for item in items {
                    self.keep(indent + style.dash, "# above");
                    self.line(indent + style.dash, &format!("- {}", quoted(item)));
                }
            }
        }
    }

    fn security(&mut self, indent: usize, style: &Style, security: &Security) {
        let (inner, deep) = (indent + style.step, indent + 2 * style.step);
        match security {
            Security::Missing => {}
            Security::Empty(null) => {
                self.line(indent, format!("securityContext: {null}").trim_end());
            }
            Security::NoCapabilities => {
                self.keep(indent, "securityContext:");
                self.keep(inner, "privileged: no");
            }
            Security::EmptyCapabilities(null) => {
                self.keep(indent, "securityContext:");
                self.line(inner, format!("capabilities: {null}").trim_end());
            }
            Security::Block { add, drop, other_first, other_last } => {
                self.keep(indent, "securityContext:");
                if *other_first {
                    self.keep(inner, "privileged: no");
                }
                let before = self.out.len();
                self.keep(inner, "capabilities:");
                let lists = self.out.len();
                self.words(deep, style, "add", add);
                self.words(deep, style, "drop", drop);
                if self.out.len() == lists {
                    self.out.truncate(before);
                    self.line(inner, "capabilities:");
                }
                if *other_last {
                    self.keep(inner, "runAsUser: 7");
                }
            }
            Security::Flow { add, drop } => {
                let lists: Vec<_> = [("add", add), ("drop", drop)]
                    .into_iter()
                    .filter(|(_, words)| !matches!(words, Words::Missing))
                    .map(|(key, words)| format!("{key}: {}", flow(words)))
                    .collect();
                let line = format!("securityContext: {{capabilities: {{{}}}}}", lists.join(", "));
                self.line(indent, &line);
            }
        }
    }

    fn container(&mut self, indent: usize, style: &Style, index: usize, shape: &Shape) {
        if shape.flow {
            self.line(indent, &format!("- {{name: c{index}, image: i}}"));
            return;
        }
        let inner = indent + 2;
        self.keep(indent, &format!("- name: c{index}"));
        if shape.first {
            self.security(inner, style, &shape.security);
        }
        self.keep(inner, "image: i");
        if shape.blank_lines {
            self.out.push('\n');
        }
        if !shape.first {
            self.security(inner, style, &shape.security);
        }
        match shape.last {
            None => {}
            Some("[x]") => self.keep(inner, "args: [x]"),
            Some(header) => {
                self.line(inner, "args:");
                self.keep(inner, &format!("- {header}"));
                self.line(inner + 2, "keep this");
                if shape.blank_lines {
                    self.out.push_str("\n\n");
                }
            }
        }
    }
}

fn quoted((word, quote): &(String, Quote)) -> String {
    match quote {
        Quote::None => word.clone(),
        Quote::Single => format!("'{word}'"),
        Quote::Double => format!("\"{word}\""),
    }
}

fn flow(words: &Words) -> String {
    match words {
        Words::Missing => String::new(),
        Words::Null(null) => (*null).to_owned(),
        Words::Flow(items, comma) => {
            let comma = if *comma && !items.is_empty() { "," } else { "" };
            format!("[{}{comma}]", items.iter().map(quoted).collect::<Vec<_>>().join(", "))
        }
        Words::Block(items) | Words::Tall(items) => {
            format!("[{}]", items.iter().map(quoted).collect::<Vec<_>>().join(", "))
        }
    }
}

pub fn manifest(style: &Style, shapes: &[Shape]) -> String {
    let mut writer = Writer { out: String::new(), kept: 0 };
    writer.keep(0, "apiVersion: v1");
    writer.keep(0, "kind: Pod");
    writer.keep(0, "spec:");
    writer.keep(style.step, "hostPID: no");
    writer.keep(style.step, "containers:");
    for (index, shape) in shapes.iter().enumerate() {
        writer.container(style.step + style.dash, style, index, shape);
    }
    let mut text = writer.out;
    if style.crlf {
        text = text.replace('\n', "\r\n");
    }
    if !style.last_line_feed {
        text.truncate(text.trim_end().len());
    }
    if style.bom { format!("\u{feff}{text}") } else { text }
}
