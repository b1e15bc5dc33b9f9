//! A test that is a port which takes connections.

use std::fmt;

use super::Question;
use super::http::{authority, connect};

/// A port that takes a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tcp {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// What is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no address; expected HOST:PORT, such as localhost:5432, or a PORT")]
pub struct ParseTcpError {
    text: String,
}

impl fmt::Display for Tcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Port 80 is left out of an authority only.
        let host = authority(&self.host, 80);
        write!(f, "connect to {host}:{}", self.port)
    }
}

impl Tcp {
    /// Reads `HOST:PORT`, or a port of `localhost`.
    ///
    /// # Errors
    /// [`ParseTcpError`].
    pub fn parse(text: &str) -> Result<Self, ParseTcpError> {
        let wrong = || ParseTcpError { text: text.to_owned() };
        let (host, port) = text.rsplit_once(':').unwrap_or(("localhost", text));
        let host = host.trim_matches(['[', ']']);
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
        if host.is_empty() {
            return Err(wrong());
        }
        Ok(Self { host: host.to_owned(), port })
    }

    pub(super) fn ask(&self, question: &Question<'_>) -> Result<(), String> {
        connect(&self.host, self.port, question).map(drop).map_err(|e| format!("{self}: {e}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let read = |text| Tcp::parse(text).map(|tcp| tcp.to_string()).ok();
        assert_eq!(read("localhost:80").as_deref(), Some("connect to localhost:80"));
        assert_eq!(read("[::1]:5432").as_deref(), Some("connect to [::1]:5432"));
        assert_eq!(read("22").as_deref(), Some("connect to localhost:22"));
        for nonsense in ["", "localhost", ":80", "x:0", "x:65536"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }
}
