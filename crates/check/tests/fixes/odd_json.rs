//! Pods in JSON: on one line, with a line for each entry, with tabs, with small things on one line.

use testkit::Choices as _;

use super::Odd;

/// A value.
enum Json {
    /// As it is written.
    Word(&'static str),
    Map(Vec<(&'static str, Json)>),
    List(Vec<Json>),
}

/// How it is laid out.
struct Style {
    /// What a level is indented by; `None` for one line.
    step: Option<String>,
    /// Behind a comma on the same line.
    blank: &'static str,
    /// Behind a colon.
    colon: &'static str,
    /// Whether collections without others in them stand on one line.
    small: bool,
}

impl Odd<'_> {
    pub(super) fn json_file(&mut self) {
        let step = [None, Some("  "), Some("    "), Some("\t")][self.pick(4)];
        let style = Style {
            step: step.map(str::to_owned),
            blank: ["", " "][self.pick(2)],
            colon: [": ", ":"][self.pick(2)],
            small: self.rarely(2),
        };
        let pod = self.json_pod();
        let pods = if self.rarely(4) {
            let more = self.json_pod();
            Json::Map(vec![
                ("apiVersion", Json::Word("\"v1\"")),
                ("kind", Json::Word("\"List\"")),
                ("items", Json::List(vec![pod, more])),
            ])
        } else {
            pod
        };
        let text = pods.text(&style, "");
        self.out.push_str(&text);
        self.out.push('\n');
    }

    fn json_pod(&mut self) -> Json {
        let containers = (0..=self.pick(3)).map(|_| self.json_container()).collect();
        let mut entries = vec![
            ("apiVersion", Json::Word("\"v1\"")),
            ("kind", Json::Word("\"Pod\"")),
            ("metadata", Json::Map(vec![("name", Json::Word("\"drop: [ALL]\""))])),
            ("spec", Json::Map(vec![("containers", Json::List(containers))])),
        ];
        if self.rarely(2) {
            entries.rotate_left(1);
        }
        Json::Map(entries)
    }

    fn json_container(&mut self) -> Json {
        let mut entries = vec![("name", Json::Word("\"c\""))];
        if self.pick(2) == 1 {
            entries.push(("image", Json::Word("\"i\"")));
        }
        let mut security = Vec::new();
        if self.rarely(2) {
            security.push(("runAsUser", Json::Word("1000")));
        }
        match self.pick(5) {
            0 => {}
            1 => security.push(("capabilities", Json::Map(Vec::new()))),
            2 => security.push(("capabilities", Json::Word("null"))),
            _ => {
                let mut lists = Vec::new();
                for key in ["add", "drop"] {
                    if self.pick(2) == 1 {
                        let words = (0..self.pick(4)).map(|_| self.json_word()).collect();
                        lists.push((key, Json::List(words)));
                    }
                }
                security.push(("capabilities", Json::Map(lists)));
            }
        }
        if self.rarely(3) {
            security.push(("allowPrivilegeEscalation", Json::Word("false")));
        }
        if self.pick(3) > 0 {
            let at = self.pick(entries.len() + 1);
            entries.insert(at, ("securityContext", Json::Map(security)));
        }
        Json::Map(entries)
    }

    fn json_word(&mut self) -> Json {
        const QUOTED: [&str; 8] = [
            "\"ALL\"",
            "\"NET_RAW\"",
            "\"all\"",
            "\"SYS_ADMIN\"",
            "\"CAP_ALL\"",
            "\"13\"",
            "\"CHO\\u0057N\"",
            "\"net_raw\"",
        ];
        Json::Word(QUOTED[self.pick(QUOTED.len())])
    }
}

impl Json {
    fn is_small(&self) -> bool {
        let word = |value: &Json| matches!(value, Json::Word(_));
        match self {
            Json::Word(_) => true,
            Json::Map(entries) => entries.iter().all(|(_, value)| word(value)),
            Json::List(items) => items.iter().all(word),
        }
    }

    fn text(&self, style: &Style, indent: &str) -> String {
        let step = style.step.as_ref().filter(|_| !(style.small && self.is_small()));
        let inner = format!("{indent}{}", step.map_or("", String::as_str));
        let (open, parts, close) = match self {
            Json::Word(word) => return (*word).to_owned(),
            Json::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| {
                    format!("\"{key}\"{}{}", style.colon, value.text(style, &inner))
                });
                ('{', entries.collect::<Vec<_>>(), '}')
            }
            Json::List(items) => {
                ('[', items.iter().map(|item| item.text(style, &inner)).collect(), ']')
            }
        };
        if parts.is_empty() {
            return format!("{open}{close}");
        }
        match step {
            None => format!("{open}{}{close}", parts.join(&format!(",{}", style.blank))),
            Some(_) => {
                let parts = parts.join(&format!(",\n{inner}"));
                format!("{open}\n{inner}{parts}\n{indent}{close}")
            }
        }
    }
}
