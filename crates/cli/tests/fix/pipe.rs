//! What comes in goes out, though it is no text or nobody came to read it.

use testkit::folder::{said, text};

use crate::{DEPLOYMENT, Place, piped, piped_bytes, safe};

#[test]
fn a_pipe_loses_no_bytes() {
    let place = Place::new(DEPLOYMENT);
    let latin = [DEPLOYMENT.as_bytes(), b"# caf\xe9\n"].concat();
    let wide: Vec<u8> = std::iter::once(0xfeff)
        .chain(DEPLOYMENT.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let cut = [DEPLOYMENT.as_bytes(), b"# \xe2\x82"].concat();
    for (given, why) in [
        (latin.as_slice(), "not UTF-8"),
        (&wide, "UTF-16"),
        (b"kind: Pod\0\n", "a binary file"),
        (&cut, "not UTF-8"),
    ] {
        let output = piped_bytes(&place, &["-"], given);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert_eq!(output.stdout, given);
        assert!(text(&output.stderr).contains("error: <stdin>"), "{}", said(&output));
        assert!(text(&output.stderr).contains(why), "{}", said(&output));
        // What else is named is edited all the same.
        let both = piped_bytes(&place, &["-", "web.yaml"], given);
        assert_eq!((both.status.code(), both.stdout.as_slice()), (Some(2), given));
        assert_eq!(place.now(), safe());
        assert_eq!(piped_bytes(&place, &["--diff", "-"], given).stdout, b"");
    }
    let coloured = format!("{DEPLOYMENT}# \u{1b}[31mred\u{1b}[0m\n");
    let output = piped(&place, &["-"], &coloured);
    assert_eq!(text(&output.stdout).lines().last(), coloured.lines().last(), "{}", said(&output));
    for words in [&["--config", "none.toml", "-"][..], &["--waivers", "none.toml", "-"]] {
        let output = piped(&place, words, DEPLOYMENT);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert_eq!(text(&output.stdout), DEPLOYMENT, "{}", said(&output));
    }
}
