//! Socket addresses as programs give them to the kernel.

use std::net::{Ipv4Addr, Ipv6Addr};

/// `include/linux/socket.h`.
const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const AF_NETLINK: u16 = 16;
const AF_PACKET: u16 = 17;
const AF_VSOCK: u16 = 40;

/// A `struct sockaddr` in words: `0.0.0.0:80`, `[::1]:443`, `unix:/run/x`, `unix:@abstract`;
/// `None` if it is too short to be one.
#[must_use]
pub(crate) fn words(bytes: &[u8]) -> Option<String> {
    let family = u16::from_ne_bytes(array(bytes, 0)?);
    Some(match family {
        AF_INET => {
            let port = u16::from_be_bytes(array(bytes, 2)?);
            format!("{}:{port}", Ipv4Addr::from(array::<4>(bytes, 4)?))
        }
        AF_INET6 => {
            let port = u16::from_be_bytes(array(bytes, 2)?);
            format!("[{}]:{port}", Ipv6Addr::from(array::<16>(bytes, 8)?))
        }
        AF_UNIX => match &bytes[2..] {
            [] => "unix:".to_owned(),
            [0, name @ ..] => format!("unix:@{}", String::from_utf8_lossy(name)),
            path => {
                let end = path.iter().position(|b| *b == 0).unwrap_or(path.len());
                format!("unix:{}", String::from_utf8_lossy(&path[..end]))
            }
        },
        AF_NETLINK => {
            let port = u32::from_ne_bytes(array(bytes, 4)?);
            let groups = u32::from_ne_bytes(array(bytes, 8)?);
            format!("netlink:{port}/{groups:#x}")
        }
        AF_PACKET => {
            let interface = i32::from_ne_bytes(array(bytes, 4)?);
            format!("packet:interface {interface}")
        }
        AF_VSOCK => {
            let port = u32::from_ne_bytes(array(bytes, 4)?);
            let context = u32::from_ne_bytes(array(bytes, 8)?);
            format!("vsock:{context}:{port}")
        }
        other => format!("family {other}"),
    })
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_as_people_write_them() {
        let mut v4 = AF_INET.to_ne_bytes().to_vec();
        v4.extend([0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(words(&v4).as_deref(), Some("127.0.0.1:80"));

        let mut v6 = AF_INET6.to_ne_bytes().to_vec();
        v6.extend([1, 187, 0, 0, 0, 0]);
        v6.extend(Ipv6Addr::LOCALHOST.octets());
        v6.extend([0; 4]);
        assert_eq!(words(&v6).as_deref(), Some("[::1]:443"));

        let unix = |rest: &[u8]| words(&[&AF_UNIX.to_ne_bytes(), rest].concat());
        assert_eq!(unix(b"/run/x\0rubbish").as_deref(), Some("unix:/run/x"));
        assert_eq!(unix(b"\0name").as_deref(), Some("unix:@name"));
        assert_eq!(unix(b"").as_deref(), Some("unix:"));
        assert_eq!(words(&[9, 0, 1]).as_deref(), Some("family 9"));
    }

    #[test]
    fn what_is_cut_short_is_no_address() {
        assert_eq!(words(&[]), None);
        assert_eq!(words(&[2]), None);
        let mut short = AF_INET.to_ne_bytes().to_vec();
        short.extend([0, 80, 127]);
        assert_eq!(words(&short), None);
    }
}
