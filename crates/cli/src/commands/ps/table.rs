//! The table of `dropcap ps`: one block a container, columns aligned over all of them.

use std::io::{self, Write};

use anstyle::Style;
use caps::{CapSet, Capability};
use jobs::ps::{Base, Group, Holder, Listing, Phrase, UserNamespace, Way, danger};

use crate::ui::{BOLD, DIM, RED, YELLOW};

/// The narrowest column for what is held: a line of a long set wraps at this or wider.
const NARROWEST: usize = 36;

/// A word and how it looks.
struct Word {
    text: String,
    style: Style,
}

/// One process, ready to be laid out.
struct Row {
    pid: String,
    inside: String,
    user: String,
    holds: Vec<Word>,
    command: String,
}

/// The columns of a command line that are shown where there is no terminal to fill.
const COMMAND: usize = 60;

/// How it is to be printed.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// The terminal's columns.
    pub width: Option<usize>,
    /// Command lines whole, and every capability by its name.
    pub whole: bool,
    /// What was asked for: said first, with what a process has of it.
    pub asked: CapSet,
}

/// Prints it.
pub fn print(out: &mut impl Write, listing: &Listing, look: Look) -> io::Result<()> {
    let Look { width, whole, .. } = look;
    let say = Say { all: CapSet::up_to(listing.last_capability), look };
    let blocks: Vec<(Vec<Word>, Vec<Row>)> = listing
        .containers
        .iter()
        .map(|group| (title(group), rows(&group.processes, &say, &|_| None)))
        .chain(listing.host.iter().filter(|host| !host.is_empty()).map(|host| {
            let names = Names::read();
            let title = vec![Word { text: "host".to_owned(), style: BOLD }];
            (title, rows(host, &say, &|uid| names.of(uid)))
        }))
        .collect();
    if blocks.is_empty() {
        return Ok(());
    }
    let every = || blocks.iter().flat_map(|(_, rows)| rows);
    let widest = |column: &dyn Fn(&Row) -> usize, head: &str| {
        every().map(column).max().unwrap_or(0).max(head.len())
    };
    let pid = widest(&|r| r.pid.len(), "PID");
    let inside = widest(&|r| r.inside.len(), "INSIDE");
    let user = widest(&|r| r.user.chars().count(), "USER");
    let before = 2 + pid + 2 + inside + 2 + user + 2;
    let wanted = widest(&|r| length(&r.holds), "HOLDS");
    // On a terminal the program gets a third of what is left, more if the sets are short.
    let holds = match width {
        Some(width) => {
            let left = width.saturating_sub(before + 2);
            wanted.min((left * 2 / 3).max(NARROWEST))
        }
        None => wanted,
    };
    let room = match width {
        _ if whole => None,
        Some(width) => Some(width.saturating_sub(before + holds + 2).max(8)),
        None => Some(COMMAND),
    };

    writeln!(
        out,
        "{DIM}  {:>pid$}  {:>inside$}  {:<user$}  {:<holds$}  PROGRAM{DIM:#}",
        "PID", "INSIDE", "USER", "HOLDS"
    )?;
    for (index, (title, rows)) in blocks.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        for word in title {
            write!(out, "{}{}{:#}", word.style, word.text, word.style)?;
        }
        writeln!(out)?;
        for row in rows {
            write!(out, "  {:>pid$}  {:>inside$}  {:<user$}  ", row.pid, row.inside, row.user)?;
            let lines = wrap(&row.holds, width.map(|_| holds));
            for (number, line) in lines.iter().enumerate() {
                if number > 0 {
                    write!(out, "{:before$}", "")?;
                }
                let mut used = 0;
                for (position, word) in line.iter().enumerate() {
                    let space = if position > 0 { " " } else { "" };
                    used += space.len() + word.text.chars().count();
                    write!(out, "{space}{}{}{:#}", word.style, word.text, word.style)?;
                }
                if number == 0 {
                    let gap = holds.saturating_sub(used) + 2;
                    write!(out, "{:gap$}{}", "", shorten(&row.command, room))?;
                }
                writeln!(out)?;
            }
        }
    }
    Ok(())
}

/// `prod/shop-7d9c/web · containerd · nginx:1.27 · user namespace: …`.
fn title(group: &Group) -> Vec<Word> {
    let mut words = vec![Word { text: clean(&group.title()), style: BOLD }];
    let mut facts = vec![group.engine.clone()];
    facts.extend(group.image.as_deref().map(clean));
    if group.name.is_some() || group.pod.is_some() {
        facts.push(group.short_id.clone());
    }
    if let Some(process) = group.processes.iter().find(|p| p.user_namespace == UserNamespace::Own) {
        let root = process.root_on_node.map(|uid| format!(", its root is {uid} on the node"));
        facts.push(format!("own user namespace{}", root.unwrap_or_default()));
    }
    words.push(Word { text: format!("  {}", facts.join(" · ")), style: DIM });
    words
}

fn rows(holders: &[Holder], say: &Say, name: &dyn Fn(u32) -> Option<String>) -> Vec<Row> {
    holders
        .iter()
        .map(|holder| Row {
            pid: holder.pid.to_string(),
            inside: holder.pid_inside.to_string(),
            user: match holder.uid {
                Some(0) => "root".to_owned(),
                Some(uid) => name(uid).unwrap_or_else(|| uid.to_string()),
                None => format!("?{}", holder.uid_on_node),
            },
            holds: say.holds(holder),
            command: clean(&holder.command),
        })
        .collect()
}

/// How sets are said.
struct Say {
    /// Every capability of this kernel.
    all: CapSet,
    look: Look,
}

impl Say {
    fn phrase(&self, set: CapSet) -> Phrase {
        if self.look.whole { Phrase::by_name(set) } else { Phrase::of(set, self.all) }
    }

    fn holds(&self, holder: &Holder) -> Vec<Word> {
        // What is valid in a user namespace of its own only is no way out.
        let contained = holder.user_namespace == UserNamespace::Own;
        let mut words = self.set(holder.holds, contained, None);
        if !holder.raisable.is_empty() {
            words.extend(plain("· may raise", DIM));
            words.extend(self.set(holder.raisable, contained, None));
        }
        if !holder.regainable.is_empty() {
            let how = match holder.regainable_by {
                Some(Way::AnyProgram) => "· any exec regains",
                _ => "· could regain",
            };
            words.extend(plain(how, DIM));
            words.extend(self.set(holder.regainable, contained, Some(DIM)));
        }
        if holder.threads_differ {
            words.extend(plain("· threads differ", YELLOW));
        }
        words
    }

    /// A set, in `style` if given; what was asked for stands out, and is named even where the
    /// name of a default hides it.
    fn set(&self, set: CapSet, contained: bool, style: Option<Style>) -> Vec<Word> {
        let phrase = self.phrase(set);
        let name = |capability: &Capability| Word {
            text: capability.to_string(),
            style: match style {
                _ if self.look.asked.contains(*capability) => YELLOW,
                Some(style) => style,
                None if danger::escapes(*capability) && !contained => RED,
                None => Style::new(),
            },
        };
        let mut words: Vec<Word> = phrase.more.iter().map(name).collect();
        let Some(base) = &phrase.base else {
            if words.is_empty() {
                words.extend(plain("none", style.unwrap_or(DIM)));
            }
            return words;
        };
        if !words.is_empty() {
            words.extend(plain("+", style.unwrap_or(DIM)));
        }
        let count = match base {
            _ if !phrase.less.is_empty() => String::new(),
            Base::All(count) => format!(" {count}"),
            Base::Default { count, .. } => format!(" ({count})"),
        };
        let base_style = match base {
            Base::All(_) if !contained => RED,
            _ => Style::new(),
        };
        words.extend(plain(&format!("{base}{count}"), style.unwrap_or(base_style)));
        if !phrase.less.is_empty() {
            words.extend(plain("but", style.unwrap_or(DIM)));
            let missing =
                |c: &Capability| Word { text: c.to_string(), style: style.unwrap_or_default() };
            words.extend(phrase.less.iter().map(missing));
        }
        let more: CapSet = phrase.more.iter().copied().collect();
        let hidden = (set & self.look.asked) - more;
        if !hidden.is_empty() && !matches!(base, Base::All(_)) {
            words.extend(plain("incl.", style.unwrap_or(DIM)));
            words.extend(danger::sorted(hidden).iter().map(name));
        }
        words
    }
}

fn plain(text: &str, style: Style) -> impl Iterator<Item = Word> {
    text.split(' ').map(move |word| Word { text: word.to_owned(), style })
}

/// The columns that words take with a space between.
fn length(words: &[Word]) -> usize {
    words.iter().map(|w| w.text.chars().count() + 1).sum::<usize>().saturating_sub(1)
}

/// The words in lines of at most `width` columns; at least one line.
fn wrap(words: &[Word], width: Option<usize>) -> Vec<&[Word]> {
    let Some(width) = width else { return vec![words] };
    let mut lines = Vec::new();
    let mut start = 0;
    for end in 1..=words.len() {
        if length(&words[start..end]) > width && end - 1 > start {
            lines.push(&words[start..end - 1]);
            start = end - 1;
        }
    }
    lines.push(&words[start..]);
    lines
}

/// Cut to `room` columns.
fn shorten(text: &str, room: Option<usize>) -> String {
    match room {
        Some(room) if text.chars().count() > room => {
            text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
        }
        _ => text.to_owned(),
    }
}

/// Names and command lines are a container's own text: what a terminal would obey is escaped.
fn clean(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let obeyed = c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            let escaped: Vec<char> = if obeyed { c.escape_default().collect() } else { vec![c] };
            escaped
        })
        .collect()
}

/// The node's user names.
struct Names(String);

impl Names {
    fn read() -> Self {
        Self(std::fs::read_to_string("/etc/passwd").unwrap_or_default())
    }

    fn of(&self, uid: u32) -> Option<String> {
        self.0.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Word> {
        plain(text, Style::new()).collect()
    }

    #[test]
    fn long_sets_wrap_between_words() {
        let all = words("AAAA BBBB CCCC DDDDDDDDDDDD E");
        let lines: Vec<String> = wrap(&all, Some(9))
            .iter()
            .map(|line| line.iter().map(|w| w.text.as_str()).collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(lines, ["AAAA BBBB", "CCCC", "DDDDDDDDDDDD", "E"]);
        assert_eq!(wrap(&all, None).len(), 1);
        assert_eq!(wrap(&[], Some(9)).len(), 1);
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown_instead() {
        assert_eq!(clean("a\u{1b}[2Jb\nc\u{202e}ä"), "a\\u{1b}[2Jb\\nc\\u{202e}ä");
        assert_eq!(shorten("sleep 1000", Some(6)), "sleep…");
        assert_eq!(shorten("sleep", Some(5)), "sleep");
    }
}
