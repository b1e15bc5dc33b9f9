//! How a pod's file may be laid out, and what may be changed in it.

use dropcap_manifest::{Change, Item, List};
use proptest::prelude::*;

/// How a file is laid out.
#[derive(Debug, Clone)]
pub struct Style {
    pub crlf: bool,
    pub bom: bool,
    pub step: usize,
    pub dash: usize,
    pub last_line_feed: bool,
}

/// How a list is written.
#[derive(Debug, Clone)]
pub enum Words {
    Missing,
    Null(&'static str),
    Block(Vec<(String, Quote)>),
    Flow(Vec<(String, Quote)>, bool),
    Tall(Vec<(String, Quote)>),
}

#[derive(Debug, Clone, Copy)]
pub enum Quote {
    None,
    Single,
    Double,
}

#[derive(Debug, Clone)]
pub enum Security {
    Missing,
    Empty(&'static str),
    NoCapabilities,
    EmptyCapabilities(&'static str),
    Block { add: Words, drop: Words, other_first: bool, other_last: bool },
    Flow { add: Words, drop: Words },
}

#[derive(Debug, Clone)]
pub struct Shape {
    pub flow: bool,
    pub security: Security,
    /// `securityContext` before the other keys.
    pub first: bool,
    /// What stands last: nothing, a list, or a block scalar with this header.
    pub last: Option<&'static str>,
    pub blank_lines: bool,
}

const NAMES: [&str; 5] = ["ALL", "NET_RAW", "CHOWN", "CAP_KILL", "sys_time"];

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(&NAMES[..]).prop_map(str::to_owned)
}

fn item() -> impl Strategy<Value = (String, Quote)> {
    (name(), prop_oneof![Just(Quote::None), Just(Quote::Single), Just(Quote::Double)])
}

fn flow_words() -> impl Strategy<Value = Words> {
    prop_oneof![
        Just(Words::Missing),
        Just(Words::Null("~")),
        (prop::collection::vec(item(), 0..4), any::<bool>()).prop_map(|(w, c)| Words::Flow(w, c)),
    ]
}

fn words() -> impl Strategy<Value = Words> {
    prop_oneof![
        flow_words(),
        prop::sample::select(&["", "~", "null", "[]"][..]).prop_map(Words::Null),
        prop::collection::vec(item(), 1..4).prop_map(Words::Block),
        prop::collection::vec(item(), 1..4).prop_map(Words::Tall),
    ]
}

fn security() -> impl Strategy<Value = Security> {
    prop_oneof![
        Just(Security::Missing),
        prop::sample::select(&["", "~", "{}"][..]).prop_map(Security::Empty),
        Just(Security::NoCapabilities),
        prop::sample::select(&["", "null", "{}"][..]).prop_map(Security::EmptyCapabilities),
        (words(), words(), any::<bool>(), any::<bool>()).prop_map(|(add, drop, f, l)| {
            Security::Block { add, drop, other_first: f, other_last: l }
        }),
        (flow_words(), flow_words()).prop_map(|(add, drop)| Security::Flow { add, drop }),
    ]
}

pub fn shape() -> impl Strategy<Value = Shape> {
    let last = prop_oneof![
        Just(None),
        prop::sample::select(&["[x]", "|", "|-", "|+", ">", ">-"][..]).prop_map(Some)
    ];
    (prop::bool::weighted(0.2), security(), any::<bool>(), last, any::<bool>()).prop_map(
        |(flow, security, first, last, blank_lines)| Shape {
            flow,
            security,
            first,
            last,
            blank_lines,
        },
    )
}

pub fn style() -> impl Strategy<Value = Style> {
    (any::<bool>(), any::<bool>(), 1..5usize, 0..5usize, any::<bool>()).prop_map(
        |(crlf, bom, step, dash, last_line_feed)| Style {
            crlf,
            bom,
            step,
            dash: dash.min(step),
            last_line_feed,
        },
    )
}

pub fn change() -> impl Strategy<Value = Change> {
    let list = || prop_oneof![Just(List::Add), Just(List::Drop)];
    let item = || {
        (name(), prop::option::of("[a-z :#'\"]{0,12}"))
            .prop_map(|(word, comment)| Item { word, comment })
    };
    prop_oneof![
        (list(), item()).prop_map(|(list, item)| Change::Include(list, item)),
        (list(), prop::collection::vec(item(), 0..4)).prop_map(|(l, items)| Change::Set(l, items)),
        (list(), name()).prop_map(|(list, word)| Change::Remove(list, word)),
        (list(), prop::collection::vec(name(), 1..4))
            .prop_map(|(list, words)| Change::Absorb(list, words)),
        (list(), name(), name()).prop_map(|(list, from, to)| Change::Replace(list, from, to)),
        list().prop_map(Change::RemoveList),
    ]
}
