//! Compose files in odd YAML.

use testkit::Choices as _;

use super::Odd;

const FIELDS: [&str; 5] = [
    "read_only: true",
    "user: \"1000\"",
    "security_opt: [no-new-privileges:true]",
    "restart: always",
    "user: root",
];

impl Odd<'_> {
    pub(super) fn compose_file(&mut self) {
        let step = self.step;
        if self.rarely(3) {
            self.line(0, "name: project");
        }
        self.anchors = self.rarely(3);
        if self.anchors {
            self.line(0, "x-base: &base");
            self.line(step, "restart: always");
            if self.rarely(2) {
                self.line(step, "cap_drop: [all]");
            }
            let caps = self.one(&["[KILL]", "[]", "[ALL]", "[all, NET_RAW]"]);
            self.line(0, &format!("x-caps: &caps {caps}"));
            self.line(0, "x-more: &more {extends: s0}");
        }
        self.line(0, "services:");
        for number in 0..=self.pick(5) {
            self.service(step, number);
        }
        if self.rarely(3) {
            self.line(0, "volumes: {data: {}}");
        }
    }

    fn service(&mut self, indent: usize, number: usize) {
        let first = if self.anchors && number == 0 { " &first" } else { "" };
        if self.rarely(5) {
            let mut entries = vec!["image: i".to_owned()];
            if number > 0 && self.rarely(3) {
                entries.push(self.extends(number));
            }
            let lists = [self.pick(2), self.pick(2)];
            for (key, _) in
                ["cap_add", "cap_drop"].iter().zip(lists).filter(|(_, there)| *there == 1)
            {
                let words = self.flow_list(indent + self.step).unwrap_or_else(|| "[]".to_owned());
                entries.push(format!("{key}: {words}"));
            }
            let flow = self.brackets(indent + 1, '{', entries, '}');
            return self.line(indent, &format!("s{number}:{first} {flow}"));
        }
        let inner = indent + self.step;
        if self.anchors && number > 0 && self.rarely(12) {
            return self.line(indent, &format!("s{number}: *first"));
        }
        self.line(indent, &format!("s{number}:{first}"));
        if self.anchors && self.rarely(3) {
            let of_others = ["*base", "*more", "*first", "[*base, *more]", "[*more, *base]"];
            let merged = if number == 0 { "*base" } else { self.one(&of_others) };
            self.line(inner, &format!("<<: {merged}"));
        }
        let mut keys = vec!["image"];
        for key in ["cap_add", "cap_drop", "command", "field", "environment", "extends"] {
            if self.pick(2) == 1 && (key != "extends" || number > 0 && self.rarely(2)) {
                let at = self.pick(keys.len() + 1);
                keys.insert(at, key);
            }
        }
        for key in keys {
            match key {
                "image" => self.line(inner, "image: i"),
                "field" => {
                    let field = self.one(&FIELDS);
                    self.line(inner, field);
                }
                "extends" => self.extended(inner, number),
                "command" => self.list(inner, "command", &["sh".to_owned(), "'x y'".to_owned()]),
                "environment" => {
                    self.line(inner, "environment:");
                    let like = self.one(&["\"cap_drop: [ALL]\"", "ALL", "'- NET_RAW'"]);
                    self.line(inner + self.step, &format!("cap_drop: {like}"));
                }
                _ if self.anchors && self.rarely(6) => self.line(inner, &format!("{key}: *caps")),
                _ if self.rarely(6) => {
                    let null = self.one(&["", " []", " ~"]);
                    self.line(inner, &format!("{key}:{null}"));
                }
                _ if self.rarely(12) => {
                    let mark = self.one(&["!override", "!reset"]);
                    let words = self.words_once();
                    let flow = self.brackets(inner, '[', words, ']');
                    let value = self.one(&["", "null", "[]", &flow]);
                    self.line(inner, format!("{key}: {mark} {value}").trim_end());
                }
                _ => {
                    let words = self.words_once();
                    self.list(inner, key, &words);
                }
            }
        }
    }

    /// Compose makes one of a word that stands there twice.
    fn words_once(&mut self) -> Vec<String> {
        let mut words = self.words();
        let bare = |word: &String| word.replace("!!str ", "").replace(['\'', '"'], "");
        let mut seen = Vec::new();
        words.retain(|word| {
            let new = !seen.contains(&bare(word));
            seen.push(bare(word));
            new
        });
        words
    }

    /// What a service extends, in one line: mostly one that stands before it, at times itself or one
    /// that is not there, or one of another file, which nobody reads.
    fn extends(&mut self, number: usize) -> String {
        let below = if self.rarely(30) { number + 2 } else { number };
        let base = self.pick(below);
        match self.pick(30) {
            0..=13 => format!("extends: s{base}"),
            14 => format!("extends: {{service: s{base}, file: other.yaml}}"),
            _ => format!("extends: {{service: s{base}}}"),
        }
    }

    fn extended(&mut self, indent: usize, number: usize) {
        let extends = self.extends(number);
        if self.rarely(3) && !extends.contains('{') {
            let base = extends.trim_start_matches("extends: ");
            self.line(indent, "extends:");
            return self.line(indent + self.step, &format!("service: {base}"));
        }
        self.line(indent, &extends);
    }
}
