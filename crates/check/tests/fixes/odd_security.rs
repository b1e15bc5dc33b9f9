//! `securityContext` in odd YAML, in lines and in brackets.

use testkit::Choices as _;

use super::{FIELDS, Odd};

impl Odd<'_> {
    pub(super) fn security(&mut self, indent: usize) {
        let inner = indent + self.step;
        let choice = self.pick(10);
        let tag = if self.rarely(20) { "!!map " } else { "" };
        match choice {
            0 | 1 => {}
            2 => {
                let null = self.one(&["", " {}", " ~", " null"]);
                self.line(indent, &format!("securityContext:{null}"));
            }
            3 => {
                self.line(indent, format!("securityContext: {tag}").trim_end());
                self.fields(inner, 1);
            }
            4 => {
                self.line(indent, "securityContext:");
                let before = self.rarely(2);
                if before {
                    self.fields(inner, 0);
                }
                let null = self.one(&["", " {}", " ~", " null"]);
                self.line(inner, &format!("capabilities:{null}"));
                if !before {
                    self.fields(inner, 0);
                }
            }
            5..=7 => {
                let anchor = if self.rarely(12) { " &own" } else { "" };
                self.line(indent, &format!("securityContext:{anchor}"));
                if self.rarely(2) {
                    self.fields(inner, 0);
                }
                self.capabilities(inner);
                if self.rarely(2) {
                    self.line(inner, "procMount: Default");
                }
            }
            8 => {
                let flow = self.flow_security(indent);
                self.line(indent, &format!("securityContext: {flow}"));
            }
            _ if self.anchors => {
                if self.rarely(2) {
                    self.line(indent, "securityContext: *sc");
                } else {
                    self.line(indent, "securityContext:");
                    self.line(inner, "<<: *sc");
                    self.capabilities(inner);
                }
            }
            _ => {
                self.line(indent, "? securityContext");
                self.line(indent, ": runAsUser: 1000");
            }
        }
    }

    /// Fields beside `capabilities`, each once.
    pub(super) fn fields(&mut self, indent: usize, least: usize) {
        let first = self.pick(FIELDS.len());
        let mut user = false;
        for at in 0..least + self.pick(3) {
            let field = FIELDS[(first + at) % FIELDS.len()];
            if !field.starts_with("runAsUser") || !std::mem::replace(&mut user, true) {
                self.line(indent, field);
            }
        }
    }

    pub(super) fn capabilities(&mut self, indent: usize) {
        if self.rarely(5) {
            let flow = self.flow_capabilities(indent);
            return self.line(indent, &format!("capabilities: {flow}"));
        }
        let before = (self.out.len(), self.number);
        self.line(indent, "capabilities:");
        let head = self.out.len();
        let inner = indent + self.step;
        let lists = if self.rarely(2) { ["drop", "add"] } else { ["add", "drop"] };
        for list in lists {
            match self.pick(6) {
                0 => {}
                1 => {
                    let null = self.one(&["", " []", " ~", " null", " !!null", " &nothing"]);
                    self.line(inner, &format!("{list}:{null}"));
                }
                _ => {
                    let words = self.words();
                    self.list(inner, list, &words);
                }
            }
        }
        if self.out.len() == head {
            (self.number, self.after_block) = (before.1, false);
        }
    }

    pub(super) fn flow_list(&mut self, indent: usize) -> Option<String> {
        match self.pick(5) {
            0 => None,
            1 => Some(self.one(&["[]", "~", "null", ""]).to_owned()),
            _ => {
                let words = self.words();
                Some(self.brackets(indent, '[', words, ']'))
            }
        }
    }

    pub(super) fn flow_capabilities(&mut self, indent: usize) -> String {
        let quote = self.one(&["", "\""]);
        let lists = if self.rarely(2) { ["drop", "add"] } else { ["add", "drop"] };
        let mut entries = Vec::new();
        for list in lists {
            let words = self.flow_list(indent + self.step);
            entries.extend(words.map(|words| format!("{quote}{list}{quote}: {words}")));
        }
        self.brackets(indent, '{', entries, '}')
    }

    pub(super) fn flow_security(&mut self, indent: usize) -> String {
        let mut entries = Vec::new();
        if self.rarely(2) {
            entries.push(
                self.one(&["runAsUser: 1000", "\"runAsUser\": 0", "privileged: no"]).to_owned(),
            );
        }
        match self.pick(3) {
            0 => {}
            1 => entries.push(format!("capabilities: {}", self.one(&["{}", "~", ""]))),
            _ => {
                let lists = self.flow_capabilities(indent + self.step);
                entries.push(format!("capabilities: {lists}"));
            }
        }
        self.brackets(indent, '{', entries, '}')
    }

    pub(super) fn flow_container(&mut self, indent: usize, outer: usize, number: usize) {
        let mut entries = vec![format!("name: c{number}"), "image: i".to_owned()];
        if self.rarely(2) {
            let security = self.flow_security(outer + self.step);
            entries.insert(self.pick(3), format!("securityContext: {security}"));
        }
        let flow = self.brackets(outer.max(indent) + 1, '{', entries, '}');
        self.line(indent, &format!("- {flow}"));
    }
}
