//! The architectures that guests have.

/// What differs between them.
#[derive(Debug, PartialEq, Eq)]
pub struct Architecture {
    /// As `--arch` names it.
    pub name: &'static str,
    /// As Debian's archive names it.
    pub debian: &'static str,
    /// Rust's target whose programs are static.
    pub musl: &'static str,
    /// The one that has to be told to be, where the first cannot be installed.
    pub gnu: Option<&'static str>,
    /// What compiles and links for it, and the package that has it.
    pub compiler: (&'static str, &'static str),
    /// What emulates it, and the package that has it.
    pub qemu: (&'static str, &'static str),
    /// The machine.
    pub machine: &'static [&'static str],
    /// The console; then the ports of the report and of the recordings.
    pub ports: [&'static str; 3],
    /// How qemu is told of the two ports: what comes before each.
    pub port: Option<&'static str>,
    /// Whether it is this machine's, whose programs the guest takes along; else it takes Debian's.
    pub own: bool,
}

/// What the tracer is mostly run on, and CI.
pub static X86_64: Architecture = Architecture {
    name: "x86_64",
    debian: "amd64",
    musl: "x86_64-unknown-linux-musl",
    gnu: Some("x86_64-unknown-linux-gnu"),
    compiler: ("cc", "gcc"),
    qemu: ("qemu-system-x86_64", "qemu-system-x86"),
    machine: &["-cpu", "max"],
    ports: ["ttyS0", "ttyS1", "ttyS2"],
    port: None,
    own: true,
};

/// By hand: too slow for CI.
pub static ARM64: Architecture = Architecture {
    name: "arm64",
    debian: "arm64",
    musl: "aarch64-unknown-linux-musl",
    gnu: None,
    compiler: ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"),
    qemu: ("qemu-system-aarch64", "qemu-system-arm"),
    // Signs return addresses as newer processors do, but by a cipher that is cheap to emulate.
    machine: &["-machine", "virt", "-cpu", "max,pauth-impdef=on,lpa2=off"],
    ports: ["ttyAMA0", "ttyS0", "ttyS1"],
    port: Some("pci-serial"),
    own: false,
};

/// The one of this name.
pub fn named(name: &str) -> Option<&'static Architecture> {
    [&X86_64, &ARM64].into_iter().find(|architecture| architecture.name == name)
}

impl Default for &'static Architecture {
    fn default() -> Self {
        &X86_64
    }
}
