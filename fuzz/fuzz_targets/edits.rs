//! Whatever the text, and whatever the odd YAML: what `dropcap fix` makes of it means what was intended,
//! the rest stays as it is, no set is wider anywhere, and a second run changes nothing. The assertions
//! are those of crates/check/tests/fixes.
#![no_main]

use check::Consent;
use libfuzzer_sys::fuzz_target;

#[path = "../../crates/check/tests/fixes/holds.rs"]
mod holds;
#[allow(dead_code, reason = "the tests' choices are made by chance, these by the input")]
#[path = "../../crates/check/tests/fixes/odd.rs"]
mod odd;
#[path = "../../crates/check/tests/fixes/sets.rs"]
mod sets;

/// More containers say nothing new, and take long.
const MANY: usize = 8;

// A text whose first byte is a NUL, which no manifest has, makes the generator's choices; the next byte
// says of what. The last byte, in a file mostly the line feed, says which edits are made and what is known
// of the entrypoint.
fuzz_target!(|data: &[u8]| {
    let (name, text) = match data {
        [0, kind, choices @ ..] => {
            let kind = odd::Kind::ALL[usize::from(*kind) % odd::Kind::ALL.len()];
            (kind.name(), odd::text(kind, choices))
        }
        data => match std::str::from_utf8(data) {
            Ok(text) if text.starts_with('#') => ("compose.yaml", text.to_owned()),
            Ok(text) => ("t", text.to_owned()),
            Err(_) => return,
        },
    };
    if manifest::parse(name, text.as_str()).containers().count() > MANY {
        return;
    }
    let choice = data.last().copied().unwrap_or_default();
    let consent = if choice & 1 == 0 { Consent::Unsafe } else { Consent::Safe };
    holds::fixed(name, &text, consent, choice & 4 != 0);
});
