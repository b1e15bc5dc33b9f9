//! As much of CRI as it takes to run a container: messages of k8s.io/cri-api
//! `pkg/apis/runtime/v1/api.proto` written field by field, sent as gRPC by curl.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A protobuf message under construction.
#[derive(Debug, Default)]
pub struct Message(Vec<u8>);

impl Message {
    /// A string or bytes field.
    #[must_use]
    pub fn text(self, field: u32, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    /// A message field.
    #[must_use]
    pub fn message(self, field: u32, message: Message) -> Self {
        self.bytes(field, &message.0)
    }

    /// A boolean, enum or integer field.
    #[must_use]
    pub fn number(mut self, field: u32, value: u64) -> Self {
        self.varint(u64::from(field) << 3);
        self.varint(value);
        self
    }

    fn bytes(mut self, field: u32, bytes: &[u8]) -> Self {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
        self
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

/// The string in field 1 of an answer: an identifier, in all answers that are read here.
fn first_string(message: &[u8]) -> String {
    match message {
        [0x0a, length, rest @ ..] if *length < 0x80 && rest.len() >= usize::from(*length) => {
            String::from_utf8_lossy(&rest[..usize::from(*length)]).into_owned()
        }
        _ => String::new(),
    }
}

/// A CRI endpoint.
#[derive(Debug)]
pub struct Cri {
    /// The socket.
    pub socket: PathBuf,
    /// A folder for what is sent and received.
    pub scratch: PathBuf,
}

impl Cri {
    /// Calls a method of the runtime service: the identifier it answers with, or what it says is
    /// wrong.
    ///
    /// # Errors
    /// What the endpoint says is wrong.
    ///
    /// # Panics
    /// If curl cannot be run or its files cannot be written.
    pub fn call(&self, method: &str, request: Message) -> Result<String, String> {
        let file = |name: &str| self.scratch.join(name);
        let mut frame = vec![0];
        frame.extend((request.0.len() as u32).to_be_bytes());
        frame.extend(&request.0);
        fs::write(file("request"), frame).unwrap();
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--http2-prior-knowledge", "--max-time", "60"])
            .arg("--unix-socket")
            .arg(&self.socket)
            .args(["--header", "content-type: application/grpc", "--header", "te: trailers"])
            .arg("--data-binary")
            .arg(format!("@{}", file("request").display()))
            .arg("--dump-header")
            .arg(file("headers"))
            .arg("--output")
            .arg(file("answer"))
            .arg(format!("http://localhost/runtime.v1.RuntimeService/{method}"))
            .output()
            .unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let headers = fs::read_to_string(file("headers")).unwrap();
        let header = |name: &str| {
            headers.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim())
        };
        if header("grpc-status:") != Some("0") {
            return Err(header("grpc-message:").unwrap_or(&headers).to_owned());
        }
        let answer = fs::read(file("answer")).unwrap();
        Ok(first_string(answer.get(5..).unwrap_or_default()))
    }
}

/// Where a container of this sandbox leaves its output.
#[must_use]
pub fn log(folder: &Path, name: &str) -> PathBuf {
    folder.join("logs").join(name)
}
