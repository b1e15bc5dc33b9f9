//! A test that is an answer over HTTP.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::Question;

/// As much of an answer's head as is read.
const HEAD: usize = 64 * 1024;
/// How often it is looked whether it is to be ended.
const TICK: Duration = Duration::from_millis(100);

/// A GET request; any status from 200 to 399 passes, as for a probe of Kubernetes. Plain HTTP only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path and query.
    pub path: String,
    /// Headers beside `Host`, `User-Agent` and `Connection`.
    pub headers: Vec<(String, String)>,
}

/// What is no URL that can be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} {why}; expected http://HOST[:PORT][/PATH]")]
pub struct ParseHttpError {
    text: String,
    why: String,
}

impl fmt::Display for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GET http://{}{}", authority(&self.host, self.port), self.path)
    }
}

impl Http {
    /// Reads a URL: `http://localhost:8080/healthz`. `localhost:8080` is one, too.
    ///
    /// # Errors
    /// [`ParseHttpError`], also for `https`.
    pub fn parse(text: &str) -> Result<Self, ParseHttpError> {
        let wrong = |why: String| ParseHttpError { text: text.to_owned(), why };
        let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let uri: http::Uri = full.parse().map_err(|e| wrong(format!("is no URL ({e})")))?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong("is no plain HTTP: for others give a command (--test)".to_owned()));
        }
        if uri.authority().is_some_and(|whole| whole.as_str().contains('@')) {
            let why = "has a user, which is not sent: give a command (--test)";
            return Err(wrong(why.to_owned()));
        }
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        if host.is_empty() {
            return Err(wrong("names no host".to_owned()));
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let port = uri.port_u16().unwrap_or(80);
        Ok(Self { host, port, path, headers: Vec::new() })
    }

    pub(super) fn ask(&self, question: &Question<'_>) -> Result<(), String> {
        match self.status(question) {
            Ok(200..=399) => Ok(()),
            Ok(status) => Err(format!("{self}: status {status}")),
            Err(error) => Err(format!("{self}: {error}")),
        }
    }

    fn status(&self, question: &Question<'_>) -> io::Result<u16> {
        let mut stream = connect(&self.host, self.port, question)?;
        stream.set_read_timeout(Some(TICK))?;
        let mut request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: dropcap/{}\r\nAccept: */*\r\n",
            self.path,
            authority(&self.host, self.port),
            env!("CARGO_PKG_VERSION")
        );
        for (name, value) in &self.headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut head = Vec::new();
        let mut part = [0; 4096];
        loop {
            if question.left().is_none() {
                return Err(io::Error::other("no answer in time"));
            }
            match stream.read(&mut part) {
                Ok(0) => return Err(io::Error::other("the answer ends before its status")),
                Ok(read) => head.extend(part.iter().take(read)),
                Err(e)
                    if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
                {
                    continue;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            }
            if let Some(status) = status_of(&head)? {
                return Ok(status);
            }
        }
    }
}

/// The status in the head of an answer; `None` if more of it is to be read.
fn status_of(head: &[u8]) -> io::Result<Option<u16>> {
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(head) {
        // The code is there once its line is.
        Ok(_) => match response.code {
            Some(code) => Ok(Some(code)),
            None if head.len() > HEAD => Err(io::Error::other("an answer without a status")),
            None => Ok(None),
        },
        // A TLS alert: content type 21, version 3 (RFC 8446, 5.1).
        Err(_) if head.starts_with(&[21, 3]) => {
            Err(io::Error::other("no plain HTTP but TLS: give a command (--test)"))
        }
        Err(error) => Err(io::Error::other(format!("no HTTP ({error})"))),
    }
}

/// Connects to the first address that takes it.
pub(super) fn connect(host: &str, port: u16, question: &Question<'_>) -> io::Result<TcpStream> {
    let mut last = io::Error::other("the name has no address");
    for address in (host, port).to_socket_addrs()? {
        let Some(left) = question.left() else { return Err(io::Error::other("no time left")) };
        match TcpStream::connect_timeout(&address, left.min(Duration::from_secs(1))) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// `host:port`, an IPv6 address in brackets.
pub(super) fn authority(host: &str, port: u16) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    if port == 80 { host } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::clock::{Clock, Going, Limit};
    use crate::test::Asking;

    #[test]
    fn urls_are_read_and_others_are_refused_with_what_to_do() {
        let read = |text| Http::parse(text).map(|h| (h.to_string(), h.port));
        let is = |text: &str, port| Ok((text.to_owned(), port));
        assert_eq!(read("http://localhost"), is("GET http://localhost/", 80));
        assert_eq!(read("localhost:8080/a?b=c"), is("GET http://localhost:8080/a?b=c", 8080));
        assert_eq!(read("http://[::1]:81/x"), is("GET http://[::1]:81/x", 81));
        for (text, why) in [
            ("https://localhost", "--test"),
            ("http://a:b@localhost", "--test"),
            ("http://", "no URL"),
            ("", "no URL"),
        ] {
            let said = read(text).unwrap_err().to_string();
            assert!(said.contains(why) && said.contains("http://HOST"), "{said}");
        }
    }

    /// What is said of a server that answers so.
    fn asked(answer: &'static str) -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        let stop = AtomicBool::new(false);
        let asking = Asking { environment: &[], folder: "/".into(), stop: &stop };
        let clock = &Clock::start(Limit::fixed(Duration::from_secs(10)), &Going::default());
        let question = Question { asking: &asking, exit: None, output: &[], clock, least: None };
        let mut http = Http::parse(&format!("http://127.0.0.1:{port}/x?y")).unwrap();
        http.headers.push(("X-Test".to_owned(), "1".to_owned()));
        let answer = http.ask(&question);
        let request = server.join().unwrap();
        assert!(request.starts_with("GET /x?y HTTP/1.1\r\n"), "{request}");
        assert!(request.contains(&format!("Host: 127.0.0.1:{port}\r\n")), "{request}");
        assert!(request.contains("X-Test: 1\r\n") && request.ends_with("\r\n\r\n"), "{request}");
        answer
    }

    #[test]
    fn an_answer_passes_by_its_status() {
        assert_eq!(asked("HTTP/1.1 204 No Content\r\n\r\n"), Ok(()));
        assert_eq!(asked("HTTP/1.0 301 Moved\r\nLocation: https://x\r\n\r\n"), Ok(()));
        let refused = asked("HTTP/1.1 503 Busy\r\n\r\n").unwrap_err();
        assert!(refused.ends_with("/x?y: status 503"), "{refused}");
        assert!(asked("\u{15}\u{3}\u{1}\0\u{2}\u{2}(").unwrap_err().contains("but TLS"));
        assert!(asked("SSH-2.0-x\r\n").unwrap_err().contains("no HTTP"));
        assert!(asked("").unwrap_err().contains("ends before"));
    }
}
