//! Manifests in odd YAML, made from bytes: the same bytes make the same text, and none the plainest.
//!
//! What varies: indentation from one to eight columns, where dashes stand, quotes, comments and blank
//! lines between everything, line endings, byte-order mark, the last line feed, anchors, aliases,
//! merge keys, several documents and lists of objects, nothing in all its spellings, tags, tabs and
//! line breaks in brackets, block scalars, and text that looks like what is edited.

#[path = "odd_compose.rs"]
mod compose;
#[path = "odd_json.rs"]
mod json;
#[path = "odd_security.rs"]
mod security;

use testkit::Choices;

const WORDS: [&str; 16] = [
    "ALL",
    "NET_RAW",
    "CHOWN",
    "all",
    "SYS_ADMIN",
    "KILL",
    "net_raw",
    "NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "SETUID",
    "CAP_ALL",
    "SYS_TIME",
    "FOO",
    "*",
    "13",
    " CHOWN",
];

/// Fields beside `capabilities`; those that name no user and allow everything come first.
const FIELDS: [&str; 6] = [
    "readOnlyRootFilesystem: true",
    "runAsUser: 1000",
    "allowPrivilegeEscalation: false",
    "runAsUser: 0",
    "runAsNonRoot: true",
    "seccompProfile: {type: RuntimeDefault}",
];

/// Text that looks like what is edited and is not.
const LOOKALIKES: [&str; 5] = [
    "\"drop: [ALL]\"",
    "'securityContext: {capabilities: {add: [ALL]}}'",
    "a rather long text that goes on about capabilities and add and drop and securityContext and more",
    "ALL",
    "\"- NET_RAW # not a comment\"",
];

/// Rules that a comment answers for.
const ANSWERED: [&str; 6] = [
    "drop-all-missing",
    "capability-spelling",
    "unknown-capability",
    "ineffective-add",
    "added-and-dropped",
    "dangerous-capability",
];

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Kubernetes objects in YAML.
    Yaml,
    /// Services.
    Compose,
    /// Pods in JSON.
    Json,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Yaml, Self::Compose, Self::Json];

    /// The name of a file of this kind.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yaml => "odd.yaml",
            Self::Compose => "compose.yaml",
            Self::Json => "odd.json",
        }
    }
}

/// A file of manifests.
pub fn text(kind: Kind, choices: &[u8]) -> String {
    let mut odd = Odd {
        choices,
        out: String::new(),
        step: 2,
        dash: 0,
        lead: None,
        number: 0,
        after_block: false,
        anchors: false,
    };
    odd.file(kind)
}

/// Choices that look like chance and are the same in each run: xorshift.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(0x2545_f491_4f6c_dd1d ^ seed)
    }

    /// So many.
    pub fn choices(&mut self, count: usize) -> Vec<u8> {
        let each = (0..count).map(|_| {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0.to_le_bytes()[4]
        });
        each.collect()
    }
}

struct Odd<'c> {
    choices: &'c [u8],
    out: String,
    step: usize,
    dash: usize,
    /// What the next line begins with, behind a dash.
    lead: Option<String>,
    /// Comments are told apart by their number.
    number: usize,
    /// A comment here would be part of a block scalar.
    after_block: bool,
    /// Whether the document has `&sc` and `&base`.
    anchors: bool,
}

impl<'c> Choices<'c> for Odd<'c> {
    fn choices(&mut self) -> &mut &'c [u8] {
        &mut self.choices
    }
}

impl Odd<'_> {
    fn file(&mut self, kind: Kind) -> String {
        let crlf = self.rarely(6);
        let bom = self.rarely(8);
        let open = self.rarely(5);
        self.step = [2, 4, 2, 1, 3, 8, 6, 5, 7][self.pick(9)];
        self.dash = [0, self.step, self.step / 2][self.pick(3)];
        match kind {
            Kind::Compose => self.compose_file(),
            Kind::Json => self.json_file(),
            Kind::Yaml => self.documents(),
        }
        let mut text = std::mem::take(&mut self.out);
        if open {
            text.truncate(text.trim_end().len());
        }
        if crlf {
            text = text.replace('\n', "\r\n");
        }
        if bom { format!("\u{feff}{text}") } else { text }
    }

    fn documents(&mut self) {
        let documents = [1, 1, 2, 3][self.pick(4)];
        for index in 0..documents {
            if index > 0 || self.rarely(5) {
                let separator = self.one(&["---\n", "--- # next\n", "...\n---\n", "---\n\n"]);
                self.out.push_str(separator);
                self.after_block = false;
            }
            self.document(index);
        }
    }

    fn document(&mut self, index: usize) {
        self.anchors = self.rarely(5);
        match self.pick(8) {
            0..=2 => self.pod(index),
            3 | 4 => self.deployment(0, index),
            5 => {
                self.line(0, "apiVersion: v1");
                self.line(0, "kind: List");
                self.anchored(0);
                self.line(0, "items:");
                for item in 0..=self.pick(2) {
                    let indent = self.dash;
                    self.lead = Some(format!("{}- ", " ".repeat(indent)));
                    self.deployment(indent + 2, 10 * index + item);
                }
            }
            6 => {
                self.line(0, "apiVersion: v1");
                self.line(0, "kind: ConfigMap");
                self.line(0, "data:");
                let step = self.step;
                self.line(step, "pod.yaml: |");
                let inner = " ".repeat(2 * step);
                for line in ["kind: Pod", "---", "securityContext:", "  capabilities: {add: [ALL]}"]
                {
                    self.out.push_str(&format!("{inner}{line}\n"));
                }
                self.after_block = true;
            }
            _ => {
                let nothing = "# nothing here\n";
                let text = self.one(&[nothing, nothing, "{{ if .x }}\nkind: Pod\n"]);
                self.out.push_str(text);
            }
        }
    }

    fn pod(&mut self, index: usize) {
        self.line(0, "apiVersion: v1");
        self.line(0, "kind: Pod");
        self.metadata(0, index);
        self.anchored(0);
        self.line(0, "spec:");
        self.spec(self.step);
    }

    fn deployment(&mut self, indent: usize, index: usize) {
        let step = self.step;
        self.line(indent, "kind: Deployment");
        self.line(indent, "apiVersion: \"apps/v1\"");
        self.metadata(indent, index);
        if indent == 0 {
            self.anchored(0);
        }
        self.line(indent, "spec:");
        self.line(indent + step, "template:");
        self.line(indent + 2 * step, "spec:");
        self.spec(indent + 3 * step);
    }

    fn metadata(&mut self, indent: usize, index: usize) {
        let step = self.step;
        if self.rarely(2) {
            return self.line(indent, &format!("metadata: {{name: o{index}}}"));
        }
        self.line(indent, "metadata:");
        self.line(indent + step, &format!("name: o{index}"));
        if self.rarely(3) {
            self.line(indent + step, "annotations:");
            let like = self.one(&LOOKALIKES);
            self.line(indent + 2 * step, &format!("drop: {like}"));
        }
    }

    /// What aliases of this document refer to.
    fn anchored(&mut self, indent: usize) {
        if !self.anchors {
            return;
        }
        self.line(indent, "x-sc: &sc {runAsUser: 7}");
        self.line(indent, "x-base: &base");
        self.line(indent + self.step, "imagePullPolicy: Always");
        if self.rarely(2) {
            self.line(indent + self.step, "securityContext: {capabilities: {drop: [all]}}");
        }
    }

    fn spec(&mut self, indent: usize) {
        if self.rarely(3) {
            let field = self.one(&FIELDS[1..2]);
            self.line(indent, &format!("securityContext: {{{field}}}"));
        }
        let mut number = 0;
        for list in ["initContainers", "containers"] {
            if list == "initContainers" && !self.rarely(4) {
                continue;
            }
            self.line(indent, &format!("{list}:"));
            for _ in 0..=self.pick(3) {
                number += 1;
                self.container(indent + self.dash, indent, number);
            }
        }
        if self.rarely(3) {
            self.line(indent, "restartPolicy: Never");
        }
    }

    fn container(&mut self, indent: usize, outer: usize, number: usize) {
        if self.rarely(7) {
            return self.flow_container(indent, outer, number);
        }
        let gap = [1, 1, 1, 3][self.pick(4)];
        let inner = indent + 1 + gap;
        self.lead = Some(format!("{}-{}", " ".repeat(indent), " ".repeat(gap)));
        let mut fields = vec!["name", "image"];
        for more in ["command", "env", "resources", "merge", "script"] {
            if self.rarely(4) {
                let at = self.pick(fields.len() + 1);
                fields.insert(at, more);
            }
        }
        let at = fields.len() - self.pick(fields.len() + 1);
        fields.insert(at, "security");
        let step = self.step;
        for field in fields {
            match field {
                "name" => self.line(inner, &format!("name: c{number}")),
                "image" => {
                    let image = self.one(&["i", "\"i\"", "'registry.example/i:1'"]);
                    self.line(inner, &format!("image: {image}"));
                }
                "command" => {
                    let key = self.one(&["command", "args"]);
                    let words = ["sh".to_owned(), "'x y'".to_owned()];
                    self.list(inner, key, &words);
                }
                "env" => {
                    self.line(inner, "env:");
                    let like = self.one(&LOOKALIKES);
                    self.lead = Some(format!("{}- ", " ".repeat(inner + self.dash)));
                    self.line(inner + self.dash + 2, "name: drop");
                    self.line(inner + self.dash + 2, &format!("value: {like}"));
                }
                "resources" => {
                    self.line(inner, "resources:");
                    self.line(inner + step, "limits: {cpu: \"1\"}");
                }
                "merge" if self.anchors => self.line(inner, "<<: *base"),
                "merge" => {}
                "script" => {
                    let header = self.one(&["|", ">-", "|+", "|2-", ">"]);
                    let list = self.rarely(2);
                    let step = if header == "|2-" { 2 } else { step };
                    let parent = if list {
                        self.line(inner, "args:");
                        self.line(inner + self.dash, &format!("- {header}"));
                        inner + self.dash
                    } else {
                        self.line(inner, &format!("workingDir: {header}"));
                        inner
                    };
                    let lines = self.one(&["drop: [ALL]\n", "a\n\n# b\n", "x\n\n\n"]);
                    for line in lines.split_inclusive('\n') {
                        let indent = if line == "\n" { 0 } else { parent + step };
                        self.out.push_str(&format!("{}{line}", " ".repeat(indent)));
                    }
                    self.after_block = true;
                }
                _ => self.security(inner),
            }
        }
        // A container of which every field was left out still has its dash.
        self.lead = None;
    }

    fn words(&mut self) -> Vec<String> {
        let count = 1 + self.pick(4);
        (0..count).map(|_| self.word()).collect()
    }

    fn word(&mut self) -> String {
        let word = self.one(&WORDS);
        let plain =
            word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_lowercase() || c == '_');
        match self.pick(8) {
            0..=3 if plain => word.to_owned(),
            4 => format!("'{word}'"),
            5 if plain => format!("!!str {word}"),
            _ => format!("\"{word}\""),
        }
    }

    fn list(&mut self, indent: usize, key: &str, words: &[String]) {
        if self.pick(2) == 1 {
            let flow = self.brackets(indent, '[', words.to_vec(), ']');
            return self.line(indent, &format!("{key}: {flow}"));
        }
        self.line(indent, &format!("{key}:"));
        for word in words {
            if self.rarely(20) {
                self.line(indent + self.dash, "- |-");
                let bare = word.replace("!!str ", "").replace(['\'', '"'], "");
                let indent = " ".repeat(indent + self.dash + self.step);
                self.out.push_str(&format!("{indent}{}\n", bare.trim()));
                self.after_block = true;
                continue;
            }
            let gap = if self.rarely(9) { "   " } else { " " };
            self.line(indent + self.dash, &format!("-{gap}{word}"));
        }
    }

    /// A collection in brackets, on one line or several, with blanks or tabs.
    fn brackets(&mut self, indent: usize, open: char, entries: Vec<String>, close: char) -> String {
        let deep = format!("\n{}", " ".repeat(indent + self.step));
        let shallow = format!("\n{}", " ".repeat(indent));
        let (start, between, end) = match self.pick(8) {
            0..=2 => (String::new(), ", ".to_owned(), String::new()),
            3 => (" ".to_owned(), " , ".to_owned(), " ".to_owned()),
            4 => ("\t".to_owned(), ",\t".to_owned(), "\t".to_owned()),
            5 => (deep.clone(), format!(",{deep}"), shallow),
            6 => {
                let comment = self.comment();
                (deep.clone(), format!(", {comment}{deep}"), format!(" {comment}{shallow}"))
            }
            _ => (String::new(), format!(",{deep}"), String::new()),
        };
        if entries.is_empty() {
            return format!("{open}{close}");
        }
        let comma = if self.rarely(5) { "," } else { "" };
        format!("{open}{start}{}{comma}{end}{close}", entries.join(&between))
    }

    fn comment(&mut self) -> String {
        self.number += 1;
        let number = self.number;
        if self.rarely(10) {
            let rule = self.one(&ANSWERED);
            return format!("# dropcap: ignore[{rule}] it is # kept {number}");
        }
        format!("# kept {number}")
    }

    /// One line, with what may stand before and behind it.
    fn line(&mut self, indent: usize, text: &str) {
        let start = match self.lead.take() {
            Some(lead) => lead,
            None => {
                if self.rarely(12) && !self.after_block {
                    let column = [indent, 0, indent + 3][self.pick(3)];
                    let comment = self.comment();
                    self.out.push_str(&format!("{}{comment}\n", " ".repeat(column)));
                }
                if self.rarely(15) && !self.after_block {
                    self.out.push('\n');
                }
                " ".repeat(indent)
            }
        };
        self.after_block = false;
        self.out.push_str(&start);
        self.out.push_str(text);
        if self.rarely(8) {
            let blank = self.one(&[" ", "  ", "\t"]);
            let comment = self.comment();
            self.out.push_str(&format!("{blank}{comment}"));
        } else if self.rarely(25) {
            self.out.push_str("  ");
        }
        self.out.push('\n');
    }
}
