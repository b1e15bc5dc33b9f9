//! `docs/privileges.md` is what `data/needs.toml` says.

use std::path::Path;

use dropcap_jobs::needs;

#[test]
fn the_document_is_made_of_the_table() {
    let now = needs::markdown();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/privileges.md");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&file, &now).expect("the document is written");
    }
    let published = std::fs::read_to_string(&file).expect("the document is there");
    assert_eq!(published, now, "run the test with UPDATE_SCHEMA=1 and review the change");
}
