//! Compose files in odd YAML.

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
            self.line(0, "x-caps: &caps [KILL]");
        }
        self.line(0, "services:");
        for number in 0..=self.pick(4) {
            self.service(step, number);
        }
        if self.rarely(3) {
            self.line(0, "volumes: {data: {}}");
        }
    }

    fn service(&mut self, indent: usize, number: usize) {
        if self.rarely(5) {
            let mut entries = vec!["image: i".to_owned()];
            let lists = [self.pick(2), self.pick(2)];
            for (key, _) in
                ["cap_add", "cap_drop"].iter().zip(lists).filter(|(_, there)| *there == 1)
            {
                let words = self.flow_list(indent + self.step).unwrap_or_else(|| "[]".to_owned());
                entries.push(format!("{key}: {words}"));
            }
            let flow = self.brackets(indent + 1, '{', entries, '}');
            return self.line(indent, &format!("s{number}: {flow}"));
        }
        let inner = indent + self.step;
        self.line(indent, &format!("s{number}:"));
        if self.anchors && self.rarely(3) {
            self.line(inner, "<<: *base");
        }
        let mut keys = vec!["image"];
        for key in ["cap_add", "cap_drop", "command", "field", "environment"] {
            if self.pick(2) == 1 {
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
                _ => {
                    let mut words = self.words();
                    // Compose makes one of a word that stands there twice.
                    let bare = |word: &String| word.replace("!!str ", "").replace(['\'', '"'], "");
                    let mut seen = Vec::new();
                    words.retain(|word| {
                        let new = !seen.contains(&bare(word));
                        seen.push(bare(word));
                        new
                    });
                    self.list(inner, key, &words);
                }
            }
        }
    }
}
