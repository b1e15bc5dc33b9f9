//! Reads a set in every spelling people have for one.

use std::num::IntErrorKind;
use std::str::FromStr;

use crate::{CapSet, Capability, ParseCapabilityError};

/// Text that is not a set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseCapSetError {
    /// Nothing there. No capability is `none`, said on purpose.
    #[error("no capability named; the empty set is written `none`")]
    Empty,
    /// A word that is no capability and no mask.
    #[error(transparent)]
    Capability(#[from] ParseCapabilityError),
    /// A word that begins as a mask and is none.
    #[error("{word:?} is not a mask: {why}; write `0x` and up to 16 hexadecimal digits")]
    Mask {
        /// The word.
        word: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// libcap's text form, which is three sets and not one.
    #[error(
        "{word:?} is libcap text (permitted, effective and inheritable in one); expected one set, such as `net_raw,chown`"
    )]
    LibcapText {
        /// The word.
        word: String,
    },
}

/// Words separated by commas, spaces or both: capabilities in any spelling [`Capability`] reads,
/// `all`, `none`, and masks (`0xa80425fb`, or the 16 hexadecimal digits of `CapEff:` and its
/// like in `/proc/PID/status`). What is read is the union.
///
/// `all` is every capability with a name; what a kernel knows beyond that is asked of the kernel.
impl FromStr for CapSet {
    type Err = ParseCapSetError;

    fn from_str(input: &str) -> Result<Self, Self::Err> {
        let mut words = input
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|w| !w.is_empty())
            .peekable();
        if words.peek().is_none() {
            return Err(ParseCapSetError::Empty);
        }
        words.try_fold(CapSet::EMPTY, |set, word| Ok(set | read_word(word)?))
    }
}

fn read_word(word: &str) -> Result<CapSet, ParseCapSetError> {
    if word.eq_ignore_ascii_case("all") {
        return Ok(CapSet::all_known());
    }
    if word.eq_ignore_ascii_case("none") {
        return Ok(CapSet::EMPTY);
    }
    if word.contains('=') {
        return Err(ParseCapSetError::LibcapText { word: word.to_owned() });
    }
    let digits = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
    let as_in_proc = word.len() == 16 && word.bytes().all(|b| b.is_ascii_hexdigit());
    match digits.or(as_in_proc.then_some(word)) {
        Some(digits) => read_mask(word, digits),
        None => Ok(word.parse::<Capability>()?.into()),
    }
}

fn read_mask(word: &str, digits: &str) -> Result<CapSet, ParseCapSetError> {
    let refuse = |why| Err(ParseCapSetError::Mask { word: word.to_owned(), why });
    // `from_str_radix` takes a sign.
    if digits.starts_with(['+', '-']) {
        return refuse("it has a sign");
    }
    match u64::from_str_radix(digits, 16) {
        Ok(bits) => Ok(CapSet::from_bits(bits)),
        Err(error) => match error.kind() {
            IntErrorKind::Empty => refuse("it has no digits"),
            IntErrorKind::PosOverflow => refuse("it has more than 64 bits"),
            _ => refuse("it has other characters than hexadecimal digits"),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_spelling_of_one_set_is_read() {
        let set = CapSet::of(&[Capability::CHOWN, Capability::NET_RAW]);
        for text in [
            "CHOWN,NET_RAW",
            "chown net_raw",
            " cap_net_raw ,\tCAP_CHOWN\n",
            "0,13",
            "0x2001",
            "0X2001",
            "0000000000002001",
            "0x1 net_raw none",
        ] {
            assert_eq!(text.parse(), Ok(set), "{text:?}");
        }
        assert_eq!("All".parse(), Ok(CapSet::all_known()));
        assert_eq!("none".parse(), Ok(CapSet::EMPTY));
        assert_eq!("ffffffffffffffff".parse(), Ok(CapSet::from_bits(u64::MAX)));
    }

    #[test]
    fn what_is_not_a_set_is_said_to_be_none() {
        let message = |text: &str| text.parse::<CapSet>().unwrap_err().to_string();
        assert_eq!("".parse::<CapSet>(), Err(ParseCapSetError::Empty));
        assert_eq!(" , ".parse::<CapSet>(), Err(ParseCapSetError::Empty));
        assert!(message("net_raw,chwon").ends_with("did you mean CHOWN?"));
        assert!(message("0x").contains("no digits"));
        assert!(message("0x+1").contains("sign"));
        assert!(message("0x12345678123456781").contains("more than 64 bits"));
        assert!(message("0xnet_raw").contains("hexadecimal"));
        assert!(message("cap_net_raw=ep").contains("libcap text"));
    }

    proptest! {
        #[test]
        fn a_set_survives_each_spelling(bits in any::<u64>()) {
            let set = CapSet::from_bits(bits);
            prop_assert_eq!(format!("{set:#x}").parse(), Ok(set));
            prop_assert_eq!(format!("{set:016x}").parse(), Ok(set));
            prop_assert_eq!(set.to_string().parse(), Ok(set));
            prop_assert_eq!(set.to_string().to_lowercase().replace(' ', ",cap_").parse::<CapSet>().is_ok(), bits >> 41 == 0);
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<CapSet>();
        }
    }
}
