//! Pods in flow style with all that YAML allows between brackets: pairs without braces, keys behind `?`
//! and without a value, anchors and tags on keys and values, comments and line breaks anywhere.

use testkit::Choices;

/// Between two tokens; mostly a blank.
const GAPS: [&str; 12] = [
    " ",
    " ",
    " ",
    "  ",
    "\n ",
    "\r\n ",
    " # c\n ",
    "\t",
    " #\u{e9} ]}\n\n ",
    "\n\t ",
    " \u{a0}",
    "",
];
const WORDS: [&str; 14] = [
    "ALL",
    "NET_RAW",
    "\"KILL\"",
    "'all'",
    "\"A\\\n LL\"",
    "KILL\n  x",
    "~",
    "13",
    "''",
    "\u{a0}KILL",
    "\u{e9}",
    "*w",
    "",
    "KILL#",
];
const MARKS: [&str; 9] =
    ["&a ", "&\u{e9} ", "!!str ", "!x ", "!<x,y> ", "! ", "&a !!map ", "!!null ", "&w "];

/// What is written so far, and what is still to choose.
struct Writer<'c> {
    choices: &'c [u8],
    out: String,
}

/// The same choices make the same text, and none the plainest.
pub fn pod(choices: &[u8]) -> String {
    let mut writer = Writer { choices, out: String::new() };
    if writer.rarely(4) {
        writer.out.push('\u{feff}');
    }
    let block = writer.rarely(2);
    writer.out.push_str("apiVersion: v1\nkind: Pod\n");
    writer.out.push_str(if block { "spec:\n  containers:\n  - " } else { "spec: {containers: [" });
    for container in 0..=writer.pick(3) {
        if container > 0 {
            let between = if block { "\n  - " } else { "," };
            writer.out.push_str(between);
        }
        writer.container(block);
    }
    writer.out.push_str(if block { "" } else { "]}" });
    let end = writer.one(&["\n", "", "\n...\n", "\n---\n", " # e\n", "\r\n"]);
    writer.out.push_str(end);
    writer.out
}

impl<'c> Choices<'c> for Writer<'c> {
    fn choices(&mut self) -> &mut &'c [u8] {
        &mut self.choices
    }
}

impl Writer<'_> {
    fn gap(&mut self) {
        let gap = self.one(&GAPS);
        self.out.push_str(gap);
    }

    fn marked(&mut self) {
        if self.rarely(6) {
            let mark = self.one(&MARKS);
            self.out.push_str(mark);
        }
    }

    fn container(&mut self, block: bool) {
        let braces = block || !self.rarely(4);
        self.mapping(braces, &["name", "securityContext", "image"], 0);
    }

    /// A mapping in braces, or as many pairs of the list around.
    fn mapping(&mut self, braces: bool, keys: &[&str], depth: usize) {
        self.marked();
        self.out.push_str(if braces { "{" } else { "" });
        for key in keys {
            if self.rarely(5) {
                continue;
            }
            self.gap();
            let explicit = self.rarely(6);
            self.out.push_str(if explicit { "? " } else { "" });
            self.marked();
            let quoted = format!("\"{key}\"");
            let key_text = if self.rarely(4) { &quoted } else { *key };
            self.out.push_str(key_text);
            if self.rarely(16) {
                self.out.push(',');
                continue;
            }
            if self.rarely(3) {
                self.gap();
            }
            self.out.push(':');
            self.gap();
            self.value(key, depth);
            if self.rarely(4) {
                self.gap();
            }
            self.out.push(',');
        }
        let last_comma = self.rarely(4);
        if !last_comma && self.out.ends_with(',') {
            self.out.pop();
        }
        if braces {
            self.gap();
            self.out.push('}');
        }
    }

    fn value(&mut self, key: &str, depth: usize) {
        self.marked();
        match key {
            "securityContext" => self.mapping(true, &["capabilities", "runAsUser"], depth + 1),
            "capabilities" if self.rarely(8) => self.out.push_str("*a "),
            "capabilities" => self.mapping(true, &["add", "drop"], depth + 1),
            "add" | "drop" => self.list(),
            "runAsUser" => self.out.push('1'),
            _ => {
                let word = self.one(&["a", "\"a\"", "&w a", "*w ", "'b\n  c'"]);
                self.out.push_str(word);
            }
        }
    }

    fn list(&mut self) {
        self.out.push('[');
        for index in 0..self.pick(4) {
            if index > 0 {
                self.out.push(',');
            }
            self.gap();
            self.marked();
            let word = self.one(&WORDS);
            self.out.push_str(word);
            if self.rarely(4) {
                self.gap();
            }
        }
        if self.rarely(4) {
            self.gap();
        }
        let end = if self.rarely(8) { ",]" } else { "]" };
        self.out.push_str(end);
    }
}
