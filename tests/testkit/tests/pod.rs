//! The harness for pods does what it says: it stops before the entrypoint, and nginx serves.

use std::fs;

#[test]
fn a_pod_stops_before_its_entrypoint_and_then_serves() {
    testkit::needs!(pods);
    testkit::debian_image();
    let manifest = tempfile::NamedTempFile::with_suffix(".yaml").expect("a file");
    fs::write(
        manifest.path(),
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: testkit-pod\nspec:\n  containers:\n  - name: web\n    image: nginx\n",
    )
    .expect("the manifest is written");
    let pod = testkit::Pod::create(manifest.path(), "testkit-pod", "web");
    let line = fs::read(format!("/proc/{}/cmdline", pod.pid())).expect("it is there");
    assert!(line.ends_with(b"runc\0init\0"), "{}", String::from_utf8_lossy(&line));
    pod.start();
    assert!(
        pod.get("http://127.0.0.1/").expect("it answers").contains("Welcome to nginx!"),
        "{}",
        pod.logs()
    );
}
